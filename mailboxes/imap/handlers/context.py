"""What a handler is given, and what it gives back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from mailboxes.imap import responses
from mailboxes.imap.port import MailStore
from mailboxes.imap.session import Session
from mailboxes.imap.view import View

StillValid = Callable[[], Awaitable[bool]]


class SignedOut(Exception):
    """The account was switched off, or its password changed, while the session lasted."""


@dataclass(frozen=True, slots=True)
class Done:
    """The tagged answer; ``closes`` ends the session behind it."""

    text: str
    status: str = "OK"
    code: str = ""
    closes: bool = False


class Context(Protocol):
    """One connection as handlers see it."""

    session: Session
    client_address: str

    async def send(self, octets: bytes) -> None:
        """Send a response; waits while the client reads slowly."""
        ...

    async def progress(self, done: int, goal: int) -> None:
        """Say how far the command is, if it takes long; never in the middle of a response."""
        ...

    async def ask(self, prompt: str) -> bytes:
        """Send a continuation request and return the client's line."""
        ...

    async def idle(self, prompt: str, seconds: float) -> bytes | None:
        """Wait for a line, a wake-up (None) or so many seconds (None); a prompt that is not empty is sent first."""
        ...

    def wake(self) -> None:
        """End a wait in ``idle``."""
        ...

    def compress(self) -> bool:
        """Compress both directions behind the tagged answer; False when that is so already."""
        ...

    def now(self) -> float:
        """Return a clock in seconds."""
        ...

    async def sync(self, may_expunge: bool = True) -> None:
        """Tell the client what changed in the selected mailbox."""
        ...

    def logged_in(self, still_valid: StillValid | None = None) -> None:
        """Somebody is logged in: other limits and deadlines hold; ``still_valid`` is asked now and then."""
        ...

    async def require_sign_in(self) -> None:
        """Raise SignedOut when the sign-in, last looked at a while ago, does not hold any more."""
        ...

    def count_failure(self) -> bool:
        """Count a failed sign-in; True when the session must end."""
        ...


def store_of(context: Context) -> MailStore:
    """Return the account's store; the table lets nobody here without one."""
    store = context.session.store
    assert store is not None
    return store


def view_of(context: Context) -> View:
    """Return the selected mailbox; the table lets nobody here without one."""
    view = context.session.view
    assert view is not None
    return view


def wire_name(context: Context, name: str) -> bytes:
    """Return a mailbox's name as this session reads it."""
    return responses.mailbox(name, context.session.utf8_names)
