"""UIDONLY (RFC 9586): no sequence number is read or told once it is enabled."""

from collections.abc import AsyncIterator

import pytest

from mailboxes.models import Account
from tests.mailboxes.imap.dialogue import Client, play
from tests.mailboxes.imap.test_dialogues import APPEND, BODY

REFUSED = (
    "FETCH 1 UID",
    "STORE 1 FLAGS ()",
    "SEARCH ALL",
    "COPY 1 Sent",
    "MOVE 1 Sent",
    "SORT (DATE) UTF-8 ALL",
    "THREAD REFERENCES UTF-8 ALL",
    "REPLACE 1 INBOX {1+}\\r\\nx",
    "UID SEARCH 1",
    "UID SEARCH OR NOT (SEEN 1:2) SEEN",
    "UID SORT (DATE) UTF-8 *",
    "SELECT INBOX (QRESYNC (1 1 1 (1 1)))",
)


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


async def test_messages_are_named_by_uid_alone(account: Account) -> None:
    client, other = Client(account.pk), Client(account.pk)
    await play(other, "S: * OK <*>\n" + APPEND * 4)
    large = b"a: b\r\n\r\n" + b"x" * 70_000
    other.send(b"b APPEND INBOX {%d+}\r\n%b\r\nb SELECT INBOX\r\n" % (len(large), large))
    await other.read_until(rb"^b OK .*Mailbox open\r\n")
    other.send(b"c UID STORE 1 +FLAGS.SILENT (\\Deleted)\r\nc EXPUNGE\r\n")
    await other.read_until(rb"^c OK EXPUNGE.*\r\n")
    await play(
        client,
        rf"""
        S: * OK <*>
        C: a ENABLE UIDONLY
        S: * ENABLED UIDONLY
        S: a OK ENABLE completed
        C: b SELECT INBOX
        S: * FLAGS <*>
        S: * 4 EXISTS
        S: * 0 RECENT
        S: * OK [PERMANENTFLAGS <*>
        S: * OK [MAILBOXID <*>
        S: * OK [UIDVALIDITY <*>
        S: * OK [UIDNEXT <*>
        S: * OK [HIGHESTMODSEQ <*>
        S: b OK [READ-WRITE] Mailbox open
        C: c UID FETCH 2:3 (FLAGS RFC822.SIZE)
        S: * 2 UIDFETCH (FLAGS () RFC822.SIZE {len(BODY)})
        S: * 3 UIDFETCH (FLAGS () RFC822.SIZE {len(BODY)})
        S: c OK FETCH completed
        C: d UID FETCH 3 (UID BODY.PEEK[TEXT])
        S: * 3 UIDFETCH (UID 3 BODY[TEXT] {{6}}\r\nbody\r\n)
        S: d OK FETCH completed
        C: e UID FETCH 5 (BODY.PEEK[HEADER] RFC822.SIZE BODY.PEEK[]<9.1>)
        S: * 5 UIDFETCH (BODY[HEADER] {{8}}\r\na: b\r\n\r\n RFC822.SIZE 70008 BODY[]<9> {{1}}\r\nx)
        S: e OK FETCH completed
        C: f UID STORE 2 FLAGS (x)
        S: * 2 UIDFETCH (FLAGS (x))
        S: f OK STORE completed
        C: g UID SEARCH UID 2 KEYWORD x
        S: * SEARCH 2
        S: g OK SEARCH completed
        """,
    )
    other.send(b"d UID STORE 3:4 +FLAGS.SILENT (\\Deleted)\r\nd UID EXPUNGE 4\r\n")
    await other.read_until(rb"^d OK EXPUNGE.*\r\n")
    await play(
        client,
        r"""
        C: h NOOP
        S: * VANISHED 4
        S: * 3 UIDFETCH (FLAGS (\Deleted))
        S: h OK Completed
        C: i EXPUNGE
        S: * VANISHED 3
        S: i OK EXPUNGE completed
        """,
    )
    for command in REFUSED:
        await play(client, f"C: j {command}\nS: j BAD [UIDREQUIRED] <*>")
    await play(client, "C: k UID SEARCH RETURN (SAVE) ALL\nS: k OK <*>")
    await play(client, "C: l UID SEARCH $\nS: * SEARCH 2 5\nS: l OK <*>")
    for one in (client, other):
        await one.close()
