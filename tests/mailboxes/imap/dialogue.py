"""A dialogue as text with one connection in memory: ``C:`` lines go in at any chunking, ``S:`` lines must come out.

In an ``S:`` line ``<*>`` stands for anything; ``\\r\\n`` in either is a line end inside it.
"""

import asyncio
import re
from typing import Any

from mailboxes.connection import Peer
from mailboxes.imap.connection import ImapConnection, ImapLimits
from mailboxes.imap.session import Session
from mailboxes.store.account_store import AccountStore

PEER = Peer("192.0.2.9", 40000, "127.0.0.1", 143)


class MemoryTransport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closed = False

    def write(self, octets: bytes) -> None:
        self.written += octets

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Nothing reads."""

    def resume_reading(self) -> None:
        """Nothing reads."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class Client:
    """One connection; ``account_id`` logs it in without a dialogue."""

    def __init__(self, account_id: int | None = None, chunk: int = 0, limits: ImapLimits | None = None) -> None:
        self.connection = ImapConnection(PEER, "mail.test", lambda: None, limits)
        self.transport = MemoryTransport()
        self.chunk = chunk
        self.connection.connection_made(self.transport)
        self.session: Session = self.connection.session
        if account_id is not None:
            self.session.tls = True
            self.session.log_in("alice@example.org", AccountStore(account_id))
            self.connection.logged_in()

    def send(self, octets: bytes) -> None:
        """Hand octets over in pieces of ``chunk``."""
        step = self.chunk or len(octets) or 1
        for start in range(0, len(octets), step):
            self.connection.data_received(octets[start : start + step])

    async def read_until(self, pattern: bytes) -> bytes:
        """Return what was written up to the pattern, and forget it."""
        for _ in range(2000):
            found = re.search(pattern, bytes(self.transport.written), re.MULTILINE)
            if found is not None:
                taken = bytes(self.transport.written[: found.end()])
                del self.transport.written[: found.end()]
                return taken
            await asyncio.sleep(0.005)
        raise AssertionError(f"waited for {pattern!r}, got {bytes(self.transport.written)!r}")

    async def close(self) -> None:
        """End the connection as the client's side would."""
        self.connection.connection_lost(None)
        task = self.connection._task
        if task is not None:
            await asyncio.wait_for(task, 10)


def _pattern(line: str) -> bytes:
    return b"".join(b".*" if piece == "<*>" else re.escape(piece.encode()) for piece in re.split(r"(<\*>)", line))


async def play(client: Client, text: str) -> None:
    """Play the dialogue; AssertionError names the line that did not come."""
    for line in filter(None, (line.strip() for line in text.splitlines())):
        side, _, content = line.partition(": ")
        if side == "C":
            client.send(content.replace("\\r\\n", "\r\n").encode() + b"\r\n")
        else:
            got = await client.read_until(rb"\A(.|\n)*?\r\n")
            while literal := re.search(rb"\{(\d+)\}\r\n\Z", got):
                got += await client.read_until(rb"\A(.|\n){%d}(.|\n)*?\r\n" % int(literal[1]))
            assert re.fullmatch(_pattern(content.replace("\\r\\n", "\r\n")), got[:-2], re.DOTALL), (
                f"expected {content!r}, got {got!r}"
            )
