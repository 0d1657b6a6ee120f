"""Where the SMTP server meets those who decide: one handler object, values in, replies out.

The server (``smtp/server.py``) owns bytes, lines, TLS, budgets and the order of commands; a handler never sees a
socket. The MX's handler lives in antispam, the submission service's in mailboxes.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import Any, Protocol

from domains.octets import Octets, map_file
from mailboxes.smtp.replies import Reply
from mailboxes.smtp.spool import SPOOL_OCTETS


@dataclass(slots=True)
class Session:
    """What is known of one connection. The server fills it; handlers keep their own state in ``state``.

    ``tls`` holds ``version``, ``cipher`` and ``bits`` once TLS is on, else it is empty;
    ``channel_binding`` is then the hash of the certificate that was shown, if it is defined, and
    ``scram`` the mechanisms of that kind to offer. ``account_id`` and
    ``username`` are set after a successful AUTH. ``id`` is the connection's identifier in logs and traces. A handler
    sets ``regular`` at ``connect`` for a client that need not wait for the greeting.
    """

    id: str
    client_address: str
    client_port: int
    local_address: str
    local_port: int
    connected_at: datetime
    helo_name: str = ""
    extended: bool = False
    tls: Mapping[str, Any] = field(default_factory=dict)
    channel_binding: bytes | None = None
    scram: tuple[str, ...] = ()
    account_id: int | None = None
    username: str = ""
    regular: bool = False
    state: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Transaction:
    """One mail transaction: MAIL FROM, the recipients accepted, and the parameters given.

    ``reverse_path`` is the address without angle brackets, empty for the null path; addresses are as the client
    wrote them. ``smtputf8`` and ``body`` (``7BIT`` or ``8BITMIME``) are those of MAIL FROM.
    """

    reverse_path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    smtputf8: bool = False
    body: str = "7BIT"
    size: int | None = None
    forward_paths: list[str] = field(default_factory=list)
    forward_parameters: list[Mapping[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Content:
    """The message as received after DATA: dots unstuffed, every line ending CRLF.

    ``file`` stands at its start; up to 1 MB it is memory, above that a temporary file. ``size`` is in octets,
    ``bare_line_ends`` tells whether bare CR or LF were met and normalised (submission only).
    """

    file: "SpooledTemporaryFile[bytes]"
    size: int
    bare_line_ends: bool = False

    def octets(self) -> Octets:
        """Return the message's octets: mapped where they lie in a file, which may be closed then."""
        if self.size > SPOOL_OCTETS:
            self.file.flush()
            return map_file(self.file.fileno())
        self.file.seek(0)
        octets = self.file.read()
        self.file.seek(0)
        return octets


class SmtpHandler(Protocol):
    """Decides about one session. ``None`` means: the server's own positive reply."""

    async def connect(self, session: Session) -> Reply | None:
        """Before the banner; a negative reply is sent instead of it and ends the session."""
        ...

    async def helo(self, session: Session) -> Reply | None:
        """After EHLO or HELO with a syntactically valid name; ``session.helo_name`` is set."""
        ...

    async def authenticate(self, session: Session, mechanism: str, username: str, password: str) -> Reply | None:
        """Check the credentials; on success set ``session.account_id`` and ``session.username`` and return None."""
        ...

    async def scram_offered(self, session: Session) -> tuple[str, ...]:
        """Return the SCRAM mechanisms to offer on a session under TLS."""
        ...

    async def authenticate_by_scram(
        self, session: Session, mechanism: str, first: bytes, ask: Callable[[bytes], Awaitable[bytes]]
    ) -> Reply | None:
        """Run a SCRAM exchange from the client's first message on, and do as ``authenticate`` does."""
        ...

    async def mail(self, session: Session, transaction: Transaction) -> Reply | None:
        """MAIL FROM with valid syntax."""
        ...

    async def rcpt(
        self, session: Session, transaction: Transaction, forward_path: str, parameters: Mapping[str, str]
    ) -> Reply | None:
        """RCPT TO with valid syntax; the server appends it to the transaction when the reply is positive."""
        ...

    async def data(self, session: Session, transaction: Transaction, content: Content) -> Reply:
        """The whole message; a 250 promises that it is durable and its text ends ``queued as ID``."""
        ...

    async def refused(self, session: Session, transaction: Transaction | None, stage: str, reply: Reply) -> None:
        """The server itself refused something that belongs in a trace (size, bare line ends, budgets, early talk)."""
        ...

    async def reset(self, session: Session) -> None:
        """RSET, EHLO again or the end of a transaction: forget the transaction's state."""
        ...

    async def disconnect(self, session: Session) -> None:
        """The connection is gone, however it ended."""
        ...
