"""Which addresses an outgoing connection may reach: public ones, and those the operator names.

Checked on the address connected to, after resolution, so that a name cannot lead inside. Our own listening address
is a loop, whatever the name said.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def refuse_address(text: str, port: int, own: frozenset[tuple[str, int]], private: Sequence[Network]) -> str:
    """Return why this address may not be reached, or an empty string; ``own`` are the places where our MX listens."""
    address = _unmapped(ip_address(text))
    if (str(address), port) in own:
        return f"{address} port {port} is this server: the mail would come back."
    if any(address in network for network in private):
        return ""
    if address.is_global and not address.is_multicast:
        return ""
    return f"{address} is not a public address."
