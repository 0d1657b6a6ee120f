"""INBOX as a POP3 session has it: held alone by a lease, seen as of one moment, emptied in one transaction.

The lease is a row renewed while the session lasts, so a worker that dies blocks nobody for longer than
``LEASE_SECONDS``, and no connection to the database is held for it.
"""

from collections.abc import Sequence
from typing import Any

from domains.database import database
from mailboxes.pop3.port import Contents, InUse, Message, MessageGone
from mailboxes.store.account_store import announce
from mailboxes.store.blobs import BlobMissing, read_blob
from mailboxes.store.expunge import remove

LEASE_SECONDS = 180.0

_TAKE = """
INSERT INTO mailboxes_maildroplease AS held (account_id, session, held_until)
VALUES (%(account)s, %(session)s, now() + make_interval(secs => %(seconds)s))
ON CONFLICT (account_id) DO UPDATE SET session = EXCLUDED.session, held_until = EXCLUDED.held_until
WHERE held.held_until < now()
RETURNING 1
"""
_KEEP = """
UPDATE mailboxes_maildroplease SET held_until = now() + make_interval(secs => %(seconds)s)
WHERE account_id = %(account)s AND session = %(session)s
RETURNING 1
"""
_GIVE_BACK = "DELETE FROM mailboxes_maildroplease WHERE account_id = %(account)s AND session = %(session)s"
_CONTENTS = """
SELECT b.id, b.uid_validity, found.uids, found.sizes
FROM mailboxes_mailbox b
CROSS JOIN LATERAL (
    SELECT array_agg(m.uid ORDER BY m.uid) AS uids,
           array_agg(coalesce(odd.line_octets, m.size) ORDER BY m.uid) AS sizes
    FROM mailboxes_message m
    LEFT JOIN mailboxes_blob odd ON odd.id = m.blob_id AND odd.line_octets IS NOT NULL
    WHERE m.mailbox_id = b.id
) AS found
WHERE b.account_id = %(account)s AND b.name = 'INBOX'
"""
_BLOB = "SELECT blob_id, header_octets FROM mailboxes_message WHERE mailbox_id = %s AND uid = %s"


class AccountMaildrop:
    """See ``mailboxes.pop3.port.Maildrop`` for what each method returns and raises."""

    __slots__ = ("_account_id", "_lease", "_mailbox_id")

    def __init__(self, account_id: int, session: str) -> None:
        self._account_id = account_id
        self._lease: dict[str, Any] = {"account": account_id, "session": session, "seconds": LEASE_SECONDS}
        self._mailbox_id = 0

    async def open(self) -> Contents:
        """Take the maildrop and return what is in it."""
        async with database() as connection, connection.transaction():
            if await (await connection.execute(_TAKE, self._lease)).fetchone() is None:
                raise InUse
            row = await (await connection.execute(_CONTENTS, self._lease)).fetchone()
        if row is None:
            return Contents(1, (), ())
        self._mailbox_id = int(row[0])
        return Contents(int(row[1]), row[2] or (), row[3] or ())

    async def keep(self) -> bool:
        """Renew the lease."""
        async with database() as connection:
            return await (await connection.execute(_KEEP, self._lease)).fetchone() is not None

    async def read(self, uid: int) -> Message:
        """Return a message; a large one is mapped, not copied."""
        async with database() as connection:
            row = await (await connection.execute(_BLOB, (self._mailbox_id, uid))).fetchone()
            if row is None:
                raise MessageGone("The message is gone")
            try:
                return Message(await read_blob(connection, row[0]), row[1])
            except BlobMissing:
                raise MessageGone("The message's content is missing") from None

    async def remove(self, uids: Sequence[int]) -> None:
        """Remove messages for good, and wake the sessions that have INBOX open."""
        if uids and await remove(self._account_id, self._mailbox_id, uids):
            await announce(self._mailbox_id)

    async def close(self) -> None:
        """Give the lease back."""
        async with database() as connection:
            await connection.execute(_GIVE_BACK, self._lease)
