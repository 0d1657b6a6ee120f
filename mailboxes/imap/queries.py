"""The grammar of FETCH items and SEARCH keys (RFC 9051 §6.4.4, §6.4.5; RFC 7162, RFC 3516, RFC 4731, RFC 5032)."""

import re
from collections.abc import Callable
from datetime import timedelta

from mailboxes.imap import commands as c
from mailboxes.imap.numset import LARGEST, NumberSet
from mailboxes.imap.scanner import Scanner, SyntaxFault, decoded
from mailboxes.mime.section import Section, Text

KEYS = 1_000
KEY_LEVELS = 50
FETCH_ITEMS = 200
PART_LEVELS = 60

_MACROS = {
    "ALL": (c.Item.FLAGS, c.Item.INTERNALDATE, c.Item.SIZE, c.Item.ENVELOPE),
    "FAST": (c.Item.FLAGS, c.Item.INTERNALDATE, c.Item.SIZE),
    "FULL": (c.Item.FLAGS, c.Item.INTERNALDATE, c.Item.SIZE, c.Item.ENVELOPE, c.Item.BODY),
}
_OLD_ITEMS = {
    "RFC822": (Text.ALL, False),
    "RFC822.HEADER": (Text.HEADER, True),
    "RFC822.TEXT": (Text.TEXT, False),
}
_EMAIL_ID = re.compile(r"M(\d{1,18})")
_ITEMS = {item.value: item for item in c.Item}

FetchItem = c.Item | c.BodyItem


# --- FETCH -------------------------------------------------------------------------------------------------------


def fetch_items(scanner: Scanner) -> tuple[FetchItem, ...]:
    """``"ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")"``."""
    if scanner.peek() == b"(":
        found = scanner.parenthesised(lambda: fetch_item(scanner))
        if len(found) > FETCH_ITEMS:
            raise SyntaxFault("Too many items")
        return tuple(dict.fromkeys(found))
    start = scanner.position
    macro = _MACROS.get(_item_name(scanner))
    if macro is not None:
        return macro
    scanner.position = start
    return (fetch_item(scanner),)


def _item_name(scanner: Scanner) -> str:
    """The item's name up to its section, in upper case."""
    end = scanner.position
    while end < len(scanner.text) and scanner.text[end : end + 1] not in (b" ", b"(", b")", b"[", b"<"):
        end += 1
    name = scanner.text[scanner.position : end].decode("ascii", "replace").upper()
    scanner.position = end
    return name


def fetch_item(scanner: Scanner) -> FetchItem:
    """``fetch-att``."""
    name = _item_name(scanner)
    if scanner.peek() == b"[" and name in ("BODY", "BODY.PEEK", "BINARY", "BINARY.PEEK", "BINARY.SIZE"):
        return _body_item(scanner, name)
    if name in _OLD_ITEMS:
        text, peek = _OLD_ITEMS[name]
        return c.BodyItem(name.encode(), Section(text=text), peek)
    if name == "PREVIEW" and scanner.accept(b" (LAZY)"):
        return c.Item.LAZY_PREVIEW
    if name in _ITEMS:
        return _ITEMS[name]
    raise SyntaxFault(f"There is no item {name[:40]!r}")


def _body_item(scanner: Scanner, name: str) -> c.BodyItem:
    """``"BODY" [".PEEK"] section [partial]`` and the BINARY forms."""
    binary = name.startswith("BINARY")
    part = section(scanner)
    if binary and part.text is not Text.ALL:
        raise SyntaxFault("BINARY takes part numbers only")
    label = (b"BODY" if not binary else name.removesuffix(".PEEK").encode()) + _section_label(part)
    partial = None
    if name != "BINARY.SIZE" and scanner.accept(b"<"):
        partial = _partial(scanner)
        label += b"<%d>" % partial[0]
    size_only = name == "BINARY.SIZE"
    return c.BodyItem(label, part, name.endswith(".PEEK") or size_only, partial, binary, size_only)


