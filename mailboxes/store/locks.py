"""The store's lock order: account, then mailboxes by ascending id, then messages; every change goes through here."""

from collections.abc import Iterable
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from mailboxes.imap.port import StoreRefusal

Connection = AsyncConnection[TupleRow]

_ACCOUNT = "SELECT quota_bytes, used_bytes FROM mailboxes_account WHERE id = %s FOR NO KEY UPDATE"
_BUMP = """
UPDATE mailboxes_mailbox SET highest_modseq = highest_modseq + 1 WHERE id = %s AND account_id = %s
RETURNING highest_modseq
"""
_ADJUST_MAILBOX = """
UPDATE mailboxes_mailbox SET messages_count = greatest(messages_count + %(messages)s, 0),
    unseen_count = greatest(unseen_count + %(unseen)s, 0), size_bytes = greatest(size_bytes + %(size)s, 0)
WHERE id = %(mailbox)s
"""
_ADJUST_ACCOUNT = """
UPDATE mailboxes_account SET used_bytes = greatest(used_bytes + %(size)s, 0),
    messages_count = greatest(messages_count + %(messages)s, 0)
WHERE id = %(account)s
"""


async def one(connection: Connection, statement: str, values: Any) -> TupleRow | None:
    """Return the first row."""
    return await (await connection.execute(statement, values)).fetchone()


async def lock_account(connection: Connection, account_id: int) -> int | None:
    """Lock the account; return how many octets are free, None without a quota."""
    row = await one(connection, _ACCOUNT, (account_id,))
    if row is None:
        raise StoreRefusal("The account is gone")
    return None if row[0] is None else int(row[0]) - int(row[1])


async def lock_mailbox(connection: Connection, account_id: int, mailbox_id: int) -> int:
    """Lock the mailbox and return a fresh MODSEQ for the changes to come."""
    row = await one(connection, _BUMP, (mailbox_id, account_id))
    if row is None:
        raise StoreRefusal("There is no such mailbox", "NONEXISTENT")
    return int(row[0])


async def lock_mailboxes(connection: Connection, account_id: int, ids: Iterable[int]) -> dict[int, int]:
    """Lock several mailboxes in order; return the fresh MODSEQ of each."""
    return {mailbox: await lock_mailbox(connection, account_id, mailbox) for mailbox in sorted(set(ids))}


async def adjust_mailbox(connection: Connection, mailbox_id: int, messages: int, unseen: int, size: int) -> None:
    """Change a locked mailbox's counters."""
    if messages or unseen or size:
        values = {"mailbox": mailbox_id, "messages": messages, "unseen": unseen, "size": size}
        await connection.execute(_ADJUST_MAILBOX, values)


async def adjust_account(connection: Connection, account_id: int, messages: int, size: int) -> None:
    """Change a locked account's counters."""
    if messages or size:
        await connection.execute(_ADJUST_ACCOUNT, {"account": account_id, "messages": messages, "size": size})
