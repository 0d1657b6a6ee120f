"""An account's mailboxes: list, make, delete, rename, subscribe. Every change holds the account's lock."""

from psycopg.errors import UniqueViolation
from psycopg.rows import dict_row

from domains.database import database
from mailboxes.imap.numset import LARGEST
from mailboxes.imap.port import Folder, Quota, StoreRefusal
from mailboxes.imap.scanner import NAME_CHARACTERS, NAME_LEVELS
from mailboxes.models.mailbox import SpecialUse
from mailboxes.store.append import ensure_mailbox
from mailboxes.store.locks import Connection, adjust_account, lock_account, one
from mailboxes.store.move import transfer_locked
from mailboxes.store.reading import FOLDER_COLUMNS, folder_of

MAXIMUM_FOLDERS = 1_000

_FOLDERS = f"SELECT {FOLDER_COLUMNS} FROM mailboxes_mailbox b WHERE b.account_id = %s"  # noqa: S608 - constants only
_FOLDERS_DELETED = f"""
SELECT {FOLDER_COLUMNS}, marked.* FROM mailboxes_mailbox b, LATERAL (
    SELECT count(*) AS deleted, coalesce(sum(m.size), 0)::bigint AS deleted_size
    FROM mailboxes_message m WHERE m.mailbox_id = b.id AND '\\Deleted' = ANY(m.flags)
) AS marked WHERE b.account_id = %s
"""  # noqa: S608 - constants only
_QUOTA = "SELECT used_bytes, quota_bytes FROM mailboxes_account WHERE id = %s AND quota_bytes IS NOT NULL"
_ID = "SELECT id, messages_count, size_bytes FROM mailboxes_mailbox WHERE account_id = %s AND name = %s"
_COUNT = "SELECT count(*) FROM mailboxes_mailbox WHERE account_id = %s"
_BELOW = "SELECT 1 FROM mailboxes_mailbox WHERE account_id = %s AND starts_with(name, %s) LIMIT 1"
_USE = "UPDATE mailboxes_mailbox SET special_use = %s WHERE account_id = %s AND name = %s"
_USED = "SELECT 1 FROM mailboxes_mailbox WHERE account_id = %s AND special_use = %s"
_SUBSCRIBE = "UPDATE mailboxes_mailbox SET subscribed = %s WHERE account_id = %s AND name = %s RETURNING id"
_LOCK = "SELECT id FROM mailboxes_mailbox WHERE id = %s FOR UPDATE"
_DELETE = (
    "DELETE FROM mailboxes_message WHERE mailbox_id = %s",
    "DELETE FROM mailboxes_expunged WHERE mailbox_id = %s",
    "DELETE FROM mailboxes_mailbox WHERE id = %s",
)
_LOSE = """
UPDATE mailboxes_account a SET lost_subscriptions = array_append(a.lost_subscriptions, b.name::text)
FROM mailboxes_mailbox b
WHERE a.id = b.account_id AND b.id = %s AND b.subscribed AND b.name <> ALL(a.lost_subscriptions)
AND cardinality(a.lost_subscriptions) < %s
"""
_LOST = """
SELECT lost FROM mailboxes_account a, unnest(a.lost_subscriptions) AS lost
WHERE a.id = %s AND NOT EXISTS (SELECT FROM mailboxes_mailbox b WHERE b.account_id = a.id AND b.name = lost)
"""
_FORGET = """
UPDATE mailboxes_account SET lost_subscriptions =
    ARRAY(SELECT name FROM unnest(lost_subscriptions) AS name
          WHERE name <> %(name)s AND NOT (%(below)s AND starts_with(name, %(name)s || '/')))
WHERE id = %(account)s AND cardinality(lost_subscriptions) > 0
"""
_RENAME = """
UPDATE mailboxes_mailbox SET name = %(new)s || substr(name, length(%(old)s) + 1)
WHERE account_id = %(account)s AND (name = %(old)s OR starts_with(name, %(old)s || '/'))
"""
_TOO_LONG = """
SELECT 1 FROM mailboxes_mailbox, LATERAL (SELECT %(new)s || substr(name, length(%(old)s) + 1) AS renamed) AS new
WHERE account_id = %(account)s AND starts_with(name, %(old)s || '/')
AND (length(renamed) > %(characters)s OR cardinality(string_to_array(renamed, '/')) > %(levels)s) LIMIT 1
"""


async def read_folders(account_id: int, count_deleted: bool) -> list[Folder]:
    """Return all mailboxes of the account by name."""
    async with database() as connection, connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_statement(count_deleted) + " ORDER BY b.name", (account_id,))
        return [folder_of(row) for row in await cursor.fetchall()]


async def read_folder(account_id: int, name: str, count_deleted: bool) -> Folder:
    """Return one mailbox; raises StoreRefusal."""
    async with database() as connection, connection.cursor(row_factory=dict_row) as cursor:
        statement = _statement(count_deleted) + " AND b.name = %s"
        row = await (await cursor.execute(statement, (account_id, name))).fetchone()
    if row is None:
        raise _missing()
    return folder_of(row)


def _statement(count_deleted: bool) -> str:
    return _FOLDERS_DELETED if count_deleted else _FOLDERS


async def read_quota(account_id: int) -> Quota | None:
    """Return what the account holds and may hold; None without a quota."""
    async with database() as connection:
        row = await one(connection, _QUOTA, (account_id,))
    return None if row is None else Quota(int(row[0]), int(row[1]))