def _partial(scanner: Scanner) -> tuple[int, int]:
    """``"<" number64 "." nz-number64 ">"``."""
    first = scanner.number()
    scanner.expect(b".")
    count = scanner.number()
    scanner.expect(b">")
    if not count:
        raise SyntaxFault("A partial fetch asks for one octet at least")
    return first, count


def section(scanner: Scanner) -> Section:
    """``section = "[" [section-spec] "]"``."""
    scanner.expect(b"[")
    path: list[int] = []
    while scanner.peek().isdigit():
        path.append(scanner.number())
        if len(path) > PART_LEVELS or not path[-1]:
            raise SyntaxFault("There is no such part")
        if not scanner.accept(b"."):
            scanner.expect(b"]")
            return Section(tuple(path))
    if not path and scanner.accept(b"]"):
        return Section()
    found = _section_text(scanner, tuple(path))
    scanner.expect(b"]")
    return found


def _section_text(scanner: Scanner, path: tuple[int, ...]) -> Section:
    """``section-msgtext / "MIME"``."""
    for text in (Text.FIELDS_NOT, Text.FIELDS):
        if scanner.accept(text.encode() + b" "):
            return Section(path, text, tuple(scanner.parenthesised(scanner.astring)))
    for text in (Text.HEADER, Text.TEXT):
        if scanner.accept(text.encode()):
            return Section(path, text)
    if path and scanner.accept(b"MIME"):
        return Section(path, Text.MIME)
    raise SyntaxFault("There is no such section")


def _section_label(part: Section) -> bytes:
    """Return the section as the answer repeats it; names that are no atoms are quoted."""
    pieces = [".".join(map(str, part.path))] if part.path else []
    if part.text is not Text.ALL:
        pieces.append(part.text.value)
    label = ".".join(pieces).encode()
    if part.names:
        label += b" (" + b" ".join(_name_label(name) for name in part.names) + b")"
    return b"[" + label + b"]"


def _name_label(name: bytes) -> bytes:
    said = bytes(octet for octet in name if 32 <= octet < 127 and octet not in b'"\\')
    plain = said.replace(b"-", b"").replace(b"_", b"").replace(b".", b"")
    return said if plain.isalnum() else b'"' + said + b'"'


# --- SEARCH ------------------------------------------------------------------------------------------------------

_FLAG_KEYS = {
    "ANSWERED": "\\Answered",
    "DELETED": "\\Deleted",
    "DRAFT": "\\Draft",
    "FLAGGED": "\\Flagged",
    "SEEN": "\\Seen",
}
_HEADER_KEYS = {"BCC", "CC", "FROM", "SUBJECT", "TO"}
_DATE_KEYS = {
    prefix + name: (of, name)
    for prefix, of in (("", c.DateOf.INTERNAL), ("SENT", c.DateOf.SENT), ("SAVED", c.DateOf.SAVED))
    for name in ("BEFORE", "ON", "SINCE")
}


