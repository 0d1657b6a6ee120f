"""How much one address, and one network, may bring to the MX: the figures, and what counts as one client.

An IPv4 client is its address and stands in its /24; an IPv6 client is its /64 (one subscriber) and stands in its /48
(one site). The figures are far above what a busy server sends to one installation, and below what floods it.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address, ip_network


class Kind(StrEnum):
    """What is counted."""

    OPEN = "open"  # connections at one time
    CONNECTIONS = "connections"
    MESSAGES = "messages"
    RECIPIENTS = "recipients"
    UNKNOWN = "unknown"  # recipients that do not exist: a search for addresses


@dataclass(frozen=True, slots=True)
class Figure:
    """The most of one kind within a window of ``seconds`` (0: at one time), by address and by network."""

    kind: Kind
    address: int
    network: int
    seconds: int = 60


FIGURES = {
    figure.kind: figure
    for figure in (
        Figure(Kind.OPEN, 50, 200, 0),
        Figure(Kind.CONNECTIONS, 300, 1_200),
        Figure(Kind.MESSAGES, 1_200, 5_000),
        Figure(Kind.RECIPIENTS, 6_000, 25_000),
        Figure(Kind.UNKNOWN, 100, 400, 600),
    )
}
WORDS = {
    Kind.OPEN: "Too many connections at one time",
    Kind.CONNECTIONS: "Too many connections a minute",
    Kind.MESSAGES: "Too many messages a minute",
    Kind.RECIPIENTS: "Too many recipients a minute",
    Kind.UNKNOWN: "Too many recipients that do not exist",
}


@dataclass(frozen=True, slots=True)
class Excess:
    """Who is over which limit, and until when (seconds of the clock); ``client`` is an address or a network."""

    kind: Kind
    client: str
    limit: int
    until: float

    def words(self) -> str:
        """Return what the client is told."""
        whose = "network" if self.client.endswith(("/24", "/48")) else "address"
        return f"{WORDS[self.kind]} from your {whose}; try again later"


@lru_cache(maxsize=4096)
def clients_of(address: str) -> tuple[str, str]:
    """Return the client (address, or IPv6 /64) and its network (/24 or /48); ValueError for what is no address."""
    parsed = ip_address(address)
    if parsed.version == 4:
        return address, str(ip_network((address, 24), strict=False))
    return str(ip_network((address, 64), strict=False)), str(ip_network((address, 48), strict=False))


def limits_of(kind: Kind, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return the client and the network, each with the most it may have."""
    client, network = clients_of(address)
    figure = FIGURES[kind]
    return (client, figure.address), (network, figure.network)
