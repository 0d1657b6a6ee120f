"""One connection below its commands: buffering, flow control, deadlines, closing.

The dialogue runs in one task and asks for octets when it needs them; the event loop's callbacks only fill the buffer
and wake it. A peer that vanishes does not cancel the task: what was begun (a delivery) ends in its own time.
Every wait has a deadline, kept by one timer which is moved lazily.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any

from domains.tls.pair import end_point_of
from mailboxes.connection import nothing
from mailboxes.smtp.lines import LineBuffer

logger = logging.getLogger("mailboxes.smtp")

HIGH_WATER_OCTETS = 256 * 1024
SEND_OCTETS = 64 * 1024


class Gone(Exception):
    """No more octets will come: the peer closed, or the connection broke."""


class Late(Exception):
    """A deadline passed while waiting for the peer."""


class Drained(Exception):
    """The service stops, and this session waits for its next command."""


class Wire(asyncio.Protocol):
    """The connection's bytes; the dialogue lives in a subclass."""

    loop: asyncio.AbstractEventLoop
    wire: asyncio.Transport | None = None

    def set_up_wire(self, maximum_line: int) -> None:
        """Prepare an object whose class does not call ``__init__`` in a chain."""
        self.lines = LineBuffer(maximum_line)
        self.eof = False
        self.on_closed: Callable[[], None] = nothing
        self.draining = False
        self._out = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._wait_may_drain = False
        self._room: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._deadline = 0.0
        self._overdue = False
        self._task: asyncio.Task[None] | None = None
        self._end_at = 0.0

    # What the event loop calls

    def data_received(self, data: bytes) -> None:
        """Keep the octets and wake the dialogue; a peer that sends faster than we read is held back."""
        octets = self.lines.octets
        octets += data
        if len(octets) > HIGH_WATER_OCTETS and not self._reading_paused and self.wire is not None:
            self._reading_paused = True
            self.wire.pause_reading()
        self._wake()

    def eof_received(self) -> bool | None:
        """Let the dialogue end what is buffered; keep our half open for its replies (not possible under TLS)."""
        self.eof = True
        self._wake()
        return self.wire is not None and self.wire.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake the dialogue for its end."""
        self.eof = True
        self.wire = None
        self._wake()
        self.resume_writing()
        self.on_closed()

    def pause_writing(self) -> None:
        """The peer reads slowly: the next flush waits."""
        if self._room is None:
            self._room = self.loop.create_future()

    def resume_writing(self) -> None:
        """The peer has read."""
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the dialogue calls

    def write(self, octets: bytes) -> None:
        """Add to what is sent at the next flush."""
        self._out += octets

    def flush(self) -> None:
        """Hand what was written to the transport."""
        if self._out:
            if self.wire is not None:
                self.wire.write(bytes(self._out))
            self._out.clear()

    async def send_within(self, octets: bytes, seconds: float) -> None:
        """Send a piece of a long answer and let the others have their turn; waits while the peer reads slowly.

        Raises Late when that takes longer than so many seconds, Gone when nobody reads any more.
        """
        self.write(octets)
        if len(self._out) < SEND_OCTETS:
            return
        self.flush()
        await asyncio.sleep(0)
        if self._room is not None:
            await self._wait(self._room, seconds)
        if self.wire is None:
            raise Gone
        self.arm(seconds)

    async def wait_for_octets(self, seconds: float, may_drain: bool = False) -> None:
        """Return when octets came; raises Gone, Late, or Drained when ``may_drain`` and the service stops."""
        self.flush()
        if self._room is not None:
            await self._wait(self._room, seconds)
        if self.eof:
            raise Gone
        if self._reading_paused and self.wire is not None:
            self._reading_paused = False
            self.wire.resume_reading()
        if may_drain and self.draining:
            raise Drained
        self._wait_may_drain = may_drain
        self._waiter = self.loop.create_future()
        try:
            await self._wait(self._waiter, seconds)
        finally:
            self._waiter = None
            self._wait_may_drain = False

    async def _wait(self, future: "asyncio.Future[None]", seconds: float) -> None:
        """Await a future that the loop's callbacks or the timer set."""
        self.arm(seconds)
        await future

    def arm(self, seconds: float) -> None:
        """Set the deadline of what comes now, never past the session's end."""
        self._deadline = min(self.loop.time() + seconds, self._end_at)
        if self._timer is None or self._deadline < self._timer_at:
            self._schedule()

    def disarm(self) -> None:
        """Forget the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        self.disarm()
        self._timer_at = self._deadline
        self._timer = self.loop.call_at(self._deadline, self._check_deadline)

    def _check_deadline(self) -> None:
        """Fail the wait that is overdue; something slower than the peer (a handler) is cancelled."""
        self._timer = None
        if self.loop.time() < self._deadline:
            self._schedule()
            return
        for future in (self._room, self._waiter):
            if future is not None and not future.done():
                future.set_exception(Late())
                return
        if self._task is not None and not self._task.done():
            self._overdue = True
            self._task.cancel()

    def drain(self) -> None:
        """Say good-bye as soon as no transaction runs."""
        self.draining = True
        if self._wait_may_drain and self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Drained())

    def pause_for_handshake(self) -> None:
        """Stop reading, so that nothing but the TLS engine sees what comes next."""
        if not self._reading_paused and self.wire is not None:
            self.wire.pause_reading()
        self._reading_paused = False

    async def shake_hands(self, context: ssl.SSLContext, ready: bytes, seconds: float, name: str) -> None:
        """Say ``ready`` and change to TLS; lines read before are dropped. Raises Gone when the handshake fails."""
        plain = self.wire
        if plain is None:
            raise Gone
        self.pause_for_handshake()
        self.lines.clear()
        self.write(ready)
        self.flush()
        self.disarm()
        try:
            self.wire = await self.loop.start_tls(
                plain, self, context, server_side=True, ssl_handshake_timeout=seconds
            )
        except (OSError, ssl.SSLError, EOFError) as fault:
            logger.info("%s: TLS handshake failed: %s", name, type(fault).__name__)
            plain.abort()
            raise Gone from None
        if self.wire is None:
            raise Gone

    def close_wire(self) -> None:
        """Send what is written and close."""
        self.flush()
        self.disarm()
        if self.wire is not None:
            self.wire.close()

    def channel_binding(self) -> bytes | None:
        """Return what SCRAM can bind to on this connection (``tls-server-end-point``), or None."""
        tls = self.fact("ssl_object")
        return end_point_of(tls.context) if tls is not None else None

    def fact(self, name: str) -> Any:
        """Return a fact about the transport, or None."""
        return self.wire.get_extra_info(name) if self.wire is not None else None
