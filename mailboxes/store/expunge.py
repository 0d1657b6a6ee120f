"""Remove messages for good; their UIDs are remembered with the MODSEQ of their leaving (RFC 7162)."""

from collections.abc import Sequence
from typing import Any

from domains.database import database
from domains.failpoints import fail_point
from mailboxes.imap.numset import LARGEST, Ranges
from mailboxes.imap.port import StoreRefusal
from mailboxes.store.locks import Connection, adjust_account, adjust_mailbox, lock_account, lock_mailbox, one
from mailboxes.store.reading import bounds
from mailboxes.store.trail import DELETED

_MARKED = """
FROM mailboxes_message m
WHERE m.mailbox_id = %(mailbox)s AND '\\Deleted' = ANY(m.flags)
AND EXISTS (SELECT 1 FROM unnest(%(lows)s::bigint[], %(highs)s::bigint[]) AS r(low, high)
            WHERE m.uid BETWEEN r.low AND r.high)
"""
_NAMED = "FROM mailboxes_message m WHERE m.mailbox_id = %(mailbox)s AND m.uid = ANY(%(uids)s::bigint[])"
_ANY = "SELECT 1 {which} LIMIT 1"
_EXPUNGE = f"""
WITH gone AS (DELETE {{which}} RETURNING m.uid, m.trace_id, m.size, '\\Seen' = ANY(m.flags) AS seen),
noted AS (INSERT INTO mailboxes_expunged (mailbox_id, uid, modseq) SELECT %(mailbox)s, uid, %(modseq)s FROM gone),
{DELETED}
SELECT count(*), coalesce(sum(size), 0), count(*) FILTER (WHERE NOT seen) FROM gone
"""  # noqa: S608 - constants only


async def expunge(account_id: int, mailbox_id: int, uids: Ranges | None) -> int:
    """Remove the messages marked \\Deleted, among ``uids`` if given; return how many. Takes no lock for none."""
    ranges = ((1, LARGEST),) if uids is None else uids
    return await _expunge(account_id, mailbox_id, _MARKED, bounds(ranges))


async def remove(account_id: int, mailbox_id: int, uids: Sequence[int]) -> int:
    """Remove these messages, marked or not; return how many were there. Takes no lock for none."""
    return await _expunge(account_id, mailbox_id, _NAMED, {"uids": list(uids)})


async def _expunge(account_id: int, mailbox_id: int, which: str, chosen: dict[str, list[int]]) -> int:
    """Remove what the condition chooses, in one transaction."""
    values: dict[str, Any] = {"mailbox": mailbox_id, **chosen}
    async with database() as connection:
        if await (await connection.execute(_ANY.format(which=which), values)).fetchone() is None:
            return 0
        async with connection.transaction():
            return await _remove(connection, account_id, which, values)


async def remove_one(connection: Connection, account_id: int, mailbox_id: int, uid: int) -> None:
    """Remove a message, marked or not, inside the caller's transaction; raises StoreRefusal when it is gone."""
    if not await _remove(connection, account_id, _NAMED, {"mailbox": mailbox_id, "uids": [uid]}):
        raise StoreRefusal("The message is gone", "NONEXISTENT")


async def _remove(connection: Connection, account_id: int, which: str, values: dict[str, Any]) -> int:
    """Lock, remove and count; return how many."""
    await lock_account(connection, account_id)
    values["modseq"] = await lock_mailbox(connection, account_id, values["mailbox"])
    row = await one(connection, _EXPUNGE.format(which=which), values)
    count, size, unseen = (0, 0, 0) if row is None else (int(row[0]), int(row[1]), int(row[2]))
    await adjust_mailbox(connection, values["mailbox"], -count, -unseen, -size)
    await adjust_account(connection, account_id, -count, -size)
    fail_point("expunge.done")
    return count
