"""Plain sockets: one that listens beside those of other workers, and the PROXY header read off a new one."""

import asyncio
import re
import socket
from contextlib import suppress
from ipaddress import IPv6Address
from pathlib import Path

from mailadmin.runner.listener import ListenerSpec
from mailboxes.smtp.proxy import MAXIMUM_OCTETS, ProxyHeader, parse_proxy_header


async def read_proxy_header(client: socket.socket) -> ProxyHeader:
    """Consume exactly the PROXY header; what follows stays in the socket. Raises ProxyFault, EOFError, OSError."""
    held = b""
    while True:
        await _readable(client)
        peeked = client.recv(MAXIMUM_OCTETS, socket.MSG_PEEK)
        if not peeked:
            raise EOFError("closed inside the PROXY header")
        header = parse_proxy_header(held + peeked)
        if header is not None:
            client.recv(header.octets - len(held))
            return header
        held += client.recv(len(peeked))


async def _readable(client: socket.socket) -> None:
    """Wait until the socket has octets or its end."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(client.fileno(), wake)
    try:
        await ready
    finally:
        loop.remove_reader(client.fileno())


def listening_socket(spec: ListenerSpec) -> socket.socket:
    """Return a bound, listening, non-blocking socket; raises OSError."""
    family = socket.AF_INET6 if ":" in spec.address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((spec.address, spec.port))
        listening.listen(spec.backlog)
    except OSError:
        listening.close()
        raise
    return listening


def words_of(fault: Exception) -> str:
    """Return the fault's own words."""
    return (fault.strerror if isinstance(fault, OSError) else None) or str(fault) or type(fault).__name__


_LOCAL = re.compile(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL")


def local_addresses() -> frozenset[str]:
    """Return the addresses of this host's interfaces, as the kernel lists them; none where it lists nothing."""
    found: set[str] = set()
    with suppress(OSError):
        found.update(_LOCAL.findall(Path("/proc/net/fib_trie").read_text()))
    with suppress(OSError):
        for line in Path("/proc/net/if_inet6").read_text().splitlines():
            found.add(str(IPv6Address(bytes.fromhex(line.split()[0]))))
    return frozenset(found)
