"""LIST, LSUB and STATUS."""

from collections.abc import Iterable, Mapping

from mailboxes.imap import responses
from mailboxes.imap.commands import Command, ListQuery, Status
from mailboxes.imap.framing import AFTER_LOGIN
from mailboxes.imap.handlers.context import Context, Done, store_of, wire_name
from mailboxes.imap.patterns import Pattern
from mailboxes.imap.port import Folder

Names = Mapping[str, Folder | None]  # None: subscribed, but there is no such mailbox


async def status(context: Context, command: Command) -> Done:
    """STATUS."""
    assert isinstance(command, Status)
    folder = await store_of(context).folder(command.mailbox, _counts_deleted(command.items))
    _note_condstore(context, command.items)
    await context.send(_status(context, folder, command.items))
    return Done("STATUS completed")


def _counts_deleted(items: Iterable[str]) -> bool:
    return not {"DELETED", "DELETED-STORAGE"}.isdisjoint(items)


def _note_condstore(context: Context, items: Iterable[str]) -> None:
    if "HIGHESTMODSEQ" in items:
        context.session.enabled.add("CONDSTORE")


def _status(context: Context, folder: Folder, items: Iterable[str]) -> bytes:
    values: dict[str, int | str] = {
        "MESSAGES": folder.messages,
        "RECENT": 0,
        "UIDNEXT": folder.uid_next,
        "UIDVALIDITY": folder.uid_validity,
        "UNSEEN": folder.unseen,
        "DELETED": folder.deleted,
        "DELETED-STORAGE": folder.deleted_size,
        "SIZE": folder.size,
        "HIGHESTMODSEQ": folder.highest_modseq,
        "APPENDLIMIT": AFTER_LOGIN.append,
        "MAILBOXID": f"(F{folder.id})",
    }
    words = responses.parenthesised(f"{item} {values[item]}" for item in items)
    return responses.untagged(b"STATUS", wire_name(context, folder.name), words)


async def list_mailboxes(context: Context, command: Command) -> Done:
    """LIST, plain and extended; special uses are always told (RFC 6154 §2)."""
    assert isinstance(command, ListQuery)
    if not command.extended and command.patterns[0] == "":
        await context.send(responses.untagged(b"LIST", b'(\\Noselect) "/" ""'))
        return Done("LIST completed")
    store = store_of(context)
    folders = await store.folders(count_deleted=_counts_deleted(command.status))
    lost = await store.lost_subscriptions() if "SUBSCRIBED" in command.select else []
    names: dict[str, Folder | None] = {**dict.fromkeys(lost), **{folder.name: folder for folder in folders}}
    _note_condstore(context, command.status)
    parents = _parents(names)
    chosen, above = _matching(names, command)
    lines: list[bytes] = []
    for name in sorted(chosen | above):
        folder = names.get(name)
        attributes = _attributes(folder, name in parents, name in chosen, command)
        words = [b"LIST", attributes, b'"/"', wire_name(context, name)]
        lines.append(responses.untagged(*words, *([_child_info(command)] if name in above else [])))
        if command.status and folder is not None:
            lines.append(_status(context, folder, command.status))
    await context.send(b"".join(lines))
    return Done("LIST completed")


def _parents(names: Iterable[str]) -> set[str]:
    """Return the names that have others below them."""
    return {above for name in names for above in _levels_above(name)}


def _levels_above(name: str) -> list[str]:
    levels = name.split("/")
    return ["/".join(levels[:depth]) for depth in range(1, len(levels))]


def _matching(names: Names, command: ListQuery) -> tuple[set[str], set[str]]:
    """Return the names that patterns and selection options choose, and the named ones above such a choice.

    The second set is empty without RECURSIVEMATCH; a choice that a pattern names tells for itself (RFC 5258 §3.5).
    """
    patterns = [Pattern(command.reference + pattern) for pattern in command.patterns]

    def named(name: str) -> bool:
        return any(pattern.matches(name) for pattern in patterns)

    chosen = {
        name
        for name, folder in names.items()
        if (folder is None or folder.subscribed or "SUBSCRIBED" not in command.select)
        and ((folder is not None and folder.special_use) or "SPECIAL-USE" not in command.select)
    }
    told = {name for name in chosen if named(name)}
    above = _parents(chosen - told) if "RECURSIVEMATCH" in command.select else set()
    return told, {name for name in above if named(name)}


def _child_info(command: ListQuery) -> bytes:
    """``"(" DQUOTE "CHILDINFO" DQUOTE SP "(" … ")" ")"``."""
    options = sorted(command.select & {"SUBSCRIBED", "SPECIAL-USE"})
    return b'("CHILDINFO" %b)' % responses.parenthesised(f'"{option}"' for option in options)


def _attributes(folder: Folder | None, has_children: bool, chosen: bool, command: ListQuery) -> bytes:
    words = ["\\HasChildren" if has_children else "\\HasNoChildren"]
    if folder is None:
        words.insert(0, "\\NonExistent")
    subscribed = chosen if folder is None else folder.subscribed
    if subscribed and "SUBSCRIBED" in command.select | command.returns:
        words.append("\\Subscribed")
    if folder is not None and folder.special_use:
        words.append(f"\\{folder.special_use}")
    return responses.parenthesised(words)


async def list_subscribed(context: Context, command: Command) -> Done:
    """LSUB: with ``%`` a level that only has subscribed ones below it is told as \\Noselect (RFC 3501 §6.3.9)."""
    assert isinstance(command, ListQuery)
    store = store_of(context)
    pattern = Pattern(command.reference + command.patterns[0])
    subscribed = [folder.name for folder in await store.folders() if folder.subscribed]
    subscribed += await store.lost_subscriptions()
    found = {name: b"()" for name in subscribed if pattern.matches(name)}
    for above in _parents(subscribed) if pattern.text.endswith("%") else ():
        if pattern.matches(above):
            found.setdefault(above, b"(\\Noselect)")
    lines = [
        responses.untagged(b"LSUB", words, b'"/"', wire_name(context, name)) for name, words in sorted(found.items())
    ]
    await context.send(b"".join(lines))
    return Done("LSUB completed")
