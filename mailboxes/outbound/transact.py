"""One dialogue with one remote host over aiosmtplib, the one door of mail out (RFC 5321, RFC 3207).

Nothing here touches the database. Every wait has a deadline. TLS is opportunistic: STARTTLS is used whenever it is
offered, without asking who the certificate names, since the alternative is the clear; when the handshake fails the
host is called once more in the clear.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import aiosmtplib

from mailboxes.outbound.dsn_request import NOTHING_ASKED, DsnRequest
from mailboxes.outbound.outcome import Outcome, RecipientResult, RemoteReply, no_reply, parse_reply

CONNECT_SECONDS = 30.0
COMMAND_SECONDS = 120.0
DATA_SECONDS = 480.0
GREETING_SECONDS = 300.0
TRANSACTION_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is sent: the reverse path (empty for null), the recipients, the octets with CRLF line ends."""

    mail_from: str
    recipients: Sequence[str]
    content: bytes
    smtputf8: bool = False
    dsn: DsnRequest = NOTHING_ASKED


@dataclass(frozen=True, slots=True)
class Remote:
    """Whom to call: the MX host's name, one of its addresses, the port."""

    host: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}[{self.address}]"


class HostFailed(Exception):
    """The host could not be used at all; another host or address may. ``reply`` says why."""

    def __init__(self, reply: RemoteReply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class TlsFailed(HostFailed):
    """STARTTLS was offered and the handshake failed."""


@cache
def opportunistic_context() -> ssl.SSLContext:
    """Return the client context that encrypts without asking for whom (RFC 7435); it reads no authorities."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def deliver_remotely(envelope: Envelope, remote: Remote, ehlo_name: str) -> list[RecipientResult]:
    """Return one result a recipient; raises HostFailed when the host never took part in a transaction."""
    try:
        return await _dialogue(envelope, remote, ehlo_name, starttls=True)
    except TlsFailed:
        return await _dialogue(envelope, remote, ehlo_name, starttls=False)


async def _dialogue(envelope: Envelope, remote: Remote, ehlo_name: str, starttls: bool) -> list[RecipientResult]:
    client = aiosmtplib.SMTP(
        hostname=remote.address, port=remote.port, local_hostname=ehlo_name, start_tls=False, timeout=COMMAND_SECONDS
    )
    try:
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                await _greet(client, remote)
                if starttls and client.supports_extension("starttls"):
                    await _start_tls(client, remote)
        except TimeoutError as error:
            text = f"{remote} took longer than {GREETING_SECONDS:.0f} s to greet us."
            raise HostFailed(no_reply("4.4.2", text)) from error
        return await _transaction(client, envelope, remote)
    finally:
        await _quit(client)


async def _greet(client: aiosmtplib.SMTP, remote: Remote) -> None:
    """Connect, read the banner and say EHLO, or HELO where EHLO is unknown."""
    try:
        await client.connect(timeout=CONNECT_SECONDS)
        await _hello(client)
    except aiosmtplib.SMTPResponseException as error:
        raise HostFailed(_transient(parse_reply(error.code, error.message))) from error
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise HostFailed(no_reply("4.4.1", f"{remote} could not be reached: {error}")) from error


async def _hello(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()


def _transient(reply: RemoteReply) -> RemoteReply:
    """Return a refusal of the whole host as a transient one: a greeting says nothing of the recipients."""
    if reply.code < 500:
        return reply
    return RemoteReply(0, "4.3.2", f"The host refused the session: {reply}")


async def _start_tls(client: aiosmtplib.SMTP, remote: Remote) -> None:
    try:
        await client.starttls(
            tls_context=opportunistic_context(), server_hostname=remote.host, timeout=CONNECT_SECONDS
        )
        await _hello(client)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise TlsFailed(no_reply("4.7.5", f"TLS with {remote} failed: {error}")) from error


def _tls_facts(client: aiosmtplib.SMTP) -> Mapping[str, str]:
    tls = client.get_transport_info("ssl_object")
    if tls is None:
        return {}
    cipher = tls.cipher()
    return {"version": tls.version() or "", "cipher": cipher[0] if cipher else "", "peer": "unverified"}


async def _transaction(client: aiosmtplib.SMTP, envelope: Envelope, remote: Remote) -> list[RecipientResult]:
    tls = _tls_facts(client)

    def result(recipient: str, reply: RemoteReply) -> RecipientResult:
        return RecipientResult(recipient, reply.outcome, reply, str(remote), tls)

    if envelope.smtputf8 and not client.supports_extension("smtputf8"):
        reply = RemoteReply(550, "5.6.7", f"{remote} does not take internationalised addresses (SMTPUTF8).")
        return [result(recipient, reply) for recipient in envelope.recipients]
    replies = await _send(client, envelope)
    return [result(recipient, replies[recipient]) for recipient in envelope.recipients]


def _mail_parameters(client: aiosmtplib.SMTP, envelope: Envelope) -> list[bytes]:
    parameters = []
    if client.supports_extension("size"):
        parameters.append(b"SIZE=%d" % len(envelope.content))
    if client.supports_extension("8bitmime") and not envelope.content.isascii():
        parameters.append(b"BODY=8BITMIME")
    if envelope.smtputf8:
        parameters.append(b"SMTPUTF8")
    if client.supports_extension("dsn"):
        asked = (("RET", envelope.dsn.ret), ("ENVID", envelope.dsn.envid))
        parameters += [f"{name}={value}".encode() for name, value in asked if value]
    return parameters


def _recipient_parameters(client: aiosmtplib.SMTP, envelope: Envelope, recipient: str) -> list[bytes]:
    """Pass on what the sender asked about this recipient, where the host knows of it (RFC 3461 section 5.2.1)."""
    if not client.supports_extension("dsn"):
        return []
    given = (("NOTIFY", envelope.dsn.notify), ("ORCPT", envelope.dsn.orcpt))
    return [f"{name}={values[recipient]}".encode() for name, values in given if recipient in values]


async def _command(client: aiosmtplib.SMTP, *words: bytes) -> RemoteReply:
    response = await client.execute_command(*words, timeout=COMMAND_SECONDS)
    return parse_reply(response.code, response.message)


async def _send(client: aiosmtplib.SMTP, envelope: Envelope) -> dict[str, RemoteReply]:
    """Return the last reply for each recipient; a lost connection is a transient reply, never an exception.

    A transaction that takes too long ends here, not at another host: the remote may have the message by now.
    """
    replies: dict[str, RemoteReply] = {}
    try:
        async with asyncio.timeout(TRANSACTION_SECONDS):
            await _exchange(client, envelope, replies)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        lost = no_reply("4.4.2", f"The connection was lost: {error or type(error).__name__}")
        open_ends = [r for r in envelope.recipients if r not in replies or replies[r].outcome is Outcome.SENT]
        replies |= dict.fromkeys(open_ends, lost)
    return replies


async def _exchange(client: aiosmtplib.SMTP, envelope: Envelope, replies: dict[str, RemoteReply]) -> None:
    """MAIL, each RCPT, DATA; every answer goes into ``replies`` as it comes."""
    sender = b"FROM:<" + envelope.mail_from.encode() + b">"
    reply = await _command(client, b"MAIL", sender, *_mail_parameters(client, envelope))
    if reply.outcome is not Outcome.SENT:
        replies |= dict.fromkeys(envelope.recipients, reply)
        return
    for recipient in envelope.recipients:
        replies[recipient] = await _command(
            client,
            b"RCPT",
            b"TO:<" + recipient.encode() + b">",
            *_recipient_parameters(client, envelope, recipient),
        )
    accepted = [recipient for recipient in envelope.recipients if replies[recipient].outcome is Outcome.SENT]
    if accepted:
        replies |= dict.fromkeys(accepted, await _data(client, envelope.content))


async def _data(client: aiosmtplib.SMTP, content: bytes) -> RemoteReply:
    """Send the content and return the reply to its end; only a 354 before it makes a later 2xx mean "sent".

    aiosmtplib's own ``data`` spends seconds of the event loop on a large message of short lines.
    """
    reply = await _command(client, b"DATA")
    if reply.code != 354:
        return reply if reply.code >= 400 else no_reply("4.5.0", f"DATA was answered out of turn: {reply}")
    stuffed = await asyncio.to_thread(_stuffed, content)
    if client.protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("Connection lost")
    client.protocol.write(stuffed)
    response = await client.protocol.read_response(timeout=DATA_SECONDS)
    return parse_reply(response.code, response.message)


def _stuffed(content: bytes) -> bytes:
    """Return the octets on the wire: dots doubled at the beginning of lines, the end mark behind."""
    end = b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n"
    first = b"." if content.startswith(b".") else b""
    return first + content.replace(b"\r\n.", b"\r\n..") + end


async def _quit(client: aiosmtplib.SMTP) -> None:
    """End the session; whatever the remote does now changes nothing."""
    try:
        if client.is_connected:
            await client.quit(timeout=5)
    except (aiosmtplib.SMTPException, OSError, ValueError):
        pass
    finally:
        client.close()
