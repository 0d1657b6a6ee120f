"""The web server: panel and API over HTTP and HTTPS, by uvicorn, on one event loop.

h11 parses requests, since it is strict about framing. Forwarded addresses are not uvicorn's business here: the
middleware believes them from ``MAILADMIN_TRUSTED_PROXIES`` alone.
"""

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
import uvloop

from mailadmin.runner.config import Config
from mailadmin.runner.health import web_sockets

logger = logging.getLogger("mailadmin.runner")

BACKLOG = 512
IDLE_SECONDS = 30
GRACE_SECONDS = 4


class Server(uvicorn.Server):
    """A server that leaves the signals to ``run_web``: two of them share the loop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def run_web(config: Config) -> int:
    """Serve until SIGTERM; returns the exit status."""
    from mailadmin.asgi import application

    uvloop.install()
    try:
        plain = [_listen(address, port) for address, port, tls in web_sockets(config) if not tls]
        secure = [_listen(address, port) for address, port, tls in web_sockets(config) if tls]
    except OSError as fault:
        logger.error("the web server cannot listen: %s", fault)
        return 1
    asyncio.run(_serve(application, config, plain, secure))
    return 0


def _listen(address: str, port: int) -> socket.socket:
    """Return a listening socket; raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address, port))
        listening.listen(BACKLOG)
    except OSError as fault:
        listening.close()
        raise OSError(fault.errno, f"{address} port {port}: {fault.strerror}") from fault
    listening.setblocking(False)
    return listening


async def _serve(application: Any, config: Config, plain: list[socket.socket], secure: list[socket.socket]) -> None:
    """Run one server for each kind of socket; a signal ends both."""
    servers = []
    if plain:
        servers.append((Server(_settings(application)), plain))
    if secure:
        from mailadmin.runner.issued import certificates_of

        certificates = certificates_of(config, own_names_only=False)
        context = certificates.current()
        await asyncio.to_thread(certificates.watch)
        servers.append((Server(_settings(application, context)), secure))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, [server for server, _ in servers])
    await asyncio.gather(*(server.serve(sockets) for server, sockets in servers))


def _end(servers: list[Server]) -> None:
    for server in servers:
        server.should_exit = True


def _settings(application: Any, context: ssl.SSLContext | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        ssl_context_factory=(lambda _config, _default: context) if context else None,
        http="h11",
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
