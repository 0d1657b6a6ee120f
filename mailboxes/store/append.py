"""Put one message into one folder, inside the caller's transaction.

Lock order: blob (key share), account, mailbox; a caller that fills several accounts takes them by ascending id. UID
and MODSEQ come from the locked mailbox row, so they only grow. After the commit the caller publishes
``mailbox_channel(mailbox_id)``.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import AsyncConnection

from domains.failpoints import fail_point
from mailboxes.mime.structure import Described
from mailboxes.store.blobs import BlobMissing, store_blob

_TAKE_ROOM = """
UPDATE mailboxes_account SET used_bytes = used_bytes + %(size)s, messages_count = messages_count + 1
WHERE id = %(account)s AND (quota_bytes IS NULL OR used_bytes + %(size)s <= quota_bytes)
RETURNING id
"""
_ALLOCATE = """
UPDATE mailboxes_mailbox
SET uid_next = uid_next + 1, highest_modseq = highest_modseq + 1, messages_count = messages_count + 1,
    unseen_count = unseen_count + %(unseen)s, size_bytes = size_bytes + %(size)s
WHERE account_id = %(account)s AND {which}
RETURNING id, uid_validity, uid_next - 1, highest_modseq
"""
_BY_ID = _ALLOCATE.format(which="id = %(mailbox)s")
_BY_NAME = _ALLOCATE.format(which="name = %(mailbox)s")
_INSERT = """
INSERT INTO mailboxes_message (mailbox_id, uid, modseq, flags, internal_date, save_date, size, header_octets,
                               envelope, body, body_structure, blob_id, trace_id)
VALUES (%s, %s, %s, %s, %s, now(), %s, %s, %s, %s, %s, %s, %s)
"""
_BLOB_SIZE = "SELECT size FROM mailboxes_blob WHERE id = %s FOR KEY SHARE"
_ENSURE = """
WITH taken AS (
    UPDATE mailboxes_account SET next_uid_validity = next_uid_validity + 1
    WHERE id = %(account)s
      AND NOT EXISTS (SELECT 1 FROM mailboxes_mailbox WHERE account_id = %(account)s AND name = %(name)s)
    RETURNING id, next_uid_validity - 1 AS validity
)
INSERT INTO mailboxes_mailbox (account_id, name, special_use, subscribed, uid_validity, uid_next, highest_modseq,
                               messages_count, unseen_count, size_bytes)
SELECT id, %(name)s, '', true, validity, 1, 1, 0, 0, 0 FROM taken
ON CONFLICT (account_id, name) DO NOTHING
"""


class OverQuota(Exception):
    """The account has no room for the message."""


class NoSuchMailbox(LookupError):
    """The account or its folder is gone."""


class Inserted(NamedTuple):
    """Where a message went."""

    mailbox_id: int
    uid_validity: int
    uid: int
    modseq: int


def mailbox_channel(mailbox_id: int) -> str:
    """Return the channel on which changes of a folder are told."""
    return f"mailbox.{mailbox_id}"


async def insert_message(
    connection: AsyncConnection[Any],
    account_id: int,
    mailbox: int | str,
    content: bytes | int,
    described: Described,
    flags: Sequence[str],
    internal_date: datetime,
    trace_id: str = "",
) -> Inserted:
    """Add a message and return its place; ``mailbox`` is an id or a name, ``content`` its bytes or a blob's id.

    Raises OverQuota or NoSuchMailbox, after which the caller's transaction (or savepoint) must be rolled back.
    """
    if isinstance(content, bytes):
        blob_id, size = await store_blob(connection, account_id, content), len(content)
    else:
        blob_id, size = content, await _blob_size(connection, content)
    values = {"account": account_id, "size": size, "unseen": int("\\Seen" not in flags), "mailbox": mailbox}
    await _take_room(connection, values)
    statement = _BY_ID if isinstance(mailbox, int) else _BY_NAME
    row = await (await connection.execute(statement, values)).fetchone()
    if row is None:
        raise NoSuchMailbox(str(mailbox))
    place = Inserted(*row)
    await connection.execute(
        _INSERT,
        (
            place.mailbox_id,
            place.uid,
            place.modseq,
            list(flags),
            internal_date,
            size,
            described.header_octets,
            described.envelope,
            described.body,
            described.body_structure,
            blob_id,
            trace_id,
        ),
    )
    fail_point("append.inserted")
    return place


async def ensure_mailbox(connection: AsyncConnection[Any], account_id: int, name: str) -> None:
    """Make the folder if the account lacks it, inside the caller's transaction."""
    await connection.execute(_ENSURE, {"account": account_id, "name": name})


async def _take_room(connection: AsyncConnection[Any], values: dict[str, Any]) -> None:
    """Lock the account and count the message; raises OverQuota or NoSuchMailbox."""
    if await (await connection.execute(_TAKE_ROOM, values)).fetchone() is not None:
        return
    found = await connection.execute("SELECT 1 FROM mailboxes_account WHERE id = %(account)s", values)
    raise OverQuota if await found.fetchone() is not None else NoSuchMailbox("the account is gone")


async def _blob_size(connection: AsyncConnection[Any], blob_id: int) -> int:
    """Return a blob's size and lock it against the collector; raises BlobMissing."""
    row = await (await connection.execute(_BLOB_SIZE, (blob_id,))).fetchone()
    if row is None:
        raise BlobMissing(f"blob {blob_id}")
    return int(row[0])
