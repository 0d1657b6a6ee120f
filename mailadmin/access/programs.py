"""What an owner types into a mail program: servers, ports, encryption."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One line: what for, ``host:port``, and the kind of encryption."""

    label: str
    value: str
    security: str


def servers_for_programs() -> list[ServerRow]:
    """Return the servers that listen here, encryption from the first octet first."""
    config = settings.MAILADMIN
    tls, starttls = _("TLS"), _("STARTTLS")
    rows = [
        (_("Incoming mail (IMAP)"), "imaps", config.imaps_port, tls),
        (_("Incoming mail (IMAP)"), "imap", config.imap_port, starttls),
        (_("Outgoing mail (SMTP)"), "submissions", config.submissions_port, tls),
        (_("Outgoing mail (SMTP)"), "submission", config.submission_port, starttls),
    ]
    return [
        ServerRow(label, f"{config.hostname}:{config.public_ports[service]}", security)
        for label, service, port, security in rows
        if port is not None
    ]
