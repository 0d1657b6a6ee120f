"""What a submitted message may lack is added, what must not leave is removed (RFC 6409 section 8, RFC 5322 3.6).

Date and Message-ID are added when absent; Bcc and Resent-Bcc are removed, and Authentication-Results, which only our
MX may write in this house (RFC 8601 section 5). Nothing else is touched. The fields that name who writes or sends are
read strictly: what two programs could read as two different addresses is refused.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from domains.identifiers import new_identifier
from domains.octets import Octets, behind, joined
from mailboxes.addresses import author_addresses
from mailboxes.mime.limits import ADDRESSES

_FIELD = re.compile(rb"\r\n(?![ \t])")
_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]+[ \t]*:")
_REMOVED = {b"bcc": "Bcc", b"resent-bcc": "Resent-Bcc", b"authentication-results": "Authentication-Results"}
_SENDERS = (b"sender", b"resent-from", b"resent-sender")
HEADER_OCTETS = 256 * 1024

# mailbox-list (RFC 5322 section 3.4) without its obsolete forms; nothing is tried twice, so time is linear.
_ATOM = rb"""[^\x00-\x20"(),.:;<>@\[\]\\\x7f]++"""
_QUOTED = rb"""\"(?:[^"\\]|\\.)*+\""""
_SPACE = rb"(?:[ \t]++|\((?:[^()\\]|\\.)*+\))*+"
_ADDRESS = rb"(?:%b(?:\.%b)*+|%b)@%b(?:\.%b)*+" % (_ATOM, _ATOM, _QUOTED, _ATOM, _ATOM)
_PHRASE = rb"(?:(?:%b|%b|\.)%b)*+" % (_ATOM, _QUOTED, _SPACE)
_MAILBOX = rb"%b(?:%b<%b>|%b)%b" % (_SPACE, _PHRASE, _ADDRESS, _ADDRESS, _SPACE)
_MAILBOXES = re.compile(rb"%b(?:,%b)*+" % (_MAILBOX, _MAILBOX))


class Unusable(ValueError):
    """The message cannot be sent as it is; ``str()`` is one public sentence."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The octets to sign, the Message-ID, and in words what was changed.

    ``authors`` are the addresses of From as written, ``senders`` those of Sender, Resent-From and Resent-Sender.
    """

    octets: Octets
    authors: tuple[str, ...]
    senders: tuple[str, ...]
    message_id: str
    changes: tuple[str, ...]
    ascii_header: bool = True


def prepare(octets: Octets, hostname: str, now: datetime, identifier: str | None = None) -> Prepared:
    """Return the message ready to sign; raises Unusable for a header block that is too long or has no From.

    ``octets`` has CRLF line ends. ``identifier`` makes the Message-ID when there is none.
    """
    fields, rest = split_fields(octets)
    names = [name for name, _ in fields]
    kept = [(name, raw) for name, raw in fields if name not in _REMOVED]
    changes = [f"{word} removed" for name, word in _REMOVED.items() if name in names]
    if b"date" not in names:
        kept.append((b"date", b"Date: " + format_datetime(now).encode()))
        changes.append("Date added")
    if b"message-id" not in names:
        value = f"<{identifier or new_identifier()}@{hostname}>"
        kept.append((b"message-id", f"Message-ID: {value}".encode()))
        changes.append("Message-ID added")
    message_id = next(raw.partition(b":")[2] for name, raw in kept if name == b"message-id")
    block = b"\r\n".join(raw for _, raw in kept)
    text = message_id.strip().decode("utf-8", "replace")
    return Prepared(joined(block, rest), _authors(fields), _senders(fields), text, tuple(changes), block.isascii())


def split_fields(octets: Octets) -> tuple[list[tuple[bytes, bytes]], Octets]:
    """Return (lower-case name, raw field without its last CRLF) and the rest from the empty line's CRLFCRLF on."""
    end = octets.find(b"\r\n\r\n")
    if octets.startswith(b"\r\n"):
        raise Unusable("The message has no header fields.")
    if (end if end >= 0 else len(octets) - 2) > HEADER_OCTETS:
        raise Unusable("The header block is larger than 256 kB.")
    block = octets[:end] if end >= 0 else octets[:].removesuffix(b"\r\n")
    rest = behind(octets, end) if end >= 0 else b"\r\n\r\n"
    raws = _FIELD.split(block)
    if not all(_NAME.match(raw) for raw in raws):
        raise Unusable("A line of the header is no field: it has no name before a colon.")
    return [(raw.partition(b":")[0].strip(b" \t").lower(), raw) for raw in raws], rest


def _authors(fields: list[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """Return the addresses of the one From field."""
    values = [raw.partition(b":")[2] for name, raw in fields if name == b"from"]
    if len(values) != 1:
        raise Unusable("The message must have exactly one From field.")
    return _addresses(values[0], "From")


def _senders(fields: list[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """Return the addresses of the fields that name who sent it, when that is not the author."""
    found = ((raw.partition(b":")[2], name.decode().title()) for name, raw in fields if name in _SENDERS)
    return tuple(address for value, name in found for address in _addresses(value, name))


def _addresses(value: bytes, name: str) -> tuple[str, ...]:
    """Return the addresses of a field's value; raises Unusable when it is not plainly a list of them."""
    unfolded = value.replace(b"\r\n", b"")
    addresses = tuple(author_addresses(unfolded))
    if not addresses or not _MAILBOXES.fullmatch(unfolded):
        text = "must name an address, or several with commas between; a name with special characters needs quotes."
        raise Unusable(f"The {name} field {text}")
    if len(addresses) >= ADDRESSES:
        raise Unusable(f"The {name} field names too many addresses.")
    return addresses
