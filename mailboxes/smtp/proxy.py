"""The PROXY protocol's header, versions 1 and 2: who the client behind a load balancer is.

The header is the very first thing on a connection, before TLS. The parser takes what has been received so far and
says how many octets the header has, so that the caller can consume exactly those.
"""

from dataclasses import dataclass
from ipaddress import ip_address

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
MAXIMUM_OCTETS = 16 + 2048
_V1_OCTETS = 107


class ProxyFault(ValueError):
    """The octets are not a PROXY header, or one that names no client it may name."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """``octets`` is the header's length; without ``client_address`` the proxy speaks for itself (health check)."""

    octets: int
    client_address: str = ""
    client_port: int = 0
    local_address: str = ""
    local_port: int = 0


def parse_proxy_header(received: bytes) -> ProxyHeader | None:
    """Return the header, None when more octets are needed; raises ProxyFault."""
    if received[: len(SIGNATURE)] == SIGNATURE[: len(received)] and received:
        return _parse_v2(received) if len(received) >= 16 else None
    if received[:6] == b"PROXY "[: len(received)]:
        return _parse_v1(received)
    raise ProxyFault("the connection does not begin with a PROXY header")


def _parse_v1(received: bytes) -> ProxyHeader | None:
    """``PROXY TCP4 source destination source-port destination-port CRLF``."""
    end = received.find(b"\r\n", 0, _V1_OCTETS)
    if end < 0:
        if len(received) >= _V1_OCTETS:
            raise ProxyFault("the PROXY line is too long")
        return None
    words = received[:end].decode("latin-1").split(" ")
    if words[1:2] == ["UNKNOWN"]:
        return ProxyHeader(end + 2)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise ProxyFault("the PROXY line is malformed")
    version = 4 if words[1] == "TCP4" else 6
    return ProxyHeader(
        end + 2, _address(words[2], version), _port(words[4]), _address(words[3], version), _port(words[5])
    )


def _parse_v2(received: bytes) -> ProxyHeader | None:
    """Signature, version and command, family, length, addresses; type-length-values are skipped."""
    command, family, length = received[12], received[13], int.from_bytes(received[14:16], "big")
    if command >> 4 != 2 or command & 15 > 1 or length > MAXIMUM_OCTETS - 16:
        raise ProxyFault("the PROXY header is malformed")
    if len(received) < 16 + length:
        return None
    if command & 15 == 0:
        return ProxyHeader(16 + length)
    width = {0x11: 4, 0x21: 16}.get(family)
    if width is None or length < 2 * width + 4:
        raise ProxyFault("the PROXY header names no TCP client")
    body = received[16 : 16 + 2 * width + 4]
    return ProxyHeader(
        16 + length,
        str(ip_address(body[:width])),
        int.from_bytes(body[2 * width : 2 * width + 2], "big"),
        str(ip_address(body[width : 2 * width])),
        int.from_bytes(body[2 * width + 2 :], "big"),
    )


def _address(text: str, version: int) -> str:
    """Return the canonical address; raises ProxyFault."""
    try:
        address = ip_address(text)
    except ValueError:
        raise ProxyFault("the PROXY line holds no address") from None
    if address.version != version:
        raise ProxyFault("the PROXY line's address is of another family")
    return str(address)


def _port(text: str) -> int:
    """Return the port; raises ProxyFault."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise ProxyFault("the PROXY line's port is not one")
    return int(text)
