"""The steps of check_host as a tree: what an include looked at hangs below it (pure).

The evaluator writes a nested record's steps before the include that led there, for the include is decided last; an
evaluation that ended in an error never comes back to its include.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

UNFINISHED = "include"
NEEDS_DNS = ("include", "a", "mx", "ptr", "exists", "redirect")


@dataclass(slots=True)
class Term:
    """One term: in whose record, what it says, whether it matched, what it led to; ``children`` stand below it."""

    depth: int
    domain: str
    text: str
    matched: bool
    note: str = ""
    unfinished: bool = False
    differs: bool = False
    children: list["Term"] = field(default_factory=list)

    @property
    def mechanism(self) -> str:
        """The term's name without sign, value and prefix length."""
        name = self.text.lstrip("+-?~").lower()
        for mark in (":", "=", "/"):
            name = name.partition(mark)[0]
        return name

    @property
    def asks(self) -> bool:
        """True for a term that counts as a look-up (RFC 7208 section 4.6.4)."""
        return self.mechanism in NEEDS_DNS


def grow(terms: Sequence[Term]) -> list[Term]:
    """Return the terms of the first record, each include with the terms of the record that it names."""
    waiting: dict[int, list[Term]] = {}
    for term in terms:
        if term.mechanism == "include":
            term.children = waiting.pop(term.depth + 1, [])
        waiting.setdefault(term.depth, []).append(term)
    for depth in sorted(waiting, reverse=True):
        if depth > 0:
            stopped = Term(depth - 1, "", UNFINISHED, False, unfinished=True, children=waiting.pop(depth))
            waiting.setdefault(depth - 1, []).append(stopped)
    return waiting.get(0, [])
