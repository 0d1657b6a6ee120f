"""Submission, IMAP and POP3: the engines' connections with the real handlers behind them."""

import ssl
from collections.abc import Callable

from mailboxes.connection import ConnectionFactory, Peer
from mailboxes.smtp.budgets import SmtpLimits
from mailboxes.smtp.port import SmtpHandler
from mailboxes.smtp.server import SmtpService

TlsContext = Callable[[], ssl.SSLContext | None]


def submission_connections(
    hostname: str,
    tls_context: TlsContext,
    handler: SmtpHandler | None = None,
    limits: SmtpLimits | None = None,
) -> ConnectionFactory:
    """Return what makes one submission connection: AUTH required, under TLS; bare line ends mended."""
    if handler is None:
        from mailboxes.submission.handlers import SubmissionHandler

        handler = SubmissionHandler()
    return SmtpService(
        "submission", hostname, handler, limits or SmtpLimits(), tls_context, authentication=True, normalise=True
    ).connection


def imap_connections(hostname: str, tls_context: TlsContext) -> ConnectionFactory:
    """Return what makes one IMAP connection."""
    from mailboxes.imap.connection import ImapConnection

    def connection(peer: Peer) -> ImapConnection:
        return ImapConnection(peer, hostname, tls_context)

    return connection


def pop3_connections(hostname: str, tls_context: TlsContext) -> ConnectionFactory:
    """Return what makes one POP3 connection."""
    from mailboxes.pop3.connection import Pop3Connection

    def connection(peer: Peer) -> Pop3Connection:
        return Pop3Connection(peer, hostname, tls_context)

    return connection
