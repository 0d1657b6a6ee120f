"""What an aggregate report says, as values (RFC 9990 section 3.1.1; RFC 7489 appendix C)."""

from dataclasses import dataclass
from datetime import datetime

RFC_7489 = "rfc7489"
RFC_9990 = "rfc9990"

DISPOSITIONS = ("none", "pass", "quarantine", "reject")
DKIM_RESULTS = ("none", "pass", "fail", "policy", "neutral", "temperror", "permerror")
SPF_RESULTS = ("none", "neutral", "pass", "fail", "softfail", "policy", "temperror", "permerror")
POLICY_TAGS = ("p", "sp", "np", "adkim", "aspf", "pct", "fo", "testing", "discovery_method")


class BadReport(ValueError):
    """The octets are not an aggregate report; ``str()`` is one sentence for people."""


@dataclass(frozen=True, slots=True)
class DkimResult:
    """What one DKIM signature was found to be."""

    domain: str
    selector: str
    result: str
    human_result: str = ""


@dataclass(frozen=True, slots=True)
class SpfResult:
    """What SPF gave for one identity; ``scope`` is ``mfrom``, ``helo`` or empty."""

    domain: str
    scope: str
    result: str
    human_result: str = ""


@dataclass(frozen=True, slots=True)
class PolicyReason:
    """Why the disposition differs from the published policy."""

    type: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """Messages from one source judged alike; ``dkim`` and ``spf`` say ``pass`` or ``fail``, alignment included."""

    source_ip: str
    count: int
    disposition: str
    dkim: str
    spf: str
    header_from: str = ""
    envelope_from: str = ""
    envelope_to: str = ""
    dkim_results: tuple[DkimResult, ...] = ()
    spf_results: tuple[SpfResult, ...] = ()
    reasons: tuple[PolicyReason, ...] = ()


@dataclass(frozen=True, slots=True)
class AggregateReport:
    """One report: who reports, on which domain and policy, for which period (aware UTC, whole seconds)."""

    org_name: str
    org_email: str
    report_id: str
    begin: datetime
    end: datetime
    domain: str
    policy: dict[str, str]
    schema: str
    rows: tuple[ReportRow, ...]

    @property
    def messages(self) -> int:
        """How many messages all rows count."""
        return sum(row.count for row in self.rows)
