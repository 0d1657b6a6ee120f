"""Authentication-Results (RFC 8601): ours written, those that pretend to be ours removed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~@/-]+\Z")
_COMMENT = re.compile(rb"\((?:[^()\\]|\\.)*\)")
_NAME = re.compile(rb"authentication-results[ \t]*:", re.IGNORECASE)


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
    value = field.partition(b":")[2].replace(b"\r\n", b" ")
    while (bare := _COMMENT.sub(b" ", value)) != value:
        value = bare
    words = value.replace(b";", b" ; ").split()
    return bool(words) and words[0].strip(b'"').rstrip(b".").lower() == authserv_id


def strip_foreign_results(octets: bytes, authserv_id: str) -> tuple[bytes, int]:
    """Return the message without fields that claim our authserv-id, and how many were removed (RFC 8601 5)."""
    block, separator, body = octets.partition(b"\r\n\r\n")
    if b"authentication-results" not in block.lower():
        return octets, 0
    fields = re.split(rb"\r\n(?![ \t])", block)
    wanted = authserv_id.lower().encode()
    kept = [field for field in fields if not (_NAME.match(field) and _claims(field, wanted))]
    return b"\r\n".join(kept) + separator + body, len(fields) - len(kept)
