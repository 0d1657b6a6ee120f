"""Octets of an XML file → text that an XML parser may see, in pieces.

Decoding happens here, so that no encoding hides markup: declared or detected encodings of a short list, and
windows-1252 where UTF-8 was promised and broken. A document type is refused before any parser sees it, ``&`` that
begins none of the five plain entities or a character number is taken literally, control characters vanish.
Invariant: no piece ends inside a reference or inside the opening of a declaration.
"""

import codecs
import re
from collections.abc import Iterator

from domains.dmarc.report_types import BadReport

_CHUNK = 64 * 1024
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535, 65279))
_STRAY_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});)")
_LONGEST_REFERENCE = 10
_FORBIDDEN = ("<!DOCTYPE", "<!ENTITY")
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENCODINGS = frozenset(
    ["ascii", "utf-8", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "koi8-r"]
    + [f"iso8859-{part}" for part in (1, 2, 5, 7, 9, 15)]
)


def safe_text(octets: bytes) -> Iterator[str]:
    """Yield the text in pieces that XML 1.0 may hold, without document type and entities of its own."""
    encoding, start = _encoding(octets)
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    held = ""
    first = True
    for position in range(start, len(octets) + _CHUNK, _CHUNK):
        text = held + decoder.decode(octets[position : position + _CHUNK], final=position >= len(octets))
        text = text.translate(_CONTROLS)
        if any(word in text for word in _FORBIDDEN):
            raise BadReport("The file has a document type or entities, which reports do not need and may not have.")
        text = text.lstrip() if first else text
        cut = len(text) if position >= len(octets) else _safe_cut(text)
        text, held = text[:cut], text[cut:]
        first = first and not text
        if text:
            yield _STRAY_AMPERSAND.sub("&amp;", text)
    if first:
        raise BadReport("The file is empty.")


def _safe_cut(text: str) -> int:
    """Return how much of the text can be passed on: not half a reference, not half a forbidden word."""
    tail = max(0, len(text) - _LONGEST_REFERENCE)
    places = (text.find("&", tail), text.find("<", tail))
    return min((place for place in places if place >= 0), default=len(text))


def _encoding(octets: bytes) -> tuple[str, int]:
    """Return the codec to read with and where the text begins."""
    if octets.startswith(codecs.BOM_UTF8):
        return ("utf-8" if _is_utf8(octets) else "cp1252"), 3
    if octets.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", 0
    if octets[:4] in (b"<\0?\0", b"<\0f\0"):
        return "utf-16-le", 0
    if octets[:4] in (b"\0<\0?", b"\0<\0f"):
        return "utf-16-be", 0
    declared = _declared(octets)
    if declared in ("", "ascii", "utf-8"):
        return ("utf-8" if _is_utf8(octets) else "cp1252"), 0
    return declared, 0


def _declared(octets: bytes) -> str:
    """Return the declared encoding's name in Python when it is on our list, else an empty text."""
    match = _DECLARED.search(octets[:512])
    try:
        name = codecs.lookup(match[1].decode()).name if match else ""
    except LookupError:
        return ""
    return name if name in _ENCODINGS else ""


def _is_utf8(octets: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for position in range(0, len(octets) + _CHUNK, _CHUNK):
            decoder.decode(octets[position : position + _CHUNK], final=position >= len(octets))
    except UnicodeDecodeError:
        return False
    return True
