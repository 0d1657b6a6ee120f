"""SEARCH by SQL and SEARCH by comparison agree, whatever the key."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from domains.database import database
from mailboxes.imap import commands as c
from mailboxes.imap.numset import NumberSet
from mailboxes.imap.port import Need
from mailboxes.mime.structure import describe
from mailboxes.models import Account
from mailboxes.store.append import insert_message
from mailboxes.store.matching import matches
from mailboxes.store.reading import fetch_rows
from mailboxes.store.search import search

START = datetime(2024, 3, 1, 12, tzinfo=UTC)
FLAGS = (["\\Seen"], ["work"], ["\\Seen", "Work"], ["\\Deleted", "other"], [])
WORDS = ("alpha", "beta", "gamma")


async def fill(account: Account) -> int:
    """Add 20 messages that differ in everything a key asks for; return their mailbox."""
    mailbox = 0
    for number in range(20):
        sent = (START + timedelta(days=number % 4)).strftime("Date: %a, %d %b %Y 12:00:00 +0000\r\n")
        octets = (
            f"{sent if number % 7 else ''}Subject: {WORDS[number % 3]}\r\n\r\n{WORDS[number % 2]}\r\n" + "x" * number
        ).encode()
        moment = START + timedelta(hours=11 * number)
        async with database() as connection, connection.transaction():
            flags = FLAGS[number % len(FLAGS)]
            place = await insert_message(connection, account.pk, "INBOX", octets, describe(octets), flags, moment)
        mailbox = place.mailbox_id
    return mailbox


def leaf(dice: random.Random) -> c.Key:
    """Return a key without keys in it."""
    day = date(2024, 3, dice.randint(1, 9))
    low, high = sorted((dice.randint(1, 22), dice.randint(1, 22)))
    return dice.choice(
        [
            c.All(),
            c.HasFlag(dice.choice(["\\Seen", "\\Deleted", "WORK", "none"])),
            c.InNumbers(NumberSet(((low, high), (30, 40))), by_uid=True),
            c.Size(dice.randint(40, 110), larger=dice.random() < 0.5),
            c.OnDate(
                dice.choice(list(c.DateOf)), *dice.choice([(day, None), (None, day), (day, day + timedelta(1))])
            ),
            c.Younger(dice.choice([0, 10**6, 10**9, 2**62]), older=dice.random() < 0.5),
            c.ModSeq(dice.randint(0, 25)),
            c.InHeader(b"subject", dice.choice([*WORDS, "ALPHA", ""])),
            c.InHeader(b"x-absent", ""),
            c.InText(dice.choice([*WORDS, "absent"]), header=dice.random() < 0.5),
        ]
    )


def key(dice: random.Random, level: int = 0) -> c.Key:
    """Return a key of at most four levels."""
    kind = dice.choice(["leaf", "leaf", "not", "either", "both"]) if level < 4 else "leaf"
    if kind == "leaf":
        return leaf(dice)
    if kind == "not":
        return c.Not(key(dice, level + 1))
    inner = tuple(key(dice, level + 1) for _ in range(dice.randint(2, 3)))
    return c.Either(inner) if kind == "either" else c.Both(inner)


@pytest.mark.parametrize("seed", range(3))
async def test_both_roads_find_the_same(account: Account, seed: int) -> None:
    mailbox = await fill(account)
    rows = [row async for batch in fetch_rows(mailbox, ((1, 100),), Need.CONTENT, None) for row in batch]
    dice = random.Random(seed)
    counts = set()
    for _ in range(120):
        asked = key(dice)
        now = datetime.now(UTC)
        expected = [(row.uid, row.modseq) for row in rows if matches(row, asked, now)]
        assert await search(mailbox, asked) == expected, asked
        counts.add(len(expected))
    assert len(counts) > 5, "the keys tell messages apart"
