"""Sockets of a worker: accept, PROXY header, TLS, budgets by address, drain.

Workers share a port with SO_REUSEPORT. Connections are accepted here, not by the loop's own server, because three
things come before TLS: the budget of the client's address, the PROXY header, and the refusal of either.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mailadmin.runner.admission import Admission, Network, in_networks, plain_address
from mailadmin.runner.listener import ListenerSpec, ListenerStatus, ServiceState, ServiceStatus, TlsMode
from mailadmin.runner.sockets import listening_socket, read_proxy_header, words_of
from mailboxes.connection import Connection, Peer
from mailboxes.smtp.proxy import ProxyFault, ProxyHeader

logger = logging.getLogger("mailadmin.runner")

ACCEPT_BATCH = 256
HANDSHAKE_SECONDS = 30.0
PROXY_SECONDS = 10.0
RETRY_SECONDS = 3.0
STRESS = 2  # a listener is under stress from capacity / STRESS open connections on
_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass(frozen=True, slots=True)
class Door:
    """What all listeners of a worker share."""

    admission: Admission = field(default_factory=Admission)
    proxy_peers: Sequence[Network] = ()
    unlimited_networks: Sequence[Network] = ()
    tls_context: Callable[[], ssl.SSLContext] | None = None


class Slot:
    """One accepted connection's place in the counts; left once, however it ends."""

    __slots__ = ("address", "connection", "listener", "transport")

    def __init__(self, listener: "Listener") -> None:
        self.listener = listener
        self.address = ""  # the address it counts for, empty when unlimited
        self.connection: Connection | None = None
        self.transport: asyncio.BaseTransport | None = None

    def leave(self) -> None:
        """Give the place back."""
        if self in self.listener.slots:
            self.listener.slots.discard(self)
            if self.address:
                self.listener.door.admission.leave(self.address)
            if not self.listener.slots:
                self.listener.empty.set()


