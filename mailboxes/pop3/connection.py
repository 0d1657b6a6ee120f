"""One POP3 connection: octets to commands, commands to handlers, answers to octets; deadlines and budgets.

Invariants: one answer per command, in order, so that clients may pipeline; nothing read before the TLS handshake
counts after it; only QUIT deletes, never the end of a connection; an unexpected fault is ``-ERR [SYS/TEMP]`` and a
line in the log, never its words; no connection to the database is held while the client is being written to.
Passwords and SASL lines are never logged.
"""

import asyncio
import contextlib
import math
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from domains.identifiers import new_identifier
from mailboxes.connection import Peer
from mailboxes.pop3.commands import Command, State, SyntaxFault, parse_command
from mailboxes.pop3.dispatch import HANDLERS
from mailboxes.pop3.handlers.context import StillValid
from mailboxes.pop3.handlers.signing_in import scram_offered
from mailboxes.pop3.port import MessageGone
from mailboxes.pop3.session import NoSuchMessage, Reply, Session, refusal
from mailboxes.smtp.lines import LineFault
from mailboxes.smtp.sasl_exchange import SaslFault
from mailboxes.smtp.wire import Drained, Gone, Late, Wire, logger

LINE_OCTETS = 12 * 1024 + 2  # RFC 5034 §4: a line of a SASL exchange
DISCARD_OCTETS = 1024 * 1024  # of overlong lines, before the session ends
_LINE_FAULTS = {LineFault.BARE: "A line ends with CRLF", LineFault.LONG: "The line is too long"}


@dataclass(frozen=True, slots=True)
class Pop3Limits:
    """Budgets (counts) and deadlines (seconds) of one session."""

    errors: int = 20
    commands_before_login: int = 100
    auth_failures: int = 3
    greeting_seconds: float = 60.0
    login_seconds: float = 180.0  # from the greeting to the sign-in
    idle_seconds: float = 10 * 60.0  # RFC 1939 §3: 10 minutes at least
    command_seconds: float = 300.0
    valid_seconds: float = 10.0  # how long a sign-in is believed without a look
    keep_seconds: float = 60.0  # how often the hold on the maildrop is renewed
    tls_seconds: float = 30.0


