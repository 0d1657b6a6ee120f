"""A handler that remembers, a transport in memory, and a client on a real socket, for the SMTP server's tests."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from domains.octets import whole
from mailboxes.connection import Peer
from mailboxes.smtp.port import Content, Session, Transaction
from mailboxes.smtp.replies import Reply
from mailboxes.smtp.server import SmtpServer, SmtpService


@pytest.fixture(scope="module")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """Run the tests of a module that imports this on the loop that serves in production."""
    return uvloop.EventLoopPolicy()


PEER = Peer("192.0.2.9", 40000, "127.0.0.1", 25)


class Recorder:
    """Accepts everything unless told otherwise with ``answers[stage]``, and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.messages: list[bytes] = []
        self.contents: list[Content] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.refusals: list[tuple[str, Reply]] = []
        self.calls: list[str] = []
        self.sessions: list[Session] = []
        self.tls_at_mail: list[dict[str, Any]] = []
        self.disconnected = asyncio.Event()
        self.spooled: list[bool] = []

    async def _answer(self, stage: str) -> Reply | None:
        self.calls.append(stage)
        answer = self.answers.get(stage)
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            answer = await answer()
        return answer

    async def connect(self, session: Session) -> Reply | None:
        self.sessions.append(session)
        return await self._answer("connect")

    async def helo(self, session: Session) -> Reply | None:
        return await self._answer("helo")

    async def authenticate(self, session: Session, mechanism: str, username: str, password: str) -> Reply | None:
        self.calls.append(f"auth {mechanism} {username} {password}")
        if password != "right horse":
            return Reply(535, "5.7.8", "The user name or the password is wrong")
        session.account_id, session.username = 7, username
        return None

    async def scram_offered(self, session: Session) -> tuple[str, ...]:
        return ()

    async def mail(self, session: Session, transaction: Transaction) -> Reply | None:
        self.tls_at_mail.append(dict(session.tls))
        return await self._answer("mail")

    async def rcpt(self, session: Session, transaction: Transaction, path: str, parameters: Any) -> Reply | None:
        self.calls.append(f"to {path}")
        return await self._answer("rcpt")

    async def data(self, session: Session, transaction: Transaction, content: Content) -> Reply:
        self.spooled.append(bool(getattr(content.file, "_rolled", False)))
        self.contents.append(content)
        self.messages.append(whole(content.octets()))
        self.envelopes.append((transaction.reverse_path, list(transaction.forward_paths)))
        return await self._answer("data") or Reply(250, "2.0.0", f"queued as M{len(self.messages)}")

    async def refused(self, session: Session, transaction: Transaction | None, stage: str, reply: Reply) -> None:
        self.refusals.append((stage, reply))

    async def reset(self, session: Session) -> None:
        self.calls.append("reset")

    async def disconnect(self, session: Session) -> None:
        self.calls.append("disconnect")
        self.disconnected.set()


class MemoryTransport(asyncio.Transport):
    """Keeps what is written; nothing below it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.closed = False

    def write(self, data: Any) -> None:
        self.sent += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def settle() -> None:
    """Let the dialogue do what it can with what it has."""
    for _ in range(12):
        await asyncio.sleep(0)


async def feed(service: SmtpService, chunks: Sequence[bytes]) -> bytes:
    """Return all that the server sends when the chunks come one after the other, and then the end."""
    transport = MemoryTransport()
    server = SmtpServer(service, PEER)
    server.connection_made(transport)
    await settle()
    for chunk in chunks:
        if transport.closed:
            break
        server.data_received(chunk)
        await settle()
    server.eof_received()
    await settle()
    server.connection_lost(None)
    assert server._task is not None
    await server._task
    return bytes(transport.sent)


def splits(octets: bytes) -> list[list[bytes]]:
    """Return every cut in two, and single octets."""
    cuts = [[octets[:at], octets[at:]] for at in range(1, len(octets))]
    return [*cuts, [octets[at : at + 1] for at in range(len(octets))]]


class Talker:
    """A client that speaks in lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> str:
        """Return one whole reply, lines joined by line feeds; empty at the end of the connection."""
        lines = []
        while line := await asyncio.wait_for(self.reader.readline(), 5):
            lines.append(line.decode().rstrip("\r\n"))
            if line[3:4] != b"-":
                break
        return "\n".join(lines)

    async def say(self, line: str | bytes) -> str:
        """Send a line and return the reply."""
        self.send(line)
        return await self.reply()

    def send(self, line: str | bytes) -> None:
        """Send a line with CRLF."""
        self.writer.write((line if isinstance(line, bytes) else line.encode()) + b"\r\n")

    async def hello(self) -> str:
        """Read the banner and say EHLO."""
        assert (await self.reply()).startswith("220 ")
        return await self.say("EHLO client.example")

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Ask for TLS and shake hands."""
        assert (await self.say("STARTTLS")).startswith("220")
        await self.writer.start_tls(context, server_hostname="localhost")

    async def closed(self) -> bool:
        """True when the server closes."""
        try:
            return await asyncio.wait_for(self.reader.read(), 5) == b""
        except ConnectionResetError:
            return True


@asynccontextmanager
async def connected(service: SmtpService, peer: Peer = PEER) -> AsyncIterator[Talker]:
    """Serve on a free port of loopback and connect to it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: service.connection(peer), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    try:
        yield Talker(reader, writer)
    finally:
        writer.close()
        server.close()


def certificate(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """Make a self-signed certificate and return the paths of it and its key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def trusting() -> ssl.SSLContext:
    """Return a client context that asks for no proof."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
