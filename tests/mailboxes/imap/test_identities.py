"""OBJECTID (RFC 8474), PREVIEW (RFC 8970) and PARTIAL (RFC 9394)."""

import re
from collections.abc import AsyncIterator

import pytest

from mailboxes.imap.numset import part_of
from mailboxes.models import Account
from tests.mailboxes.imap.dialogue import Client, play
from tests.mailboxes.imap.test_dialogues import APPEND, BODY


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


async def asked(client: Client, command: bytes) -> bytes:
    """Return all that a command is answered with."""
    client.send(b"q " + command + b"\r\n")
    return await client.read_until(rb"^q (OK|NO|BAD) .*\r\n")


async def test_identities_outlast_renaming_and_copying(account: Account) -> None:
    client = Client(account.pk)
    await play(client, "S: * OK <*>\n" + APPEND + "C: b APPEND INBOX {8+}\\r\\na: b\\r\\n\\r\\n\nS: b OK <*>")
    made = re.search(rb"MAILBOXID (\(F\d+\))\]", await asked(client, b"CREATE one"))
    assert made is not None
    await asked(client, b"RENAME one two")
    assert made[1] in await asked(client, b"STATUS two (MAILBOXID)")
    assert b"* OK [MAILBOXID " + made[1] in await asked(client, b"SELECT two")
    await asked(client, b"SELECT INBOX")
    told = await asked(client, b"FETCH 1:2 (EMAILID THREADID)")
    first, second = re.findall(rb"EMAILID \((M\d+)\) THREADID NIL", told)
    assert first != second
    await asked(client, b"COPY 1 two")
    assert b"* SEARCH 1\r\n" in await asked(client, b"SEARCH EMAILID " + first)
    assert b"* SEARCH 1\r\n" in await asked(client, b"SEARCH EMAILID " + first + b" TEXT hello")
    assert b"* SEARCH\r\n" in await asked(client, b"SEARCH OR EMAILID X1 THREADID T1")
    await asked(client, b"SELECT two")
    assert first in await asked(client, b"UID FETCH 1 (EMAILID BODY.PEEK[])")
    await client.close()


async def test_the_first_words_are_told(account: Account) -> None:
    client = Client(account.pk)
    large = b"a: b\r\n\r\nhello " + b"x" * 100_000
    await asked(client, b"APPEND INBOX {%d+}\r\n%b {%d+}\r\n%b" % (len(BODY), BODY, len(large), large))
    await asked(client, b"SELECT INBOX")
    await play(
        client,
        r"""
        C: c FETCH 1 (PREVIEW (LAZY) UID)
        S: * 1 FETCH (PREVIEW "body" UID 1)
        S: c OK FETCH completed
        C: d FETCH 1 PREVIEW
        S: * 1 FETCH (PREVIEW "body")
        S: d OK FETCH completed
        C: e UID FETCH 2 (PREVIEW (LAZY))
        S: * 2 FETCH (UID 2 PREVIEW NIL)
        S: e OK FETCH completed
        C: f FETCH 2 PREVIEW
        S: * 2 FETCH (PREVIEW "hello xxxx<*>")
        S: f OK FETCH completed
        C: g FETCH 1 (PREVIEW (EAGER))
        S: g BAD <*>
        """,
    )
    await client.close()


async def test_results_are_told_in_parts(account: Account) -> None:
    client = Client(account.pk)
    one = b"{%d+}\r\n%b" % (len(BODY), BODY)
    await asked(client, b"APPEND INBOX " + b" ".join([one] * 10))
    await asked(client, b"SELECT INBOX")
    await asked(client, b"UID STORE 5 +FLAGS.SILENT (\\Deleted)")
    await asked(client, b"EXPUNGE")
    await play(
        client,
        r"""
        C: c UID SEARCH RETURN (PARTIAL 3:6 COUNT) ALL
        S: * ESEARCH (TAG "c") UID COUNT 9 PARTIAL (3:6 3:4,6:7)
        S: c OK SEARCH completed
        C: d UID SEARCH RETURN (PARTIAL -1:-3) ALL
        S: * ESEARCH (TAG "d") UID PARTIAL (-1:-3 8:10)
        S: d OK SEARCH completed
        C: e SEARCH RETURN (PARTIAL 100:50 MIN) ALL
        S: * ESEARCH (TAG "e") MIN 1 PARTIAL (100:50 NIL)
        S: e OK SEARCH completed
        C: f SORT RETURN (PARTIAL 1:2) (REVERSE ARRIVAL REVERSE SUBJECT) UTF-8 8:9
        S: * ESEARCH (TAG "f") PARTIAL (1:2 <*>)
        S: f OK SORT completed
        C: g SEARCH RETURN (SAVE PARTIAL -2:-2) ALL
        S: * ESEARCH (TAG "g") PARTIAL (-2:-2 8)
        S: g OK SEARCH completed
        C: h UID FETCH $ FLAGS
        S: * 8 FETCH (UID 9 FLAGS ())
        S: h OK FETCH completed
        C: i UID FETCH 1:* FLAGS (PARTIAL 4:6)
        S: * 4 FETCH (UID 4 FLAGS ())
        S: * 5 FETCH (UID 6 FLAGS ())
        S: * 6 FETCH (UID 7 FLAGS ())
        S: i OK FETCH completed
        C: j UID FETCH 1:* UID (PARTIAL -1:-2 CHANGEDSINCE 9)
        S: * 8 FETCH (UID 9 MODSEQ (10))
        S: * 9 FETCH (UID 10 MODSEQ (11))
        S: j OK FETCH completed
        C: k SEARCH RETURN (PARTIAL 1:2 ALL) ALL
        S: k BAD <*>
        C: l SEARCH RETURN (PARTIAL 0:2) ALL
        S: l BAD <*>
        C: m SEARCH RETURN (PARTIAL 1:-2) ALL
        S: m BAD <*>
        C: n FETCH 1 FLAGS (PARTIAL 1:2)
        S: n BAD <*>
        """,
    )
    await client.close()


@pytest.mark.parametrize(
    ("first", "last", "part"),
    [
        (1, 2, ((3, 4),)),
        (2, 4, ((4, 4), (8, 9))),
        (-1, -1, ((10, 10),)),
        (-4, -2, ((4, 4), (8, 9))),
        (-1, -99, ((3, 4), (8, 10))),
        (9, 6, ()),
    ],
)
def test_a_part_of_ranges(first: int, last: int, part: tuple[tuple[int, int], ...]) -> None:
    assert part_of(((3, 4), (8, 10)), first, last) == part