class Pop3Connection(Wire):
    """One client; also the ``Context`` of the handlers."""

    def __init__(
        self,
        peer: Peer,
        hostname: str,
        tls_context: Callable[[], ssl.SSLContext | None],
        limits: Pop3Limits | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.set_up_wire(LINE_OCTETS)
        self.session = Session()
        self.id = new_identifier()
        self.client_address = peer.client_address
        self.limits = limits or Pop3Limits()
        self._hostname = hostname
        self._tls_context = tls_context
        self._errors = 0
        self._commands_before_login = 0
        self._auth_failures = 0
        self._still_valid: StillValid | None = None
        self._valid_at = 0.0
        self._keeper: asyncio.Task[None] | None = None
        self._closing = False

    # The connection

    def connection_made(self, transport: Any) -> None:
        """Start the dialogue; under implicit TLS the handshake is done."""
        if self._task is not None:
            return
        self.wire = transport
        self.session.tls = self.fact("ssl_object") is not None
        self._end_at = self.loop.time() + self.limits.login_seconds
        self._task = self.loop.create_task(self._handle_client())

    async def _handle_client(self) -> None:
        """Run the whole session; one that nobody speaks in any more ends without a word (RFC 1939 §3)."""
        try:
            await self._converse()
        except (Gone, Late):
            pass
        except Drained:
            self._bye("The service is stopping")
        except asyncio.CancelledError:
            if not self._overdue:
                raise
            self._bye("The command took too long")
        except Exception:
            logger.exception("pop3 %s: session failed", self.id)
            self._bye(f"Internal fault ({self.id})")
        finally:
            self.close_wire()
            await self.give_back()

    def _bye(self, text: str, code: str = "SYS/TEMP") -> None:
        self._finish(refusal(text, code, closes=True))

    async def _converse(self) -> None:
        """Greet, then answer command after command."""
        self.session.tls_offered = self._tls_context() is not None
        await self._offer_scram()
        self.write(Reply(f"{self._hostname} ready").serialise())
        while not self._closing:
            before = self.session.state is State.AUTHORIZATION
            line = await self._next_line(
                self.limits.greeting_seconds if before else self.limits.idle_seconds, may_drain=True
            )
            self.arm(self.limits.command_seconds)
            await self._take(line)

    async def _next_line(self, seconds: float, may_drain: bool = False) -> bytes | LineFault:
        """Return the next line; raises Gone, Late or Drained while waiting."""
        while (line := self.lines.next_line()) is None:
            if self.lines.discarded > DISCARD_OCTETS:
                self._finish(refusal("The line is too long", closes=True))
                raise Gone
            await self.wait_for_octets(seconds, may_drain)
        return line

    # Commands

    async def _take(self, line: bytes | LineFault) -> None:
        """Answer one line."""
        await asyncio.sleep(0)  # a client that pipelines lets the others speak
        if self.session.state is State.AUTHORIZATION:
            self._commands_before_login += 1
            if self._commands_before_login > self.limits.commands_before_login:
                self._finish(refusal("Too many commands without a sign-in", closes=True))
                return
        try:
            if isinstance(line, LineFault):
                raise SyntaxFault(_LINE_FAULTS[line])
            reply = await self._answer(parse_command(line, self.session.state))
        except SyntaxFault as fault:
            self._errors += 1
            reply = refusal(str(fault), closes=self._errors >= self.limits.errors)
        if reply is not None:
            self._finish(reply)

    def _finish(self, reply: Reply) -> None:
        self.write(reply.serialise())
        self._closing = self._closing or reply.closes

    async def _answer(self, command: Command) -> Reply | None:
        """Run one command; an unexpected fault is told by where to look for it."""
        if not await self._may_go_on():
            return refusal("The account was switched off or its password changed", "AUTH", closes=True)
        try:
            if command.name == "STLS":
                return await self._start_tls()
            return await HANDLERS[command.name](self, command)
        except (NoSuchMessage, MessageGone) as fault:
            return refusal(str(fault))
        except (Gone, Late, Drained):
            raise
        except Exception:
            logger.exception("pop3 %s: %s failed", self.id, command.name)
            return refusal(f"Internal fault ({self.id})", "SYS/TEMP")

    async def _may_go_on(self) -> bool:
        """False when the sign-in does not hold any more; asked at most every ``valid_seconds``."""
        if self._still_valid is None or self.loop.time() < self._valid_at + self.limits.valid_seconds:
            return True
        self._valid_at = self.loop.time()
        return await self._still_valid()

    async def _start_tls(self) -> Reply | None:
        """Change to TLS; octets read before the handshake are dropped (RFC 2595 §4)."""
        context = self._tls_context()
        if self.session.tls:
            return refusal("TLS is on already")
        if self.session.utf8:
            return refusal("STLS comes before UTF8")
        if context is None:
            return refusal("TLS is not available")
        ready = Reply("Begin TLS now").serialise()
        await self.shake_hands(context, ready, self.limits.tls_seconds, f"pop3 {self.id}")
        self.session.tls = True
        await self._offer_scram()
        return None

    # What handlers may ask (Context)

    async def send(self, octets: bytes) -> None:
        """Send a piece of an answer; waits while the client reads slowly."""
        await self.send_within(octets, self.limits.command_seconds)

    async def _offer_scram(self) -> None:
        """Note which SCRAM to offer as the connection is now."""
        session = self.session
        session.channel_binding = self.channel_binding()
        session.scram = await scram_offered(session.channel_binding) if session.tls else ()

    async def ask(self, challenge: bytes) -> bytes:
        """Send a challenge line and return the client's line; raises SaslFault for one that cannot be read."""
        self.write(b"+ " + challenge + b"\r\n")
        line = await self._next_line(self.limits.greeting_seconds)
        if isinstance(line, LineFault):
            raise SaslFault(_LINE_FAULTS[line])
        return line

    def signed_in(self, still_valid: StillValid) -> None:
        """Longer waits from here on; the maildrop is held until the end."""
        self._end_at = math.inf
        self._still_valid = still_valid
        self._valid_at = self.loop.time()
        self._keeper = self.loop.create_task(self._keep())

    async def _keep(self) -> None:
        """Renew the hold on the maildrop; a session that has lost it ends."""
        while (maildrop := self.session.maildrop) is not None:
            await asyncio.sleep(self.limits.keep_seconds)
            try:
                held = await maildrop.keep()
            except Exception:
                logger.exception("pop3 %s: the maildrop could not be held", self.id)
                continue
            if not held:
                self.drain()
                return

    async def give_back(self) -> None:
        """Let go of the maildrop, if there is one; never raises."""
        maildrop, self.session.maildrop = self.session.maildrop, None
        if self._keeper is not None:
            self._keeper.cancel()
        if maildrop is None:
            return
        with contextlib.suppress(Exception):  # the hold runs out by itself
            await maildrop.close()

    def count_failure(self) -> bool:
        """Count a failed sign-in; True when the session must end."""
        self._auth_failures += 1
        return self._auth_failures >= self.limits.auth_failures
