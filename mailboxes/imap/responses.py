"""Responses as bytes (RFC 9051 §7). Nothing here knows the session."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from mailboxes.imap.mutf7 import encode_name
from mailboxes.imap.numset import Ranges, serialise_ranges
from mailboxes.mime.structure import string

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ATOM_NAME = re.compile(rb"[A-Za-z0-9_.,/&+:;=@#!$'-]+\Z")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def tagged(tag: bytes, status: str, text: str, code: str = "") -> bytes:
    """``tag SP ("OK" / "NO" / "BAD") SP ["[" code "]" SP] text CRLF``."""
    return b"%b %b\r\n" % (tag or b"*", _state(status, text, code))


def untagged_state(status: str, text: str, code: str = "") -> bytes:
    """``"*" SP ("OK" / "NO" / "BAD" / "BYE" / "PREAUTH") SP resp-text CRLF``."""
    return b"* %b\r\n" % _state(status, text, code)


def _state(status: str, text: str, code: str) -> bytes:
    bracket = f"[{code}] " if code else ""
    return f"{status} {bracket}{_UNPRINTABLE.sub('?', text)}".encode("ascii")


def untagged(*words: bytes) -> bytes:
    """``"*" SP … CRLF``."""
    return b"* " + b" ".join(words) + b"\r\n"


def vanished(uids: Ranges, earlier: bool = False) -> bytes:
    """``"*" SP "VANISHED" [SP "(EARLIER)"] SP known-uids CRLF`` (RFC 7162 §3.2.10)."""
    return untagged(b"VANISHED (EARLIER)" if earlier else b"VANISHED", serialise_ranges(uids))


def highest_modseq(modseq: int) -> bytes:
    """The untagged HIGHESTMODSEQ code: up to it the client knows all."""
    return untagged_state("OK", "Highest", f"HIGHESTMODSEQ {modseq}")


def go_on(text: str = "") -> bytes:
    """``"+" SP [resp-text] CRLF``."""
    return f"+ {text}\r\n".encode("ascii")


def mailbox(name: str, utf8: bool = False) -> bytes:
    """``mailbox``: an atom where that is plain, else a quoted string, in modified UTF-7 or in UTF-8."""
    octets = name.encode() if utf8 else encode_name(name)
    if not octets.isascii():
        return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    if _ATOM_NAME.match(octets) and octets.upper() != b"NIL":
        return octets
    return string(octets)


def parenthesised(words: Iterable[str | bytes]) -> bytes:
    """``"(" word *(SP word) ")"``."""
    return (
        b"(" + b" ".join(word.encode("ascii", "replace") if isinstance(word, str) else word for word in words) + b")"
    )


def flags(names: Sequence[str]) -> bytes:
    """``flag-list``."""
    return parenthesised(names)


def date_time(moment: datetime) -> bytes:
    """``date-time`` in UTC."""
    at = moment.astimezone(UTC)
    return f'"{at.day:2d}-{_MONTHS[at.month - 1]}-{at.year:04d} {at:%H:%M:%S} +0000"'.encode()
