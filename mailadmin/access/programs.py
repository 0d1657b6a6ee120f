"""What an owner types into a mail program: servers, ports, encryption."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from domains.services.autoconfig import offered_servers


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One line: what for, ``host:port``, and the kind of encryption."""

    label: str
    value: str
    security: str


def servers_for_programs() -> list[ServerRow]:
    """Return the servers that listen here, encryption from the first octet first."""
    labels = {
        "imap": _("Incoming mail (IMAP)"),
        "pop3": _("Incoming mail, fetched and deleted (POP3)"),
        "smtp": _("Outgoing mail (SMTP)"),
    }
    return [
        ServerRow(labels[row.protocol], f"{row.host}:{row.port}", _("TLS") if row.tls else _("STARTTLS"))
        for row in offered_servers()
    ]
