"""Reading one complete command from left to right: the small rules of the grammar (RFC 9051 §9)."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TypeVar

from mailboxes.imap.framing import Literal
from mailboxes.imap.mutf7 import decode_name
from mailboxes.imap.numset import NumberSet, parse_number_set

T = TypeVar("T")
NAME_CHARACTERS = 500
NAME_LEVELS = 40
FLAG_OCTETS = 200
FLAGS_AT_ONCE = 100
LIST_ITEMS = 1_000

_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_ASTRING = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')
_LIST_CHARS = re.compile(rb'[^\x00-\x20\x7f-\xff(){"\\]+')
_QUOTED = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*)"')
_ESCAPE = re.compile(rb"\\(.)")
_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n")
_NUMBER = re.compile(rb"\d{1,19}")
_FLAG = re.compile(rb'\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_DATE = re.compile(rb'"?(\d{1,2})-([A-Za-z]{3})-(\d{4})"?')
_DATE_TIME = re.compile(rb'"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"')
_MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
SYSTEM_FLAGS = {flag.lower(): flag for flag in ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")}


class SyntaxFault(ValueError):
    """The command is not in the grammar; ``str()`` is one public sentence."""


class Scanner:
    """The text of one command and where reading stands."""

    def __init__(self, text: bytes, literals: Sequence[Literal] = (), utf8_names: bool = False) -> None:
        self.text = text
        self.utf8_names = utf8_names
        self.position = 0
        self.literals = list(literals)

    def at_end(self) -> bool:
        """True when nothing is left."""
        return self.position >= len(self.text)

    def end(self) -> None:
        """Demand the end."""
        if not self.at_end():
            raise SyntaxFault("There is more after the command's arguments")

    def peek(self) -> bytes:
        """Return the next octet, empty at the end."""
        return self.text[self.position : self.position + 1]

    def accept(self, token: bytes) -> bool:
        """Take the token (upper case) if it is next, without case."""
        if self.text[self.position : self.position + len(token)].upper() != token:
            return False
        self.position += len(token)
        return True

    def expect(self, token: bytes) -> None:
        """Demand the token."""
        if not self.accept(token):
            raise SyntaxFault(f"Expected {token.decode()!r}")

    def space(self) -> None:
        """``SP``."""
        self.expect(b" ")

    def match(self, pattern: re.Pattern[bytes], what: str) -> re.Match[bytes]:
        """Take what the pattern finds here."""
        found = pattern.match(self.text, self.position)
        if found is None:
            raise SyntaxFault(f"Expected {what}")
        self.position = found.end()
        return found

    def atom(self) -> str:
        """``atom``, in upper case."""
        return self.match(_ATOM, "a word").group().decode("ascii").upper()

    def number(self) -> int:
        """``number64``."""
        value = int(self.match(_NUMBER, "a number").group())
        if value >= 2**63:
            raise SyntaxFault("The number is too large")
        return value

    def literal(self) -> Literal:
        """``literal``, left as it is held."""
        self.match(_LITERAL, "a literal")
        return self.literals.pop(0)

    def string(self) -> bytes:
        """``string = quoted / literal``."""
        if self.peek() == b'"':
            return _ESCAPE.sub(rb"\1", self.match(_QUOTED, "a quoted string")[1])
        return self.literal().read()

    def astring(self) -> bytes:
        """``astring = 1*ASTRING-CHAR / string``."""
        if self.peek() in (b'"', b"{"):
            return self.string()
        return self.match(_ASTRING, "a string").group()

    def nstring(self) -> bytes | None:
        """``nstring = string / nil``."""
        return None if self.accept(b"NIL") else self.string()

    def text_astring(self) -> str:
        """An astring in UTF-8."""
        return decoded(self.astring())

    def mailbox(self) -> str:
        """``mailbox = "INBOX" / astring``."""
        return mailbox_name(self.astring(), self.utf8_names)

    def reference(self) -> str:
        """The reference of LIST, read like a name."""
        return named(self.astring(), self.utf8_names)

    def list_mailbox(self) -> str:
        """``list-mailbox = 1*list-char / string``."""
        if self.peek() in (b'"', b"{"):
            return named(self.string(), self.utf8_names)
        return named(self.match(_LIST_CHARS, "a pattern").group(), self.utf8_names)

    def numbers(self) -> NumberSet:
        """``sequence-set``."""
        end = self.position
        while end < len(self.text) and self.text[end] in b"0123456789*:,$":
            end += 1
        try:
            found = parse_number_set(self.text[self.position : end])
        except ValueError as fault:
            raise SyntaxFault(f"The set of messages is wrong: {fault}") from None
        self.position = end
        return found

    def flag(self) -> str:
        """``flag``; system flags in their own spelling, \\Recent and unknown ones with a backslash refused."""
        text = self.match(_FLAG, "a flag").group().decode("ascii")
        if len(text) > FLAG_OCTETS:
            raise SyntaxFault("The flag is too long")
        if text.startswith("\\"):
            known = SYSTEM_FLAGS.get(text.lower())
            if known is None:
                raise SyntaxFault(f"The flag {text} cannot be set")
            return known
        return text

    def flag_list(self) -> tuple[str, ...]:
        """``flag-list = "(" [flag *(SP flag)] ")"``."""
        flags = unique(self.parenthesised(self.flag, empty=True))
        if len(flags) > FLAGS_AT_ONCE:
            raise SyntaxFault("There are too many flags")
        return flags

    def parenthesised(self, rule: Callable[[], T], empty: bool = False) -> list[T]:
        """``"(" rule *(SP rule) ")"``."""
        self.expect(b"(")
        found: list[T] = []
        if empty and self.accept(b")"):
            return found
        while True:
            found.append(rule())
            if len(found) > LIST_ITEMS:
                raise SyntaxFault("The list is too long")
            if self.accept(b")"):
                return found
            self.space()

    def date(self) -> date:
        """``date = date-text / DQUOTE date-text DQUOTE``."""
        found = self.match(_DATE, "a date")
        try:
            return date(int(found[3]), _month(found[2]), int(found[1]))
        except ValueError:
            raise SyntaxFault("There is no such date") from None

    def date_time(self) -> datetime:
        """``date-time``, in UTC."""
        found = self.match(_DATE_TIME, "a date and time")
        offset = timedelta(hours=int(found[8]), minutes=int(found[9])) * (-1 if found[7] == b"-" else 1)
        try:
            local = datetime(
                int(found[3]), _month(found[2]), int(found[1]), int(found[4]), int(found[5]), int(found[6]),
                tzinfo=timezone(offset),
            )  # fmt: skip
            return local.astimezone(UTC)
        except (ValueError, OverflowError):
            raise SyntaxFault("There is no such date") from None


def _month(text: bytes) -> int:
    return _MONTHS.index(text.lower()) + 1


def unique(flags: Sequence[str]) -> tuple[str, ...]:
    """Return the flags once each, compared without case, as first spelt."""
    first: dict[str, str] = {}
    for flag in flags:
        first.setdefault(flag.lower(), flag)
    return tuple(first.values())


def decoded(octets: bytes) -> str:
    """Return text in UTF-8."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise SyntaxFault("The string is not UTF-8") from None


def named(octets: bytes, utf8: bool = False) -> str:
    """Return a mailbox name or pattern, in UTF-8 alone once the client asked for that."""
    try:
        return octets.decode("utf-8") if utf8 else decode_name(octets)
    except ValueError:
        raise SyntaxFault("The mailbox name is not in its encoding") from None


def mailbox_name(octets: bytes, utf8: bool = False) -> str:
    """Return the name of one mailbox: INBOX in capitals, without a final separator; raises SyntaxFault."""
    name = named(octets, utf8).removesuffix("/")
    head, slash, rest = name.partition("/")
    if head.upper() == "INBOX":
        name = "INBOX" + slash + rest
    levels = name.split("/")
    if len(name) > NAME_CHARACTERS or len(levels) > NAME_LEVELS or not all(levels):
        raise SyntaxFault("The mailbox name is empty, too long or has an empty level")
    if any(ord(character) < 32 or ord(character) in (127, 0x2028, 0x2029) for character in name):
        raise SyntaxFault("The mailbox name has a control character")
    return name
