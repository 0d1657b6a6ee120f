"""Mail services for tests of the supervisor: each port of the configuration answers one line and closes."""

import asyncio

from mailadmin.runner.background import BackgroundService
from mailadmin.runner.listener import ListenerSpec, Service, TlsMode
from mailadmin.runner.serve import Door, ListenerService
from mailboxes.connection import Peer, nothing


class Greeting(asyncio.Protocol):
    """Says that it is there."""

    on_closed = staticmethod(nothing)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(b"220 here\r\n")
        transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.on_closed()

    def drain(self) -> None:
        """Nothing waits."""


class Idle:
    """A relay without work."""

    async def start(self) -> None:
        """Begin."""

    async def stop(self, grace_seconds: float = 0) -> None:
        """End."""

    def status(self) -> dict[str, object]:
        return {"open": 0}


def build_services() -> list[Service]:
    """Return the five services that a mail worker runs."""
    from django.conf import settings

    config = settings.MAILADMIN
    ports = {
        "mx": [config.mx_port],
        "submission": [config.submission_port, config.submissions_port],
        "imap": [config.imap_port, config.imaps_port],
        "pop3": [config.pop3_port, config.pop3s_port],
    }
    services: list[Service] = [BackgroundService("relay", Idle)]
    for name, numbers in ports.items():
        specs = [
            ListenerSpec(name, "127.0.0.1", port, TlsMode.NONE, lambda _peer: _greeting(_peer)) for port in numbers
        ]
        services.append(ListenerService(name, specs, Door()))
    return services


def _greeting(_peer: Peer) -> Greeting:
    return Greeting()
