"""THREAD (RFC 5256): the algorithms on tables, the command in a dialogue."""

import time
from collections.abc import AsyncIterator

import pytest

from mailboxes.imap.commands import Threading
from mailboxes.imap.threads import LEVELS, Post, serialise, threads_of
from mailboxes.models import Account
from tests.mailboxes.imap.dialogue import Client, play


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


def post(uid: int, references: str = "", subject: str = "", message_id: str | None = None, sent: int = 0) -> Post:
    """Return a message ``<uid>`` that refers to others by number; a subject in capitals is of a reply."""
    return Post(
        uid,
        sent or uid,
        subject.lower(),
        subject.isupper(),
        f"<{uid}>".encode() if message_id is None else message_id.encode(),
        [f"<{name}>".encode() for name in references.split()],
    )


@pytest.mark.parametrize(
    ("posts", "told"),
    [
        ([], ""),
        ([post(1), post(2)], "(1)(2)"),
        ([post(1), post(2, "1"), post(3, "1 2")], "(1 2 3)"),
        ([post(1), post(2, "1"), post(3, "1")], "(1 (2)(3))"),
        # RFC 5256 §4: the example of the response
        (
            [post(2), post(3), post(6, "3"), post(4, "3 6"), post(23, "3 6 4"), post(44, "3 6"), post(7, "3 6 44"),
             post(96, "3 6 44 7")],
            "(2)(3 6 (4 23)(44 7 96))",
        ),
        ([post(3, "gone"), post(5, "gone")], "((3)(5))"),  # both answer one that is not here
        ([post(3, "gone")], "(3)"),
        ([post(1), post(2, "1 gone"), post(3, "1 gone")], "(1 (2)(3))"),  # a dummy in the middle goes
        ([post(1, "2"), post(2, "1")], "(2 1)"),  # a circle is cut
        ([post(1, "1")], "(1)"),
        ([post(1), post(2, "1", message_id="<1>")], "(1 2)"),  # a Message-ID given twice
        ([post(1, message_id=""), post(2, message_id="")], "(1)(2)"),
        ([post(1), post(2, "3 1"), post(3)], "(3 1 2)"),
        ([post(1, "9 8"), post(8, "7")], "(8 1)"),  # its own references outrank those of others
        ([post(1, subject="x"), post(2, subject="X")], "(1 2)"),  # a reply that refers to nothing
        ([post(1, subject="X"), post(2, subject="x")], "(2 1)"),
        ([post(1, subject="x"), post(2, subject="x")], "((1)(2))"),
        ([post(1, subject="X"), post(2, subject="X"), post(3, subject="X")], "((1)(2)(3))"),
        ([post(1, "g", "X"), post(2, "g", "X"), post(3, subject="X")], "((1)(2)(3))"),  # under the dummy
        ([post(1, "g", "x"), post(2, "g", "x"), post(3, "h", "X"), post(4, "h", "X")], "((1)(2)(3)(4))"),
        ([post(1, sent=5), post(2, "1", sent=4), post(3, "1", sent=3), post(4, sent=1)], "(4)(1 (3)(2))"),  # by date
    ],
)  # fmt: skip
def test_references(posts: list[Post], told: str) -> None:
    assert serialise(threads_of(posts, Threading.REFERENCES), lambda uid: uid).decode() == told


def test_ordered_subject() -> None:
    posts = [
        post(1, subject="b", sent=9),
        post(2, subject="a", sent=3),
        post(3, subject="B", sent=1),
        post(4, subject="B"),
    ]
    assert serialise(threads_of(posts, Threading.ORDEREDSUBJECT), lambda uid: uid) == b"(3 (4)(1))(2)"


@pytest.mark.parametrize(
    "posts",
    [
        [post(uid, str(uid - 1)) for uid in range(1, 20_001)],  # each answers the one before
        [post(uid, str(uid + 1)) for uid in range(1, 20_001)],  # each answers the one behind
        [post(uid, "root") for uid in range(1, 20_001)],
        [post(uid, subject="X") for uid in range(1, 20_001)],
        [post(uid, f"{uid + 2} {uid + 1}") for uid in range(1, 20_001)],
    ],
)
def test_threads_made_to_be_costly_are_not(posts: list[Post]) -> None:
    begin = time.process_time()
    told = serialise(threads_of(posts, Threading.REFERENCES), lambda uid: uid)
    assert time.process_time() - begin < 5
    assert len(set(told.replace(b"(", b" ").replace(b")", b" ").split())) == 20_000
    assert LEVELS == 500


async def test_the_command(account: Account) -> None:
    client = Client(account.pk)
    headers = [
        b"Message-ID: <a@x>\r\nSubject: one",
        b"Message-ID: <b@x>\r\nSubject: Re: one\r\nIn-Reply-To: Your mail <a@x> of <z@x>",
        b"Message-ID: <c@x>\r\nSubject: two\r\nReferences: <a@x>\r\n <b@x>\r\nIn-Reply-To: <z@x>",
        b"Subject: [list] one",
    ]
    for header in headers:
        client.send(b"a APPEND INBOX {%d+}\r\n%b\r\n\r\n\r\n" % (len(header) + 4, header))
        await client.read_until(rb"^a OK .*\r\n")
    client.send(b"b SELECT INBOX\r\nb STORE 1 +FLAGS.SILENT (\\Flagged)\r\n")
    await client.read_until(rb"^b OK STORE.*\r\n")
    await play(
        client,
        r"""
        C: c THREAD REFERENCES UTF-8 ALL
        S: * THREAD ((1 2 3)(4))
        S: c OK THREAD completed
        C: d UID THREAD ORDEREDSUBJECT US-ASCII ALL
        S: * THREAD (1 (2)(4))(3)
        S: d OK THREAD completed
        C: e THREAD REFERENCES UTF-8 2:3
        S: * THREAD (2 3)
        S: e OK THREAD completed
        C: f THREAD REFERENCES UTF-8 DRAFT
        S: * THREAD
        S: f OK THREAD completed
        C: g THREAD REFS UTF-8 ALL
        S: g BAD <*>
        C: h THREAD REFERENCES ALL
        S: h NO [BADCHARSET (UTF-8 US-ASCII)] <*>
        """,
    )
    await client.close()
