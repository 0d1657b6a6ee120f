"""Services of a worker under test: an MX with a handler that accepts everything, on free ports of loopback."""

import asyncio
import os
from typing import Any

from mailadmin.runner.listener import ListenerSpec, Service, TlsMode
from mailadmin.runner.serve import Door, ListenerService
from mailboxes.smtp.replies import Reply
from mailboxes.smtp.server import SmtpService


class AcceptAll:
    """Accepts every message; one whose text holds ``slow`` takes a second."""

    async def data(self, session: Any, transaction: Any, content: Any) -> Reply:
        if content.octets().find(b"slow") >= 0:
            await asyncio.sleep(1)
        return Reply(250, "2.0.0", "queued as STUB")

    def __getattr__(self, name: str) -> Any:
        async def accept(*arguments: Any) -> None:
            return None

        return accept


def build_services() -> list[Service]:
    """Return one service ``mx``; its port is ``STUB_PORT`` or a free one."""
    factory = SmtpService("mx", "stub.example", AcceptAll()).connection
    spec = ListenerSpec("mx", "127.0.0.1", int(os.environ.get("STUB_PORT", "0")), TlsMode.NONE, factory)
    return [ListenerService("mx", [spec], Door())]
