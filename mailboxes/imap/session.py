"""One IMAP session without its socket: the states, what is enabled, the capabilities (RFC 9051 §3, §6.1.1)."""

from dataclasses import dataclass, field
from enum import Flag, auto

from mailboxes.imap.port import MailStore
from mailboxes.imap.view import View


class State(Flag):
    """Where the session stands."""

    NOT_AUTHENTICATED = auto()
    AUTHENTICATED = auto()
    SELECTED = auto()
    LOGOUT = auto()


ANY = State.NOT_AUTHENTICATED | State.AUTHENTICATED | State.SELECTED
LOGGED_IN = State.AUTHENTICATED | State.SELECTED

_ALWAYS = ("IMAP4rev1", "IMAP4rev2", "SASL-IR", "LITERAL+", "ID", "ENABLE", "IDLE")
_LOGGED_IN = (
    "NAMESPACE",
    "UIDPLUS",
    "UNSELECT",
    "CHILDREN",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "STATUS=SIZE",
    "ESEARCH",
    "SEARCHRES",
    "MULTIAPPEND",
    "SORT",
    "SORT=DISPLAY",
    "ESORT",
    "THREAD=ORDEREDSUBJECT",
    "THREAD=REFERENCES",
    "PARTIAL",
    "WITHIN",
    "CONDSTORE",
    "QRESYNC",
    "MOVE",
    "BINARY",
    "SAVEDATE",
    "OBJECTID",
    "PREVIEW",
    "COMPRESS=DEFLATE",
    "REPLACE",
    "INPROGRESS",
    "QUOTA",
    "QUOTA=RES-STORAGE",
    "UTF8=ACCEPT",
    "UIDONLY",
    "APPENDLIMIT=26214400",
)
ENABLEABLE = {name.upper(): name for name in ("CONDSTORE", "QRESYNC", "IMAP4rev2", "UTF8=ACCEPT", "UIDONLY")}


@dataclass(slots=True)
class Session:
    """What is true of one connection; ``store`` is there once somebody is logged in, ``view`` in a mailbox.

    ``channel_binding`` is the hash of the certificate that the client was shown, when SCRAM can bind to it;
    ``scram`` are the mechanisms of that kind to offer.
    """

    tls: bool = False
    channel_binding: bytes | None = None
    scram: tuple[str, ...] = ()
    tls_offered: bool = False
    state: State = State.NOT_AUTHENTICATED
    username: str = ""
    store: MailStore | None = None
    view: View | None = None
    enabled: set[str] = field(default_factory=set)
    tag: bytes = b""

    @property
    def condstore(self) -> bool:
        """True once the client has shown that it knows MODSEQ (RFC 7162 §3.1)."""
        return bool(self.enabled & {"CONDSTORE", "QRESYNC"})

    @property
    def qresync(self) -> bool:
        """True once the client has asked for VANISHED in EXPUNGE's place (RFC 7162 §3.2.3)."""
        return "QRESYNC" in self.enabled

    @property
    def uid_only(self) -> bool:
        """True once the client has given up sequence numbers (RFC 9586)."""
        return "UIDONLY" in self.enabled

    @property
    def says_vanished(self) -> bool:
        """True when VANISHED stands in EXPUNGE's place."""
        return self.qresync or self.uid_only

    @property
    def rev2(self) -> bool:
        """True once the client has asked for the answers of IMAP4rev2 (RFC 9051 §6.3.1)."""
        return "IMAP4REV2" in self.enabled

    @property
    def utf8_names(self) -> bool:
        """True when mailbox names are UTF-8 on the wire in both directions (RFC 9051 §5.1, RFC 9755 §3)."""
        return self.rev2 or "UTF8=ACCEPT" in self.enabled

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The SASL mechanisms offered, none in the clear."""
        return ("PLAIN", *self.scram) if self.tls else ()

    def capabilities(self) -> str:
        """Return what is offered now."""
        offered = list(_ALWAYS)
        if self.state is State.NOT_AUTHENTICATED:
            if self.tls_offered and not self.tls:
                offered.append("STARTTLS")
            offered += [f"AUTH={name}" for name in self.mechanisms] or ["LOGINDISABLED"]
        else:
            offered += _LOGGED_IN
        return " ".join(offered)

    def log_in(self, username: str, store: MailStore) -> None:
        """Somebody is logged in."""
        self.username, self.store, self.state = username, store, State.AUTHENTICATED

    def select(self, view: View) -> None:
        """A mailbox is open."""
        self.view, self.state = view, State.SELECTED

    def unselect(self) -> None:
        """No mailbox is open."""
        self.view = None
        if self.state is State.SELECTED:
            self.state = State.AUTHENTICATED
