"""What another SPF record would have done to reported mail: each address judged again by the record. Pure.

Only mail whose envelope names the domain is judged by its record. What receivers proved by DKIM stays.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from antispam.spf.evaluate import SpfResult, evaluate_spf
from domains.dns.port import Answer, DnsStatus, Resolver


@dataclass(frozen=True, slots=True)
class Sent:
    """Messages of one address with the domain in their envelope, judged alike; ``aligned``: SPF counts for DMARC."""

    source_ip: str
    kind: str
    sender: str
    spf: bool
    dkim_aligned: bool
    aligned: bool
    messages: int


@dataclass(frozen=True, slots=True)
class SpfFlip:
    """Messages of one address that the record would judge otherwise; ``after`` is a result of RFC 7208."""

    source_ip: str
    kind: str
    sender: str
    spf_before: bool
    after: SpfResult
    dmarc_before: bool
    dmarc_after: bool
    messages: int


@dataclass(frozen=True, slots=True)
class SpfImpact:
    """All messages looked at, those that stay, those about which the DNS was silent, and the flips, most first."""

    messages: int
    unchanged: int
    undecided: int
    flips: tuple[SpfFlip, ...]

    @property
    def lost(self) -> int:
        """Messages that would pass DMARC no more."""
        return sum(one.messages for one in self.flips if one.dmarc_before and not one.dmarc_after)

    @property
    def gained(self) -> int:
        """Messages that would pass DMARC and do not now."""
        return sum(one.messages for one in self.flips if one.dmarc_after and not one.dmarc_before)


class TriedRecord:
    """A resolver that knows one other SPF record and asks about everything else once."""

    def __init__(self, resolver: Resolver, domain: str, record: str) -> None:
        self._resolver = resolver
        self._known = {(domain, "TXT"): Answer(domain, "TXT", DnsStatus.FOUND, (record,))}

    async def lookup(self, name: str, rdtype: str) -> Answer:
        """Return what would be answered."""
        place = (name.lower().rstrip("."), rdtype)
        if place not in self._known:
            self._known[place] = await self._resolver.lookup(name, rdtype)
        return self._known[place]


async def results_of(resolver: Resolver, domain: str, addresses: Iterable[str]) -> dict[str, SpfResult]:
    """Return what the domain's record says of each address."""
    return {
        address: (await evaluate_spf(resolver, address, f"postmaster@{domain}", domain)).result
        for address in addresses
    }


def impact_of(rows: Iterable[Sent], results: Mapping[str, SpfResult]) -> SpfImpact:
    """Return what changes; an address without a result, or with a temporary error, is undecided."""
    flips: dict[tuple[str, str, str, bool, SpfResult, bool, bool], int] = {}
    messages = unchanged = undecided = 0
    for row in rows:
        messages += row.messages
        after = results.get(row.source_ip, SpfResult.TEMPERROR)
        passes = after is SpfResult.PASS
        if after is SpfResult.TEMPERROR:
            undecided += row.messages
        elif passes == row.spf:
            unchanged += row.messages
        else:
            before, now = (row.dkim_aligned or (spf and row.aligned) for spf in (row.spf, passes))
            key = (row.source_ip, row.kind, row.sender, row.spf, after, before, now)
            flips[key] = flips.get(key, 0) + row.messages
    found = [SpfFlip(*key, count) for key, count in flips.items()]
    found.sort(key=lambda one: (one.dmarc_before == one.dmarc_after, -one.messages, one.source_ip))
    return SpfImpact(messages, unchanged, undecided, tuple(found))
