"""The MX of the small world: the product's own listener in a thread, told by a PROXY header who calls."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from typing import Any

from antispam.listeners import mx_connections
from domains.database import close_pool
from domains.trace_buffer import trace_buffer
from mailadmin.runner.listener import ListenerSpec, TlsMode
from mailadmin.runner.serve import Door, Listener

HOSTNAME = "mail.acme.example"


class Mx:
    """Listens while entered as a context, in an event loop of its own."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> "Mx":
        self._thread.start()
        self.do(self._open)
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def do(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine in the MX's loop."""
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(30)

    async def _open(self) -> None:
        factory = mx_connections(HOSTNAME, lambda: self._tls)
        spec = ListenerSpec("mx", "127.0.0.1", 0, TlsMode.STARTTLS, factory)
        self._listener = Listener(spec, Door(proxy_peers=[ip_network("127.0.0.1/32")]))
        self._listener.open()
        self.port = self._listener.port

    async def _close(self) -> None:
        self._listener.close()
        await self.flushed()
        await close_pool()

    async def flushed(self) -> None:
        """Wait until the traces of refusals are written."""
        assert await trace_buffer().flush()


class Caller:
    """One SMTP client that waits for each reply, or not, as the caller wishes."""

    def __init__(self, port: int, client: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        version = ip_address(client).version
        local = "127.0.0.1" if version == 4 else "::1"
        self.socket.sendall(f"PROXY TCP{version} {client} {local} 40000 25\r\n".encode())
        self._file = self.socket.makefile("rb")

    def reply(self) -> str:
        """Return the next reply as one text, its lines joined; empty at the end of the connection."""
        lines = []
        while line := self._file.readline():
            lines.append(line.decode().rstrip("\r\n"))
            if line[3:4] != b"-":
                break
        return "\n".join(lines)

    def say(self, line: str | bytes) -> str:
        """Send one line and return the reply."""
        self.socket.sendall((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()


@contextmanager
def calling(port: int, client: str, helo: str) -> Iterator[Caller]:
    """Connect as ``client``, say EHLO, and QUIT at the end."""
    caller = Caller(port, client)
    with caller.socket:
        assert caller.reply().startswith("220")
        assert caller.say(f"EHLO {helo}").startswith("250")
        yield caller
        caller.socket.sendall(b"QUIT\r\n")
        caller.reply()
