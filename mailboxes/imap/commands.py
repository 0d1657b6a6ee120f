"""The commands as frozen values, and the one table: name, states, how it is read, who answers, what it may report.

Adding a command: a class here, its grammar in ``grammar``, ``items`` or ``queries``, a line in ``dispatch.TABLE``, a
handler.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum, StrEnum
from typing import TypeAlias

from mailboxes.imap.framing import Literal
from mailboxes.imap.numset import NumberSet
from mailboxes.mime.section import Section


@dataclass(frozen=True, slots=True)
class Plain:
    """A command without arguments."""


@dataclass(frozen=True, slots=True)
class Login:
    """LOGIN."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authenticate:
    """AUTHENTICATE, with the initial response of SASL-IR (base64) or None."""

    mechanism: str
    initial: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enable:
    """ENABLE: capability names in upper case."""

    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class Identify:
    """ID: what the client says of itself is not kept."""


@dataclass(frozen=True, slots=True)
class Resync:
    """What a client says of its copy (RFC 7162 §3.2.5): ``known`` are its UIDs, None for all."""

    uid_validity: int
    modseq: int
    known: NumberSet | None = None
    with_numbers: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT or EXAMINE."""

    mailbox: str
    condstore: bool = False
    resync: Resync | None = None


@dataclass(frozen=True, slots=True)
class OnMailbox:
    """CREATE, DELETE, SUBSCRIBE, UNSUBSCRIBE; ``special_use`` for CREATE alone."""

    mailbox: str
    special_use: str = ""


@dataclass(frozen=True, slots=True)
class Rename:
    """RENAME."""

    mailbox: str
    new_name: str


@dataclass(frozen=True, slots=True)
class ListQuery:
    """LIST and LSUB (RFC 5258, RFC 5819, RFC 6154): ``status`` are the items of RETURN (STATUS …)."""

    reference: str
    patterns: Sequence[str]
    select: frozenset[str] = frozenset()
    returns: frozenset[str] = frozenset()
    status: Sequence[str] = ()
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """STATUS."""

    mailbox: str
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Compress:
    """COMPRESS: the mechanism in upper case."""

    mechanism: str


@dataclass(frozen=True, slots=True)
class GetQuota:
    """GETQUOTA: the name of a quota root."""

    root: str


@dataclass(frozen=True, slots=True)
class AppendMessage:
    """One message of an APPEND."""

    flags: Sequence[str]
    internal_date: datetime | None
    content: Literal


@dataclass(frozen=True, slots=True)
class Append:
    """APPEND of one message or several (RFC 3502)."""

    mailbox: str
    messages: Sequence[AppendMessage]


@dataclass(frozen=True, slots=True)
class Replace:
    """REPLACE and UID REPLACE (RFC 8508): one message gives way to a new one."""

    number: NumberSet
    by_uid: bool
    mailbox: str
    message: AppendMessage


@dataclass(frozen=True, slots=True)
class Numbers:
    """UID EXPUNGE: the UIDs named."""

    numbers: NumberSet


class Item(Enum):
    """A FETCH item that is not a section."""

    UID = "UID"
    FLAGS = "FLAGS"
    INTERNALDATE = "INTERNALDATE"
    SIZE = "RFC822.SIZE"
    ENVELOPE = "ENVELOPE"
    BODY = "BODY"
    BODYSTRUCTURE = "BODYSTRUCTURE"
    MODSEQ = "MODSEQ"
    SAVEDATE = "SAVEDATE"
    EMAILID = "EMAILID"
    THREADID = "THREADID"
    PREVIEW = "PREVIEW"
    LAZY_PREVIEW = "PREVIEW (LAZY)"


Partial: TypeAlias = tuple[int, int]  # positions in a result (RFC 9394), counted from its end when negative


@dataclass(frozen=True, slots=True)
class BodyItem:
    """A FETCH item with a section: ``label`` is how the answer names it; ``partial`` is (first octet, count)."""

    label: bytes
    section: Section
    peek: bool
    partial: tuple[int, int] | None = None
    binary: bool = False
    size_only: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """FETCH and UID FETCH."""

    numbers: NumberSet
    items: Sequence[Item | BodyItem]
    by_uid: bool
    changed_since: int | None = None
    vanished: bool = False
    partial: Partial | None = None


class StoreMode(StrEnum):
    """What STORE does with the flags."""

    SET = ""
    ADD = "+"
    REMOVE = "-"


@dataclass(frozen=True, slots=True)
class Store:
    """STORE and UID STORE."""

    numbers: NumberSet
    mode: StoreMode
    flags: Sequence[str]
    silent: bool
    by_uid: bool
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """COPY, MOVE and their UID forms."""

    numbers: NumberSet
    mailbox: str
    by_uid: bool


# --- SEARCH ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class HasFlag:
    """The flag is set (keywords compare without case)."""

    flag: str


@dataclass(frozen=True, slots=True)
class InNumbers:
    """The message is in the set."""

    numbers: NumberSet
    by_uid: bool


@dataclass(frozen=True, slots=True)
class Size:
    """``size`` is larger (or smaller) than so many octets."""

    octets: int
    larger: bool


class DateOf(StrEnum):
    """Which date is compared."""

    INTERNAL = "internal"
    SENT = "sent"
    SAVED = "saved"


@dataclass(frozen=True, slots=True)
class OnDate:
    """The day is in ``first`` ≤ day < ``end``; None is open."""

    of: DateOf
    first: date | None
    end: date | None


@dataclass(frozen=True, slots=True)
class Younger:
    """The internal date is within so many seconds; ``older`` turns it round (RFC 5032)."""

    seconds: int
    older: bool


@dataclass(frozen=True, slots=True)
class ModSeq:
    """The MODSEQ is at least this."""

    least: int


@dataclass(frozen=True, slots=True)
class EmailId:
    """The message's EMAILID is that of a content, None is none (RFC 8474)."""

    content: int | None


