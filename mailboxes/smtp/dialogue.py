"""One SMTP session without its commands: greeting, line after line, budgets, deadlines, the questions to the handler.

Invariants: one reply per command; a reply names no internal fault; the handler's ``disconnect`` is called exactly
once; nothing read before the banner is ever a command.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from domains.identifiers import new_identifier
from mailboxes.connection import Peer
from mailboxes.smtp.budgets import JUNK_COMMANDS, SmtpLimits, Spent
from mailboxes.smtp.chunks import ChunkReader
from mailboxes.smtp.grammar import SyntaxFault, decode_argument
from mailboxes.smtp.lines import LineFault
from mailboxes.smtp.port import Session, SmtpHandler, Transaction
from mailboxes.smtp.replies import Reply, serialise_reply
from mailboxes.smtp.wire import Drained, Gone, Late, Wire, logger

MEGABYTE = 1024 * 1024
HTTP_VERBS = frozenset(
    {b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"PATCH", b"TRACE", b"PRI"}
)

UNKNOWN_COMMAND = Reply(500, "5.5.2", "The command is not known")
BARE_COMMAND = Reply(500, "5.5.2", "Lines must end with CRLF; a bare CR or LF is refused")
LONG_COMMAND = Reply(500, "5.5.2", "The line is too long")
EARLY_TALK = Reply(554, "5.5.1", "Commands came before the greeting", close=True)
HTTP_REQUEST = Reply(554, "5.5.1", "This is SMTP, not HTTP", close=True)
TOO_LATE = Reply(421, "4.4.2", "Nothing came in time, closing", close=True)
STOPPING = Reply(421, "4.3.2", "The service is stopping, try again", close=True)


class SmtpDialogue(Wire):
    """The state of one connection and the loop over its lines; ``commands`` maps a verb to ``smtp_VERB``."""

    commands: ClassVar[Mapping[bytes, str]] = {}

    def set_up(self, hostname: str, handler: SmtpHandler, limits: SmtpLimits, peer: Peer) -> None:
        """Prepare the object; a method, because the class below does not chain ``__init__``."""
        self.loop = asyncio.get_running_loop()
        self.set_up_wire(limits.auth_octets)
        self.hostname = hostname
        self.handler = handler
        self.limits = limits.under_stress() if peer.stressed else limits
        self.peer = peer
        self.spent = Spent(self.limits)
        self.transaction: Transaction | None = None
        self.chunks: ChunkReader | None = None
        self.recipients_tried = 0
        self.closing = False

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the dialogue; under implicit TLS the handshake is done."""
        if self._task is not None:
            return
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.wire = transport  # type: ignore[assignment]
        self._end_at = self.loop.time() + self.limits.session_seconds
        self.smtp_session = Session(
            id=new_identifier(),
            client_address=self.peer.client_address,
            client_port=self.peer.client_port,
            local_address=self.peer.local_address,
            local_port=self.peer.local_port,
            connected_at=datetime.now(UTC),
            tls=self._tls_facts(),
            channel_binding=self.channel_binding(),
            state={"limited": self.peer.limited},
        )
        self._task = self.loop.create_task(self._handle_client())

    def _tls_facts(self) -> dict[str, Any]:
        """Return version, cipher and bits of the TLS connection, or nothing."""
        tls = self.fact("ssl_object")
        if tls is None:
            return {}
        cipher, _, bits = tls.cipher() or ("", "", 0)
        return {"version": tls.version() or "", "cipher": cipher, "bits": bits}

    async def _handle_client(self) -> None:
        """Run the whole session; whatever happens, the handler hears of its end."""
        session = self.smtp_session
        try:
            await self._converse()
        except Gone:
            pass
        except Late:
            self._push(TOO_LATE)
        except Drained:
            self._push(STOPPING)
        except asyncio.CancelledError:
            if not self._overdue:
                raise
            self._push(TOO_LATE)
        except Exception:
            logger.exception("smtp %s: session failed", session.id)
            self._push(Reply(421, "4.3.0", f"Internal fault, try again later ({session.id})", close=True))
        finally:
            self._drop_chunks()
            self.close_wire()
            await self._say_disconnected()

    async def _say_disconnected(self) -> None:
        """Tell the handler; its fault is ours alone now."""
        try:
            await self.handler.disconnect(self.smtp_session)
        except Exception:
            logger.exception("smtp %s: disconnect failed", self.smtp_session.id)

    async def _converse(self) -> None:
        """Greet, then answer line after line."""
        if not await self._greet():
            return
        while not self.closing:
            line = self.lines.next_line()
            if line is None:
                await self._wait_for_command()
            elif isinstance(line, LineFault):
                await self._refuse(BARE_COMMAND if line is LineFault.BARE else LONG_COMMAND, "command")
            else:
                await self._dispatch(line)

    async def _wait_for_command(self) -> None:
        """Wait for more of a line; a line without end is cut off."""
        if self.lines.discarded > MEGABYTE:
            await self._end(Reply(421, "4.7.0", "The line has no end", close=True), "command")
            return
        await self.wait_for_octets(self.limits.command_seconds, may_drain=self.transaction is None)

    async def _greet(self) -> bool:
        """Send the banner; False when the session ends before it. Nobody may talk before it."""
        reply = await self._ask(self.handler.connect(self.smtp_session))
        if reply is not None and not reply.positive:
            self._push(reply)
            return False
        waits = self.peer.limited and not self.smtp_session.regular
        await asyncio.sleep(self.limits.greeting_delay_seconds if waits else 0.0)
        if self.lines.octets:
            await self._end(EARLY_TALK, "connect")
            return False
        self.write(f"220 {self.hostname} ESMTP\r\n".encode())
        return True

    # Commands

    async def _dispatch(self, line: bytes) -> None:
        """Find the command's method, apply what holds for all commands, and run it."""
        verb, _, argument_octets = line.partition(b" ")
        verb = verb.upper()
        if verb in HTTP_VERBS or line.endswith((b" HTTP/1.0", b" HTTP/1.1", b" HTTP/2.0")):
            await self._end(HTTP_REQUEST, "command")
            return
        name = self.commands.get(verb)
        if name is None:
            await self._refuse(UNKNOWN_COMMAND, "command")
            return
        if len(line) + 2 > self.limits.line_octets(name):
            await self._refuse(LONG_COMMAND, "command")
            return
        if name in JUNK_COMMANDS:
            self.spent.junk += 1
            if await self._exhausted():
                return
        try:
            argument = decode_argument(argument_octets).strip(" ")
            await getattr(self, f"smtp_{name}")(argument)
        except SyntaxFault as fault:
            reply = Reply(fault.code, fault.enhanced, str(fault))
            if name == "RCPT" and self.transaction is not None:
                await self._tell_refused("rcpt", reply)
            await self._refuse(reply, "command")

    def _push(self, reply: Reply) -> None:
        """Write a reply; ``close`` ends the session."""
        self.write(serialise_reply(reply))
        if reply.close or reply.code == 421:
            self.closing = True

    async def push(self, status: Any) -> None:
        """Write a reply line, for aiosmtpd's own methods."""
        self.write(status if isinstance(status, bytes) else f"{status}\r\n".encode())

    async def _refuse(self, reply: Reply, stage: str) -> None:
        """Answer a protocol error and count it."""
        self.spent.errors += 1
        self._push(reply)
        await self._exhausted(stage)

    async def _exhausted(self, stage: str = "command") -> bool:
        """End the session with 421 when a budget is used up."""
        words = self.spent.exhausted()
        if words and not self.closing:
            await self._end(Reply(421, "4.7.0", f"{words}, closing", close=True), stage)
        return self.closing

    async def _end(self, reply: Reply, stage: str) -> None:
        """Refuse and close, and let the handler know."""
        self._push(reply)
        await self._tell_refused(stage, reply)

    async def _tell_refused(self, stage: str, reply: Reply, asked: Transaction | None = None) -> None:
        """Let the handler put our own refusal into the trace; its fault changes nothing."""
        try:
            await self.handler.refused(self.smtp_session, self.transaction or asked, stage, reply)
        except Exception:
            logger.exception("smtp %s: refusal not recorded", self.smtp_session.id)

    async def _ask(self, question: Awaitable[Reply | None]) -> Reply | None:
        """Return the handler's decision; a fault or a handler beyond its deadline becomes 451 with our identifier."""
        self.arm(self.limits.handler_seconds)
        try:
            return await question
        except asyncio.CancelledError:
            if not self._overdue:
                raise
            self._overdue = False
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
            logger.error("smtp %s: handler overdue", self.smtp_session.id)
        except Exception:
            logger.exception("smtp %s: handler failed", self.smtp_session.id)
        return Reply(451, "4.3.0", f"Internal fault, try again later ({self.smtp_session.id})")

    async def _reset(self) -> None:
        """Forget the transaction here and at the handler."""
        self.transaction = None
        self._drop_chunks()
        await self._ask_nothing(self.handler.reset(self.smtp_session))

    def _drop_chunks(self) -> None:
        """Free what BDAT has brought so far."""
        if self.chunks is not None:
            self.chunks.close()
            self.chunks = None

    async def _ask_nothing(self, notice: Awaitable[None]) -> None:
        """Tell the handler something it cannot refuse."""

        async def told() -> None:
            await notice

        await self._ask(told())
