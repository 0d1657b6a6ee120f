"""A dialogue as text with one connection in memory: ``C:`` lines go in at any chunking, ``S:`` lines must come out.

In an ``S:`` line ``<*>`` stands for anything.
"""

import asyncio
import re

from mailboxes.pop3.connection import Pop3Connection, Pop3Limits
from tests.mailboxes.imap.dialogue import MemoryTransport
from tests.mailboxes.pop3.service import PEER


class Client:
    """One connection, taken to be under TLS; it greets first."""

    def __init__(self, chunk: int = 0, tls: bool = True, limits: Pop3Limits | None = None) -> None:
        self.connection = Pop3Connection(PEER, "mail.test", lambda: None, limits)
        self.transport = MemoryTransport()
        self.chunk = chunk
        self.connection.connection_made(self.transport)
        self.connection.session.tls = tls

    def send(self, octets: bytes) -> None:
        """Hand octets over in pieces of ``chunk``."""
        step = self.chunk or len(octets) or 1
        for start in range(0, len(octets), step):
            self.connection.data_received(octets[start : start + step])

    async def line(self) -> bytes:
        """Return the next line of the server without its CRLF."""
        for _ in range(2000):
            head, found, rest = bytes(self.transport.written).partition(b"\r\n")
            if found:
                self.transport.written[:] = rest
                return head
            await asyncio.sleep(0.005)
        raise AssertionError(f"waited for a line, got {bytes(self.transport.written)!r}")

    async def close(self) -> None:
        """End the connection as the client's side would."""
        self.connection.connection_lost(None)
        task = self.connection._task
        if task is not None:
            await asyncio.wait_for(task, 10)


async def play(client: Client, text: str) -> None:
    """Play the dialogue; AssertionError names the line that did not come."""
    for row in filter(None, (row.lstrip() for row in text.splitlines())):
        side, _, content = row.partition(":")
        content = content.removeprefix(" ")
        if side == "C":
            client.send(content.encode() + b"\r\n")
            continue
        pattern = b".*".join(re.escape(piece.encode()) for piece in content.split("<*>"))
        got = await client.line()
        assert re.fullmatch(pattern, got), f"expected {content!r}, got {got!r}"
