"""Copy and move messages between mailboxes of one account; new UIDs come in the order of the old ones."""

from typing import Any

from domains.database import database
from domains.failpoints import fail_point
from mailboxes.imap.numset import Ranges
from mailboxes.imap.port import Placed, StoreRefusal
from mailboxes.store.locks import (
    Connection,
    adjust_account,
    adjust_mailbox,
    lock_account,
    lock_mailboxes,
    one,
)
from mailboxes.store.reading import bounds
from mailboxes.store.trail import MOVED

_TARGET = "SELECT id FROM mailboxes_mailbox WHERE account_id = %s AND name = %s"
_SOURCES = """
SELECT m.id, m.uid, m.size, '\\Seen' = ANY(m.flags)
FROM unnest(%(lows)s::bigint[], %(highs)s::bigint[]) AS r(low, high)
JOIN mailboxes_message m ON m.mailbox_id = %(mailbox)s AND m.uid BETWEEN r.low AND r.high
ORDER BY m.uid
"""
_ALLOCATE = """
UPDATE mailboxes_mailbox SET uid_next = uid_next + %s WHERE id = %s RETURNING uid_validity, uid_next - %s
"""
_NUMBERED = """
SELECT m.*, %(first)s + row_number() OVER (ORDER BY m.uid) - 1 AS new_uid
FROM mailboxes_message m WHERE m.id = ANY(%(ids)s)
"""
_COPY = f"""
INSERT INTO mailboxes_message (mailbox_id, uid, modseq, flags, internal_date, save_date, size, header_octets,
                               envelope, body, body_structure, blob_id, trace_id)
SELECT %(target)s, new_uid, %(modseq)s, flags, internal_date, now(), size, header_octets,
       envelope, body, body_structure, blob_id, trace_id
FROM ({_NUMBERED}) AS numbered
"""  # noqa: S608 - constants only
_NOTE_GONE = """
INSERT INTO mailboxes_expunged (mailbox_id, uid, modseq)
SELECT m.mailbox_id, m.uid, %(gone_modseq)s FROM mailboxes_message m WHERE m.id = ANY(%(ids)s)
"""
_MOVE = f"""
UPDATE mailboxes_message m
SET mailbox_id = %(target)s, uid = numbered.new_uid, modseq = %(modseq)s, save_date = now()
FROM ({_NUMBERED}) AS numbered WHERE m.id = numbered.id
"""  # noqa: S608 - constants only


async def copy(account_id: int, mailbox_id: int, uids: Ranges, name: str) -> Placed:
    """Copy messages; raises StoreRefusal with TRYCREATE or OVERQUOTA."""
    return await _transfer(account_id, mailbox_id, uids, name, moving=False)


async def move(account_id: int, mailbox_id: int, uids: Ranges, name: str) -> Placed:
    """Move messages in one transaction: each is in one of the two mailboxes at any moment."""
    return await _transfer(account_id, mailbox_id, uids, name, moving=True)


async def _transfer(account_id: int, mailbox_id: int, uids: Ranges, name: str, moving: bool) -> Placed:
    async with database() as connection, connection.transaction():
        free = await lock_account(connection, account_id)
        target = await one(connection, _TARGET, (account_id, name))
        if target is None:
            raise StoreRefusal("There is no such mailbox", "TRYCREATE")
        return await transfer_locked(connection, account_id, mailbox_id, uids, int(target[0]), moving, free)


async def transfer_locked(
    connection: Connection,
    account_id: int,
    mailbox_id: int,
    uids: Ranges,
    target: int,
    moving: bool,
    free: int | None = None,
) -> Placed:
    """Do it inside the caller's transaction, which holds the account's lock."""
    modseqs = await lock_mailboxes(connection, account_id, {mailbox_id, target})
    found = await connection.execute(_SOURCES, {"mailbox": mailbox_id, **bounds(uids)})
    rows = await found.fetchall()
    size = sum(int(row[2]) for row in rows)
    unseen = sum(not row[3] for row in rows)
    if not moving and free is not None and size > free:
        raise StoreRefusal("The account is full", "OVERQUOTA")
    allocated = await one(connection, _ALLOCATE, (len(rows), target, len(rows)))
    assert allocated is not None
    first = int(allocated[1])
    values: dict[str, Any] = {
        "ids": [row[0] for row in rows],
        "first": first,
        "target": target,
        "modseq": modseqs[target],
        "gone_modseq": modseqs[mailbox_id],
    }
    if moving:
        await connection.execute(_NOTE_GONE, values)
        await connection.execute(_MOVE, values)
        await adjust_mailbox(connection, mailbox_id, -len(rows), -unseen, -size)
    else:
        await connection.execute(_COPY, values)
        await adjust_account(connection, account_id, len(rows), size)
    await adjust_mailbox(connection, target, len(rows), unseen, size)
    how = {"how": "moved" if moving else "copied", "mailbox": mailbox_id, "end": first + len(rows)}
    await connection.execute(MOVED, values | how)
    fail_point("transfer.done")
    return Placed(target, int(allocated[0]), [row[1] for row in rows], list(range(first, first + len(rows))))
