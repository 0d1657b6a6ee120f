"""QRESYNC (RFC 7162 §3.2): what was missed is told at SELECT, and VANISHED stands in EXPUNGE's place."""

import asyncio
import random
import re
from collections.abc import AsyncIterator

import pytest

from mailboxes.imap.numset import intersect, parse_number_set, subtract
from mailboxes.models import Account, Message
from tests.mailboxes.imap.dialogue import Client, play
from tests.mailboxes.imap.test_dialogues import APPEND, BODY, CHUNKS, asked

OPENED = r"""
S: * FLAGS <*>
S: * {count} EXISTS
S: * 0 RECENT
S: * OK [PERMANENTFLAGS <*>
S: * OK [MAILBOXID <*>
S: * OK [UIDVALIDITY <*>
S: * OK [UIDNEXT <*>
S: * OK [HIGHESTMODSEQ {modseq}] Highest
S: * OK [UNSEEN 1] First unseen
"""
ENABLE = "C: q ENABLE QRESYNC\nS: * ENABLED QRESYNC\nS: q OK ENABLE completed\n"


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


async def with_five(account: Account, chunk: int = 0) -> tuple[Client, int]:
    """Return a client with QRESYNC on, and INBOX's UIDVALIDITY; INBOX has UIDs 1 to 5 with MODSEQs 2 to 6."""
    client = Client(account.pk, chunk)
    await play(client, "S: * OK <*>\n" + APPEND * 5 + ENABLE)
    client.send(b"v STATUS INBOX (UIDVALIDITY)\r\n")
    told = await client.read_until(rb"^v OK .*\r\n")
    return client, int(told.split(b"UIDVALIDITY ")[1].split(b")")[0])


@pytest.mark.parametrize("chunk", CHUNKS)
async def test_what_was_missed_is_told_at_select(account: Account, chunk: int) -> None:
    client, validity = await with_five(account, chunk)
    await play(
        client,
        "C: b SELECT INBOX\n"
        + OPENED.format(count=5, modseq=6)
        + r"""
        S: b OK [READ-WRITE] Mailbox open
        C: c UID STORE 2,4:5 +FLAGS.SILENT (\Deleted)
        S: * 2 FETCH (UID 2 MODSEQ (7))
        S: * 4 FETCH (UID 4 MODSEQ (7))
        S: * 5 FETCH (UID 5 MODSEQ (7))
        S: c OK STORE completed
        C: d EXPUNGE
        S: * VANISHED 2,4:5
        S: d OK [HIGHESTMODSEQ 8] EXPUNGE completed
        C: e UID STORE 3 FLAGS ($Work)
        S: * 2 FETCH (UID 3 FLAGS ($Work) MODSEQ (9))
        S: e OK STORE completed
        C: f UNSELECT
        S: f OK UNSELECT completed
        """
        + f"C: g SELECT INBOX (QRESYNC ({validity} 6 1:4 (1,3 1,3)))"
        + OPENED.format(count=2, modseq=9)
        + r"""
        S: * VANISHED (EARLIER) 2,4
        S: * 2 FETCH (UID 3 FLAGS ($Work) MODSEQ (9))
        S: g OK [READ-WRITE] Mailbox open
        C: h UID FETCH 1:* (FLAGS) (CHANGEDSINCE 8 VANISHED)
        S: * 2 FETCH (UID 3 FLAGS ($Work) MODSEQ (9))
        S: h OK FETCH completed
        C: i UID FETCH 1:* (FLAGS) (CHANGEDSINCE 6 VANISHED)
        S: * VANISHED (EARLIER) 2,4:5
        S: * 2 FETCH (UID 3 FLAGS ($Work) MODSEQ (9))
        S: i OK FETCH completed
        C: j UID MOVE 3 Archive
        S: * OK [COPYUID <*> 3 1] Moved
        S: * VANISHED 3
        S: j OK [HIGHESTMODSEQ 10] MOVE completed
        C: k EXAMINE Archive (QRESYNC (1 1))
        S: * OK [CLOSED] Previous mailbox closed
        """
        + OPENED.format(count=1, modseq=2)
        + "S: k OK [READ-ONLY] Mailbox open",
    )
    await client.close()


@pytest.mark.parametrize(
    "command",
    [
        "SELECT INBOX (QRESYNC)",
        "SELECT INBOX (QRESYNC 1 1)",
        "SELECT INBOX (QRESYNC (1))",
        "SELECT INBOX (QRESYNC (1 1 1:*))",  # what is known has no star
        "SELECT INBOX (QRESYNC (1 1 (1 1) 1))",  # in this order only
        "SELECT INBOX (QRESYNC (1 1 1 (1)))",
        "FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",  # of UIDs alone
        "UID FETCH 1 FLAGS (VANISHED)",
    ],
)
async def test_what_is_not_in_the_grammar_is_bad(account: Account, command: str) -> None:
    client, _ = await with_five(account)
    client.send(b"b SELECT INBOX\r\n")
    await client.read_until(rb"^b OK .*\r\n")
    await play(client, f"C: c {command}\nS: c BAD <*>\nC: d NOOP\nS: d OK <*>")
    await client.close()


