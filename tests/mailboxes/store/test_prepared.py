"""Answers that PostgreSQL writes are, octet by octet, those that are put together from rows."""

import itertools
import random

import pytest

from domains.database import database
from mailboxes.imap.commands import BodyItem, Item
from mailboxes.imap.rendering import fetch_response, need_of
from mailboxes.imap.view import UidRuns
from mailboxes.mime.section import Section
from mailboxes.models import Account
from mailboxes.store import prepared
from mailboxes.store.prepared import can_prepare, fetch_prepared
from mailboxes.store.reading import fetch_rows
from tests.mailboxes.store.test_search import fill

MADE = (Item.PREVIEW, Item.LAZY_PREVIEW)  # of the content, when asked for
EVERY = tuple(item for item in Item if item not in MADE)
CHOICES = [*[(item,) for item in EVERY], *itertools.combinations(EVERY, 2), EVERY, EVERY[::-1]]


@pytest.mark.parametrize("at_once", [3, 500])
async def test_both_roads_say_the_same(account: Account, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "ROWS_AT_ONCE", at_once)
    monkeypatch.setattr(prepared, "LONG_ROWS_AT_ONCE", at_once)
    mailbox = await fill(account)
    async with database() as connection:
        await connection.execute("DELETE FROM mailboxes_message WHERE uid IN (5, 6, 13)")
        await connection.execute("UPDATE mailboxes_message SET internal_date = '2024-12-09 23:59:59+05' WHERE uid=7")
    uids = UidRuns([(1, 4), (7, 14), (16, 18), (20, 20)])  # 13 was not told yet, 15 and 19 are not known here
    dice = random.Random(1)
    for number, items in enumerate(CHOICES):
        low, high = sorted((dice.randint(1, 22), dice.randint(1, 22))) if number % 3 else (1, 99)
        ranges = uids.within(((low, high),))
        since = dice.choice([None, 4, 17])
        expected = b"".join(
            [
                fetch_response(uids.sequence_of(row.uid) or 0, row, items)
                async for batch in fetch_rows(mailbox, ranges, need_of(items), since)
                for row in batch
            ]
        )
        numbered = [(first, last, uids.sequence_of(first) or 0) for first, last in ranges]
        found = [piece async for piece in fetch_prepared(mailbox, numbered, items, since)]
        assert b"".join(octets for octets, _modseq in found) == expected
        assert all(modseq > (since or 0) for _octets, modseq in found)


async def test_what_is_no_column_is_not_prepared(account: Account) -> None:
    assert can_prepare(EVERY)
    assert not can_prepare((Item.UID, BodyItem(b"BODY[]", Section(), peek=True)))
    assert not any(can_prepare((item,)) for item in MADE)
    assert not [piece async for piece in fetch_prepared(0, [(1, 9, 1)], EVERY, None)]
    assert not [piece async for piece in fetch_prepared(0, [], EVERY, None)]
