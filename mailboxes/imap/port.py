"""The one seam through which IMAP meets the store: values in and out, UIDs and mailbox ids.

No wire bytes but for answers on whole folders, which the store has ready.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Flag, auto
from typing import Any, Protocol

from mailboxes.imap.commands import BodyItem, Item, Key, StoreMode
from mailboxes.imap.numset import Ranges

Progress = Callable[[int, int], Awaitable[None]]


class StoreRefusal(Exception):
    """The store says no; ``code`` is the response code (RFC 9051 §7.1) or empty, ``str()`` one public sentence."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Folder:
    """One mailbox with its counters."""

    id: int
    name: str
    special_use: str
    subscribed: bool
    uid_validity: int
    uid_next: int
    highest_modseq: int
    messages: int
    unseen: int
    size: int
    deleted: int = 0
    deleted_size: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """Octets of an account's messages, and how many there may be."""

    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A mailbox as SELECT finds it, all of one moment: ``runs`` are its UIDs as ranges."""

    folder: Folder
    runs: Ranges
    first_unseen: int | None
    flags: Sequence[str]


@dataclass(frozen=True, slots=True)
class FlagState:
    """A message's flags as of a MODSEQ."""

    uid: int
    modseq: int
    flags: Sequence[str]


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened in a mailbox after a MODSEQ, up to ``highest_modseq``; new messages are among ``changed``."""

    highest_modseq: int
    expunged: Sequence[int] = ()
    changed: Sequence[FlagState] = ()


@dataclass(frozen=True, slots=True)
class Since:
    """UIDs that changed or left after a MODSEQ and not after another."""

    changed: Ranges
    vanished: Ranges


class Need(Flag):
    """Which costly columns FETCH wants."""

    NOTHING = 0
    ENVELOPE = auto()
    BODY = auto()
    STRUCTURE = auto()
    HEADER = auto()
    CONTENT = auto()


@dataclass(slots=True)
class Row:
    """One message as fetched; ``header`` and ``content`` are filled as far as they were needed."""

    uid: int
    modseq: int
    flags: Sequence[str]
    internal_date: datetime
    save_date: datetime
    size: int
    header_octets: int
    blob_id: int = 0
    envelope: bytes = b""
    body: bytes = b""
    body_structure: bytes = b""
    header: bytes = field(default=b"", repr=False)
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """One message to add."""

    octets: bytes = field(repr=False)
    flags: Sequence[str]
    internal_date: datetime | None


@dataclass(frozen=True, slots=True)
class Stored:
    """The outcome of STORE: those changed, the state of all that were named, those UNCHANGEDSINCE kept from it."""

    changed: frozenset[int]
    states: Sequence[FlagState]
    modified: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """Where messages went: parallel source and target UIDs."""

    mailbox_id: int
    uid_validity: int
    source_uids: Sequence[int]
    target_uids: Sequence[int]


class MailStore(Protocol):
    """One account's mail. Every method may raise StoreRefusal."""

    # In the authenticated state

    async def folders(self, count_deleted: bool = False) -> list[Folder]:
        """Return all mailboxes by name."""
        ...

    async def lost_subscriptions(self) -> list[str]:
        """Return the subscribed names that have no mailbox now."""
        ...

    async def folder(self, name: str, count_deleted: bool = False) -> Folder:
        """Return one mailbox; NONEXISTENT."""
        ...

    async def quota(self) -> Quota | None:
        """Return what the account may hold and holds; None when it may hold any amount."""
        ...

    async def create(self, name: str, special_use: str) -> int:
        """Make a mailbox and those above it; return its id; ALREADYEXISTS, CANNOT, LIMIT."""
        ...

    async def delete(self, name: str) -> None:
        """Delete a mailbox with its messages; NONEXISTENT, CANNOT."""
        ...

    async def rename(self, name: str, new_name: str) -> None:
        """Rename a mailbox with those below it; INBOX's messages move instead."""
        ...

    async def subscribe(self, name: str, subscribed: bool) -> None:
        """Set the subscription."""
        ...

    async def append(self, name: str, messages: Sequence[NewMessage]) -> tuple[int, Sequence[int]]:
        """Add all messages or none; return UIDVALIDITY and their UIDs; TRYCREATE, OVERQUOTA."""
        ...

    async def replace(self, mailbox_id: int, uid: int, name: str, message: NewMessage) -> tuple[int, int]:
        """Add a message and remove another for good, at once; return as ``append``; NONEXISTENT too."""
        ...

    # In the selected state

    async def snapshot(self, name: str) -> Snapshot:
        """Return a mailbox for SELECT; NONEXISTENT."""
        ...

    async def changes(self, mailbox_id: int, since: int) -> Changes | None:
        """Return what happened after ``since``; None when the mailbox is gone."""
        ...

    async def since(self, mailbox_id: int, modseq: int, until: int) -> Since:
        """Return which UIDs changed or left after ``modseq``, up to and with ``until``."""
        ...

    def fetch(
        self, mailbox_id: int, uids: Ranges, need: Need, changed_since: int | None = None
    ) -> AsyncIterator[list[Row]]:
        """Yield rows by ascending UID in batches of bounded size."""
        ...

    def can_prepare(self, items: Collection[Item | BodyItem]) -> bool:
        """True when ``fetch_prepared`` can answer all items."""
        ...

    def fetch_prepared(
        self,
        mailbox_id: int,
        ranges: Sequence[tuple[int, int, int]],
        items: Sequence[Any],
        changed_since: int | None,
        uid_only: bool = False,
    ) -> AsyncIterator[tuple[bytes, int]]:
        """Yield answers ready to send with the highest MODSEQ among them.

        A range is two UIDs without a gap between them and the first one's sequence number; with ``uid_only`` they
        are UIDFETCH (RFC 9586).
        """
        ...

    async def store_flags(
        self, mailbox_id: int, uids: Ranges, mode: StoreMode, names: Sequence[str], unchanged_since: int | None = None
    ) -> Stored:
        """Change flags."""
        ...

    async def expunge(self, mailbox_id: int, uids: Ranges | None) -> int:
        """Remove what is marked \\Deleted, among ``uids`` if given; return how many."""
        ...

    async def copy(self, mailbox_id: int, uids: Ranges, name: str) -> Placed:
        """Copy messages; TRYCREATE, OVERQUOTA."""
        ...

    async def move(self, mailbox_id: int, uids: Ranges, name: str) -> Placed:
        """Move messages; TRYCREATE."""
        ...

    async def search(self, mailbox_id: int, key: Key, progress: Progress) -> list[tuple[int, int]]:
        """Return (UID, MODSEQ) of what matches, by UID; number sets in ``key`` are UIDs already.

        ``progress`` is told how many messages have been read, and of how many.
        """
        ...
