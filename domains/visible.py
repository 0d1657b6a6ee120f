"""Foreign text made honest for a page: what is invisible or turns the reading direction is shown as its code point.

Escaping is the template's business; this is about what escaping leaves: bidirectional overrides, zero-width and
control characters, towers of combining marks, and letters of other alphabets that stand between Latin ones to look
like them (UTS 36, UTS 39).
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from domains.names import skeleton, to_unicode

HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
MARKS_IN_A_ROW = 3
_WORD = re.compile(r"[^\W\d_]+")


def visible(text: str, most: int = 2000) -> str:
    """Return the text as one honest line of at most ``most`` characters: ``⟨U+202E⟩`` stands for what hides."""
    cut = text[:most]
    if cut.isascii() and cut.isprintable():
        return cut if len(text) <= most else f"{cut}…"
    shown = _WORD.sub(lambda word: _strangers_marked(word[0]), cut)
    shown = "".join(_characters(shown))
    return shown if len(text) <= most else f"{shown}…"


def _characters(text: str) -> list[str]:
    shown: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in HIDDEN or (category == "Zs" and character != " "):
            shown.append(" " if character in "\t\r\n\xa0" else f"⟨U+{ord(character):04X}⟩")
        elif marks <= MARKS_IN_A_ROW:
            shown.append(character)
    return shown


def _strangers_marked(word: str) -> str:
    """Mark the letters that only look Latin in a word that has Latin ones too."""
    if word.isascii() or not any(character.isascii() for character in word):
        return word
    return "".join(f"{c}⟨U+{ord(c):04X}⟩" if not c.isascii() and _is_stranger(c) else c for c in word)


@lru_cache(maxsize=4096)
def _is_stranger(character: str) -> bool:
    latin = unicodedata.name(character, "").startswith("LATIN")
    return not latin and skeleton(character).isascii()


def looks_like(domain: str) -> str:
    """Return the name in plain letters that an internationalised one could be taken for, else nothing."""
    shown = to_unicode(domain.lower())
    if shown.isascii():
        return ""
    plain = skeleton(shown)
    return plain if plain.isascii() and plain != shown else ""


def all_visible(value: Any) -> Any:
    """Return a value of JSON with every text in it, names too, made visible."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {visible(str(name)): all_visible(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [all_visible(item) for item in value]
    return value
