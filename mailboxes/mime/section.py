"""The octets of a part by its section, as FETCH BODY[…] names it (RFC 9051 §6.4.5.1); never written anew."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from mailboxes.mime.headers import Field
from mailboxes.mime.limits import FIELD_OCTETS, FIELDS
from mailboxes.mime.parts import Part, parse_parts
from mailboxes.mime.text import KNOWN_ENCODINGS, decode_transfer


class Text(StrEnum):
    """What of a part is meant."""

    ALL = ""
    HEADER = "HEADER"
    FIELDS = "HEADER.FIELDS"
    FIELDS_NOT = "HEADER.FIELDS.NOT"
    TEXT = "TEXT"
    MIME = "MIME"


class UnknownEncoding(ValueError):
    """The part's Content-Transfer-Encoding is none that can be undone."""


@dataclass(frozen=True, slots=True)
class Section:
    """``path`` are part numbers from 1, empty for the message itself; ``names`` are for the two FIELDS forms."""

    path: tuple[int, ...] = ()
    text: Text = Text.ALL
    names: tuple[bytes, ...] = ()

    @property
    def of_header(self) -> bool:
        """True when the message's own header answers it, so that the body need not be read."""
        return not self.path and self.text in (Text.HEADER, Text.FIELDS, Text.FIELDS_NOT)


def part_bytes(octets: bytes, section: Section, parts: Sequence[Part] | None = None) -> bytes | None:
    """Return the section's octets, None when there is no such part. ``parts`` spares a second reading."""
    if not section.path and section.text is Text.ALL:
        return octets
    found = parts if parts is not None else parse_parts(octets)
    part = find_part(found[0], section.path)
    if part is None:
        return None
    if section.text is Text.ALL:
        return octets[part.body_start : part.end]
    if section.text is Text.MIME:
        return octets[part.start : part.body_start] if section.path else None
    message = _message_of(part, section.path)
    if message is None:
        return None
    if section.text is Text.TEXT:
        return octets[message.body_start : message.end]
    return header_bytes(octets[message.start : message.body_start], message.fields, section)


def header_bytes(header: bytes, fields: Sequence[Field], section: Section) -> bytes:
    """Return a header, whole or only the chosen fields of it with an empty line behind them."""
    if section.text is Text.HEADER:
        return header
    names = {name.lower() for name in section.names}
    wanted = section.text is Text.FIELDS
    return b"".join(field.raw for field in fields if field.name and (field.key in names) is wanted) + b"\r\n"


def chosen_fields(header: bytes, section: Section) -> bytes | None:
    """Return what ``header_bytes`` does for HEADER.FIELDS of an ordinary header, without taking it apart; else None.

    Ordinary is a header within the caps whose line ends are CRLF and which begins with no continuation.
    """
    if section.text is not Text.FIELDS or len(header) > FIELD_OCTETS or header[:1] in (b" ", b"\t", b"\r", b"\n"):
        return None
    if any(_NO_NAME.search(name) for name in section.names):
        return None
    lines = header.count(b"\n")
    if lines > FIELDS or header.count(b"\r\n") != lines or not header.endswith(b"\r\n\r\n"):
        return None
    return b"".join(_fields_of(section.names).findall(header)) + b"\r\n"


_NO_NAME = re.compile(rb"[\x00-\x20:]")


@lru_cache(maxsize=256)
def _fields_of(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Return the pattern of the fields of these names, with their continuations."""
    anyone = b"|".join(re.escape(name) for name in names if name) or rb"(?!)"
    return re.compile(rb"^(?:%b)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*" % anyone, re.IGNORECASE | re.MULTILINE)


def decoded_part(octets: bytes, path: tuple[int, ...], parts: Sequence[Part]) -> bytes | None:
    """Return a part's body without its transfer encoding (RFC 3516 BINARY); None when there is no such part."""
    part = find_part(parts[0], path)
    if part is None:
        return None
    return decode_transfer(octets[part.body_start : part.end], part.encoding)


def check_encoding(parts: Sequence[Part], path: tuple[int, ...]) -> None:
    """Raise UnknownEncoding when ``decoded_part`` could not undo the part's encoding."""
    part = find_part(parts[0], path)
    if part is not None and part.encoding not in KNOWN_ENCODINGS:
        raise UnknownEncoding


def find_part(root: Part, path: Sequence[int]) -> Part | None:
    """Return the part with that number: a multipart counts its parts, a single body is its own part 1."""
    part = root
    for depth, number in enumerate(path):
        holder = part.children[0] if part.is_message and part.children and depth else part
        if depth == 0 and part.is_message and part.children and not part.is_multipart:
            holder = part
        if holder.is_multipart:
            if not 1 <= number <= len(holder.children):
                return None
            part = holder.children[number - 1]
        elif number == 1 and (depth == 0 or holder is not part):
            part = holder
        else:
            return None
    return part


def _message_of(part: Part, path: Sequence[int]) -> Part | None:
    """Return the message whose header or text is meant: the root, or the one inside a message/rfc822 part."""
    if not path:
        return part
    return part.children[0] if part.is_message and part.children else None