class _KeyReader:
    """Reads the keys of one SEARCH; counts them, so that no query is without bounds."""

    def __init__(self, scanner: Scanner) -> None:
        self.scanner = scanner
        self.count = 0
        self.level = 0
        self.has_modseq = False

    def all_keys(self, closing: bytes = b"") -> c.Key:
        """``search-key *(SP search-key)``, ANDed."""
        keys = [self.key()]
        while not (self.scanner.at_end() or (closing and self.scanner.peek() == closing)):
            self.scanner.space()
            keys.append(self.key())
        return keys[0] if len(keys) == 1 else c.Both(tuple(keys))

    def key(self) -> c.Key:
        """``search-key``; the depth is bounded by ``KEY_LEVELS``."""
        self.count += 1
        self.level += 1
        if self.count > KEYS or self.level > KEY_LEVELS:
            raise SyntaxFault("The search has too many keys")
        try:
            return self._key()
        finally:
            self.level -= 1

    def _key(self) -> c.Key:
        scanner = self.scanner
        if scanner.accept(b"("):
            inner = self.all_keys(b")")
            scanner.expect(b")")
            return inner
        if scanner.peek() in b"0123456789*$" and scanner.peek():
            return c.InNumbers(scanner.numbers(), by_uid=False)
        return self._named(scanner.atom())

    def _named(self, name: str) -> c.Key:
        if name in _FLAG_KEYS:
            return c.HasFlag(_FLAG_KEYS[name])
        if name.startswith("UN") and name[2:] in _FLAG_KEYS:
            return c.Not(c.HasFlag(_FLAG_KEYS[name[2:]]))
        if name in ("ALL", "OLD", "SAVEDATESUPPORTED"):
            return c.All()
        if name in ("NEW", "RECENT"):
            return c.Not(c.All())  # \Recent is not kept (RFC 9051 appendix E)
        self.scanner.space()
        return self._with_argument(name)

    def _with_argument(self, name: str) -> c.Key:
        scanner = self.scanner
        if name in _HEADER_KEYS:
            return c.InHeader(name.lower().encode(), self._text())
        if name in _DATE_KEYS:
            return self._date(*_DATE_KEYS[name])
        readers: dict[str, Callable[[], c.Key]] = {
            "NOT": lambda: c.Not(self.key()),
            "OR": self._or,
            "HEADER": self._header,
            "BODY": lambda: c.InText(self._text(), header=False),
            "TEXT": lambda: c.InText(self._text(), header=True),
            "KEYWORD": lambda: c.HasFlag(scanner.flag()),
            "UNKEYWORD": lambda: c.Not(c.HasFlag(scanner.flag())),
            "LARGER": lambda: c.Size(scanner.number(), larger=True),
            "SMALLER": lambda: c.Size(scanner.number(), larger=False),
            "UID": lambda: c.InNumbers(self._numbers(), by_uid=True),
            "MODSEQ": self._modseq,
            "EMAILID": self._email_id,
            "THREADID": self._thread_id,
            "YOUNGER": lambda: c.Younger(scanner.number(), older=False),
            "OLDER": lambda: c.Younger(scanner.number(), older=True),
        }
        reader = readers.get(name)
        if reader is None:
            raise SyntaxFault(f"There is no search key {name[:40]!r}")
        return reader()

    def _numbers(self) -> NumberSet:
        return self.scanner.numbers()

    def _text(self) -> str:
        return decoded(self.scanner.astring())

    def _or(self) -> c.Key:
        first = self.key()
        self.scanner.space()
        return c.Either((first, self.key()))

    def _header(self) -> c.Key:
        name = self.scanner.astring().lower()
        self.scanner.space()
        return c.InHeader(name, self._text())

    def _date(self, of: c.DateOf, name: str) -> c.Key:
        day = self.scanner.date()
        if name == "BEFORE":
            return c.OnDate(of, None, day)
        if name == "SINCE":
            return c.OnDate(of, day, None)
        return c.OnDate(of, day, day + timedelta(days=1)) if day.year < 9999 else c.Not(c.All())

    def _modseq(self) -> c.Key:
        """``"MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer``."""
        if self.scanner.peek() == b'"':
            self.scanner.string()
            self.scanner.space()
            self.scanner.atom()
            self.scanner.space()
        self.has_modseq = True
        return c.ModSeq(self.scanner.number())

    def _email_id(self) -> c.Key:
        """``objectid``; one that was never told is nobody's."""
        found = _EMAIL_ID.fullmatch(self.scanner.atom())
        return c.EmailId(int(found[1]) if found else None)

    def _thread_id(self) -> c.Key:
        """``objectid``: no message has one."""
        self.scanner.atom()
        return c.EmailId(None)


class BadCharset(ValueError):
    """The client asked for a charset that is not read here."""


