"""Mailbox names on the wire: modified UTF-7 (RFC 3501 §5.1.3); raw UTF-8 is read too, as many clients send it."""

import binascii
import re

_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")
_OUTSIDE = re.compile(r"[^\x20-\x7e]+|&")


def decode_name(octets: bytes) -> str:
    """Return the name; raises ValueError for octets that are neither modified UTF-7 nor UTF-8."""
    if not octets.isascii() or b"&" not in octets:
        return octets.decode("utf-8")
    pieces: list[str] = []
    position = 0
    for shifted in _SHIFTED.finditer(octets):
        pieces += [_plain(octets[position : shifted.start()]), _unshift(shifted[1])]
        position = shifted.end()
    return "".join(pieces) + _plain(octets[position:])


def encode_name(name: str) -> bytes:
    """Return the name in modified UTF-7."""
    return _OUTSIDE.sub(lambda found: _shift(found.group()), name).encode("ascii")


def _plain(octets: bytes) -> str:
    if b"&" in octets:
        raise ValueError("a shift has no end")
    return octets.decode("ascii")


def _unshift(text: bytes) -> str:
    """Return what stands between ``&`` and ``-``; ``&-`` is an ampersand."""
    if not text:
        return "&"
    try:
        octets = binascii.a2b_base64(text.replace(b",", b"/") + b"=" * (-len(text) % 4))
    except binascii.Error as fault:
        raise ValueError("a shift is not base64") from fault
    return octets.decode("utf-16-be")


def _shift(text: str) -> str:
    if text == "&":
        return "&-"
    digits = binascii.b2a_base64(text.encode("utf-16-be", "surrogatepass"), newline=False)
    return "&" + digits.rstrip(b"=").replace(b"/", b",").decode("ascii") + "-"
