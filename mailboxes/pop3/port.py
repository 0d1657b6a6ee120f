"""The one seam through which POP3 meets the store: UIDs and octets, no wire bytes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from domains.octets import Octets


class InUse(Exception):
    """Another session has the maildrop."""


class MessageGone(LookupError):
    """The message is not there any more, or its bytes cannot be read; ``str()`` is one public sentence."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A maildrop at one moment: parallel UIDs, ascending, and sizes in octets as lines."""

    uid_validity: int
    uids: Sequence[int]
    sizes: Sequence[int]


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its octets as stored, the first ``header_octets`` of them its header with the empty line."""

    octets: Octets = field(repr=False)
    header_octets: int


class Maildrop(Protocol):
    """One account's INBOX, held by one session alone."""

    async def open(self) -> Contents:
        """Take the maildrop and return what is in it; raises InUse."""
        ...

    async def keep(self) -> bool:
        """Hold the maildrop for longer; False when it was lost."""
        ...

    async def read(self, uid: int) -> Message:
        """Return a message; raises MessageGone."""
        ...

    async def remove(self, uids: Sequence[int]) -> None:
        """Remove messages for good, in one transaction; those that went before are no fault."""
        ...

    async def close(self) -> None:
        """Give the maildrop back."""
        ...
