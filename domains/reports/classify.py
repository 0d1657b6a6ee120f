"""Who stands behind a stream of mail in a domain's name, with the evidence, and what to mend. Pure.

A stream is all mail from one address whose SPF and DKIM were aligned alike. What counts is what a receiver proved: a
name whose SPF or DKIM passed, a reverse name that leads back to its address, a listed network. So whoever calls
himself like a service gains nothing: without an aligned pass nothing is ever ``own`` or ``service-aligned`` but an
address of ours, and a service that the domain did not name is at best ``unknown``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, TypeVar

from publicsuffixlist import PublicSuffixList

from domains.reports.forwarders import FORWARDERS, Forwarder
from domains.reports.kinds import Kind
from domains.spf.services import BY_SLUG
from domains.spf.sources import KnownSender

FORWARDED = ("forwarded", "trusted_forwarder", "mailing_list")
RULES = 1  # raised whenever the same evidence is judged otherwise: all sources are then judged anew
Address = IPv4Address | IPv6Address
Found = TypeVar("Found")


@dataclass(frozen=True)
class PatternFacts:
    """What the rows of one pattern share; results as ``AuthPattern`` stores them."""

    header_from: str
    envelope_from: str
    dkim: tuple[Mapping[str, str], ...]
    spf: tuple[Mapping[str, str], ...]
    reasons: tuple[Mapping[str, str], ...]

    @cached_property
    def signed(self) -> tuple[tuple[str, str], ...]:
        """The (domain, selector) of signatures that passed."""
        passed = [one for one in self.dkim if one.get("result") == "pass"]
        return tuple((_plain(one.get("domain", "")), _plain(one.get("selector", ""))) for one in passed)

    @cached_property
    def broken(self) -> tuple[tuple[str, str], ...]:
        """The (domain, selector) of signatures that did not pass."""
        failed = [one for one in self.dkim if one.get("result") in ("fail", "permerror", "temperror", "policy")]
        return tuple((_plain(one.get("domain", "")), _plain(one.get("selector", ""))) for one in failed)

    @cached_property
    def envelopes(self) -> tuple[str, ...]:
        """The domains whose SPF passed."""
        return tuple(_plain(one.get("domain", "")) for one in self.spf if one.get("result") == "pass")

    @cached_property
    def passed_on(self) -> str:
        """Why the receiver thinks that the mail was passed on, empty when it does not say so."""
        for one in self.reasons:
            word, comment = one.get("type", ""), one.get("comment", "").lower()
            if word in FORWARDED:
                return word
            if word == "local_policy" and "arc=pass" in comment.replace(" ", ""):
                return "arc"
        return ""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream with all that is known of it; ``reverse_verified`` when the name leads back to the address."""

    source_ip: str
    dkim_aligned: bool
    spf_aligned: bool
    messages: int
    patterns: tuple[PatternFacts, ...]
    reverse_name: str = ""
    reverse_verified: bool = False
    network_owner: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """What an administrator said of a network."""

    network: IPv4Network | IPv6Network
    kind: Kind
    name: str
    made_by: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason, by its code, with the values that a sentence needs."""

    code: str
    values: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {"code": self.code, **self.values}


@dataclass(frozen=True, slots=True)
class Fix:
    """What to mend, by its code, with the values that a sentence needs."""

    code: str
    values: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {"code": self.code, **self.values}


@dataclass(frozen=True, slots=True)
class Judgement:
    """Who a stream is thought to be, why, and what to mend."""

    kind: Kind
    sender: str = ""
    sender_slug: str = ""
    evidence: tuple[Evidence, ...] = ()
    fix: Fix | None = None


class Catalogue:
    """What is known beforehand of one domain: our own host, its senders, all other services, corrections."""

    def __init__(
        self,
        domain: str,
        own: KnownSender,
        senders: tuple[KnownSender, ...] = (),
        corrections: tuple[Correction, ...] = (),
    ) -> None:
        self.domain = domain
        self.own = own
        self.corrections = corrections
        self.by_network = [(network, one) for one in senders for network in one.networks]
        self.by_selector: dict[str, KnownSender] = {}
        self.by_domain: dict[str, KnownSender] = {}
        self.by_reverse: dict[str, KnownSender] = {}
        for one in sorted(senders, key=lambda sender: not sender.listed):
            for table, names in (
                (self.by_selector, one.selectors),
                (self.by_domain, one.domains),
                (self.by_reverse, one.reverse_names),
            ):
                for name in names:
                    table.setdefault(_plain(name), one)


_FORWARDER_DOMAINS = {name: one for one in FORWARDERS for name in one.domains}
_FORWARDER_NAMES = {name: one for one in FORWARDERS for name in one.reverse_names}


def _plain(name: str) -> str:
    return name.strip().lower().removesuffix(".")


def _within(name: str, domain: str) -> bool:
    """True for the domain and all names below it."""
    return name == domain or name.endswith(f".{domain}")


def _under(name: str, table: Mapping[str, Found]) -> Found | None:
    """Return what a table says of a name or the nearest name above it."""
    while name:
        found = table.get(name)
        if found is not None:
            return found
        name = name.partition(".")[2]
    return None


@lru_cache(maxsize=4096)
def _address(text: str) -> Address:
    """Return the address; an IPv4 address mapped into IPv6 is the IPv4 address."""
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@dataclass(frozen=True, slots=True)
class _Proofs:
    """What all patterns of a stream prove together, and the sender that it shows, with the reason."""

    sender: KnownSender | None
    shown_by: str  # network, selector, domain, reverse
    evidence: Evidence
    envelope: str
    passed_on: str
    forwarder: Forwarder | None
    broken_selector: str
    foreign: str  # a foreign domain that both signed and stands behind the server's name
    foreign_envelope: bool  # SPF passed for a domain of neither ours nor that sender's


def classify(stream: Stream, known: Catalogue) -> Judgement:
    """Return who the stream is."""
    address = _address(stream.source_ip)
    for correction in known.corrections:
        if address in correction.network:
            said = Evidence("correction", {"network": str(correction.network), "by": correction.made_by})
            return Judgement(correction.kind, correction.name, "", (said,))
    if any(address in network for network in known.own.networks):
        return Judgement(
            Kind.OWN,
            known.own.name,
            "own",
            (Evidence("own-address", {"address": stream.source_ip}),),
            _mend_own(stream, known),
        )
    reverse = _plain(stream.reverse_name) if stream.reverse_verified else ""
    proofs = _proofs(stream, known, address, reverse)
    evidence = _shown(stream, proofs, reverse)
    if reverse and _within(reverse, known.domain):
        said = Evidence("own-name", {"name": reverse})
        return Judgement(Kind.OWN, reverse, "own", (said, *evidence), _mend_own(stream, known))
    if stream.dkim_aligned or stream.spf_aligned:
        return _aligned(stream, proofs, evidence, reverse, known)
    return _failed(proofs, evidence, known)


def _aligned(
    stream: Stream, proofs: _Proofs, evidence: tuple[Evidence, ...], reverse: str, known: Catalogue
) -> Judgement:
    """Judge what passed DMARC: a sender of ours, or mail of ours that was passed on with its signature whole."""
    sender = proofs.sender
    if stream.dkim_aligned and not stream.spf_aligned and _passed_on(proofs):
        return Judgement(Kind.FORWARDER, _passer(proofs, reverse), "", evidence)
    if sender is not None and (sender.listed or stream.dkim_aligned):
        fix = None if stream.dkim_aligned else _mend(sender, "sign")
        return Judgement(Kind.ALIGNED, sender.name, sender.slug, evidence, fix)
    if stream.dkim_aligned and stream.spf_aligned:
        return Judgement(Kind.ALIGNED, _server(reverse) or stream.network_owner, "", evidence)
    said = Evidence("spf-lets-it", {"address": stream.source_ip})
    if sender is not None:  # whoever has an account there may write so
        unlisted = Evidence("not-listed", {"name": sender.name, "domain": known.domain})
        return Judgement(Kind.UNKNOWN, sender.name, sender.slug, (said, unlisted, *evidence))
    return Judgement(Kind.UNKNOWN, _server(reverse), "", (said, *evidence))


def _passer(proofs: _Proofs, reverse: str) -> str:
    """Return what a forwarder is called by: its known name, the envelope that it rewrote, or its server's name."""
    if proofs.forwarder is not None:
        return proofs.forwarder.name
    return proofs.envelope if proofs.foreign_envelope else _server(reverse)


