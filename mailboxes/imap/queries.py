"""The grammar of SEARCH, SORT and THREAD (RFC 9051 §6.4.4; RFC 5256, RFC 4731, RFC 5032, RFC 7162, RFC 9394)."""

import re
from collections.abc import Callable
from datetime import timedelta

from mailboxes.imap import commands as c
from mailboxes.imap.numset import LARGEST, NumberSet
from mailboxes.imap.scanner import Scanner, SyntaxFault, decoded

KEYS = 1_000
KEY_LEVELS = 50

_EMAIL_ID = re.compile(r"M(\d{1,18})")
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
