"""The parts of a mail, for what reports come in (RFC 2045, RFC 2046, RFC 2047, RFC 2231).

The walk over the MIME tree is iterative, bounded and generous: base64 of any line length, padding lost or in the
middle, multiparts that are never closed, messages in messages, even encoded ones. Invariant: any octets give a list,
in linear time; past a bound the rest is not looked at.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote_to_bytes

MAXIMUM_HEADER_OCTETS = 256 * 1024
MAXIMUM_FIELD_OCTETS = 8 * 1024
MAXIMUM_FIELDS = 1000
MAXIMUM_LEVELS = 50
MAXIMUM_PARTS = 1000
MAXIMUM_BLOCKS = 1000
MAXIMUM_NAME = 300

_MESSAGES = ("message/rfc822", "message/global")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_ENCODED_WORD = re.compile(r"=\?([\w-]{1,40})\?([bq])\?([^?]{0,400})\?=", re.IGNORECASE)
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(=\?)")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_BLOCK = re.compile(rb"[^=]+")


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of a mail: its media type, file name, decoded octets, and header fields by lower-case name."""

    media_type: str
    file_name: str
    octets: bytes
    fields: Mapping[bytes, bytes]


def leaves(message: bytes, *, into_messages: bool) -> Iterator[Part]:
    """Walk the MIME tree without recursion, in order; messages within are walked too, or are leaves themselves."""
    stack = [(message, 0, len(message), 0)]
    seen = 0
    while stack and seen < MAXIMUM_PARTS:
        text, start, end, level = stack.pop()
        seen += 1
        fields, body = head(text, start, end)
        media_type, parameters = split_field(fields.get(b"content-type", b"text/plain"))
        boundary = parameters.get("boundary", "").encode("latin-1", "replace")
        if media_type.startswith("multipart/") and boundary and level < MAXIMUM_LEVELS:
            ranges = _split_multipart(text, body, end, boundary)
            stack.extend((text, first, last, level + 1) for first, last in reversed(ranges))
            continue
        encoding = fields.get(b"content-transfer-encoding", b"").lower().partition(b";")[0].strip()
        if media_type in _MESSAGES and into_messages and level < MAXIMUM_LEVELS:
            if encoding in (b"base64", b"quoted-printable"):
                inner = _decode(text[body:end], encoding)
                stack.append((inner, 0, len(inner), level + 1))
            else:
                stack.append((text, body, end, level + 1))
            continue
        yield Part(media_type, _file_name(fields, parameters), _decode(text[body:end], encoding), fields)


def head(message: bytes, start: int, end: int) -> tuple[dict[bytes, bytes], int]:
    """Return the fields of the header that begins at ``start``, the first of each name, and where the body begins."""
    if message[start : start + 2] == b"\r\n" or message[start : start + 1] == b"\n":
        return {}, start + (2 if message[start : start + 1] == b"\r" else 1)
    limit = min(end, start + MAXIMUM_HEADER_OCTETS)
    blank = _BLANK_LINE.search(message, start, limit)
    block = message[start : blank.start() if blank else limit]
    fields: dict[bytes, bytes] = {}
    for line in _FOLD.sub(b" ", block).split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon and len(fields) < MAXIMUM_FIELDS:
            fields.setdefault(name.strip().lower(), value.strip()[:MAXIMUM_FIELD_OCTETS])
    return fields, blank.end() if blank else limit


def split_field(value: bytes) -> tuple[str, dict[str, str]]:
    """Return the lower-case value and the parameters of a structured field (RFC 2045 section 5.1, RFC 2231)."""
    main, semicolon, rest = value.partition(b";")
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(semicolon + rest):
        name, text = match[1].decode("ascii", "replace").lower(), match[2].strip()
        if text[:1] == b'"':
            text = re.sub(rb"\\(.)", rb"\1", text[1:-1] if text[-1:] == b'"' and len(text) > 1 else text[1:])
        name, value_text = _extended(name, text)
        parameters[name] = parameters.get(name, "") + value_text
        if len(parameters) >= 200:
            break
    return main.strip().lower().decode("ascii", "replace"), parameters


def _extended(name: str, text: bytes) -> tuple[str, str]:
    """Return the plain name and the decoded text of a parameter that may be continued or encoded (RFC 2231)."""
    base, star, _ = name.partition("*")
    if not star:
        return name, text.decode("latin-1")
    if not name.endswith("*"):
        return base, text.decode("latin-1")
    octets = unquote_to_bytes(text.split(b"'", 2)[-1])
    return base, octets.decode("utf-8", "replace")


def _file_name(fields: dict[bytes, bytes], parameters: dict[str, str]) -> str:
    _, disposition = split_field(fields.get(b"content-disposition", b""))
    name = disposition.get("filename") or parameters.get("name") or ""
    return decode_words(name[: 4 * MAXIMUM_NAME])[:MAXIMUM_NAME]


def decode_words(text: str) -> str:
    """Return the text with its encoded words decoded and nothing in it that cannot be shown (RFC 2047 section 6)."""
    decoded = _ENCODED_WORD.sub(_decode_word, _BETWEEN_WORDS.sub(r"\1\2", text))
    return "".join(letter for letter in decoded if letter.isprintable())


def _decode_word(match: re.Match[str]) -> str:
    """Return one encoded word as text, or itself when it does not decode (RFC 2047 section 2)."""
    charset, kind, text = match[1], match[2].lower(), match[3].encode("ascii", "replace")
    octets = decode_base64(text) if kind == "b" else binascii.a2b_qp(text, header=True)
    try:
        return octets.decode(charset, "replace")
    except (LookupError, ValueError):
        return match[0]


def _split_multipart(message: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
    """Return the ranges of a multipart's parts; the last runs to the end when it is not closed (RFC 2046 5.1.1)."""
    ranges: list[tuple[int, int]] = []
    needle = b"\n--" + boundary.rstrip()
    opened = -1
    position = start - 1 if start else 0
    for _ in range(2 * MAXIMUM_PARTS):
        hit = message.find(needle, position, end)
        if hit < 0:
            break
        position = hit + len(needle)
        line_end = message.find(b"\n", position, end)
        rest = message[position : min(line_end if line_end >= 0 else end, position + 200)].rstrip()
        if rest not in (b"", b"--"):
            continue
        if opened >= 0:
            ranges.append((opened, hit - 1 if message[hit - 1 : hit] == b"\r" else hit))
        opened = -1 if rest or line_end < 0 else line_end + 1
        if opened < 0:
            break
        position = line_end
    if opened >= 0:
        ranges.append((opened, end))
    return [(first, last) for first, last in ranges if last > first]


def _decode(octets: bytes, encoding: bytes) -> bytes:
    """Return the octets without their transfer encoding, read generously; an unknown one is left as it is."""
    if encoding == b"base64":
        return decode_base64(octets)
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(octets)
    return octets


def decode_base64(octets: bytes) -> bytes:
    """Return what base64 text holds: foreign octets skipped, padding missing or in the middle taken in stride."""
    parts: list[bytes] = []
    for match in islice(_BLOCK.finditer(octets.translate(None, _NOT_BASE64)), MAXIMUM_BLOCKS):
        block = match[0]
        whole = block if len(block) % 4 != 1 else block[:-1]
        parts.append(binascii.a2b_base64(whole + b"=" * (-len(whole) % 4)))
    return b"".join(parts)