def _passed_on(proofs: _Proofs) -> bool:
    """True when signed mail of ours did not come from a sender of ours itself."""
    if proofs.shown_by == "network":
        return False
    if proofs.passed_on or proofs.forwarder is not None or proofs.sender is None or proofs.foreign_envelope:
        return True
    return proofs.shown_by == "selector" or (proofs.shown_by == "reverse" and not proofs.sender.listed)


def _failed(proofs: _Proofs, evidence: tuple[Evidence, ...], known: Catalogue) -> Judgement:
    """Judge what failed DMARC: passed on and changed, a sender of ours set up wrong, or somebody else."""
    sender = proofs.sender
    if proofs.passed_on:
        return Judgement(Kind.FORWARDER, proofs.forwarder.name if proofs.forwarder else "", "", evidence)
    by_itself = proofs.shown_by != "reverse" or not proofs.foreign_envelope
    if sender is not None and sender.listed and by_itself:
        return Judgement(Kind.MISALIGNED, sender.name, sender.slug, evidence, _mend(sender, "align"))
    if proofs.forwarder is not None and proofs.forwarder.kind != "provider":
        return Judgement(Kind.FORWARDER, proofs.forwarder.name, "", evidence)
    if proofs.forwarder is not None and proofs.broken_selector:
        return Judgement(Kind.FORWARDER, proofs.forwarder.name, "", evidence)
    if proofs.forwarder is not None:
        said = Evidence("somebodys-account", {"name": proofs.forwarder.name})
        return Judgement(Kind.IMPOSTOR, "", "", (said, *evidence))
    if sender is not None:
        said = Evidence("not-listed", {"name": sender.name, "domain": known.domain})
        return Judgement(Kind.UNKNOWN, sender.name, sender.slug, (said, *evidence))
    if proofs.foreign:
        return Judgement(Kind.UNKNOWN, proofs.foreign, "", (Evidence("foreign", {"name": proofs.foreign}), *evidence))
    return Judgement(Kind.IMPOSTOR, "", "", (Evidence("nothing-proven", {}), *evidence))