def search(scanner: Scanner, by_uid: bool) -> c.Search:
    """``[SP "RETURN" …] [SP "CHARSET" SP charset] SP search-key …``; raises BadCharset for others than UTF-8."""
    returns, partial = _returns(scanner)
    has_charset = scanner.accept(b"CHARSET ")
    if has_charset:
        _charset(scanner)
    return _keys(scanner, by_uid, returns, partial, has_charset)


def sort(scanner: Scanner, by_uid: bool) -> c.Sort:
    """``["RETURN" … SP] "(" sort-key *(SP sort-key) ")" SP charset SP search-key …`` (RFC 5256, RFC 5267)."""
    returns, partial = _returns(scanner)
    criteria = scanner.parenthesised(lambda: _criterion(scanner))
    scanner.space()
    _charset(scanner)
    return c.Sort(_keys(scanner, by_uid, returns, partial), criteria)


def thread(scanner: Scanner, by_uid: bool) -> c.Thread:
    """``thread-alg SP charset SP search-key …`` (RFC 5256)."""
    algorithm = scanner.atom()
    if algorithm not in c.Threading.__members__:
        raise SyntaxFault("THREAD knows ORDEREDSUBJECT and REFERENCES")
    scanner.space()
    _charset(scanner)
    return c.Thread(_keys(scanner, by_uid), c.Threading(algorithm))


def _returns(scanner: Scanner) -> tuple[frozenset[str] | None, c.Partial | None]:
    """``["RETURN" SP "(" [search-return-opt …] ")" SP]``; PARTIAL and ALL exclude each other (RFC 9394 §3.1)."""
    if not scanner.accept(b"RETURN "):
        return None, None
    options = dict(scanner.parenthesised(lambda: _return_option(scanner), empty=True)) or {"ALL": None}
    if (
        not options.keys() <= {"MIN", "MAX", "ALL", "COUNT", "SAVE", "PARTIAL"}
        or {"ALL", "PARTIAL"} <= options.keys()
    ):
        raise SyntaxFault("RETURN takes MIN, MAX, COUNT, SAVE and either ALL or PARTIAL")
    scanner.space()
    return frozenset(options), options.get("PARTIAL")


def _return_option(scanner: Scanner) -> tuple[str, c.Partial | None]:
    name = scanner.atom()
    if name != "PARTIAL":
        return name, None
    scanner.space()
    return name, partial_range(scanner)


def partial_range(scanner: Scanner) -> c.Partial:
    """``nz-number ":" nz-number / "-" nz-number ":" "-" nz-number`` (RFC 9394 §3.1)."""
    sign = -1 if scanner.accept(b"-") else 1
    first = scanner.number()
    scanner.expect(b":-" if sign < 0 else b":")
    last = scanner.number()
    if not (first and last) or max(first, last) > LARGEST:
        raise SyntaxFault("There is no such range")
    return sign * first, sign * last


def _charset(scanner: Scanner) -> None:
    """``charset SP``."""
    charset = decoded(scanner.astring()).upper()
    if charset not in ("UTF-8", "US-ASCII"):
        raise BadCharset(charset)
    scanner.space()


def _keys(
    scanner: Scanner,
    by_uid: bool,
    returns: frozenset[str] | None = None,
    partial: c.Partial | None = None,
    has_charset: bool = False,
) -> c.Search:
    reader = _KeyReader(scanner)
    key = reader.all_keys()
    return c.Search(key, by_uid, returns, reader.has_modseq, has_charset, partial)


def _criterion(scanner: Scanner) -> c.Criterion:
    """``sort-key = ["REVERSE" SP] ("ARRIVAL" / "CC" / …)``."""
    reverse = scanner.accept(b"REVERSE ")
    name = scanner.atom()
    if name not in c.SortBy.__members__:
        raise SyntaxFault(f"There is nothing to sort by in {name[:40]!r}")
    return c.Criterion(c.SortBy(name), reverse)
