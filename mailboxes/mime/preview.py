"""The first words of a message, as a list of messages shows them (RFC 8970). Pure, linear, bounded."""

import html
import re
from collections.abc import Sequence

from domains.octets import Octets
from mailboxes.mime.parts import Part
from mailboxes.mime.text import decode_octets, decode_transfer

CHARACTERS = 200
_OCTETS = 16 * 1024  # of the part's octets that are looked at
_SPACE = re.compile(r"\s+")
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u00ad\u034f]+")
_SILENT = ("style", "script", "head", "title")  # elements whose text is not read


def preview(octets: Octets, parts: Sequence[Part]) -> str:
    """Return at most ``CHARACTERS`` of the first text part that says something, plain text before HTML."""
    for kind in (b"plain", b"html"):
        for part in parts:
            if part.media.main != b"text" or part.media.sub != kind or part.children:
                continue
            charset = (part.media.parameter(b"charset") or b"utf-8").decode("ascii", "replace")
            body = bytes(octets[part.body_start : min(part.end, part.body_start + _OCTETS)])
            text = decode_octets(decode_transfer(body, part.encoding), charset)
            if words := _words(_without_tags(text) if kind == b"html" else _own(text)):
                return words
    return ""


def _own(text: str) -> str:
    """Return the text without lines that quote another's."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(">"))


def _words(text: str) -> str:
    return _SPACE.sub(" ", _UNSHOWN.sub(" ", text)).strip()[:CHARACTERS].rstrip()


def _without_tags(text: str) -> str:
    """Return what HTML shows: no tags, no comments, no elements whose text is not read."""
    pieces: list[str] = []
    lower = text.lower()
    position = 0
    while (tag := text.find("<", position)) >= 0:
        pieces.append(text[position:tag])
        position = _behind(lower, tag)
        pieces.append(" ")
    pieces.append(text[position:])
    return html.unescape("".join(pieces))


def _behind(lower: str, tag: int) -> int:
    """Return the offset behind the tag, the comment or the silent element that begins here; the end without one."""
    closing = ">"
    if lower.startswith("<!--", tag):
        closing = "-->"
    else:
        silent = next((name for name in _SILENT if lower.startswith(name, tag + 1)), None)
        if silent is not None and not lower[tag + 1 + len(silent) : tag + 2 + len(silent)].isalnum():
            closing = f"</{silent}"
    end = lower.find(closing, tag + 1)
    if end < 0:
        return len(lower)
    return end + len(closing) if closing.endswith(">") else max(lower.find(">", end), end) + 1
