"""What a submitted message may lack is added, what must not leave is removed (RFC 6409 section 8, RFC 5322 3.6).

Date and Message-ID are added when absent; Bcc and Resent-Bcc are removed. Nothing else is touched.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from domains.identifiers import new_identifier
from mailboxes.addresses import author_addresses

_FIELD = re.compile(rb"\r\n(?![ \t])")
_REMOVED = (b"bcc", b"resent-bcc")
HEADER_OCTETS = 256 * 1024


class Unusable(ValueError):
    """The message cannot be sent as it is; ``str()`` is one public sentence."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The octets to sign, the addresses of From as written, the Message-ID, and in words what was changed."""

    octets: bytes
    authors: tuple[str, ...]
    message_id: str
    changes: tuple[str, ...]


def prepare(octets: bytes, hostname: str, now: datetime, identifier: str | None = None) -> Prepared:
    """Return the message ready to sign; raises Unusable for a header block that is too long or has no From.

    ``octets`` has CRLF line ends. ``identifier`` makes the Message-ID when there is none.
    """
    fields, rest = split_fields(octets)
    names = [name for name, _ in fields]
    changes = []
    kept = [(name, raw) for name, raw in fields if name not in _REMOVED]
    if len(kept) != len(fields):
        changes.append("Bcc removed")
    if b"date" not in names:
        kept.append((b"date", b"Date: " + format_datetime(now).encode()))
        changes.append("Date added")
    if b"message-id" not in names:
        value = f"<{identifier or new_identifier()}@{hostname}>"
        kept.append((b"message-id", f"Message-ID: {value}".encode()))
        changes.append("Message-ID added")
    message_id = next(raw.partition(b":")[2] for name, raw in kept if name == b"message-id")
    block = b"\r\n".join(raw for _, raw in kept)
    return Prepared(block + rest, _authors(fields), message_id.strip().decode("utf-8", "replace"), tuple(changes))


def split_fields(octets: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return (lower-case name, raw field without its last CRLF) and the rest from the empty line's CRLFCRLF on."""
    end = octets.find(b"\r\n\r\n")
    block, rest = (octets[:end], octets[end:]) if end >= 0 else (octets.removesuffix(b"\r\n"), b"\r\n\r\n")
    if octets.startswith(b"\r\n"):
        raise Unusable("The message has no header fields.")
    if len(block) > HEADER_OCTETS:
        raise Unusable("The header block is larger than 256 kB.")
    return [(raw.partition(b":")[0].strip(b" \t").lower(), raw) for raw in _FIELD.split(block)], rest


def _authors(fields: list[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """Return the addresses of the one From field."""
    values = [raw.partition(b":")[2] for name, raw in fields if name == b"from"]
    if len(values) != 1:
        raise Unusable("The message must have exactly one From field.")
    authors = tuple(author_addresses(values[0].replace(b"\r\n", b"")))
    if not authors or any(author.startswith("@") or author.endswith("@") for author in authors):
        raise Unusable("The From field must name an address.")
    return authors
