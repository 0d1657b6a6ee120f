"""What the relay needs of the rest of the house, handed in by the runner."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from psycopg import AsyncConnection

from domains.dns.port import Resolver
from domains.octets import Octets
from mailboxes.delivery.request import DeliveryRequest, DeliveryResult
from mailboxes.delivery.resolve import Resolution


class Enqueue(Protocol):
    """Puts a message of the product's own into the queue, inside the caller's transaction."""

    async def __call__(
        self,
        connection: AsyncConnection[Any],
        *,
        mail_from: str,
        recipient: str,
        content: bytes,
        reason: str,
        about: str,
    ) -> str:
        """Return the new message's trace id; ``about`` is the trace id of the message that it reports on."""
        ...


@dataclass(frozen=True, slots=True)
class RelayPorts:
    """The relay's collaborators.

    ``resolve`` tells what one recipient of ours is. ``subscribe`` yields at every wake and survives a lost Redis.
    """

    resolver: Resolver
    read_blob: Callable[[AsyncConnection[Any], int], Awaitable[Octets]]
    resolve: Callable[[str], Awaitable[Resolution]]
    deliver: Callable[[DeliveryRequest], Awaitable[DeliveryResult]]
    enqueue: Enqueue
    subscribe: Callable[[str], AsyncIterator[bytes]]
    hostname: str
