"""The SMTP server of the MX and of submission (RFC 5321, 3207, 4954, 1870, 6152, 6531, 2034, 2920).

aiosmtpd's ``SMTP`` is subclassed for its command methods (``smtp_VERB`` with their syntax texts, from which HELP
answers). Replaced, because its own does not hold what we promise: the reading loop (strict lines, budgets, deadlines,
nothing before the banner), DATA (windows instead of lines, spooled), STARTTLS (nothing crosses it), the grammar of
addresses, and AUTH. The server decides no policy: an ``SmtpHandler`` does.

Invariants: one reply per command; a reply names no internal fault; the handler's ``disconnect`` is called exactly
once; nothing read before STARTTLS or before the banner is ever a command.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from aiosmtpd.smtp import SMTP, syntax

from domains.identifiers import new_identifier
from mailboxes.connection import Peer
from mailboxes.smtp import sasl_exchange
from mailboxes.smtp.budgets import JUNK_COMMANDS, SmtpLimits, Spent
from mailboxes.smtp.grammar import SyntaxFault, decode_argument, parse_path_argument, valid_helo_name
from mailboxes.smtp.lines import DataReader, LineFault
from mailboxes.smtp.port import Content, Session, SmtpHandler, Transaction
from mailboxes.smtp.replies import Reply, serialise_reply
from mailboxes.smtp.wire import Drained, Gone, Late, Wire, logger

MEGABYTE = 1024 * 1024
HTTP_VERBS = frozenset(
    {b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"PATCH", b"TRACE", b"PRI"}
)

OK = Reply(250, "2.0.0", "OK")
SENDER_OK = Reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK = Reply(250, "2.1.5", "Recipient OK")
HELO_FIRST = Reply(503, "5.5.1", "Say EHLO first")
UNKNOWN_COMMAND = Reply(500, "5.5.2", "The command is not known")
BARE_COMMAND = Reply(500, "5.5.2", "Lines must end with CRLF; a bare CR or LF is refused")
LONG_COMMAND = Reply(500, "5.5.2", "The line is too long")
BARE_CONTENT = Reply(550, "5.6.0", "The message has a bare CR or LF; its lines must end with CRLF")
NUL_CONTENT = Reply(550, "5.6.0", "The message has a NUL octet")
EARLY_TALK = Reply(554, "5.5.1", "Commands came before the greeting", close=True)
HTTP_REQUEST = Reply(554, "5.5.1", "This is SMTP, not HTTP", close=True)
INJECTION = Reply(554, "5.5.1", "Nothing may follow STARTTLS before the handshake", close=True)
TOO_LATE = Reply(421, "4.4.2", "Nothing came in time, closing", close=True)
STOPPING = Reply(421, "4.3.2", "The service is stopping, try again", close=True)
GOODBYE = Reply(221, "2.0.0", "Bye", close=True)


def no_tls() -> ssl.SSLContext | None:
    """Offer no STARTTLS."""
    return None


@dataclass(frozen=True, slots=True)
class SmtpService:
    """What makes one server the MX or submission.

    ``tls_context`` gives the context for the next handshake. With ``authentication`` AUTH is offered, under TLS only,
    and required before MAIL; with ``normalise`` bare line ends in a message are mended instead of refused.
    """

    name: str
    hostname: str
    handler: SmtpHandler
    limits: SmtpLimits = field(default_factory=SmtpLimits)
    tls_context: Callable[[], ssl.SSLContext | None] = no_tls
    authentication: bool = False
    normalise: bool = False

    def connection(self, peer: Peer) -> "SmtpServer":
        """Return the server for one accepted connection."""
        return SmtpServer(self, peer)


class SmtpServer(Wire, SMTP):
    """One connection: its state, its command methods and the loop over its lines."""

    commands: ClassVar[Mapping[bytes, str]]

    def __init__(self, service: SmtpService, peer: Peer) -> None:
        # SMTP.__init__ is left out on purpose: it reflects over handler and self at 0.3 ms a connection, and makes
        # a StreamReader that nothing here reads.
        self.loop = asyncio.get_running_loop()
        self.set_up_wire(service.limits.auth_octets)
        self.service = service
        self.limits = service.limits
        self.handler = service.handler
        self.peer = peer
        self.spent = Spent(service.limits)
        self.transaction: Transaction | None = None
        self.recipients_tried = 0
        self.closing = False
        self.event_handler = service.handler

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
        await self.wait_for_octets(self.limits.command_seconds, may_drain=self.transaction is None)

    async def _greet(self) -> bool:
        """Send the banner; False when the session ends before it. Nobody may talk before it."""
        reply = await self._ask(self.handler.connect(self.smtp_session))
        delay = self.limits.greeting_delay_seconds if self.peer.limited else 0.0
        await asyncio.sleep(delay)
        if self.lines.octets:
            await self._end(EARLY_TALK, "connect")
            return False
        if reply is not None and not reply.positive:
            self._push(reply)
            return False
        self.write(f"220 {self.service.hostname} ESMTP\r\n".encode())
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
            await self._refuse(Reply(fault.code, fault.enhanced, str(fault)), "command")

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

    async def _tell_refused(self, stage: str, reply: Reply) -> None:
        """Let the handler put our own refusal into the trace; its fault changes nothing."""
        try:
            await self.handler.refused(self.smtp_session, self.transaction, stage, reply)
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
        self.recipients_tried = 0
        await self._ask_nothing(self.handler.reset(self.smtp_session))

    async def _ask_nothing(self, notice: Awaitable[None]) -> None:
        """Tell the handler something it cannot refuse."""

        async def told() -> None:
            await notice

        await self._ask(told())

    @syntax("HELO name")
    async def smtp_HELO(self, hostname: str) -> None:
        """The plain greeting."""
        await self._hello(hostname, extended=False)

    @syntax("EHLO name")
    async def smtp_EHLO(self, hostname: str) -> None:
        """The greeting that lists what we offer."""
        await self._hello(hostname, extended=True)

    async def _hello(self, name: str, extended: bool) -> None:
        """Common part of HELO and EHLO: a fresh state, the handler's word, our extensions."""
        if not valid_helo_name(name):
            await self._refuse(Reply(501, "5.5.4", "A host name or address literal must follow"), "helo")
            return
        if self.transaction is not None or self.smtp_session.helo_name:
            await self._reset()
        session = self.smtp_session
        session.helo_name, session.extended = name, extended
        reply = await self._ask(self.handler.helo(session))
        if reply is not None and not reply.positive:
            session.helo_name = ""
            self._push(reply)
            return
        words = self._extensions() if extended else []
        self.write(serialise_reply(Reply(250, "", "\n".join([self.service.hostname, *words]))))

    def _extensions(self) -> list[str]:
        """Return the EHLO keywords in force now."""
        words = ["PIPELINING", f"SIZE {self.limits.message_octets}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if not self.smtp_session.tls and self.service.tls_context() is not None:
            words.append("STARTTLS")
        if self.service.authentication and self.smtp_session.tls:
            words.append("AUTH " + " ".join(sasl_exchange.MECHANISMS))
        return words

    @syntax("STARTTLS")
    async def smtp_STARTTLS(self, arg: str) -> None:
        """Change to TLS; the session begins anew, and plain octets never reach it (RFC 3207 §4.2)."""
        context = self.service.tls_context()
        if arg:
            await self._refuse(Reply(501, "5.5.4", "STARTTLS takes no argument"), "tls")
        elif self.smtp_session.tls:
            await self._refuse(Reply(503, "5.5.1", "TLS is on already"), "tls")
        elif context is None:
            self._push(Reply(454, "4.7.0", "TLS is not available"))
        elif self.lines.octets:
            await self._end(INJECTION, "tls")
        else:
            await self._start_tls(context)

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        """Run the handshake and forget all that was said before it; raises Gone when it fails."""
        plain = self.wire
        if plain is None:
            raise Gone
        self.pause_for_handshake()
        self.write(b"220 2.0.0 Ready to start TLS\r\n")
        self.flush()
        self.disarm()
        try:
            self.wire = await self.loop.start_tls(
                plain, self, context, server_side=True, ssl_handshake_timeout=self.limits.tls_seconds
            )
        except (OSError, ssl.SSLError, EOFError) as fault:
            logger.info("smtp %s: TLS handshake failed: %s", self.smtp_session.id, type(fault).__name__)
            plain.abort()
            raise Gone from None
        if self.wire is None:
            raise Gone
        self.lines.clear()
        session = self.smtp_session
        session.helo_name, session.extended = "", False
        await self._reset()
        session.tls = self._tls_facts()

    @syntax("AUTH mechanism [initial-response]")
    async def smtp_AUTH(self, arg: str) -> None:
        """Authenticate (RFC 4954); never in the clear, never twice, never inside a transaction."""
        mechanism, _, initial = arg.partition(" ")
        mechanism = mechanism.upper()
        session = self.smtp_session
        if not self.service.authentication:
            await self._refuse(Reply(502, "5.5.1", "Authentication is not offered here"), "auth")
        elif not session.tls:
            await self._refuse(Reply(538, "5.7.11", "Say STARTTLS first: passwords need encryption"), "auth")
        elif not session.helo_name or not session.extended:
            await self._refuse(HELO_FIRST, "auth")
        elif session.account_id is not None or self.transaction is not None:
            await self._refuse(Reply(503, "5.5.1", "Not now: authenticated already, or mail has begun"), "auth")
        elif mechanism not in sasl_exchange.MECHANISMS:
            await self._refuse(Reply(504, "5.5.4", "The mechanism is not known"), "auth")
        else:
            await self._check_credentials(mechanism, initial.strip(" ").encode() or None)

    async def _check_credentials(self, mechanism: str, initial: bytes | None) -> None:
        """Read the credentials, ask the handler, count failures."""
        try:
            given = await sasl_exchange.read_credentials(mechanism, initial, self._challenge)
        except sasl_exchange.SaslFault as fault:
            await self._refuse(Reply(fault.code, fault.enhanced, str(fault)), "auth")
            return
        session = self.smtp_session
        reply = await self._ask(self.handler.authenticate(session, mechanism, given.username, given.password))
        if (reply is None or reply.positive) and session.account_id is not None:
            self._push(reply or Reply(235, "2.7.0", "Authenticated"))
            return
        reply = reply or Reply(535, "5.7.8", "The user name or the password is wrong")
        self._push(reply)
        if reply.permanent:
            self.spent.auth_failures += 1
            await self._exhausted("auth")

    async def _challenge(self, challenge: bytes) -> bytes:
        """Send a SASL challenge and return the answer's line; raises SaslFault for a bad line."""
        self.write(challenge)
        while (line := self.lines.next_line()) is None:
            await self.wait_for_octets(self.limits.command_seconds)
        if isinstance(line, LineFault):
            raise sasl_exchange.SaslFault("The line is too long or has a bare CR or LF", 500, "5.5.6")
        return line

    @syntax("MAIL FROM:<address>", extended=" [parameters]")
    async def smtp_MAIL(self, arg: str | None) -> None:
        """Begin a transaction."""
        refusal = self._mail_refusal()
        if refusal is not None:
            await self._refuse(refusal, "mail")
            return
        transaction = self._parse_mail(arg or "")
        if transaction.size is not None and transaction.size > self.limits.message_octets:
            reply = self._too_big()
            self._push(reply)
            await self._tell_refused("mail", reply)
            return
        reply_or_none = await self._ask(self.handler.mail(self.smtp_session, transaction))
        if reply_or_none is None or reply_or_none.positive:
            self.transaction = transaction
            self.recipients_tried = 0
        self._push(reply_or_none or SENDER_OK)

    def _mail_refusal(self) -> Reply | None:
        """Return why MAIL may not come now."""
        session = self.smtp_session
        if not session.helo_name:
            return HELO_FIRST
        if self.service.authentication and not session.tls:
            return Reply(530, "5.7.0", "Say STARTTLS first")
        if self.service.authentication and session.account_id is None:
            return Reply(530, "5.7.0", "Authentication is required")
        if self.transaction is not None:
            return Reply(503, "5.5.1", "A sender was given already")
        return None

    def _parse_mail(self, argument: str) -> Transaction:
        """Return the transaction that the argument asks for; raises SyntaxFault."""
        path = parse_path_argument("FROM:", argument)
        if path.address and "@" not in path.address:
            raise SyntaxFault("The address has no domain", 501, "5.1.7")
        parameters = path.parameters
        if parameters and not self.smtp_session.extended:
            raise SyntaxFault("Parameters need EHLO")
        known = {"SIZE", "BODY", "SMTPUTF8", "AUTH"} if self.service.authentication else {"SIZE", "BODY", "SMTPUTF8"}
        if unknown := set(parameters) - known:
            raise SyntaxFault(f"Parameter {min(unknown)} is not offered", 555, "5.5.4")
        size = parameters.get("SIZE")
        if size is not None and not (size.isascii() and size.isdigit() and len(size) <= 20):
            raise SyntaxFault("SIZE needs a number")
        body = parameters.get("BODY", "7BIT").upper()
        if body not in ("7BIT", "8BITMIME"):
            raise SyntaxFault("BODY is 7BIT or 8BITMIME")
        smtputf8 = "SMTPUTF8" in parameters
        if parameters.get("SMTPUTF8"):
            raise SyntaxFault("SMTPUTF8 takes no value")
        if not path.ascii and not smtputf8:
            raise SyntaxFault("The address needs SMTPUTF8", 550, "5.6.7")
        return Transaction(path.address, parameters, smtputf8, body, int(size) if size is not None else None)

    def _too_big(self) -> Reply:
        """Return the refusal of a message over the limit."""
        return Reply(552, "5.3.4", f"The message is larger than {self.limits.message_octets} octets")

    @syntax("RCPT TO:<address>", extended=" [parameters]")
    async def smtp_RCPT(self, arg: str | None) -> None:
        """Add a recipient."""
        transaction = self.transaction
        if transaction is None:
            await self._refuse(Reply(503, "5.5.1", "Say MAIL FROM first"), "rcpt")
            return
        path = parse_path_argument("TO:", arg or "")
        if not path.address or ("@" not in path.address and path.address.lower() != "postmaster"):
            raise SyntaxFault("The address has no domain", 501, "5.1.3")
        if path.parameters:
            raise SyntaxFault(f"Parameter {min(path.parameters)} is not offered", 555, "5.5.4")
        if not path.ascii and not transaction.smtputf8:
            raise SyntaxFault("The address needs SMTPUTF8", 553, "5.6.7")
        if self.recipients_tried >= self.limits.recipients:
            self._push(Reply(452, "4.5.3", "Too many recipients, send the rest separately"))
            return
        self.recipients_tried += 1
        reply = await self._ask(self.handler.rcpt(self.smtp_session, transaction, path.address, path.parameters))
        if reply is None or reply.positive:
            transaction.forward_paths.append(path.address)
            transaction.forward_parameters.append(path.parameters)
        self._push(reply or RECIPIENT_OK)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:
        """Receive the message and hand it over."""
        transaction = self.transaction
        if arg:
            await self._refuse(Reply(501, "5.5.4", "DATA takes no argument"), "data")
            return
        if transaction is None:
            await self._refuse(Reply(503, "5.5.1", "Say MAIL FROM first"), "data")
            return
        if not transaction.forward_paths:
            await self._refuse(Reply(554, "5.5.1", "There are no valid recipients"), "data")
            return
        self.write(b"354 End with CRLF.CRLF\r\n")
        reader = DataReader(self.lines.octets, self.limits.message_octets, self.service.normalise)
        try:
            await self._receive(reader)
            reply = self._content_refusal(reader)
            if reply is not None:
                await self._tell_refused("data", reply)
            else:
                content = Content(reader.file, reader.size, reader.bare)
                reply = await self._ask(self.handler.data(self.smtp_session, transaction, content))
            self._push(reply or OK)
            if reply is not None and reply.positive:
                self.spent.junk = 0
        finally:
            reader.close()
        await self._reset()

    async def _receive(self, reader: DataReader) -> None:
        """Read to the end of DATA; what is far too long is refused before its end."""
        while not reader.advance():
            if reader.hopeless:
                await self._end(Reply(552, "5.3.4", self._too_big().text, close=True), "data")
                raise Gone
            await self.wait_for_octets(self.limits.data_seconds)
        self.lines.restart()

    @staticmethod
    def _unreadable(reader: DataReader) -> Reply | None:
        """Return why the content's octets are refused."""
        return NUL_CONTENT if reader.has_nul else None

    def _content_refusal(self, reader: DataReader) -> Reply | None:
        """Return why the message cannot be taken at all."""
        if reader.too_big:
            return self._too_big()
        if reader.bare and not self.service.normalise:
            return BARE_CONTENT
        return self._unreadable(reader)

    @syntax("RSET")
    async def smtp_RSET(self, arg: str) -> None:
        """Forget the transaction."""
        if arg:
            await self._refuse(Reply(501, "5.5.4", "RSET takes no argument"), "command")
            return
        await self._reset()
        self._push(OK)

    @syntax("NOOP [text]")
    async def smtp_NOOP(self, arg: str) -> None:
        """Do nothing."""
        self._push(OK)

    @syntax("HELP")
    async def smtp_HELP(self, arg: str) -> None:
        """Name the commands, or one command's syntax."""
        name = self.commands.get(arg.upper().encode("ascii", "replace")) if arg else None
        text = getattr(getattr(self, f"smtp_{name}"), "__smtp_syntax__", "") if name else ""
        names = " ".join(sorted(self.commands.values()))
        self._push(Reply(214, "2.0.0", f"Syntax: {text}" if text else f"Commands: {names}"))

    @syntax("VRFY address")
    async def smtp_VRFY(self, arg: str) -> None:
        """Tell nothing about who exists."""
        if not arg:
            await self._refuse(Reply(501, "5.5.4", "An address must follow"), "command")
            return
        self._push(Reply(252, "2.5.2", "Send mail, and it will be tried"))

    async def smtp_EXPN(self, arg: str) -> None:
        """Never offered."""
        self._push(Reply(502, "5.5.1", "Lists are not expanded"))

    @syntax("QUIT")
    async def smtp_QUIT(self, arg: str) -> None:
        """End the session."""
        if arg:
            await self._refuse(Reply(501, "5.5.4", "QUIT takes no argument"), "command")
            return
        self._push(GOODBYE)


SmtpServer.commands = {
    name.removeprefix("smtp_").encode(): name.removeprefix("smtp_")
    for name in dir(SmtpServer)
    if name.startswith("smtp_") and name != "smtp_session"
}