async def test_it_must_be_enabled_first(account: Account) -> None:
    client = Client(account.pk)
    await play(client, "S: * OK <*>\nC: b SELECT INBOX (QRESYNC (1 1))\nS: b BAD Say ENABLE QRESYNC first")
    client.send(b"c SELECT INBOX\r\n")
    await client.read_until(rb"^c OK .*\r\n")
    await play(client, "C: d UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)\nS: d BAD Say ENABLE QRESYNC first")
    await client.close()


async def test_a_removal_held_back_keeps_highestmodseq_below_it(account: Account) -> None:
    """RFC 7162 §3.2: a MODSEQ that was told must not hide a removal that was not."""
    client, _ = await with_five(account)
    other = Client(account.pk)
    for one in (client, other):
        one.send(b"b SELECT INBOX\r\n")
        await one.read_until(rb"^b OK .*\r\n")
    other.send(b"c STORE 1 +FLAGS.SILENT (\\Deleted)\r\nd EXPUNGE\r\n")
    await other.read_until(rb"^d OK .*\r\n")
    await play(
        client,
        r"""
        C: e STORE 2 FLAGS (x)
        S: * 2 FETCH (UID 2 FLAGS (x) MODSEQ (9))
        S: * OK [HIGHESTMODSEQ 6] Highest
        S: e OK STORE completed
        C: f FETCH 2 MODSEQ
        S: * 2 FETCH (MODSEQ (9))
        S: * OK [HIGHESTMODSEQ 6] Highest
        S: f OK FETCH completed
        C: g NOOP
        S: * VANISHED 1
        S: g OK Completed
        C: h FETCH 1 MODSEQ
        S: * 1 FETCH (MODSEQ (9))
        S: h OK FETCH completed
        """,
    )
    await client.close()
    await other.close()


class Copy:
    """A client's copy of INBOX, kept by QRESYNC alone."""

    def __init__(self) -> None:
        self.flags: dict[int, frozenset[str]] = {}
        self.modseq = 1

    async def reopen(self, client: Client, validity: int) -> None:
        client.send(b"r SELECT INBOX (QRESYNC (%d %d))\r\n" % (validity, self.modseq))
        self.hear(await client.read_until(rb"^r OK .*\r\n"))

    def hear(self, told: bytes) -> None:
        for line in told.decode().split("\r\n"):
            if found := re.match(r"\* VANISHED (?:\(EARLIER\) )?([\d:,]+)$", line):
                for low, high in parse_number_set(found[1].encode()).ranges:
                    for uid in range(low, high + 1):
                        self.flags.pop(uid, None)
            elif found := re.match(r"\* \d+ FETCH \(UID (\d+) FLAGS \((.*)\) MODSEQ", line):
                self.flags[int(found[1])] = frozenset(found[2].split())
            elif found := re.match(r".*\[HIGHESTMODSEQ (\d+)\]", line):
                self.modseq = int(found[1])


async def test_a_copy_kept_by_qresync_is_true_while_others_write(account: Account) -> None:
    reader, validity = await with_five(account)
    writers = [Client(account.pk) for _ in range(3)]
    chance = random.Random(7162)

    async def write(client: Client) -> None:
        client.send(b"b SELECT INBOX\r\n")
        await client.read_until(rb"^b OK .*\r\n")
        for _ in range(25):
            uid = chance.randint(1, 30)
            command = chance.choice(
                [
                    b"w APPEND INBOX {%d+}\r\n%b" % (len(BODY), BODY),
                    b"w UID STORE %d FLAGS (x%d)" % (uid, uid % 5),
                    b"w UID STORE %d +FLAGS (\\Deleted)" % uid,
                    b"w EXPUNGE",
                    b"w UID MOVE %d Archive" % uid,
                ]
            )
            client.send(command + b"\r\n")
            await client.read_until(rb"^w OK .*\r\n")

    copy = Copy()
    working = asyncio.gather(*map(write, writers))
    while not working.done():
        await copy.reopen(reader, validity)
        await asyncio.sleep(0.01)
    await working
    await copy.reopen(reader, validity)
    rows = await asked(lambda: list(Message.objects.filter(mailbox__name="INBOX").values_list("uid", "flags")))
    assert copy.flags == {uid: frozenset(flags) for uid, flags in rows}
    for client in (reader, *writers):
        await client.close()


@pytest.mark.parametrize(
    ("some", "others", "both", "rest"),
    [
        (((1, 9),), ((2, 3), (5, 5), (9, 12)), ((2, 3), (5, 5), (9, 9)), ((1, 1), (4, 4), (6, 8))),
        (((1, 2), (4, 6)), ((2, 5),), ((2, 2), (4, 5)), ((1, 1), (6, 6))),  # one range over two
        (((3, 4),), (), (), ((3, 4),)),
        ((), ((1, 5),), (), ()),
        (((1, 5),), ((1, 5),), ((1, 5),), ()),
    ],
)
def test_sets_of_ranges(
    some: tuple[tuple[int, int], ...],
    others: tuple[tuple[int, int], ...],
    both: tuple[tuple[int, int], ...],
    rest: tuple[tuple[int, int], ...],
) -> None:
    assert (intersect(some, others), subtract(some, others)) == (both, rest)
