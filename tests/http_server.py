"""An HTTP server on loopback that keeps what it was asked and answers octets as told, whole, dripping, by TLS."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

Answer = bytes | Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def answer(status: str = "200 OK", body: bytes = b"", **headers: str) -> bytes:
    """Return a whole answer; ``Content_Type`` stands for Content-Type."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drip(start: bytes, piece: bytes, seconds: float) -> Iterator[bytes]:
    """Yield a beginning, then one piece after another without end."""
    yield start
    while True:
        time.sleep(seconds)
        yield piece


@dataclass
class HttpServer:
    """Serves while entered as a context; ``respond`` is asked for each request's octets."""

    respond: Callable[[Asked], Answer] = lambda _: answer()
    certificate: tuple[Path, Path] | None = None
    address: str = "127.0.0.1"
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> "HttpServer":
        self._listener = socket.create_server((self.address, 0))
        self.port: int = self._listener.getsockname()[1]
        self._context = None
        if self.certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*self.certificate)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection:
            wrapped = self._context.wrap_socket(connection, server_side=True) if self._context else connection
            with wrapped, wrapped.makefile("rb") as lines:
                method, path, _version = lines.readline().decode().split()
                headers = {}
                while line := lines.readline().decode().strip():
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                asked = Asked(method, path, headers, lines.read(int(headers.get("content-length", 0))))
                self.asked.append(asked)
                given = self.respond(asked)
                for piece in [given] if isinstance(given, bytes) else given:
                    wrapped.sendall(piece)
