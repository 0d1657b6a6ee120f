"""Header fields as they stand on the wire, and the one address parser (RFC 5322 §2.2, §3.4).

A field keeps its octets; nothing is decoded or written anew. Both CRLF and a bare LF end a line here, since stored
mail may hold either; strictness on the wire is decided elsewhere. No function raises for any octets, none recurses,
all are linear, and the caps of ``limits`` bound what comes back.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from domains.octets import Octets
from mailboxes.mime.limits import ADDRESSES, FIELD_OCTETS, FIELDS, HEADER_BLOCK_OCTETS

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_ADDRESS_TOKEN = re.compile(
    rb"""(?P<space>[ \t\r\n]+)
    |(?P<quoted>"(?:[^"\\]|\\.)*"?)
    |(?P<special>[<>,:;@.()])
    |(?P<atom>[^ \t\r\n"<>,:;@.()]+)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(rb"[()]|\\.", re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: ``raw`` is all of it with its line ends, ``name`` is as spelt."""

    name: bytes
    raw: bytes

    @property
    def key(self) -> bytes:
        """The name in lower case."""
        return self.name.lower()

    @property
    def value(self) -> bytes:
        """What follows the colon, unfolded, without the white space around it."""
        return _FOLD.sub(b"", self.raw.partition(b":")[2]).strip(b" \t\r\n")


@dataclass(frozen=True, slots=True)
class Block:
    """A header block: ``end`` is the offset behind its empty line; ``within`` is False when a cap was passed.

    Past a cap, ``fields`` are those before it and ``end`` is where reading stopped.
    """

    fields: tuple[Field, ...]
    end: int
    within: bool


@dataclass(frozen=True, slots=True)
class Address:
    """One address as ENVELOPE lists it (RFC 9051 §7.5.2): a group begins with ``host`` None, ends with all None."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None

    @property
    def is_mailbox(self) -> bool:
        """True for an address, False for a group's beginning or end."""
        return self.host is not None

    @property
    def text(self) -> str:
        """``local@domain``, undecodable octets replaced; empty for a group's edge or a half address."""
        if not self.mailbox or not self.host:
            return ""
        return f"{self.mailbox.decode('utf-8', 'replace')}@{self.host.decode('utf-8', 'replace')}"


def read_block(octets: Octets, start: int = 0, stops_at: Callable[[int], bool] | None = None) -> Block:
    """Return the header block that begins at ``start``; it also ends at a line for which ``stops_at`` is true."""
    fields: list[Field] = []
    position = field_start = start
    limit = start + HEADER_BLOCK_OCTETS
    size = len(octets)

    def close(at: int) -> None:
        if at > field_start:
            fields.append(_field(octets[field_start:at]))

    while position < size:
        line_end = octets.find(b"\n", position, limit)
        if (line_end < 0 and size > limit) or len(fields) >= FIELDS:
            return Block(tuple(fields), position, False)
        following = size if line_end < 0 else line_end + 1
        if octets[position] in b" \t" and position > field_start:
            position = following
            continue
        close(position)
        if octets[position:following] in (b"\r\n", b"\n"):
            return Block(tuple(fields), following, True)
        if stops_at is not None and stops_at(position):
            return Block(tuple(fields), position, True)
        field_start, position = position, following
    close(size)
    return Block(tuple(fields), size, True)


def _field(raw: bytes) -> Field:
    """Return the field; a line without a colon, or with none on its first line, has an empty name."""
    name, colon, _ = raw.partition(b":")
    return Field(name.rstrip(b" \t") if colon and b"\n" not in name else b"", raw)


def header_octets(octets: Octets, start: int = 0, end: int | None = None) -> int:
    """Return the offset behind the empty line that ends the header at ``start``, or ``end`` when there is none."""
    stop = len(octets) if end is None else end
    for empty in (b"\r\n", b"\n"):
        if octets.startswith(empty, start):
            return min(start + len(empty), stop)
    strict = octets.find(b"\n\r\n", start, stop)
    loose = octets.find(b"\n\n", start, stop if strict < 0 else strict + 1)
    if loose >= 0:
        return loose + 2
    return strict + 3 if strict >= 0 else stop


def split_fields(octets: Octets) -> list[Field]:
    """Return the fields of the message's header in order, at most ``FIELDS`` of them in ``HEADER_BLOCK_OCTETS``.

    A line without a colon gives a Field with an empty name. Joining every ``raw`` gives the header without its
    empty line.
    """
    return list(read_block(octets).fields)


def first_value(fields: Iterable[Field], name: bytes) -> bytes | None:
    """Return the unfolded value of the first field of that name (lower case); None when absent or over its cap."""
    for field in fields:
        if field.key == name:
            return field.value if len(field.raw) <= FIELD_OCTETS else None
    return None


def values_of(fields: Iterable[Field], name: bytes) -> list[bytes]:
    """Return the unfolded values of all fields of that name (lower case) that are within the cap."""
    return [field.value for field in fields if field.key == name and len(field.raw) <= FIELD_OCTETS]


def unquote(text: bytes) -> bytes:
    """Return a quoted-string's content, or the text as it is."""
    if not text.startswith(b'"'):
        return text
    inner = text[1:-1] if len(text) > 1 and text.endswith(b'"') else text[1:]
    return _QUOTED_PAIR.sub(rb"\1", inner)


def skip_comment(value: bytes, position: int) -> int:
    """Return the offset behind the comment that opens at ``position``, nested ones counted, not entered."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(value, position):
        mark = edge.group()
        depth += (mark == b"(") - (mark == b")")
        if depth == 0 and mark == b")":
            return edge.end()
    return len(value)


class _AddressReader:
    """Reads an address-list token by token (RFC 5322 §3.4, obsolete forms too), never giving up."""

    def __init__(self) -> None:
        self.found: list[Address] = []
        self.in_group = False
        self.clear()

    def clear(self) -> None:
        """Begin a new address."""
        self.words: list[bytes] = []  # phrase or local part, in pieces
        self.angle: list[bytes] | None = None
        self.in_angle = False
        self.in_route = False
        self.comment = b""
        self.domain_at: int | None = None
        self.spaced = False

    def take(self, kind: str, text: bytes) -> None:
        """Take one token."""
        if kind == "space":
            self.spaced = True
        elif kind == "comment":
            self.comment = self.comment or text[1:-1].strip()
        elif kind == "special":
            self.special(text)
        else:
            self.piece(unquote(text))

    def special(self, text: bytes) -> None:
        """Take a character with a meaning of its own."""
        if text == b"<" and self.angle is None:
            self.angle, self.in_angle = [], True
        elif text == b">":
            self.in_angle = self.in_route = False
        elif text == b"," and not self.in_route:
            self.finish()
        elif text == b":" and not (self.in_angle or self.in_group or self.domain_at is not None):
            self.begin_group()
        elif text == b";" and self.in_group:
            self.end_group()
        else:
            self.mark(text)
            self.piece(text)

    def mark(self, text: bytes) -> None:
        """Note where a domain or an obsolete source route (``<@one,@two:local@domain>``) begins and ends."""
        if text == b"@" and self.angle is None:
            self.domain_at = len(self.words)
        elif text == b"@" and not self.angle and self.in_angle:
            self.in_route = True
        elif text == b":":
            self.in_route = False

    def piece(self, text: bytes) -> None:
        """Add a piece to the address or the phrase; words of a phrase keep one space between them."""
        if self.in_angle and self.angle is not None:
            self.angle.append(text)
        elif self.angle is None:
            if self.spaced and self.words and text not in (b"@", b".") and self.domain_at is None:
                self.words.append(b" ")
            self.words.append(text)
        self.spaced = False

    def begin_group(self) -> None:
        """``display-name ":"``."""
        self.found.append(Address(None, None, b"".join(self.words).strip() or self.comment, None))
        self.in_group = True
        self.clear()

    def end_group(self) -> None:
        """Close the group that is open."""
        self.finish()
        self.in_group = False
        self.found.append(Address(None, None, None, None))

    def finish(self) -> None:
        """Add what was gathered, if anything."""
        if self.angle is not None:
            self.found.append(_from_angle(self.angle, b"".join(self.words).strip() or self.comment))
        elif self.words:
            self.found.append(_bare(self.words, self.domain_at, self.comment))
        self.clear()


def _bare(words: list[bytes], at: int | None, comment: bytes) -> Address:
    """``addr-spec`` without angle brackets; a phrase alone becomes a local part without a host."""
    if at is None:
        return Address(comment or None, None, b"".join(words), b"")
    return Address(comment or None, None, b"".join(words[:at]).replace(b" ", b""), b"".join(words[at + 1 :]))


def _from_angle(pieces: list[bytes], name: bytes) -> Address:
    """``[obs-route] addr-spec`` between the angle brackets, with the phrase before them."""
    route = None
    if pieces and pieces[0] == b"@" and b":" in pieces:
        colon = pieces.index(b":")
        route, pieces = b"".join(pieces[:colon]), pieces[colon + 1 :]
    if b"@" not in pieces:
        return Address(name or None, route, b"".join(pieces), b"")
    at = len(pieces) - 1 - pieces[::-1].index(b"@")
    return Address(name or None, route, b"".join(pieces[:at]), b"".join(pieces[at + 1 :]))


def parse_addresses(value: bytes) -> list[Address]:
    """Return the addresses and group edges of an unfolded field value, at most ``ADDRESSES``; never raises.

    Display names keep their encoded words; quoted strings are unquoted; a comment stands in for a missing name. A
    value over ``FIELD_OCTETS`` gives an empty list.
    """
    if len(value) > FIELD_OCTETS:
        return []
    reader = _AddressReader()
    position = 0
    while position < len(value) and len(reader.found) < ADDRESSES:
        if value[position : position + 1] == b"(":
            end = skip_comment(value, position)
            reader.take("comment", value[position:end])
        else:
            token = _ADDRESS_TOKEN.match(value, position)
            if token is None:
                break
            reader.take(token.lastgroup or "atom", token.group())
            end = token.end()
        position = end
    reader.finish()
    if reader.in_group:
        reader.end_group()
    return reader.found
