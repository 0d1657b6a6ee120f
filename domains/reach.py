"""Which addresses an outgoing connection may reach: public ones, and those the operator names.

Checked on the address connected to, after resolution, so that a name cannot lead inside. An IPv4 address that an IPv6
one carries (mapped, translated by NAT64, 6to4) is what counts. Our own listening address is a loop, whatever the name
said.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

_CARRIERS = tuple(map(ip_network, ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")))  # RFC 6052; 4291 2.5.5.1; 2765
_INSIDE = (ip_network("64:ff9b:1::/48"), ip_network("fec0::/10"))  # RFC 8215; RFC 3879


def _carried(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if not isinstance(address, IPv6Address) or address.is_loopback or address.is_unspecified:
        return address
    if any(address in network for network in _CARRIERS):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def refuse_address(text: str, port: int, own: frozenset[tuple[str, int]], private: Sequence[Network]) -> str:
    """Return why this address may not be reached, or an empty string; ``own`` are the places where our MX listens."""
    address = _carried(ip_address(text))
    if (str(address), port) in own:
        return f"{address} port {port} is this server: the mail would come back."
    if any(address in network for network in private):
        return ""
    if address.is_global and not address.is_multicast and not any(address in network for network in _INSIDE):
        return ""
    return f"{address} is not a public address."
