"""Reading an ENVELOPE back from the wire bytes that ``structure.envelope`` made (RFC 9051 §7.5.2). Pure, linear."""

import re
from dataclasses import dataclass
from typing import TypeAlias

from mailboxes.mime.text import decode_header

_TOKEN = re.compile(rb' *(?:"((?:[^"\\]|\\.)*)"|(NIL)|\{(\d+)\}\r\n|([()]))')
_ESCAPE = re.compile(rb"\\(.)")

Item: TypeAlias = "bytes | list[Item] | None"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What sorting and threading ask of an envelope; addresses are (name, route, mailbox, host)."""

    date: bytes | None
    subject: bytes
    sender: Item
    to: Item
    cc: Item


def read_envelope(octets: bytes) -> Envelope:
    """Return the envelope; what is not one gives an empty one."""
    items = _read(octets)
    if len(items) != 10:
        return Envelope(None, b"", None, None, None)
    date, subject = items[0], items[1]
    return Envelope(
        date if isinstance(date, bytes) else None,
        subject if isinstance(subject, bytes) else b"",
        items[2],
        items[5],
        items[6],
    )


def read_date_and_subject(octets: bytes) -> tuple[bytes | None, bytes]:
    """Return the first two items alone: most sorting needs no more, and this is faster."""
    date, at = _string(octets, 1)
    subject, _ = _string(octets, at)
    return date, subject or b""


def _string(octets: bytes, at: int) -> tuple[bytes | None, int]:
    """Return the nstring at an offset and where it ends."""
    token = _TOKEN.match(octets, at)
    if token is None:
        return None, at
    if token[1] is not None:
        return (_ESCAPE.sub(rb"\1", token[1]) if b"\\" in token[1] else token[1]), token.end()
    if token[3] is not None:
        end = token.end() + int(token[3])
        return octets[token.end() : end], end
    return None, token.end()


def _read(octets: bytes) -> list[Item]:
    """Return the items between the outer parentheses."""
    top: list[Item] = []
    stack = [top]
    at = 0
    while token := _TOKEN.match(octets, at):
        if token[4] == b"(":
            inner: list[Item] = []
            stack[-1].append(inner)
            stack.append(inner)
            at = token.end()
        elif token[4] == b")":
            if len(stack) == 1:
                break
            stack.pop()
            at = token.end()
        else:
            value, at = _string(octets, at)
            stack[-1].append(value)
    found = top[0] if top else None
    return found if isinstance(found, list) else []


def first_mailbox(addresses: Item) -> bytes:
    """Return the local part of the first address, the name of a group that comes first; empty without any."""
    first = _first(addresses)
    return (first[2] or b"") if first else b""


def first_display(addresses: Item) -> str:
    """Return how the first address is shown: its name, else the address (RFC 5957 §3)."""
    first = _first(addresses)
    if first is None:
        return ""
    name, _, mailbox, host = first
    if name:
        return decode_header(name)
    whole = (mailbox or b"") + (b"@" + host if host else b"")
    return decode_header(mailbox or b"") if host is None else whole.decode("utf-8", "replace")


def _first(addresses: Item) -> tuple[bytes | None, bytes | None, bytes | None, bytes | None] | None:
    if not isinstance(addresses, list) or not addresses or not isinstance(addresses[0], list):
        return None
    parts = [part if isinstance(part, bytes) else None for part in addresses[0]]
    return (parts[0], parts[1], parts[2], parts[3]) if len(parts) == 4 else None
