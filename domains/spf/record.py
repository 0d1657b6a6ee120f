"""SPF records (RFC 7208 section 4.5, 4.6, 12): text ↔ terms. Syntax is checked as a whole before evaluation."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_MECHANISM = re.compile(
    r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?![A-Za-z0-9_.-])(.*)", re.IGNORECASE | re.DOTALL
)
_CIDR = re.compile(r"(?:/(0|[1-9]\d{0,2}))?(?://(0|[1-9]\d{0,2}))?\Z")
_MACRO_STRING = re.compile(r"(?:%\{[slodiphcrtvSLODIPHCRTV][0-9]*[rR]?[.+,/_=-]*\}|%%|%_|%-|[!-$&-~])*\Z")
_EXPLAINING_MACRO = re.compile(r"%\{[crtCRT]")
# Letters, digits and hyphens, no hyphen at either end, and not digits alone; in linear time.
_TOP_LABEL = re.compile(r"(?=[0-9]*[A-Za-z-])[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?\Z")

RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


class BadSpfRecord(ValueError):
    """The record has a syntax error: permerror (section 4.6)."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One mechanism; ``domain_spec`` is unexpanded, empty for the current domain; prefixes None where not given."""

    qualifier: str
    name: str
    domain_spec: str = ""
    network: IPv4Network | IPv6Network | None = None
    prefix4: int = 32
    prefix6: int = 128
    text: str = ""


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """The terms in order, and the modifiers ``redirect`` and ``exp``, empty when absent."""

    mechanisms: tuple[Mechanism, ...]
    redirect: str = ""
    explanation: str = ""


def is_spf_record(text: str) -> bool:
    """True for ``v=spf1`` alone or followed by a space (section 4.5)."""
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


def parse_spf_record(text: str) -> SpfRecord:
    """Return the record; raises BadSpfRecord."""
    if not text.isascii():
        raise BadSpfRecord("it holds characters that are not ASCII")
    mechanisms: list[Mechanism] = []
    modifiers: dict[str, str] = {}
    for term in text[6:].split(" "):
        if term:
            _parse_term(term, mechanisms, modifiers)
    return SpfRecord(tuple(mechanisms), modifiers.get("redirect", ""), modifiers.get("exp", ""))


def _parse_term(term: str, mechanisms: list[Mechanism], modifiers: dict[str, str]) -> None:
    modifier = _MODIFIER.fullmatch(term)
    if modifier is not None:
        name, value = modifier[1].lower(), modifier[2]
        if name in ("redirect", "exp"):
            if name in modifiers:
                raise BadSpfRecord(f"{name}= is given twice")
            modifiers[name] = _domain_spec(value, term)
        elif not _MACRO_STRING.match(value):
            raise BadSpfRecord(f"{term!r} has a bad macro")
        return
    mechanism = _MECHANISM.fullmatch(term)
    if mechanism is None:
        raise BadSpfRecord(f"{term!r} is not a mechanism or modifier")
    mechanisms.append(_parse_mechanism(mechanism[1] or "+", mechanism[2].lower(), mechanism[3], term))


def _parse_mechanism(qualifier: str, name: str, rest: str, term: str) -> Mechanism:
    if name == "all":
        if rest:
            raise BadSpfRecord(f"{term!r}: all takes nothing")
        return Mechanism(qualifier, name, text=term)
    if name in ("ip4", "ip6"):
        return Mechanism(qualifier, name, network=_network(name, rest, term), text=term)
    if name in ("include", "exists"):
        if not rest.startswith(":"):
            raise BadSpfRecord(f"{term!r} needs a domain")
        return Mechanism(qualifier, name, _domain_spec(rest[1:], term), text=term)
    if name == "ptr":
        spec = _optional_spec(rest, term)
        return Mechanism(qualifier, name, spec, text=term)
    spec, prefix4, prefix6 = _with_prefixes(rest, term)
    return Mechanism(qualifier, name, spec, None, prefix4, prefix6, term)


def _optional_spec(rest: str, term: str) -> str:
    if not rest:
        return ""
    if not rest.startswith(":"):
        raise BadSpfRecord(f"{term!r} is not written as a mechanism")
    return _domain_spec(rest[1:], term)


def _with_prefixes(rest: str, term: str) -> tuple[str, int, int]:
    """Return domain-spec and prefix lengths of ``a`` and ``mx`` (section 5.3: ``ip4-cidr``, ``ip6-cidr``)."""
    match = _CIDR.search(rest)
    assert match is not None
    spec = _optional_spec(rest[: match.start()], term)
    prefix4, prefix6 = int(match[1] or 32), int(match[2] or 128)
    if prefix4 > 32 or prefix6 > 128:
        raise BadSpfRecord(f"{term!r} has a prefix that is too long")
    return spec, prefix4, prefix6


def _network(name: str, rest: str, term: str) -> IPv4Network | IPv6Network:
    text = rest[1:]
    if not rest.startswith(":") or not text or not _clean_prefix(text):
        raise BadSpfRecord(f"{term!r} is not a network")
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise BadSpfRecord(f"{term!r}: {error}") from error
    if (network.version == 4) is not (name == "ip4"):
        raise BadSpfRecord(f"{term!r} has an address of the other kind")
    return network


def _clean_prefix(text: str) -> bool:
    """True when what follows a slash is a number without a leading zero: no netmask, no sign."""
    address, slash, prefix = text.partition("/")
    return "%" not in address and (not slash or (prefix.isdecimal() and (prefix == "0" or prefix[0] != "0")))


def _domain_spec(text: str, term: str) -> str:
    """Return a domain-spec whose end is a macro or a top label (section 7.1)."""
    if not text or not _MACRO_STRING.match(text) or _EXPLAINING_MACRO.search(text):
        raise BadSpfRecord(f"{term!r} has a bad domain or macro")
    if text.endswith("}"):
        return text
    _, dot, last = text.removesuffix(".").rpartition(".")
    if not dot or not _TOP_LABEL.match(last):
        raise BadSpfRecord(f"{term!r} does not end in a top-level domain")
    return text