@dataclass(frozen=True, slots=True)
class InHeader:
    """A field of that name (lower case) contains the text; an empty text asks for the field alone."""

    name: bytes
    text: str


@dataclass(frozen=True, slots=True)
class InText:
    """The body contains the text; with ``header`` the header may too."""

    text: str
    header: bool


@dataclass(frozen=True, slots=True)
class Not:
    """The key does not hold."""

    key: "Key"


@dataclass(frozen=True, slots=True)
class Either:
    """One of the keys holds."""

    keys: tuple["Key", ...]


@dataclass(frozen=True, slots=True)
class Both:
    """All keys hold."""

    keys: tuple["Key", ...]


Key = All | HasFlag | InNumbers | Size | OnDate | Younger | ModSeq | EmailId | InHeader | InText | Not | Either | Both


@dataclass(frozen=True, slots=True)
class Search:
    """SEARCH and UID SEARCH; ``returns`` is None without RETURN (RFC 4731)."""

    key: Key
    by_uid: bool
    returns: frozenset[str] | None = None
    has_modseq: bool = False
    has_charset: bool = False
    partial: Partial | None = None


class SortBy(StrEnum):
    """What SORT compares (RFC 5256 §3, RFC 5957)."""

    ARRIVAL = "ARRIVAL"
    CC = "CC"
    DATE = "DATE"
    FROM = "FROM"
    SIZE = "SIZE"
    SUBJECT = "SUBJECT"
    TO = "TO"
    DISPLAYFROM = "DISPLAYFROM"
    DISPLAYTO = "DISPLAYTO"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of SORT."""

    by: SortBy
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Sort:
    """SORT and UID SORT."""

    search: Search
    criteria: Sequence[Criterion]


class Threading(StrEnum):
    """How THREAD groups messages (RFC 5256 §3)."""

    ORDEREDSUBJECT = "ORDEREDSUBJECT"
    REFERENCES = "REFERENCES"


@dataclass(frozen=True, slots=True)
class Thread:
    """THREAD and UID THREAD."""

    search: Search
    algorithm: Threading


Command = (
    Plain | Login | Authenticate | Enable | Identify | Select | OnMailbox | Rename | ListQuery | Status | GetQuota
    | Compress | Append | Replace | Numbers | Fetch | Store | Transfer | Search | Sort | Thread
)  # fmt: skip
