"""An IMAP server on real sockets in a thread of its own, an account to read, and a client in memory."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.contrib.auth.hashers import make_password

from domains.database import close_pool
from domains.models import Actor, Domain, DomainState
from domains.redis import close_redis
from domains.tls.pair import load_pair, read_pair
from mailboxes.connection import Peer
from mailboxes.imap.connection import ImapConnection, ImapLimits
from mailboxes.models import Account
from mailboxes.smtp.wire import Wire
from mailboxes.store.folders import create_default_mailboxes

PASSWORD = "correct horse battery"
ADDRESS = "alice@example.org"


def make_account(local_part: str = "alice", quota_bytes: int | None = None) -> Account:
    """Return an account of example.org with its default folders."""
    domain, _ = Domain.objects.get_or_create(name="example.org", defaults={"state": DomainState.ACTIVE})
    address = f"{local_part}@example.org"
    actor = Actor.objects.create(email=address, role="owner", password=make_password(PASSWORD))
    account = Account.objects.create(domain=domain, local_part=local_part, actor=actor, quota_bytes=quota_bytes)
    create_default_mailboxes(account)
    return account


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate for localhost and return (certificate, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@dataclass(frozen=True)
class Service:
    """Where the server listens: ``tls_port`` from the first octet, ``port`` with STARTTLS."""

    port: int
    tls_port: int
    certificate: Path

    def client_context(self) -> ssl.SSLContext:
        """Return a context that trusts the server."""
        return ssl.create_default_context(cafile=str(self.certificate))


@contextmanager
def running_service(folder: Path, limits: ImapLimits | None = None) -> Iterator[Service]:
    """Run an IMAP server until the block ends."""

    def connection(context: ssl.SSLContext) -> ImapConnection:
        return ImapConnection(Peer("192.0.2.9", 40000, "127.0.0.1", 143), "mail.test", lambda: context, limits)

    with running(folder, connection) as service:
        yield service


@contextmanager
def running(folder: Path, make: Callable[[ssl.SSLContext], Wire]) -> Iterator[Service]:
    """Run a server of such connections until the block ends."""
    certificate, key = make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(context, read_pair(certificate, key))
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stop = asyncio.Event()
    ports: list[int] = []
    connections: list[Wire] = []

    def connection() -> Wire:
        made = make(context)
        connections.append(made)
        return made

    async def serve() -> None:
        servers = [
            await loop.create_server(connection, "127.0.0.1", 0),
            await loop.create_server(connection, "127.0.0.1", 0, ssl=context),
        ]
        ports.extend(server.sockets[0].getsockname()[1] for server in servers)
        ready.set()
        await stop.wait()
        for server in servers:
            server.close()
        for made in connections:
            made.drain()
        tasks = [made._task for made in connections if made._task is not None]
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        await close_redis()
        await close_pool()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield Service(ports[0], ports[1], certificate)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(15)
        loop.close()