def _proofs(stream: Stream, known: Catalogue, address: Address, reverse: str) -> _Proofs:
    signed = [pair for pattern in stream.patterns for pair in pattern.signed]
    broken = [pair for pattern in stream.patterns for pair in pattern.broken]
    envelopes = [name for pattern in stream.patterns for name in pattern.envelopes]
    names = [*envelopes, *(domain for domain, _selector in signed)]
    sender, shown_by, shown = _sender(known, address, reverse, names, signed)
    passing = next((found for name in names if (found := _under(name, _FORWARDER_DOMAINS))), None)
    strange = [
        name
        for name in envelopes
        if not _within(name, known.domain) and (sender is None or _under(name, known.by_domain) is not sender)
    ]
    return _Proofs(
        sender=sender,
        shown_by=shown_by,
        evidence=Evidence(f"by-{shown_by}", {"name": shown}) if shown_by else Evidence(""),
        envelope=envelopes[0] if envelopes else "",
        passed_on=next((word for pattern in stream.patterns if (word := pattern.passed_on)), ""),
        forwarder=passing or (_under(reverse, _FORWARDER_NAMES) if reverse else None),
        broken_selector=next((selector for domain, selector in broken if _within(domain, known.domain)), ""),
        foreign=next(
            (name for name, _ in signed if not _within(name, known.domain) and _same_house(name, reverse)), ""
        ),
        foreign_envelope=bool(strange) and len(strange) == len(envelopes),
    )


