"""Authentication-Results (RFC 8601): ours written, those that pretend to be ours removed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~@/-]+\Z")
_NAME = re.compile(rb"authentication-results\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method's result with its properties, such as ``smtp.mailfrom`` or ``header.d``."""

    method: str
    result: str
    reason: str = ""
    properties: Sequence[tuple[str, str]] = ()


def _value(text: str) -> str:
    """Return a token or a quoted string; control characters and line ends never pass."""
    clean = "".join(c for c in text if c.isprintable())[:255]
    if _TOKEN.match(clean):
        return clean
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _result(found: MethodResult) -> str:
    words = [f"{found.method}={found.result}"]
    if found.reason:
        words.append(f"reason={_value(found.reason)}")
    words += [f"{name}={_value(value)}" for name, value in found.properties if value]
    return " ".join(words)


def authentication_results(authserv_id: str, results: Sequence[MethodResult]) -> bytes:
    """Return the header field, one result a line, ending CRLF."""
    lines = [_result(found) for found in results] or ["none"]
    text = f"Authentication-Results: {authserv_id};\r\n " + ";\r\n ".join(lines) + "\r\n"
    return text.encode("utf-8", "replace")


def _claims(field: bytes, authserv_id: bytes) -> bool:
    """True when an Authentication-Results field names our authserv-id, comments and case aside."""
    return _first_word(field.partition(b":")[2]).rstrip(b".").lower() == authserv_id


def _first_word(value: bytes) -> bytes:
    """Return the first word after comments, unquoted (RFC 5322 section 3.2), in one pass however deep they nest."""
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
                break
            depth = max(0, depth + (1 if character == b"(" else -1))
        elif not depth and not quoted and (character.isspace() or character == b";"):
            if word:
                break
        elif not depth:
            word += character
        escaped = False
    return bytes(word)


def strip_foreign_results(octets: bytes, authserv_id: str) -> tuple[bytes, int]:
    """Return the message without fields that claim our authserv-id, and how many were removed (RFC 8601 5)."""
    block, separator, body = octets.partition(b"\r\n\r\n")
    if b"authentication-results" not in block.lower():
        return octets, 0
    fields = re.split(rb"\r\n(?![ \t])", block)
    wanted = authserv_id.lower().encode()
    kept = [field for field in fields if not (_NAME.match(field) and _claims(field, wanted))]
    return b"\r\n".join(kept) + separator + body, len(fields) - len(kept)
