"""A POP3 server on real sockets, messages to read over it, and a client that is a bare socket."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domains.database import close_pool
from domains.redis import close_redis
from mailboxes.connection import Peer
from mailboxes.imap.port import NewMessage
from mailboxes.models import Account
from mailboxes.pop3.connection import Pop3Connection, Pop3Limits
from mailboxes.store.account_store import AccountStore
from tests.mailboxes.imap.service import ADDRESS, PASSWORD, Service, running

PEER = Peer("192.0.2.9", 40000, "127.0.0.1", 110)
FIRST = b"Subject: one\r\n\r\nFirst line.\r\n.A dot begins this one.\r\n.\r\nLast line.\r\n"
SECOND = b"Subject: two\r\n\r\nA\r\nB\r\nC\r\n"


@contextmanager
def running_service(folder: Path, limits: Pop3Limits | None = None) -> Iterator[Service]:
    """Run a server until the block ends."""

    def connection(context: ssl.SSLContext) -> Pop3Connection:
        return Pop3Connection(PEER, "mail.test", lambda: context, limits)

    with running(folder, connection) as service:
        yield service


def fill(account: Account, *messages: bytes) -> None:
    """Put messages into INBOX as IMAP's APPEND does."""

    async def append() -> None:
        for octets in messages:
            await AccountStore(account.pk).append("INBOX", [NewMessage(octets, (), None)])
        await close_redis()
        await close_pool()

    asyncio.run(append())


def connected(service: Service) -> socket.socket:
    """Return a socket under TLS, the greeting read."""
    plain = socket.create_connection(("localhost", service.tls_port), timeout=20)
    client = service.client_context().wrap_socket(plain, server_hostname="localhost")
    assert client.recv(4096) == b"+OK mail.test ready\r\n"
    return client


def signed_in(service: Service) -> socket.socket:
    """Return a socket under TLS, signed in."""
    client = connected(service)
    client.sendall(f"USER {ADDRESS}\r\nPASS {PASSWORD}\r\n".encode())
    answer = b""
    while answer.count(b"\r\n") < 2:
        answer += client.recv(4096)
    assert answer.count(b"+OK") == 2, answer
    return client


def asked(client: socket.socket, command: bytes, lines: int = 1) -> bytes:
    """Send a command; return so many lines of the answer."""
    client.sendall(command + b"\r\n")
    answer = b""
    while answer.count(b"\n") < lines:
        piece = client.recv(65536)
        if not piece:
            break
        answer += piece
    return answer


def until_closed(client: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    answer = b""
    while piece := client.recv(65536):
        answer += piece
    return answer
