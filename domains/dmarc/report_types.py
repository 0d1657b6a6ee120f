"""What an aggregate report says, as values (RFC 9990 section 3.1.1; RFC 7489 appendix C).

A report of a million rows holds few different results, so a row is three things: the source, the count, and an
``Outcome`` that equal rows share, which in turn shares its ``AuthPattern``. Both know their hash, so that
grouping rows by them costs nothing.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from operator import itemgetter

RFC_7489 = "rfc7489"
RFC_9990 = "rfc9990"

DISPOSITIONS = ("none", "pass", "quarantine", "reject")
DKIM_RESULTS = ("none", "pass", "fail", "policy", "neutral", "temperror", "permerror")
SPF_RESULTS = ("none", "neutral", "pass", "fail", "softfail", "policy", "temperror", "permerror")
POLICY_TAGS = ("p", "sp", "np", "adkim", "aspf", "pct", "fo", "testing", "discovery_method")


class BadReport(ValueError):
    """The octets are not a report of this kind; ``str()`` is one sentence for people."""


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
class AuthPattern:
    """Identities and authentication results, which many rows share; equal ones of one process are mostly the same."""

    header_from: str = ""
    envelope_from: str = ""
    envelope_to: str = ""
    dkim_results: tuple[DkimResult, ...] = ()
    spf_results: tuple[SpfResult, ...] = ()
    reasons: tuple[PolicyReason, ...] = ()
    _hash: int = field(init=False, compare=False, repr=False)
    _digest: bytes = field(init=False, compare=False, repr=False, default=b"")

    def __post_init__(self) -> None:
        """Compute once what a million rows would ask for."""
        results = (self.dkim_results, self.spf_results, self.reasons)
        value = hash((self.header_from, self.envelope_from, self.envelope_to, *results))
        object.__setattr__(self, "_hash", value)

    def __hash__(self) -> int:
        return self._hash

    @property
    def digest(self) -> bytes:
        """The SHA-256 of all that is compared; the same in every process."""
        if not self._digest:
            shown = [self.header_from, self.envelope_from, self.envelope_to]
            results = [
                [[one.domain, one.selector, one.result, one.human_result] for one in self.dkim_results],
                [[one.domain, one.scope, one.result, one.human_result] for one in self.spf_results],
                [[one.type, one.comment] for one in self.reasons],
            ]
            object.__setattr__(self, "_digest", sha256(json.dumps([shown, results]).encode()).digest())
        return self._digest


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of messages and why; ``dkim`` and ``spf`` say ``pass`` or ``fail``, alignment included."""

    disposition: str
    dkim: str
    spf: str
    pattern: AuthPattern
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Compute once what grouping a million rows asks for."""
        object.__setattr__(self, "_hash", hash((self.disposition, self.dkim, self.spf, self.pattern)))

    def __hash__(self) -> int:
        return self._hash


class ReportRow(tuple[str, int, Outcome]):
    """Messages from one source judged alike: a tuple of ``source_ip``, ``count`` and ``outcome``."""

    __slots__ = ()

    def __new__(
        cls,
        source_ip: str,
        count: int,
        disposition: str,
        dkim: str,
        spf: str,
        header_from: str = "",
        envelope_from: str = "",
        envelope_to: str = "",
        dkim_results: tuple[DkimResult, ...] = (),
        spf_results: tuple[SpfResult, ...] = (),
        reasons: tuple[PolicyReason, ...] = (),
    ) -> "ReportRow":
        """Return a row with an outcome of its own; readers share outcomes by ``ReportRow.of``."""
        pattern = AuthPattern(header_from, envelope_from, envelope_to, dkim_results, spf_results, reasons)
        return cls.of(source_ip, count, Outcome(disposition, dkim, spf, pattern))

    @classmethod
    def of(cls, source_ip: str, count: int, outcome: Outcome) -> "ReportRow":
        """Return the row of a shared outcome."""
        return tuple.__new__(cls, (source_ip, count, outcome))

    source_ip: str = property(itemgetter(0))  # type: ignore[assignment]
    count: int = property(itemgetter(1))  # type: ignore[assignment]
    outcome: Outcome = property(itemgetter(2))  # type: ignore[assignment]

    @property
    def disposition(self) -> str:
        """What was done with the messages: a word of ``DISPOSITIONS`` or ``unknown``."""
        return self.outcome.disposition

    @property
    def dkim(self) -> str:
        """``pass`` when an aligned signature passed, else ``fail``."""
        return self.outcome.dkim

    @property
    def spf(self) -> str:
        """``pass`` when SPF passed for an aligned domain, else ``fail``."""
        return self.outcome.spf

    @property
    def pattern(self) -> AuthPattern:
        """The identities and results, shared between rows."""
        return self.outcome.pattern

    @property
    def header_from(self) -> str:
        """The domain of the From field."""
        return self.pattern.header_from

    @property
    def envelope_from(self) -> str:
        """The domain of MAIL FROM, empty when not given."""
        return self.pattern.envelope_from

    @property
    def envelope_to(self) -> str:
        """The domain of the recipient, empty when not given."""
        return self.pattern.envelope_to

    @property
    def dkim_results(self) -> tuple[DkimResult, ...]:
        """The results of the signatures."""
        return self.pattern.dkim_results

    @property
    def spf_results(self) -> tuple[SpfResult, ...]:
        """The results of SPF."""
        return self.pattern.spf_results

    @property
    def reasons(self) -> tuple[PolicyReason, ...]:
        """Why the disposition differs from the policy."""
        return self.pattern.reasons


@dataclass(frozen=True, slots=True)
class ReportHead:
    """Who reports, on which domain and policy, for which period (aware UTC, whole seconds)."""

    org_name: str
    org_email: str
    report_id: str
    begin: datetime
    end: datetime
    domain: str
    policy: dict[str, str]
    schema: str


@dataclass(frozen=True, slots=True)
class AggregateReport(ReportHead):
    """One whole report: its head and its rows."""

    rows: tuple[ReportRow, ...]

    @property
    def messages(self) -> int:
        """How many messages all rows count."""
        return sum(row.count for row in self.rows)
