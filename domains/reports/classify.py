"""Who stands behind a stream of mail in a domain's name, with the evidence, and what to mend. Pure.

A stream is all mail from one address whose SPF and DKIM were aligned alike. Only what a receiver proved counts as
evidence: names whose SPF or DKIM passed, a reverse name that leads back to its address, a listed network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from domains.reports.kinds import Kind
from domains.spf.sources import KnownSender, source_of

FORWARDED = frozenset({"forwarded", "trusted_forwarder", "mailing_list"})


@dataclass(frozen=True, slots=True)
class PatternFacts:
    """What the rows of one pattern share; results as ``AuthPattern`` stores them."""

    header_from: str
    envelope_from: str
    dkim: tuple[Mapping[str, str], ...]
    spf: tuple[Mapping[str, str], ...]
    reasons: tuple[Mapping[str, str], ...]


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
class Catalogue:
    """What is known beforehand of one domain: our own host first, its senders, then all other services."""

    domain: str
    own: KnownSender
    senders: tuple[KnownSender, ...] = ()
    corrections: tuple[Correction, ...] = ()


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
    """What to mend, by its code."""

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


def classify(stream: Stream, known: Catalogue) -> Judgement:
    """Return who the stream is."""
    address = ip_address(stream.source_ip)
    for correction in known.corrections:
        if address in correction.network:
            said = Evidence("correction", {"network": str(correction.network), "by": correction.made_by})
            return Judgement(correction.kind, correction.name, "", (said,))
    if any(address in network for network in known.own.networks):
        return Judgement(Kind.OWN, known.own.name, "", (Evidence("own-address", {"address": stream.source_ip}),))
    aligned = stream.dkim_aligned or stream.spf_aligned
    sender, evidence = _sender(stream, known)
    if sender is not None and aligned:
        return Judgement(Kind.ALIGNED, sender.name, "", (evidence,))
    if stream.dkim_aligned or _forwarded(stream):
        return Judgement(Kind.FORWARDER if not stream.spf_aligned else Kind.UNKNOWN, "", "", (evidence,))
    if sender is not None and sender.listed:
        return Judgement(Kind.MISALIGNED, sender.name, "", (evidence,))
    return Judgement(Kind.UNKNOWN if aligned or sender is not None else Kind.IMPOSTOR, "", "", (evidence,))


def _sender(stream: Stream, known: Catalogue) -> tuple[KnownSender | None, Evidence]:
    reverse = stream.reverse_name if stream.reverse_verified else ""
    for pattern in stream.patterns:
        spf = next((one["domain"] for one in pattern.spf if one.get("result") == "pass"), "")
        signatures = [one for one in pattern.dkim if one.get("result") == "pass"] or [{}]
        for one in signatures:
            dkim, selector = one.get("domain", ""), one.get("selector", "")
            found = source_of(stream.source_ip, spf, dkim, selector, reverse, known.senders)
            if found is not None:
                return found, Evidence("proven", {"spf": spf, "dkim": dkim, "selector": selector, "ptr": reverse})
    return None, Evidence("nothing-known", {"address": stream.source_ip})


def _forwarded(stream: Stream) -> bool:
    """True when a receiver says that the mail was forwarded."""
    return any(one.get("type") in FORWARDED for pattern in stream.patterns for one in pattern.reasons)
