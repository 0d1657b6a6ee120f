"""SPF macros (RFC 7208 section 7)."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

_PART = re.compile(r"%\{([A-Za-z])([0-9]*)([rR]?)([.+,/_=-]*)\}|%([%_-])|([^%]+)")
_ESCAPES = {"%": "%", "_": " ", "-": "%20"}
MAXIMUM_NAME = 253


class BadMacro(ValueError):
    """A macro that may not stand here: permerror."""


@dataclass(frozen=True, slots=True)
class MacroValues:
    """What the letters stand for; ``validated_name`` is asked for only when ``p`` occurs."""

    sender: str
    domain: str
    address: IPv4Address | IPv6Address
    helo: str
    receiver: str
    timestamp: int
    validated_name: Callable[[], Awaitable[str]]

    async def letter(self, letter: str, explaining: bool) -> str:
        """Return the letter's value; ``c``, ``r`` and ``t`` only in explanations."""
        local_part, _, sender_domain = self.sender.rpartition("@")
        values = {
            "s": self.sender,
            "l": local_part,
            "o": sender_domain,
            "d": self.domain,
            "i": dotted(self.address),
            "v": "in-addr" if self.address.version == 4 else "ip6",
            "h": self.helo,
        }
        if explaining:
            values |= {"c": str(self.address), "r": self.receiver or "unknown", "t": str(self.timestamp)}
        if letter == "p":
            return await self.validated_name()
        if letter not in values:
            raise BadMacro(f"the macro letter {letter} may not stand here")
        return values[letter]


def dotted(address: IPv4Address | IPv6Address) -> str:
    """Return the address as ``i`` has it: dotted nibbles for IPv6."""
    return str(address) if address.version == 4 else ".".join(address.exploded.replace(":", "").upper())


async def expand(text: str, values: MacroValues, explaining: bool = False) -> str:
    """Return the text with macros replaced; raises BadMacro."""
    parts: list[str] = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise BadMacro(f"a stray % in {text!r}")
        parts.append(await _expand_part(match, values, explaining))
        position = match.end()
    return "".join(parts)


async def _expand_part(match: "re.Match[str]", values: MacroValues, explaining: bool) -> str:
    letter, digits, reverse, delimiters, escape, literal = match.groups()
    if literal is not None:
        return str(literal)
    if escape is not None:
        return _ESCAPES[escape]
    if digits and int(digits[:4]) == 0:
        raise BadMacro("a macro that keeps no part")
    value = await values.letter(letter.lower(), explaining)
    pieces = re.split("[" + re.escape(delimiters or ".") + "]", value)
    if reverse:
        pieces.reverse()
    if digits:
        pieces = pieces[-int(digits[:4]) :]
    joined = ".".join(pieces)
    return quote(joined, safe="-._~") if letter.isupper() else joined


def shortened(name: str) -> str:
    """Return a name of at most 253 octets, labels dropped from the left (section 7.3)."""
    name = name.removesuffix(".")
    surplus = len(name) - MAXIMUM_NAME
    if surplus <= 0:
        return name
    dot = name.find(".", surplus - 1)
    return name[dot + 1 :] if dot >= 0 else name.rpartition(".")[2]
