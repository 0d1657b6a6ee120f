"""SPF records (RFC 7208): syntax with places, and what a record says that its owner may not mean.

Whether a term is well formed is decided by ``domains.spf.record`` alone, so that the linter and the check of incoming
mail never disagree; here is only said why it is not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_address, ip_network

from domains.lint.finding import Code, Finding, Span, error, note, warning
from domains.spf.budget import MAXIMUM_LOOKUPS
from domains.spf.record import BadSpfRecord, Mechanism, is_spf_record, parse_spf_record

_WORD = re.compile(r"[^ ]+")
_NAMES = ("all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists", "redirect", "exp")
_LONG_NAMES = ("all", "include", "ptr", "ip4", "ip6", "exists", "redirect")
_HEAD = re.compile(r"[+?~-]?([A-Za-z0-9_.-]*)")
_HOST = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)+[A-Za-z-][A-Za-z0-9-]{0,62}\.?")
_ASKING = ("include", "a", "mx", "ptr", "exists")
_SHORTEST = {4: 8, 6: 16}  # networks wider than this are hardly one's own
_COMPARED = 20


@dataclass(frozen=True, slots=True)
class _Term:
    """One word of the record; ``mechanism`` is None for a modifier."""

    text: str
    span: Span
    mechanism: Mechanism | None = None
    modifier: str = ""


def lint_spf(text: str) -> Iterator[Finding]:
    """Yield what is to be said of an SPF record."""
    if not is_spf_record(text):
        yield error(Code.SPF_VERSION, Span(0, len(text.partition(" ")[0])))
        return
    terms: list[_Term] = []
    words = 0
    for found in _WORD.finditer(text, 6):
        span = Span(found.start(), found.end())
        words += 1
        wrong = _fault(found[0], span)
        if wrong is not None:
            yield wrong
        else:
            terms.append(_read(found[0], span))
    yield from _modifiers(terms)
    mechanisms = [(term, term.mechanism) for term in terms if term.mechanism is not None]
    yield from _mechanisms(mechanisms)
    yield from _ends(terms, mechanisms)
    asking = sum(mechanism.name in _ASKING for _term, mechanism in mechanisms) + _redirects(terms, mechanisms)
    if words == 1 and terms and terms[0].text.lower() == "-all":
        yield note(Code.SPF_NOBODY, terms[0].span)
    if asking > MAXIMUM_LOOKUPS:
        yield error(Code.SPF_LOOKUPS, count=asking, most=MAXIMUM_LOOKUPS)


def _read(text: str, span: Span) -> _Term:
    record = parse_spf_record(f"v=spf1 {text}")
    if record.mechanisms:
        return _Term(text, span, record.mechanisms[0])
    return _Term(text, span, None, text.partition("=")[0].lower())


def _redirects(terms: list[_Term], mechanisms: list[tuple[_Term, Mechanism]]) -> bool:
    has_all = any(mechanism.name == "all" for _term, mechanism in mechanisms)
    return not has_all and any(term.modifier == "redirect" for term in terms)


# ---- One term ---------------------------------------------------------------------------------------------------


def _is_term(text: str) -> bool:
    try:
        parse_spf_record(f"v=spf1 {text}")
    except BadSpfRecord:
        return False
    return True


def _fault(text: str, span: Span) -> Finding | None:
    """Return why a term is not well formed, None when it is."""
    if _is_term(text):
        return _equals(text, span)
    name = _HEAD.match(text)
    known = name[1].lower() if name else ""
    if text.endswith(",") or ",ip" in text or ",include" in text:
        return error(Code.SPF_COMMA, span, term=text)
    if known in _NAMES:
        return _known_fault(known, text, span)
    return _unknown_fault(known, text, span)


def _equals(text: str, span: Span) -> Finding | None:
    """Return what to say of ``include=``, ``ip4=``: well formed, but a modifier that nobody knows."""
    name, equals, _value = text.partition("=")
    if equals and name.lower().lstrip("+?~-") in _NAMES[:8]:
        return error(Code.SPF_EQUALS, span, term=text, name=name.lower())
    return None


def _known_fault(name: str, text: str, span: Span) -> Finding:
    rest = text.partition(name)[2] if name in text else text.lower().partition(name)[2]
    if name == "all":
        return error(Code.SPF_ALL_TAKES_NOTHING, span, term=text)
    if name in ("ip4", "ip6"):
        return _network_fault(name, rest[1:], text, span)
    if "%" in rest:
        return error(Code.SPF_BAD_MACRO, span, term=text)
    if not rest.strip(":=") and name not in ("a", "mx", "ptr"):
        return error(Code.SPF_NEEDS_DOMAIN, span, term=text)
    head, slash, _prefix = text.partition("/")
    if slash and name in ("a", "mx") and _is_term(head):
        return error(Code.SPF_BAD_PREFIX, span, term=text)
    return error(Code.SPF_BAD_DOMAIN, span, term=text)


def _network_fault(name: str, text: str, term: str, span: Span) -> Finding:
    address, slash, prefix = text.partition("/")
    try:
        parsed = ip_address(address)
    except ValueError:
        return error(Code.SPF_BAD_NETWORK, span, term=term)
    if parsed.version != (4 if name == "ip4" else 6):
        return error(Code.SPF_OTHER_FAMILY, span, term=term, meant=f"ip{parsed.version}:{text}")
    if slash and not _is_prefix(prefix, parsed.max_prefixlen):
        return error(Code.SPF_BAD_PREFIX, span, term=term)
    return error(Code.SPF_BAD_NETWORK, span, term=term)


def _is_prefix(text: str, most: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 4 and int(text) <= most


def _unknown_fault(name: str, text: str, span: Span) -> Finding:
    bare = text.lstrip("+?~-")
    try:
        network = ip_network(bare, strict=False)
    except ValueError:
        pass
    else:
        return error(Code.SPF_BARE_ADDRESS, span, term=text, meant=f"ip{network.version}:{bare}")
    if len(bare) <= 255 and _HOST.fullmatch(bare):
        return error(Code.SPF_BARE_NAME, span, term=text)
    meant = get_close_matches(name, _LONG_NAMES, 1, 0.6) if len(name) <= _COMPARED else []
    if meant:
        return error(Code.SPF_MISSPELT, span, term=text, meant=meant[0])
    return error(Code.SPF_UNKNOWN, span, term=text)


# ---- All terms --------------------------------------------------------------------------------------------------


def _modifiers(terms: list[_Term]) -> Iterator[Finding]:
    seen: set[str] = set()
    for term in terms:
        if term.mechanism is not None:
            continue
        if term.modifier == "v":
            yield error(Code.SPF_TWO_IN_ONE, term.span)
        elif term.modifier not in ("redirect", "exp"):
            yield note(Code.SPF_UNKNOWN_MODIFIER, term.span, term=term.text)
        elif term.modifier in seen:
            yield error(Code.SPF_MODIFIER_TWICE, term.span, name=f"{term.modifier}=")
        seen.add(term.modifier)


def _mechanisms(mechanisms: list[tuple[_Term, Mechanism]]) -> Iterator[Finding]:
    seen: set[str] = set()
    for term, mechanism in mechanisms:
        same = term.text.lower().removeprefix("+")
        if same in seen and mechanism.name != "all":
            yield warning(Code.SPF_TWICE, term.span, term=term.text)
        seen.add(same)
        if mechanism.name == "ptr":
            yield warning(Code.SPF_PTR, term.span)
        if "%{" in mechanism.domain_spec:
            yield note(Code.SPF_MACRO, term.span, term=term.text)
        if mechanism.network is not None and mechanism.qualifier == "+":
            yield from _network(term, mechanism)


def _network(term: _Term, mechanism: Mechanism) -> Iterator[Finding]:
    network = mechanism.network
    assert network is not None
    if network.prefixlen < _SHORTEST[network.version]:
        yield warning(Code.SPF_WIDE, term.span, term=term.text, count=f"{network.num_addresses:,}")
    elif network.is_private and not network.is_reserved and not _for_examples(network):
        yield warning(Code.SPF_PRIVATE, term.span, term=term.text)


_EXAMPLES = tuple(
    ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
)


def _for_examples(network: object) -> bool:
    """True for the networks of documentation, which stand in for public ones."""
    return any(
        network.version == known.version and network.subnet_of(known)  # type: ignore[attr-defined]
        for known in _EXAMPLES
    )


def _ends(terms: list[_Term], mechanisms: list[tuple[_Term, Mechanism]]) -> Iterator[Finding]:
    """Yield what is to be said of ``all`` and ``redirect``, and of what stands behind."""
    alls = [(term, mechanism) for term, mechanism in mechanisms if mechanism.name == "all"]
    redirects = [term for term in terms if term.modifier == "redirect"]
    if not alls:
        if not redirects:
            yield warning(Code.SPF_NO_ALL)
        return
    first, mechanism = alls[0]
    yield from _all(first, mechanism)
    for later, _mechanism in alls[1:]:
        yield warning(Code.SPF_SEVERAL_ALL, later.span)
    for term, other in mechanisms[mechanisms.index(alls[0]) + 1 :]:
        if other.name != "all":
            yield warning(Code.SPF_AFTER_ALL, term.span, term=term.text)
    for term in redirects:
        yield warning(Code.SPF_REDIRECT_WITH_ALL, term.span)


def _all(term: _Term, mechanism: Mechanism) -> Iterator[Finding]:
    if mechanism.qualifier == "+":
        yield error(Code.SPF_PLUS_ALL, term.span)
    elif mechanism.qualifier == "?":
        yield warning(Code.SPF_NEUTRAL_ALL, term.span)
    elif mechanism.qualifier == "~":
        yield note(Code.SPF_SOFT_ALL, term.span)
