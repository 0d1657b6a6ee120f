"""The base subject of a message (RFC 5256 §2.1), by which SORT compares and THREAD groups. Pure."""

import re
import unicodedata

from mailboxes.mime.text import decode_header

CHARACTERS = 1_000  # of a decoded subject that are looked at: what comes behind is not compared

_SPACE = re.compile(r"[ \t\r\n]+")
_BLOB = re.compile(r"\[[^\[\]]*\] *")
_REPLY = re.compile(r"(?:\[[^\[\]]*\] *)*(?:re|fwd?) *(?:\[[^\[\]]*\] *)?:", re.IGNORECASE)
_FORWARD = "[fwd:"
_TRAILER = "(fwd)"


def base_subject(value: bytes) -> tuple[str, bool]:
    """Return the base subject of an unfolded Subject, and whether it is of a reply or a forwarded message."""
    text = _SPACE.sub(" ", decode_header(value)[:CHARACTERS])
    is_reply = False
    while True:
        text, had_trailer = _without_trailers(text)
        text, had_leader = _without_leaders(text)
        is_reply = is_reply or had_trailer or had_leader
        if not (text[: len(_FORWARD)].lower() == _FORWARD and text.endswith("]")):
            return text, is_reply
        text, is_reply = text[len(_FORWARD) : -1], True


def _without_trailers(text: str) -> tuple[str, bool]:
    """Step 2: ``subj-trailer = "(fwd)" / WSP``."""
    found = False
    text = text.rstrip(" ")
    while text[-len(_TRAILER) :].lower() == _TRAILER:
        text, found = text[: -len(_TRAILER)].rstrip(" "), True
    return text, found


def _without_leaders(text: str) -> tuple[str, bool]:
    """Steps 3 to 5: ``subj-leader`` wherever it is, ``subj-blob`` where something is left behind it."""
    found = False
    while True:
        text = text.lstrip(" ")
        if leader := _REPLY.match(text):
            text, found = text[leader.end() :], True
        elif (blob := _BLOB.match(text)) and blob.end() < len(text):
            text = text[blob.end() :]
        else:
            return text, found


def casemapped(text: str) -> str:
    """Return what compares without case (i;unicode-casemap, RFC 5051)."""
    if text.isascii():
        return text.upper()
    return unicodedata.normalize("NFKD", "".join(map(_titled, text)))


def _titled(character: str) -> str:
    titled = character.title()
    return titled if len(titled) == 1 else character
