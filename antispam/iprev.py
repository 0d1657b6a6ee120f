"""The client's name: from its address by PTR, and from that name back to the address (RFC 8601 section 2.7.3).

A name is known only when it leads back; what a stranger writes in a reverse zone is never shown as one.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from domains.dns.port import DnsStatus, Resolver

MAXIMUM_NAMES = 3
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")  # what may stand in a field of ours


class IprevOutcome(StrEnum):
    """RFC 8601 section 2.7.3."""

    PASS = "pass"  # a name leads back to the address  # noqa: S105
    FAIL = "fail"  # no name does
    TEMPERROR = "temperror"  # the DNS did not answer
    PERMERROR = "permerror"  # the address has no name


@dataclass(frozen=True, slots=True)
class IprevResult:
    """``name`` is the client's name when it passed, else empty."""

    result: IprevOutcome
    reason: str
    name: str = ""


async def evaluate_iprev(resolver: Resolver, client_address: str) -> IprevResult:
    """Return the name of an address; of several names the first ``MAXIMUM_NAMES`` are tried."""
    address = ip_address(client_address)
    answer = await resolver.lookup(address.reverse_pointer, "PTR")
    if answer.status in (DnsStatus.TEMPFAIL, DnsStatus.BOGUS):
        return IprevResult(IprevOutcome.TEMPERROR, f"the DNS did not answer about {address}")
    names = [text.lower().removesuffix(".") for text in answer.records[:MAXIMUM_NAMES]]
    if not names:
        return IprevResult(IprevOutcome.PERMERROR, f"{address} has no name")
    silent = False
    for name in filter(_HOST.fullmatch, names):
        forward = await resolver.lookup(name, "A" if address.version == 4 else "AAAA")
        silent = silent or forward.status in (DnsStatus.TEMPFAIL, DnsStatus.BOGUS)
        if any(ip_address(text) == address for text in forward.records):
            return IprevResult(IprevOutcome.PASS, f"{name} leads back to {address}", name)
    if silent:
        return IprevResult(IprevOutcome.TEMPERROR, f"the DNS did not answer about {names[0]}")
    return IprevResult(IprevOutcome.FAIL, f"{names[0]} does not lead back to {address}")