def _sender(
    known: Catalogue, address: Address, reverse: str, names: list[str], signed: list[tuple[str, str]]
) -> tuple[KnownSender | None, str, str]:
    """Return the sender that is shown, by what (network, domain, reverse, selector) and which name that was."""
    for network, one in known.by_network:
        if address in network:
            return one, "network", str(network)
    for kind, table, said in (("domain", known.by_domain, names), ("reverse", known.by_reverse, [reverse])):
        for name in said:
            found = _under(name, table)
            if found is not None:
                return found, kind, name
    for domain, selector in signed:
        if _within(domain, known.domain) and selector in known.by_selector:
            return known.by_selector[selector], "selector", f"{selector}._domainkey.{domain}"
    return None, "", ""


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=4096)
def _house(domain: str) -> str:
    """Return what somebody registered of a name: two labels are not enough, all of ``co.uk`` is no house."""
    return _suffixes().privatesuffix(domain) or ""


def _same_house(domain: str, reverse: str) -> bool:
    """True when a server's name and a signing domain stand below the same registered name."""
    house = _house(domain)
    return bool(house) and _within(reverse, house)


def _server(reverse: str) -> str:
    """Return what a server is called by: the last three labels of its verified name."""
    return ".".join(reverse.split(".")[-3:]) if reverse else ""


def _shown(stream: Stream, proofs: _Proofs, reverse: str) -> tuple[Evidence, ...]:
    """Return all evidence worth showing, the weightiest first."""
    found: list[Evidence] = []
    if proofs.shown_by:
        found.append(proofs.evidence)
    if proofs.passed_on:
        found.append(Evidence("receiver-says", {"reason": proofs.passed_on}))
    if proofs.forwarder is not None:
        found.append(Evidence("known-forwarder", {"name": proofs.forwarder.name}))
    signed = next((pair for pattern in stream.patterns for pair in pattern.signed), None)
    if signed is not None:
        found.append(Evidence("signed-by", {"domain": signed[0], "selector": signed[1]}))
    elif proofs.broken_selector:
        found.append(Evidence("broken-signature", {"selector": proofs.broken_selector}))
    if proofs.envelope:
        found.append(Evidence("envelope-of", {"domain": proofs.envelope}))
    if reverse:
        found.append(Evidence("reverse-name", {"name": reverse}))
    elif stream.reverse_name:
        found.append(Evidence("reverse-name-unproven", {"name": _plain(stream.reverse_name)}))
    if stream.network_owner:
        found.append(Evidence("network-of", {"name": stream.network_owner}))
    return tuple(found)


def _mend_own(stream: Stream, known: Catalogue) -> Fix | None:
    """Return what a server of ours lacks: a signature, or its place in the SPF record."""
    if not stream.dkim_aligned:
        return Fix("own-sign", {"domain": known.domain})
    if not stream.spf_aligned:
        return Fix("own-spf", {"address": stream.source_ip, "domain": known.domain})
    return None


def _mend(sender: KnownSender, wish: str) -> Fix:
    """Return what is to be done at a sender of ours: ``sign`` when only SPF passes, ``align`` when nothing does."""
    service = BY_SLUG.get(sender.slug)
    if service is None:
        return Fix(f"{wish}-server", {"name": sender.name})
    records = ", ".join(f"{selector}._domainkey.{sender.domain}" for selector in service.selectors)
    values = {"name": service.name, "include": service.include, "records": records}
    return Fix(f"{wish}-service", values)
