"""LIST patterns (RFC 9051 §6.3.9): ``*`` crosses the separator, ``%`` does not; INBOX compares without case.

Time is linear in the name for any pattern: all states of the match are kept in one integer, bit by bit.
"""

import re

SEPARATOR = "/"
_WILDCARDS = re.compile(r"[*%]{2,}")


class Pattern:
    """One pattern, prepared."""

    __slots__ = ("_accept", "_letters", "_percent", "_star", "_start", "_wild", "text")

    def __init__(self, text: str) -> None:
        head, slash, rest = text.partition(SEPARATOR)
        text = "INBOX" + slash + rest if head.upper() == "INBOX" else text
        self.text = _WILDCARDS.sub(lambda found: "*" if "*" in found.group() else "%", text)
        self._letters: dict[str, int] = {}
        self._star = self._percent = 0
        for position, letter in enumerate(self.text):
            if letter == "*":
                self._star |= 1 << position
            elif letter == "%":
                self._percent |= 1 << position
            else:
                self._letters[letter] = self._letters.get(letter, 0) | 1 << position
        self._wild = self._star | self._percent
        self._accept = 1 << len(self.text)
        self._start = 1 | (1 & self._wild) << 1

    def matches(self, name: str) -> bool:
        """Return whether the whole name matches."""
        states = self._start
        for letter in name:
            stays = states & (self._star if letter == SEPARATOR else self._wild)
            states = (states & self._letters.get(letter, 0)) << 1 | stays
            states |= (states & self._wild) << 1
            if not states:
                return False
        return bool(states & self._accept)
