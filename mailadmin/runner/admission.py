"""Who may hold how many connections: one count per client address over all listeners of a worker."""

from collections import Counter
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
CONNECTIONS_PER_ADDRESS = 50
CONNECTIONS_UNDER_STRESS = 10


def plain_address(text: str) -> str:
    """Return the address without scope, an IPv4-mapped one as IPv4."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def in_networks(text: str, networks: Sequence[Network]) -> bool:
    """True when the address stands in one of the networks."""
    if not networks:
        return False
    address: IPv4Address | IPv6Address = ip_address(text)
    return any(address in network for network in networks)


class Admission:
    """Counts open connections by address; an IPv6 client is its /64, which is one subscriber's."""

    def __init__(self, limit: int = CONNECTIONS_PER_ADDRESS) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()

    def enter(self, address: str, stressed: bool = False) -> bool:
        """Count one more connection; False when the address has its fill already, a smaller one under stress."""
        key = self._key(address)
        if self._open[key] >= (min(self._limit, CONNECTIONS_UNDER_STRESS) if stressed else self._limit):
            return False
        self._open[key] += 1
        return True

    def leave(self, address: str) -> None:
        """Count one less."""
        key = self._key(address)
        self._open[key] -= 1
        if self._open[key] <= 0:
            del self._open[key]

    @staticmethod
    def _key(address: str) -> str:
        if ":" not in address:
            return address
        return str(IPv6Network((address, 64), strict=False))