class Listener:
    """One listening socket and the connections that came through it."""

    def __init__(self, spec: ListenerSpec, door: Door) -> None:
        self.spec = spec
        self.door = door
        self.slots: set[Slot] = set()
        self.empty = asyncio.Event()
        self.empty.set()
        self.total = 0
        self.refused = 0
        self.since = ""
        self.error = ""
        self.state = ServiceState.STOPPED
        self.port = spec.port
        self._socket: socket.socket | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Listen; an address that cannot be bound leaves the listener failed, and it tries again by itself."""
        self._cancel_retry()
        loop = asyncio.get_running_loop()
        try:
            if self.spec.tls is TlsMode.IMPLICIT and self.door.tls_context is not None:
                self.door.tls_context()
            self._socket = listening_socket(self.spec)
        except Exception as fault:
            self._fail(fault)
            self._retry = loop.call_later(RETRY_SECONDS, self.open)
            return
        self.port = self._socket.getsockname()[1]
        self.state, self.error = ServiceState.RUNNING, ""
        self.since = datetime.now(UTC).isoformat(timespec="seconds")
        loop.add_reader(self._socket.fileno(), self._accept)

    def _fail(self, fault: Exception) -> None:
        """Say once why the listener does not listen."""
        reason = f"{self.spec.service} cannot listen at {self.spec.address} port {self.spec.port}: {words_of(fault)}"
        if reason != self.error:
            logger.error("%s", reason)
        self.state, self.error = ServiceState.FAILED, reason

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _accept(self) -> None:
        """Take what the kernel has ready; without free descriptors, rest for a second."""
        listening = self._socket
        if listening is None:
            return
        for _ in range(ACCEPT_BATCH):
            try:
                client, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as fault:
                if fault.errno in _NO_DESCRIPTORS:
                    self._rest(listening)
                return
            client.setblocking(False)
            self._admit(client, address[0], address[1])

    def _rest(self, listening: socket.socket) -> None:
        """Stop accepting for a second."""
        loop = asyncio.get_running_loop()
        logger.error("%s: no file descriptors left", self.spec.service)
        loop.remove_reader(listening.fileno())

        def again() -> None:
            if self._socket is listening:
                loop.add_reader(listening.fileno(), self._accept)

        loop.call_later(1.0, again)

    def _admit(self, client: socket.socket, address: str, port: int) -> None:
        """Begin the connection in a task of its own."""
        self.total += 1
        slot = Slot(self)
        self.slots.add(slot)
        self.empty.clear()
        address = plain_address(address)
        behind_proxy = in_networks(address, self.door.proxy_peers)
        if not behind_proxy:
            peer = self._peer(client, address, port)
            if not self._count(slot, client, peer):
                return
        else:
            peer = None
        task = asyncio.get_running_loop().create_task(self._begin(slot, client, peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _peer(self, client: socket.socket, address: str, port: int, header: ProxyHeader | None = None) -> Peer:
        """Return who is at both ends."""
        limited = not in_networks(address, self.door.unlimited_networks)
        stressed = limited and len(self.slots) * STRESS > self.spec.capacity
        if header is not None:
            return Peer(address, port, header.local_address, header.local_port, limited, stressed)
        local = client.getsockname()
        return Peer(address, port, plain_address(local[0]), local[1], limited, stressed)

    def _count(self, slot: Slot, client: socket.socket, peer: Peer) -> bool:
        """Count the client's address; over its budget it is refused and closed."""
        if not peer.limited:
            return True
        full = len(self.slots) > self.spec.capacity
        if not full and self.door.admission.enter(peer.client_address, peer.stressed):
            slot.address = peer.client_address
            return True
        self.refused += 1
        if self.spec.refusal and self.spec.tls is not TlsMode.IMPLICIT:
            with suppress(OSError):
                client.send(self.spec.refusal)
        client.close()
        slot.leave()
        self.spec.on_refused(peer)
        return False

    async def _begin(self, slot: Slot, client: socket.socket, peer: Peer | None) -> None:
        """Read the PROXY header where one must come, then hand the socket to the protocol."""
        try:
            if peer is None:
                peer = await self._read_proxy(client)
                if peer is None:
                    self._drop(slot, client)
                    return
                if not self._count(slot, client, peer):
                    return
            await self._connect(slot, client, peer)
        except (OSError, TimeoutError, ProxyFault, EOFError) as fault:
            logger.debug("%s: connection not begun: %s", self.spec.service, words_of(fault))
            self._drop(slot, client)
        except BaseException:
            self._drop(slot, client)
            raise

    def _drop(self, slot: Slot, client: socket.socket) -> None:
        """Close a connection that never got its protocol, or lost it in the handshake."""
        if slot.transport is None:
            with suppress(OSError):
                client.close()
        slot.leave()

    async def _read_proxy(self, client: socket.socket) -> Peer | None:
        """Return the client named by the header; None when the proxy speaks for itself (a health check)."""
        async with asyncio.timeout(PROXY_SECONDS):
            header = await read_proxy_header(client)
        if not header.client_address:
            return None
        return self._peer(client, plain_address(header.client_address), header.client_port, header)

    async def _connect(self, slot: Slot, client: socket.socket, peer: Peer) -> None:
        """Make the protocol object; under implicit TLS, after the handshake."""
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = self.spec.factory(peer)
        connection.on_closed = slot.leave
        slot.connection = connection
        loop = asyncio.get_running_loop()
        if self.spec.tls is TlsMode.IMPLICIT and self.door.tls_context is not None:
            slot.transport, _ = await loop.connect_accepted_socket(  # type: ignore[type-var]
                lambda: connection,
                client,
                ssl=self.door.tls_context(),
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
        else:
            slot.transport, _ = await loop.connect_accepted_socket(lambda: connection, client)  # type: ignore[type-var]
        if self.state is not ServiceState.RUNNING:
            connection.drain()

    def close(self) -> None:
        """Accept what the kernel has ready already, then listen no more."""
        self._cancel_retry()
        listening = self._socket
        if listening is None:
            self.state = ServiceState.STOPPED
            return
        self._accept()
        self._socket = None
        asyncio.get_running_loop().remove_reader(listening.fileno())
        listening.close()
        self.state, self.since = ServiceState.DRAINING, ""

    async def drain(self, seconds: float) -> None:
        """Ask every connection to finish and wait for the last one."""
        self.close()
        for slot in list(self.slots):
            if slot.connection is not None and slot.transport is not None:
                slot.connection.drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.empty.wait(), seconds)
        if not self.slots:
            self.state = ServiceState.STOPPED

    def stop(self) -> None:
        """End what still runs at once."""
        self.close()
        for task in list(self._tasks):
            task.cancel()
        for slot in list(self.slots):
            if isinstance(slot.transport, asyncio.WriteTransport) or hasattr(slot.transport, "abort"):
                slot.transport.abort()  # type: ignore[union-attr]
        self.state = ServiceState.STOPPED

    def status(self) -> ListenerStatus:
        """How the socket stands."""
        return ListenerStatus(
            address=self.spec.address,
            port=self.port,
            tls=self.spec.tls,
            state=self.state,
            open=len(self.slots),
            total=self.total,
            refused=self.refused,
            since=self.since,
            error=self.error,
        )


class ListenerService:
    """All sockets of one service."""

    def __init__(self, name: str, specs: Sequence[ListenerSpec], door: Door) -> None:
        self.name = name
        self.specs = specs
        self._door = door
        self.listeners: list[Listener] = []

    async def start(self) -> None:
        """Open the sockets that are not open; counts go on from where they were."""
        if not self.listeners:
            self.listeners = [Listener(spec, self._door) for spec in self.specs]
        for listener in self.listeners:
            if listener.state is not ServiceState.RUNNING:
                listener.open()

    async def drain(self, seconds: float) -> None:
        """Drain all sockets side by side."""
        await asyncio.gather(*(listener.drain(seconds) for listener in self.listeners))

    async def stop(self) -> None:
        """Stop all sockets."""
        for listener in self.listeners:
            listener.stop()

    def status(self) -> ServiceStatus:
        """The worst state of its sockets is its own."""
        rows = tuple(listener.status() for listener in self.listeners)
        states = {row.state for row in rows}
        order = (ServiceState.FAILED, ServiceState.STARTING, ServiceState.DRAINING, ServiceState.STOPPED)
        state = next((state for state in order if state in states), ServiceState.RUNNING)
        errors = "; ".join(row.error for row in rows if row.error)
        return ServiceStatus(self.name, state if rows else ServiceState.STOPPED, rows, errors)