async def create_folder(account_id: int, name: str, special_use: str) -> int:
    """Make a mailbox and those above it, and return its id (RFC 9051 §6.3.4)."""
    async with database() as connection, connection.transaction():
        await lock_account(connection, account_id)
        if name == "INBOX" or await one(connection, _ID, (account_id, name)) is not None:
            raise StoreRefusal("The mailbox exists already", "ALREADYEXISTS")
        if special_use and (
            special_use not in SpecialUse.values
            or await one(connection, _USED, (account_id, special_use)) is not None
        ):
            raise StoreRefusal("This special use cannot be given", "USEATTR")
        await _create_with_parents(connection, account_id, name)
        if special_use:
            await connection.execute(_USE, (special_use, account_id, name))
        made = await one(connection, _ID, (account_id, name))
        assert made is not None
        return int(made[0])


async def _create_with_parents(connection: Connection, account_id: int, name: str) -> None:
    levels = name.split("/")
    counted = await one(connection, _COUNT, (account_id,))
    if counted is not None and int(counted[0]) + len(levels) > MAXIMUM_FOLDERS:
        raise StoreRefusal(f"An account may have {MAXIMUM_FOLDERS} mailboxes", "LIMIT")
    for depth in range(1, len(levels) + 1):
        await ensure_mailbox(connection, account_id, "/".join(levels[:depth]))


async def delete_folder(account_id: int, name: str) -> None:
    """Delete a mailbox with its messages; one with others below it stays (RFC 9051 §6.3.5, HASCHILDREN)."""
    if name == "INBOX":
        raise StoreRefusal("INBOX cannot be deleted", "CANNOT")
    async with database() as connection, connection.transaction():
        await lock_account(connection, account_id)
        row = await one(connection, _ID, (account_id, name))
        if row is None:
            raise _missing()
        if await one(connection, _BELOW, (account_id, name + "/")) is not None:
            raise StoreRefusal("Delete the mailboxes below it first", "HASCHILDREN")
        await connection.execute(_LOCK, (row[0],))
        await connection.execute(_LOSE, (row[0], MAXIMUM_FOLDERS))
        row = await one(connection, _ID, (account_id, name))
        assert row is not None
        for statement in _DELETE:
            await connection.execute(statement, (row[0],))
        await adjust_account(connection, account_id, -int(row[1]), -int(row[2]))


async def rename_folder(account_id: int, name: str, new_name: str) -> int | None:
    """Rename a mailbox with those below; INBOX's messages move and it stays. Return INBOX's id if it was meant."""
    async with database() as connection, connection.transaction():
        await lock_account(connection, account_id)
        row = await one(connection, _ID, (account_id, name))
        if row is None:
            raise _missing()
        if new_name == "INBOX" or await one(connection, _ID, (account_id, new_name)) is not None:
            raise StoreRefusal("The mailbox exists already", "ALREADYEXISTS")
        if new_name.startswith(name + "/") and name != "INBOX":
            raise StoreRefusal("A mailbox cannot move below itself", "CANNOT")
        if name == "INBOX":
            await _empty_inbox(connection, account_id, int(row[0]), new_name)
            return int(row[0])
        await _rename(connection, account_id, name, new_name)
        await connection.execute(_FORGET, {"account": account_id, "name": name, "below": True})
    return None


async def _rename(connection: Connection, account_id: int, name: str, new_name: str) -> None:
    values = {
        "account": account_id,
        "old": name,
        "new": new_name,
        "characters": NAME_CHARACTERS,
        "levels": NAME_LEVELS,
    }
    if await one(connection, _TOO_LONG, values) is not None:
        raise StoreRefusal("The name of a mailbox below would be too long or too deep", "CANNOT")
    parent = new_name.rpartition("/")[0]
    if parent:
        await _create_with_parents(connection, account_id, parent)
    try:
        await connection.execute(_RENAME, values)
    except UniqueViolation:
        raise StoreRefusal("A mailbox below exists already under the new name", "ALREADYEXISTS") from None


async def _empty_inbox(connection: Connection, account_id: int, inbox: int, new_name: str) -> None:
    """RENAME INBOX moves its messages into a new mailbox (RFC 9051 §6.3.6)."""
    await _create_with_parents(connection, account_id, new_name)
    target = await one(connection, _ID, (account_id, new_name))
    assert target is not None
    await transfer_locked(connection, account_id, inbox, ((1, LARGEST),), int(target[0]), moving=True)


async def read_lost_subscriptions(account_id: int) -> list[str]:
    """Return the subscribed names that have no mailbox now."""
    async with database() as connection:
        return [str(row[0]) for row in await (await connection.execute(_LOST, (account_id,))).fetchall()]


async def subscribe_folder(account_id: int, name: str, subscribed: bool) -> None:
    """Set or take the subscription; taking one that is not there is no error, nor keeping a lost one."""
    async with database() as connection:
        if not subscribed:
            await connection.execute(_FORGET, {"account": account_id, "name": name, "below": False})
        row = await one(connection, _SUBSCRIBE, (subscribed, account_id, name))
    if row is None and subscribed and name not in await read_lost_subscriptions(account_id):
        raise _missing()


def _missing() -> StoreRefusal:
    return StoreRefusal("There is no such mailbox", "NONEXISTENT")
