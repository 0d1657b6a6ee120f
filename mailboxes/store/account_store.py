"""One account's mail for IMAP: ``mailboxes.imap.port.MailStore`` over PostgreSQL, with notices after commit."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from domains.database import database
from domains.redis import publish
from mailboxes.imap.commands import BodyItem, Item, Key, StoreMode
from mailboxes.imap.numset import Ranges
from mailboxes.imap.port import (
    Changes,
    Folder,
    Need,
    NewMessage,
    Placed,
    Progress,
    Quota,
    Row,
    Since,
    Snapshot,
    Stored,
    StoreRefusal,
)
from mailboxes.mime.structure import Described, describe
from mailboxes.store import expunge, flags, move, prepared, reading, search, tree
from mailboxes.store.append import Inserted, NoSuchMailbox, OverQuota, insert_message, mailbox_channel
from mailboxes.store.blobs import BlobMissing, store_blob
from mailboxes.store.locks import Connection


async def announce(mailbox_id: int) -> None:
    """Wake the sessions that have the mailbox open, here and in other processes."""
    publish(mailbox_channel(mailbox_id))


@asynccontextmanager
async def _adding() -> AsyncIterator[Connection]:
    """A transaction that adds messages."""
    try:
        async with database() as connection, connection.transaction():
            yield connection
    except OverQuota:
        raise StoreRefusal("The account is full", "OVERQUOTA") from None
    except NoSuchMailbox:
        raise StoreRefusal("There is no such mailbox", "TRYCREATE") from None


class AccountStore:
    """See ``MailStore`` for what each method returns and refuses."""

    __slots__ = ("account_id",)

    def __init__(self, account_id: int) -> None:
        self.account_id = account_id

    async def folders(self, count_deleted: bool = False) -> list[Folder]:
        """Return all mailboxes by name."""
        return await tree.read_folders(self.account_id, count_deleted)

    async def lost_subscriptions(self) -> list[str]:
        """Return the subscribed names that have no mailbox now."""
        return await tree.read_lost_subscriptions(self.account_id)

    async def folder(self, name: str, count_deleted: bool = False) -> Folder:
        """Return one mailbox."""
        return await tree.read_folder(self.account_id, name, count_deleted)

    async def quota(self) -> Quota | None:
        """Return what the account may hold and holds."""
        return await tree.read_quota(self.account_id)

    async def create(self, name: str, special_use: str) -> int:
        """Make a mailbox and those above it; return its id."""
        return await tree.create_folder(self.account_id, name, special_use)

    async def delete(self, name: str) -> None:
        """Delete a mailbox with its messages."""
        folder = await tree.read_folder(self.account_id, name, count_deleted=False)
        await tree.delete_folder(self.account_id, name)
        await announce(folder.id)

    async def rename(self, name: str, new_name: str) -> None:
        """Rename a mailbox with those below it."""
        inbox = await tree.rename_folder(self.account_id, name, new_name)
        if inbox is not None:
            await announce(inbox)

    async def subscribe(self, name: str, subscribed: bool) -> None:
        """Set the subscription."""
        await tree.subscribe_folder(self.account_id, name, subscribed)

    async def append(self, name: str, messages: Sequence[NewMessage]) -> tuple[int, Sequence[int]]:
        """Add messages in one transaction; the bytes are durable before the rows are."""
        described = [await asyncio.to_thread(describe, message.octets) for message in messages]
        async with _adding() as connection:
            blobs = [await store_blob(connection, self.account_id, message.octets) for message in messages]
            places = [
                await self._insert(connection, name, message, blob, parts)
                for message, blob, parts in zip(messages, blobs, described, strict=True)
            ]
        await announce(places[0].mailbox_id)
        return places[0].uid_validity, [place.uid for place in places]

    async def replace(self, mailbox_id: int, uid: int, name: str, message: NewMessage) -> tuple[int, int]:
        """Add a message and remove another for good, in one transaction."""
        described = await asyncio.to_thread(describe, message.octets)
        async with _adding() as connection:
            blob = await store_blob(connection, self.account_id, message.octets)
            await expunge.remove_one(connection, self.account_id, mailbox_id, uid)
            place = await self._insert(connection, name, message, blob, described)
        await announce(mailbox_id)
        await announce(place.mailbox_id)
        return place.uid_validity, place.uid

    async def _insert(
        self, connection: Connection, name: str, message: NewMessage, blob: int, described: Described
    ) -> Inserted:
        moment = message.internal_date or datetime.now(UTC)
        return await insert_message(connection, self.account_id, name, blob, described, message.flags, moment)

    async def snapshot(self, name: str) -> Snapshot:
        """Return a mailbox for SELECT."""
        return await reading.read_snapshot(self.account_id, name)

    async def changes(self, mailbox_id: int, since: int) -> Changes | None:
        """Return what happened after ``since``."""
        return await reading.read_changes(mailbox_id, since)

    async def since(self, mailbox_id: int, modseq: int, until: int) -> Since:
        """Return which UIDs changed or left."""
        return await reading.read_since(mailbox_id, modseq, until)

    async def fetch(
        self, mailbox_id: int, uids: Ranges, need: Need, changed_since: int | None = None
    ) -> AsyncIterator[list[Row]]:
        """Yield rows by ascending UID in batches of bounded size."""
        try:
            async for rows in reading.fetch_rows(mailbox_id, uids, need, changed_since):
                yield rows
        except BlobMissing:
            raise StoreRefusal("A message's content is missing", "SERVERBUG") from None

    def can_prepare(self, items: Collection[Item | BodyItem]) -> bool:
        """True when ``fetch_prepared`` can answer all items."""
        return prepared.can_prepare(items)

    async def fetch_prepared(
        self,
        mailbox_id: int,
        ranges: Sequence[prepared.Numbered],
        items: Sequence[Any],
        changed_since: int | None,
        uid_only: bool = False,
    ) -> AsyncIterator[tuple[bytes, int]]:
        """Yield answers ready to send with the highest MODSEQ among them."""
        async for answers in prepared.fetch_prepared(mailbox_id, ranges, items, changed_since, uid_only):
            yield answers

    async def store_flags(
        self, mailbox_id: int, uids: Ranges, mode: StoreMode, names: Sequence[str], unchanged_since: int | None = None
    ) -> Stored:
        """Change flags."""
        stored = await flags.store_flags(self.account_id, mailbox_id, uids, mode, names, unchanged_since)
        if stored.changed:
            await announce(mailbox_id)
        return stored

    async def expunge(self, mailbox_id: int, uids: Ranges | None) -> int:
        """Remove what is marked \\Deleted."""
        count = await expunge.expunge(self.account_id, mailbox_id, uids)
        if count:
            await announce(mailbox_id)
        return count

    async def copy(self, mailbox_id: int, uids: Ranges, name: str) -> Placed:
        """Copy messages."""
        placed = await move.copy(self.account_id, mailbox_id, uids, name)
        await announce(placed.mailbox_id)
        return placed

    async def move(self, mailbox_id: int, uids: Ranges, name: str) -> Placed:
        """Move messages."""
        placed = await move.move(self.account_id, mailbox_id, uids, name)
        await announce(mailbox_id)
        await announce(placed.mailbox_id)
        return placed

    async def search(self, mailbox_id: int, key: Key, progress: Progress) -> list[tuple[int, int]]:
        """Return (UID, MODSEQ) of what matches."""
        return await search.search(mailbox_id, key, progress)
