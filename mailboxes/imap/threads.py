"""The threads of THREAD (RFC 5256 §3): ORDEREDSUBJECT and REFERENCES. Pure; nothing recurses.

Time is linear in the messages and their references but for the sorting; a thread has at most ``LEVELS`` levels, a
reference beyond that begins a new one, so that no chain made for it costs more.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mailboxes.imap.commands import Threading
from mailboxes.imap.port import Need, Row
from mailboxes.imap.sorting import sent_at
from mailboxes.mime.envelope import read_date_and_subject
from mailboxes.mime.headers import first_value, split_fields
from mailboxes.mime.subject import base_subject, casemapped

LEVELS = 500
_MESSAGE_ID = re.compile(rb"<[^<>\s]+>")


@dataclass(frozen=True, slots=True)
class Post:
    """What threading asks of one message; ``references`` run from the oldest to its parent."""

    uid: int
    sent: float
    subject: str
    is_reply: bool
    message_id: bytes = b""
    references: Sequence[bytes] = ()


class Node:
    """A place in a thread; ``post`` is None for a message that is only referred to."""

    __slots__ = ("children", "parent", "post")

    def __init__(self, post: Post | None = None, children: Iterable["Node"] = ()) -> None:
        self.post = post
        self.parent: Node | None = None
        self.children: dict[Node, None] = {}
        for child in children:
            self.adopt(child)

    def adopt(self, child: "Node") -> None:
        """Make the node a child, whosever it was before."""
        child.leave()
        child.parent = self
        self.children[child] = None

    def leave(self) -> None:
        """Have no parent."""
        if self.parent is not None:
            del self.parent.children[self]
            self.parent = None

    def may_adopt(self, child: "Node") -> bool:
        """Return whether the child is none of those above, within ``LEVELS``."""
        above: Node | None = self
        for _ in range(LEVELS):
            if above is None:
                return True
            if above is child:
                return False
            above = above.parent
        return False

    def in_order(self) -> list["Node"]:
        """Return the children by sent date."""
        return sorted(self.children, key=_moment)

    @property
    def first(self) -> Post | None:
        """The message itself, of a dummy the first one below it."""
        if self.post is not None:
            return self.post
        return min((child for child in self.children if child.post), key=_moment).post if self.children else None


def _moment(node: Node) -> tuple[float, int]:
    first = node.first
    return (first.sent, first.uid) if first is not None else (0.0, 0)


def need_of(algorithm: Threading) -> Need:
    """Return the columns that the algorithm asks for."""
    return Need.HEADER if algorithm is Threading.REFERENCES else Need.ENVELOPE


def post_of(row: Row, algorithm: Threading) -> Post:
    """Return what threading asks of the row."""
    if algorithm is Threading.ORDEREDSUBJECT:
        date, text = read_date_and_subject(row.envelope)
        subject, is_reply = base_subject(text)
        return Post(row.uid, sent_at(date, row.internal_date), casemapped(subject), is_reply)
    fields = split_fields(row.header)
    subject, is_reply = base_subject(first_value(fields, b"subject") or b"")
    message_id = _MESSAGE_ID.search(first_value(fields, b"message-id") or b"")
    references = _MESSAGE_ID.findall(first_value(fields, b"references") or b"")
    if not references:
        references = _MESSAGE_ID.findall(first_value(fields, b"in-reply-to") or b"")[:1]
    return Post(
        row.uid,
        sent_at(first_value(fields, b"date"), row.internal_date),
        casemapped(subject),
        is_reply,
        message_id.group() if message_id else b"",
        references,
    )


def threads_of(posts: Sequence[Post], algorithm: Threading) -> list[Node]:
    """Return the threads in their order; ``posts`` come by UID."""
    roots = _by_subject(posts) if algorithm is Threading.ORDEREDSUBJECT else _by_references(posts)
    return sorted(roots, key=_moment)


def _by_subject(posts: Sequence[Post]) -> list[Node]:
    """One thread a base subject: the first message, all others below it."""
    threads: dict[str, Node] = {}
    for post in sorted(posts, key=lambda post: (post.sent, post.uid)):
        if post.subject in threads:
            threads[post.subject].adopt(Node(post))
        else:
            threads[post.subject] = Node(post)
    return list(threads.values())


def _by_references(posts: Sequence[Post]) -> list[Node]:
    """The steps of the algorithm, 1 to 5."""
    return _joined_by_subject(sorted(_pruned(_linked(posts)), key=_moment))


def _linked(posts: Sequence[Post]) -> list[Node]:
    """Step 1: a node for every message and every message referred to, linked as the references say."""
    known: dict[bytes, Node] = {}
    nodes: list[Node] = []

    def node_of(message_id: bytes) -> Node:
        if message_id not in known:
            known[message_id] = Node()
            nodes.append(known[message_id])
        return known[message_id]

    for post in posts:
        node = node_of(post.message_id) if post.message_id else Node()
        if node.post is not None or not post.message_id:  # one that repeats a Message-ID stands for itself
            node = Node()
            nodes.append(node)
        node.post = post
        above: Node | None = None
        for reference in post.references:
            referred = node_of(reference)
            if above is not None and referred.parent is None and above.may_adopt(referred):
                above.adopt(referred)
            above = referred
        node.leave()
        if above is not None and above.may_adopt(node):
            above.adopt(node)
    return nodes


def _pruned(nodes: Sequence[Node]) -> list[Node]:
    """Steps 2 and 3: the roots, without dummies but for one at the root that holds several together."""
    for node in _deepest_first(nodes):
        if node.post is not None or (node.parent is None and len(node.children) > 1):
            continue
        parent = node.parent
        node.leave()
        for child in list(node.children):
            child.leave()
            if parent is not None:
                parent.adopt(child)
    return [node for node in nodes if node.parent is None and (node.post is not None or node.children)]


def _deepest_first(nodes: Sequence[Node]) -> list[Node]:
    """Return all nodes, each behind those below it."""
    order = [node for node in nodes if node.parent is None]
    for node in order:  # grows while it is read
        order.extend(node.children)
    order.reverse()
    return order


def _joined_by_subject(roots: Sequence[Node]) -> list[Node]:
    """Step 5: threads of one subject become one."""
    table: dict[str, Node] = {}
    for root in roots:
        subject = _subject(root)
        if subject and (subject not in table or _is_better(root, table[subject])):
            table[subject] = root
    made: list[Node] = []
    for root in roots:
        subject = _subject(root)
        if subject and table[subject] is not root:
            table[subject] = _join(table[subject], root, made)
    return [root for root in (*roots, *made) if root.parent is None and (root.post is not None or root.children)]


def _subject(root: Node) -> str:
    first = root.first
    return first.subject if first is not None else ""


def _is_better(root: Node, other: Node) -> bool:
    """Return whether the root should stand for a subject in the other's place (step 5.B)."""
    if other.post is None:
        return False
    return root.post is None or (other.post.is_reply and not root.post.is_reply)


def _join(standing: Node, root: Node, made: list[Node]) -> Node:
    """Join a root with the one that stands for its subject (step 5.C); return what stands for it from now on."""
    if standing.post is None and root.post is None:
        for child in list(root.children):
            standing.adopt(child)
    elif standing.post is None or (root.post is not None and root.post.is_reply and not standing.post.is_reply):
        standing.adopt(root)
    else:
        made.append(Node(None, (standing, root)))
        return made[-1]
    return standing


def serialise(threads: Iterable[Node], number_of: Callable[[int], int]) -> bytes:
    """``1*thread-list``: ``(3 6 (4 23)(44 7 96))``."""
    words: list[bytes] = []
    for thread in threads:
        waiting: list[Node | bytes] = [b")", thread, b"("]
        while waiting:
            item = waiting.pop()
            if isinstance(item, bytes):
                words.append(item)
                continue
            below = item.in_order()
            if item.post is not None:
                words.append(b"%d" % number_of(item.post.uid))
                words += [b" "] if below else []
            if len(below) == 1:
                waiting.append(below[0])
            else:
                for child in reversed(below):
                    waiting += (b")", child, b"(")
    return b"".join(words)
