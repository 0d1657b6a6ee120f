"""What is left of a trace when persons are taken out of it: pure, from values to values.

Of an address that is not ours the local part goes, of a client's address all but its network (IPv4 /24, IPv6 /48),
also inside a sentence, a reply, a host's name or a Received line; DNS answers go whole. Addresses of ours, domains,
Message-IDs, codes and times stay, so that what happened can still be told and counted.
"""

import re
from collections.abc import Mapping, Set
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

GONE = "…"
IPV4_KEPT, IPV6_KEPT = 24, 48

_ADDRESS = re.compile(r"""("[^"@]*"|[^\s<>@"(),;:\[\]'`]+)@([\w.-]*\w|\[[^\]\s]*\])""")
_REWRITTEN = re.compile(r"srs[01][=+-]", re.IGNORECASE)
_REVERSE = re.compile(r"\b[0-9a-f.]{7,}\.(in-addr|ip6)\.arpa", re.IGNORECASE)
_IPV4 = re.compile(r"(?<![\w.])(\d{1,3})([.-])(\d{1,3})\2(\d{1,3})\2(\d{1,3})(?![\d])(?!\.\d)")
_IPV6 = re.compile(
    r"(?:(?<=ip6:)|(?<=ipv6:)|(?<![\w:.]))(?=[0-9a-f:.]*:[0-9a-f:.]*:)[0-9a-f:]{2,39}"
    r"(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])",
    re.IGNORECASE,
)


def redact_address(address: str, ours: Set[str]) -> str:
    """Return the address without its local part, unless its domain is one of ours (A-labels, lower case)."""
    local_part, at, domain = address.rpartition("@")
    if not at or (domain.lower() in ours and not _REWRITTEN.match(local_part)):
        return address
    return f"{GONE}@{domain}"


def redact_client(address: str | None) -> str | None:
    """Return the first address of the client's network."""
    if address is None:
        return None
    return _network(address) or None


def redact_text(text: str, ours: Set[str]) -> str:
    """Return the text without local parts of others and without whole client addresses."""
    text = _ADDRESS.sub(lambda found: redact_address(found[0], ours), text) if "@" in text else text
    text = _REVERSE.sub(lambda found: f"{GONE}.{found[1]}.arpa", text)
    text = _IPV4.sub(_without_host, text)
    return _IPV6.sub(lambda found: _network(found[0]) or found[0], text) if ":" in text else text


def redact_value(value: Any, ours: Set[str]) -> Any:
    """Return a JSON value with every text in it redacted, and without DNS answers."""
    if isinstance(value, str):
        return redact_text(value, ours)
    if isinstance(value, Mapping):
        return {name: redact_value(item, ours) for name, item in value.items() if name not in ("dns", "answers")}
    if isinstance(value, list):
        return [redact_value(item, ours) for item in value]
    return value


def kept_terms(terms: list[str]) -> list[str]:
    """Return the terms that name nobody: domains, reach, the Message-ID, words of replies without an address."""
    return [term for term in terms if _is_kept(term)]


def _is_kept(term: str) -> bool:
    if term[:1] in ("@", "^", "~"):
        return "@" not in term[1:]  # else an address whose local part begins so
    return term[:1] == "<" or (term[:1] == "=" and _names_nobody(term[1:]))


def _names_nobody(word: str) -> bool:
    return "@" not in word and redact_text(word, frozenset()) == word


def _without_host(found: re.Match[str]) -> str:
    """Return an IPv4 address's network; written with hyphens, in a host's name, nothing of it."""
    if found[2] == "-":
        return GONE
    return _network(found[0]) or found[0]


def _network(text: str) -> str:
    """Return the first address of the network kept, or an empty string when the text is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    length = IPV6_KEPT if isinstance(address, IPv6Address) else IPV4_KEPT
    return str(ip_network((address, length), strict=False).network_address)
