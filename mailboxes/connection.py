"""What every listener's connection object shares: who is at the other end, and how it is asked to finish.

The runner makes one connection object per accepted socket: ``factory(peer)``. It is an ``asyncio.Protocol`` whose
``drain()`` may be called at any time by the runner when the service stops.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Peer:
    """The two ends of a connection as the client sees them (after a PROXY header, the client's own address).

    ``limited`` is False for a client in an unlimited network: connection and rate budgets do not count for it;
    authentication failures, TLS rules, sizes and parser caps do all the same. ``stressed`` is True for one that came
    while the listener was busy: its deadlines and budgets are shorter.
    """

    client_address: str
    client_port: int
    local_address: str
    local_port: int
    limited: bool = True
    stressed: bool = False


def nothing() -> None:
    """Tell nobody."""


class Connection(Protocol):
    """An ``asyncio.Protocol`` that can be asked to finish.

    ``on_closed`` is set by the runner after the object is made; ``connection_lost`` calls it.
    """

    on_closed: Callable[[], None]

    def connection_made(self, transport: Any) -> None:
        """The transport is ready; for implicit TLS, the handshake is done."""
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        ...

    def data_received(self, data: bytes) -> None:
        """Octets from the peer."""
        ...

    def eof_received(self) -> bool | None:
        """The peer will send no more."""
        ...

    def drain(self) -> None:
        """Finish what runs, take nothing new, say good-bye and close. Never raises, may be called twice."""
        ...


ConnectionFactory = Callable[[Peer], Connection]
