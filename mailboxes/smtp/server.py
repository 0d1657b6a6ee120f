"""The SMTP server of the MX and of submission (RFC 5321, 3207, 4954, 1870, 6152, 6531, 2034, 2920).

aiosmtpd's ``SMTP`` is subclassed for its command methods (``smtp_VERB`` with their syntax texts, from which HELP
answers). Replaced, because its own does not hold what we promise: the reading loop (``dialogue``: strict lines,
budgets, deadlines, nothing before the banner), DATA and BDAT (``content``: windows, spooled), STARTTLS (nothing
crosses it), the grammar of addresses, and AUTH. The server decides no policy: an ``SmtpHandler`` does.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from aiosmtpd.smtp import SMTP, syntax

from mailboxes.connection import Peer
from mailboxes.smtp import sasl_exchange
from mailboxes.smtp.budgets import SmtpLimits
from mailboxes.smtp.content import CHUNKS_BEGUN, NO_SENDER, OK, ContentCommands
from mailboxes.smtp.grammar import SyntaxFault, parse_path_argument, valid_helo_name
from mailboxes.smtp.lines import LineFault
from mailboxes.smtp.parameters import check_mail_parameters, check_recipient_parameters
from mailboxes.smtp.port import SmtpHandler, Transaction
from mailboxes.smtp.replies import Reply, serialise_reply

SENDER_OK = Reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK = Reply(250, "2.1.5", "Recipient OK")
HELO_FIRST = Reply(503, "5.5.1", "Say EHLO first")
INJECTION = Reply(554, "5.5.1", "Nothing may follow STARTTLS before the handshake", close=True)
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


class SmtpServer(ContentCommands, SMTP):
    """The commands of one connection."""

    def __init__(self, service: SmtpService, peer: Peer) -> None:
        # SMTP.__init__ is left out on purpose: it reflects over handler and self at 0.3 ms a connection, and makes
        # a StreamReader that nothing here reads.
        self.service = service
        self.normalise = service.normalise
        self.set_up(service.hostname, service.handler, service.limits, peer)

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
        if self.service.authentication and session.tls:
            session.scram = await self.handler.scram_offered(session)
        words = self._extensions() if extended else []
        self.write(serialise_reply(Reply(250, "", "\n".join([self.service.hostname, *words]))))

    def _extensions(self) -> list[str]:
        """Return the EHLO keywords in force now."""
        words = ["PIPELINING", f"SIZE {self.limits.message_octets}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        words += ["CHUNKING", f"LIMITS RCPTMAX={self.limits.recipients}"]
        if not self.service.authentication:
            words += ["DSN", "REQUIRETLS"] if self.smtp_session.tls else ["DSN"]
        if not self.smtp_session.tls and self.service.tls_context() is not None:
            words.append("STARTTLS")
        if self.service.authentication and self.smtp_session.tls:
            words.append("AUTH " + " ".join(self._mechanisms()))
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
        ready, name = b"220 2.0.0 Ready to start TLS\r\n", f"smtp {self.smtp_session.id}"
        await self.shake_hands(context, ready, self.limits.tls_seconds, name)
        session = self.smtp_session
        session.helo_name, session.extended = "", False
        await self._reset()
        session.tls, session.channel_binding = self._tls_facts(), self.channel_binding()

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
        elif mechanism not in self._mechanisms():
            await self._refuse(Reply(504, "5.5.4", "The mechanism is not known"), "auth")
        else:
            await self._check_credentials(mechanism, initial.strip(" ").encode() or None)

    def _mechanisms(self) -> tuple[str, ...]:
        """Return the SASL mechanisms of this connection."""
        return (*sasl_exchange.MECHANISMS, *self.smtp_session.scram)

    async def _check_credentials(self, mechanism: str, initial: bytes | None) -> None:
        """Read the credentials, ask the handler, count failures."""
        try:
            reply = await self._exchange(mechanism, initial)
        except sasl_exchange.SaslFault as fault:
            await self._refuse(Reply(fault.code, fault.enhanced, str(fault)), "auth")
            return
        if (reply is None or reply.positive) and self.smtp_session.account_id is not None:
            self._push(reply or Reply(235, "2.7.0", "Authenticated"))
            return
        reply = reply or Reply(535, "5.7.8", "The user name or the password is wrong")
        self._push(reply)
        if reply.permanent:
            self.spent.auth_failures += 1
            await self._exhausted("auth")

    async def _exchange(self, mechanism: str, initial: bytes | None) -> Reply | None:
        """Return the handler's word on what the client proves or tells; raises SaslFault."""
        session, handler = self.smtp_session, self.handler
        if mechanism in sasl_exchange.MECHANISMS:
            given = await sasl_exchange.read_credentials(mechanism, initial, self._challenge)
            return await self._ask(handler.authenticate(session, mechanism, given.username, given.password))
        first = await sasl_exchange.read_first(initial, self._challenge)
        ask = partial(sasl_exchange.ask_octets, self._challenge)
        return await handler.authenticate_by_scram(session, mechanism, first, ask)  # it waits for the client

    async def _challenge(self, challenge: bytes) -> bytes:
        """Send a SASL challenge and return the answer's line; raises SaslFault for a bad line."""
        self.write(b"334 " + challenge + b"\r\n")
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
            reply = self.too_big()
            self._push(reply)
            await self._tell_refused("mail", reply, transaction)
            return
        reply_or_none = await self._ask(self.handler.mail(self.smtp_session, transaction))
        if reply_or_none is None or reply_or_none.positive:
            self.transaction = transaction
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
        session, parameters = self.smtp_session, path.parameters
        size = check_mail_parameters(
            path,
            extended=session.extended,
            authentication=self.service.authentication,
            tls=bool(session.tls),
        )
        body = parameters.get("BODY", "7BIT").upper()
        return Transaction(path.address, parameters, "SMTPUTF8" in parameters, body, size)

    @syntax("RCPT TO:<address>", extended=" [parameters]")
    async def smtp_RCPT(self, arg: str | None) -> None:
        """Add a recipient."""
        transaction = self.transaction
        if transaction is None or self.chunks is not None:
            await self._refuse(NO_SENDER if transaction is None else CHUNKS_BEGUN, "rcpt")
            return
        path = parse_path_argument("TO:", arg or "")
        if not path.address or ("@" not in path.address and path.address.lower() != "postmaster"):
            raise SyntaxFault("The address has no domain", 501, "5.1.3")
        extended = self.smtp_session.extended
        check_recipient_parameters(path.parameters, extended=extended, authentication=self.service.authentication)
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
