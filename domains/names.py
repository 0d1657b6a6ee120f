"""Domain names: A-labels inside, U-labels for people (RFC 5890, RFC 5891, RFC 1035 section 2.3).

A ``DomainName`` is always lower case and without the final dot. Underscore labels are names of records, not of
domains, and are refused here.
"""

import re
import unicodedata
from dataclasses import dataclass

import idna
from confusable_homoglyphs import confusables

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SELECTOR = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PLAIN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*")
MAXIMUM_OCTETS = 253
MAXIMUM_CHARACTERS = 1000  # as typed: decomposed letters are several
_DIGITS = {"0": "o", "1": "l"}
ALLOWED = "letters, digits and hyphens in labels of at most 63 octets, at least two labels, such as example.org"


@dataclass(frozen=True, slots=True)
class DomainName:
    """A name in both spellings; ``DomainName("Bücher.example.")`` normalises; ValueError says what is wrong."""

    ascii: str

    def __init__(self, text: str, minimum_labels: int = 2) -> None:
        object.__setattr__(self, "ascii", _normalise(text, minimum_labels))

    @property
    def unicode(self) -> str:
        """The name as people read it; an A-label that does not decode stays as it is."""
        return to_unicode(self.ascii)

    def __str__(self) -> str:
        return self.ascii


def _normalise(text: str, minimum_labels: int) -> str:
    stripped = text.strip(" ")
    if "xn--" not in stripped and _PLAIN.fullmatch(stripped):
        return _checked(stripped, stripped, minimum_labels)  # what UTS 46 would change nothing of, 30 times faster
    if not stripped:
        raise ValueError(f"The domain name is empty. Allowed are {ALLOWED}.")
    if len(stripped) > MAXIMUM_CHARACTERS:
        raise ValueError(f"The name is longer than {MAXIMUM_OCTETS} octets. Allowed are {ALLOWED}.")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Zs", "Zl", "Zp", "Cs") for c in stripped):
        raise ValueError(f"{stripped!r} holds a space or an invisible character. Allowed are {ALLOWED}.")
    name = stripped.removesuffix(".").removesuffix("。")
    try:
        # UTS 46 maps capitals and full-width forms as people type them; what comes out is IDNA 2008 (RFC 5891).
        ascii_name = idna.encode(name, uts46=True, std3_rules=True, transitional=False).decode().lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"{stripped!r} is not a domain name: {error}. Allowed are {ALLOWED}.") from error
    return _checked(ascii_name, stripped, minimum_labels)


def _checked(name: str, typed: str, minimum_labels: int) -> str:
    labels = name.split(".")
    if len(labels) < minimum_labels:
        raise ValueError(f"{typed!r} has no dot. Allowed are {ALLOWED}.")
    if len(name) > MAXIMUM_OCTETS:
        raise ValueError(f"The name is {len(name)} octets long; at most {MAXIMUM_OCTETS} are allowed.")
    bad = next((label for label in labels if not _LABEL.fullmatch(label)), None)
    if bad is not None:
        raise ValueError(f"The label {bad!r} of {typed!r} is not allowed. Allowed are {ALLOWED}.")
    if labels[-1].isdecimal():
        raise ValueError(f"{typed!r} looks like an address, not a domain name. Allowed are {ALLOWED}.")
    return name


def to_unicode(ascii_name: str) -> str:
    """Return the name with its A-labels decoded; a label that does not decode stays as it is."""
    return ".".join(_label_to_unicode(label) for label in ascii_name.split("."))


def _label_to_unicode(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return idna.ulabel(label)
    except (idna.IDNAError, UnicodeError):
        return label


def skeleton(name: str) -> str:
    """Return what look-alike names have in common: confusable letters replaced by their prototype (UTS 39)."""
    decomposed = unicodedata.normalize("NFD", to_unicode(name))
    return unicodedata.normalize("NFD", "".join(_prototype(c) for c in decomposed)).lower()


def _prototype(character: str) -> str:
    if character.isascii():
        return _DIGITS.get(character, character)
    found = confusables.is_confusable(character, greedy=True, preferred_aliases=[])
    if not found:
        return character
    latin = (h["c"] for h in found[0]["homoglyphs"] if h["c"].isascii() and h["c"].isalnum())
    return next(latin, character)


def is_selector(text: str) -> bool:
    """True for a DKIM selector that we make or take: one label of letters, digits and hyphens."""
    return _SELECTOR.fullmatch(text) is not None


def parent_names(name: str) -> list[str]:
    """Return the name and its parents, longest first: ``a.b.c``, ``b.c``, ``c``."""
    labels = name.split(".")
    return [".".join(labels[start:]) for start in range(len(labels))]
