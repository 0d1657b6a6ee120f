"""Authentication-Results (RFC 8601): ours written, those that pretend to be ours removed; Received-SPF (RFC 7208)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from domains.octets import Octets, behind, joined

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+(?:@[A-Za-z0-9.-]+)?\Z")
VALUE_OCTETS = 255
LINE_OCTETS = 900
_NAME = re.compile(rb"(?:\A|(?<=\r\n))authentication-results[ \t\v\f]*(?:\r\n[ \t\v\f]+){0,99}:", re.IGNORECASE)
_FIELD_END = re.compile(rb"\r\n(?![ \t])")
READ_OCTETS = 1024
READ_FIELDS = 200


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method's result with its properties, such as ``smtp.mailfrom`` or ``header.d``."""

    method: str
    result: str
    reason: str = ""
    properties: Sequence[tuple[str, str]] = ()


def _value(text: str) -> str:
    """Return a token or a quoted string; control characters and line ends never pass."""
    printable = "".join(c for c in text if c.isprintable())
    clean = printable.encode("utf-8", "replace")[:VALUE_OCTETS].decode("utf-8", "ignore")
    if _TOKEN.match(clean):
        return clean
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _result(found: MethodResult) -> str:
    words = [f"{found.method}={found.result}"]
    if found.reason:
        words.append(f"reason={_value(found.reason)}")
    words += [f"{name}={_value(value)}" for name, value in found.properties if value]
    line = " ".join(words)
    return line if len(line.encode()) <= LINE_OCTETS else "\r\n  ".join(words)


def authentication_results(authserv_id: str, results: Sequence[MethodResult]) -> bytes:
    """Return the header field, one result a line, ending CRLF."""
    lines = [_result(found) for found in results] or ["none"]
    text = f"Authentication-Results: {authserv_id};\r\n " + ";\r\n ".join(lines) + "\r\n"
    return text.encode("utf-8", "replace")


def received_spf(receiver: str, result: str, reason: str, pairs: Sequence[tuple[str, str]]) -> bytes:
    """Return a Received-SPF field (RFC 7208 section 9.1), one key and value a line, ending CRLF."""
    printable = "".join(c for c in f"{receiver}: {reason}" if c.isprintable() and c not in "()\\")
    comment = printable.encode("utf-8", "replace")[:VALUE_OCTETS].decode("utf-8", "ignore")
    lines = [f"Received-SPF: {result} ({comment})", *(f"{name}={_dotted(value)};" for name, value in pairs)]
    return ("\r\n ".join(lines) + "\r\n").encode("utf-8", "replace")


def _dotted(text: str) -> str:
    """Return a dot-atom or a quoted string."""
    value = _value(text)
    return f'"{value}"' if "@" in value and not value.startswith('"') else value


def _claims(value: bytes, authserv_id: bytes) -> bool:
    """True when a field's value names our authserv-id, comments and case aside, or hides whom it names."""
    word, ended = _first_word(value[:READ_OCTETS])
    return word.rstrip(b".").lower() == authserv_id or (len(value) > READ_OCTETS and not ended)


def _first_word(value: bytes) -> tuple[bytes, bool]:
    """Return the first word after comments, unquoted (RFC 5322 section 3.2), and whether its end was met.

    One pass, however deep the comments nest.
    """
    word = bytearray()
    depth, quoted, escaped = 0, False, False
    for octet in value:
        character = bytes((octet,))
        if not escaped and character == b"\\" and (depth or quoted):
            escaped = True
            continue
        if not escaped and character == b'"' and not depth:
            quoted = not quoted
        elif not escaped and not quoted and character in b"()":
            if word and not depth:
                return bytes(word), True
            depth = max(0, depth + (1 if character == b"(" else -1))
        elif not depth and not quoted and (character.isspace() or character == b";"):
            if word:
                return bytes(word), True
        elif not depth:
            word += character
        escaped = False
    return bytes(word), False


def strip_foreign_results(octets: Octets, authserv_id: str) -> tuple[Octets, int]:
    """Return the message without fields that claim our authserv-id, and how many were removed (RFC 8601 5).

    Each field is read for ``READ_OCTETS``; one that names nobody by then, or stands behind ``READ_FIELDS`` others,
    is removed too.
    """
    end = octets.find(b"\r\n\r\n")
    end = len(octets) if end < 0 else end + 2
    block = octets[:end]
    if b"authentication-results" not in block.lower() or octets.startswith(b"\r\n"):
        return octets, 0
    wanted = authserv_id.lower().encode()
    kept: list[bytes] = []
    position = removed = 0
    for seen, name in enumerate(_NAME.finditer(block)):
        following = _FIELD_END.search(block, name.end())
        stop = following.end() if following else end
        if seen < READ_FIELDS and not _claims(block[name.end() : stop], wanted):
            continue
        kept.append(block[position : name.start()])
        position = stop
        removed += 1
    return joined(b"".join(kept), behind(octets, position)), removed
