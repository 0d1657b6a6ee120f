"""What a DMARC record means for its owner, said before it is published: where old receivers differ, what is risky.

Pure: a record in, codes out; the words are the panel's. RFC 9989 is of 2026, so for years some receivers will still
follow RFC 7489, which knows neither ``np`` nor ``t``.
"""

from enum import StrEnum

from domains.dmarc.record import PolicyRecord

_STRENGTH = {"none": 0, "quarantine": 1, "reject": 2}


class Caution(StrEnum):
    """One thing to know."""

    TESTING_UNKNOWN = "testing-unknown"  # t=y: receivers of RFC 7489 apply p at once
    TESTING_NONE = "testing-none"  # t=y changes nothing while p=none
    NONEXISTENT_UNKNOWN = "nonexistent-unknown"  # np: receivers of RFC 7489 apply sp or p instead
    SUBDOMAINS_WEAKER = "subdomains-weaker"  # sp below p: impostors use a subdomain
    REJECT = "reject"  # mail from forwarders and lists may be lost
    STRICT_DKIM = "strict-dkim"  # signatures of subdomains and parents no longer align
    STRICT_SPF = "strict-spf"  # bounce addresses under a subdomain no longer align
    FOREIGN_REPORTS = "foreign-reports"  # another domain must agree to receive the reports


def cautions(record: PolicyRecord, domain: str) -> list[Caution]:
    """Return what the owner of ``domain`` should know of the record, the weightiest first."""
    below = record.subdomain_policy or record.policy
    found = {
        Caution.REJECT: record.policy == "reject",
        Caution.TESTING_UNKNOWN: record.testing and record.policy != "none",
        Caution.SUBDOMAINS_WEAKER: _STRENGTH[below] < _STRENGTH[record.policy],
        Caution.NONEXISTENT_UNKNOWN: record.nonexistent_policy not in ("", below),
        Caution.STRICT_DKIM: record.dkim_alignment == "s",
        Caution.STRICT_SPF: record.spf_alignment == "s",
        Caution.FOREIGN_REPORTS: any(not _within(address, domain) for address in record.rua),
        Caution.TESTING_NONE: record.testing and record.policy == "none" and below == "none",
    }
    return [caution for caution, holds in found.items() if holds]


def _within(address: str, domain: str) -> bool:
    """True when reports to the address need no consent (RFC 9990 section 4): the same domain, or one below it."""
    host = address.rpartition("@")[2].lower()
    return host == domain or host.endswith(f".{domain}")
