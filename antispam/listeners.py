"""The MX: the SMTP server with the inbound handler behind it."""

import ssl
from collections.abc import Callable

from mailboxes.connection import ConnectionFactory
from mailboxes.smtp.budgets import SmtpLimits
from mailboxes.smtp.port import SmtpHandler
from mailboxes.smtp.server import SmtpService

# Why this long: docs/decisions/0018-limits-at-the-door.md
MX_LIMITS = SmtpLimits(greeting_delay_seconds=1.0)


def mx_connections(
    hostname: str,
    tls_context: Callable[[], ssl.SSLContext | None],
    handler: SmtpHandler | None = None,
    limits: SmtpLimits | None = None,
) -> ConnectionFactory:
    """Return what makes one connection of the MX: no AUTH, bare line ends refused."""
    if handler is None:
        from antispam.inbound.handlers import InboundHandler

        handler = InboundHandler()
    return SmtpService("mx", hostname, handler, limits or SmtpLimits(), tls_context).connection
