"""What a handler is given: one connection as handlers see it."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from mailboxes.pop3.port import Maildrop
from mailboxes.pop3.session import Listing, Session

StillValid = Callable[[], Awaitable[bool]]


class Context(Protocol):
    """One connection."""

    id: str
    session: Session
    client_address: str

    async def send(self, octets: bytes) -> None:
        """Send a piece of an answer; waits while the client reads slowly."""
        ...

    async def ask(self, challenge: bytes) -> bytes:
        """Send a challenge line and return the client's line; raises SaslFault for one that cannot be read."""
        ...

    def signed_in(self, still_valid: StillValid) -> None:
        """Somebody is signed in: other deadlines hold; ``still_valid`` is asked now and then."""
        ...

    async def give_back(self) -> None:
        """Let go of the maildrop, if there is one; never raises."""
        ...

    def count_failure(self) -> bool:
        """Count a failed sign-in; True when the session must end."""
        ...


def maildrop_of(context: Context) -> Maildrop:
    """Return the maildrop; the rules let nobody here without one."""
    maildrop = context.session.maildrop
    assert maildrop is not None
    return maildrop


def listing_of(context: Context) -> Listing:
    """Return the messages; the rules let nobody here without them."""
    listing = context.session.listing
    assert listing is not None
    return listing
