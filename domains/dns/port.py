"""What the product asks of the DNS, without a DNS library's types.

An answer is a value, also when there is none: silence and SERVFAIL are TEMPFAIL, never an empty success
(RFC 7208 section 2.6.6, RFC 9989 section 4.10). Names are FQDNs in A-labels without the final dot, lower case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

TRACED_OCTETS = 16 * 1024
TRACED_RECORDS = 100


class DnsStatus(StrEnum):
    """How a question ended."""

    FOUND = "found"  # there are records of the type asked
    NODATA = "nodata"  # the name exists, records of this type do not
    NXDOMAIN = "nxdomain"  # the name does not exist
    TEMPFAIL = "tempfail"  # silence, SERVFAIL, REFUSED: nothing is known
    BOGUS = "bogus"  # DNSSEC validation failed


class Fault(StrEnum):
    """Why nothing is known (TEMPFAIL)."""

    NONE = ""
    SILENT = "silent"  # no answer in time, or none that can be read
    REFUSED = "refused"  # an error code: SERVFAIL, REFUSED
    LAME = "lame"  # asked as an authority, it answers for other names only
    LOOP = "loop"  # aliases without end


class Dnssec(StrEnum):
    """What a trusted resolver says of an answer's signatures."""

    SECURE = "secure"
    INSECURE = "insecure"  # no signed zone
    BOGUS = "bogus"
    UNKNOWN = "unknown"  # no trusted resolver was asked


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and its answer.

    ``records`` holds presentation texts: TXT as its strings joined without quotes (latin-1 decoded bytes),
    MX as ``"10 mail.example"``, SRV as ``"0 1 993 mail.example"``, A and AAAA as addresses, names without final dot.
    ``authenticated`` is true when a trusted resolver set the AD bit. ``reason`` says in words what failed.
    ``server`` is the server that answered, ``address:port``, empty for a cache or a twin; ``host`` is its name when
    it was asked as one of the zone's own. ``canonical_name`` is the end of the aliases; with LAME the name whose
    servers the answer points to.
    """

    name: str
    rdtype: str
    status: DnsStatus
    records: tuple[str, ...] = ()
    ttl: int = 0
    authenticated: bool = False
    canonical_name: str = ""
    reason: str = ""
    server: str = ""
    fault: Fault = Fault.NONE
    host: str = ""
    dnssec: Dnssec = Dnssec.UNKNOWN

    @property
    def found(self) -> bool:
        """True when there is at least one record."""
        return self.status is DnsStatus.FOUND

    @property
    def absent(self) -> bool:
        """True when the absence is certain: NODATA or NXDOMAIN."""
        return self.status in (DnsStatus.NODATA, DnsStatus.NXDOMAIN)

    def as_trace(self) -> Mapping[str, object]:
        """Return the answer as the JSON object that a trace event keeps, cut where only a hostile one is longer."""
        told: dict[str, object] = {
            "name": self.name,
            "type": self.rdtype,
            "status": self.status.value,
            "records": [text[:TRACED_OCTETS] for text in self.records[:TRACED_RECORDS]],
            "ttl": self.ttl,
            "authenticated": self.authenticated,
        }
        reason = self.reason.removeprefix(f"{self.server}: ")  # which of our resolvers it was is nobody's business
        return told | {"reason": reason[:TRACED_OCTETS]} if reason else told


class Resolver(Protocol):
    """Asks the DNS; filled by ``dns.resolver`` (the network) and ``dns.zone`` (a dictionary)."""

    async def lookup(self, name: str, rdtype: str) -> Answer:
        """Return the answer for one name and type; never raises for a remote fault."""
        ...
