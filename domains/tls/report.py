"""TLS reports (RFC 8460 section 4.4): JSON to values, sizes bounded, read generously.

Invariant: any octets give a report or BadTlsReport. Numbers that are missing count as zero; what is longer than it
may be is cut, never followed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MAXIMUM_OCTETS = 5 * 1024 * 1024
MAXIMUM_POLICIES = 1000
MAXIMUM_FAILURES = 1000
MAXIMUM_TEXT = 300
MAXIMUM_SESSIONS = 2**53
POLICY_TYPES = ("sts", "tlsa", "no-policy-found")


class BadTlsReport(ValueError):
    """The octets are not a TLS report; ``str()`` is one sentence for people."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Sessions that failed for one reason; ``result`` is a word of RFC 8460 section 4.3."""

    result: str
    receiving_mx: str
    sending_ip: str
    sessions: int
    reason: str


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """How deliveries under one policy went; ``policy`` is one of ``POLICY_TYPES``."""

    policy: str
    domain: str
    succeeded: int
    failed: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class TlsReport:
    """One report; times are aware UTC."""

    org_name: str
    report_id: str
    contact: str
    begin: datetime
    end: datetime
    policies: tuple[PolicyResult, ...]


def looks_like_json(octets: bytes) -> bool:
    """True when the first octet past byte order mark and white space opens an object."""
    return octets[:64].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def parse_tls_report(octets: bytes) -> TlsReport:
    """Return the report; raises BadTlsReport."""
    if len(octets) > MAXIMUM_OCTETS:
        raise BadTlsReport(f"The report is larger than {MAXIMUM_OCTETS // 2**20} MB.")
    try:
        found = json.loads(octets.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadTlsReport("The file is not JSON.") from error
    if not isinstance(found, dict) or not isinstance(found.get("policies"), list):
        raise BadTlsReport("The file is JSON, but not a TLS report: it has no list of policies.")
    period = _object(found.get("date-range"))
    return TlsReport(
        org_name=_text(found.get("organization-name")),
        report_id=_text(found.get("report-id")),
        contact=_text(found.get("contact-info")),
        begin=_moment(period.get("start-datetime")),
        end=_moment(period.get("end-datetime")),
        policies=tuple(_policy(_object(row)) for row in found["policies"][:MAXIMUM_POLICIES]),
    )


def _object(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _text(found: Any) -> str:
    text = found if isinstance(found, str) else "" if found is None else str(found)
    return "".join(letter for letter in text[:MAXIMUM_TEXT] if letter.isprintable())


def _count(found: Any) -> int:
    try:
        return min(max(int(found), 0), MAXIMUM_SESSIONS)
    except (TypeError, ValueError, OverflowError):
        return 0


def _moment(found: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(found).strip())
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadTlsReport("The report does not say which days it is about.") from error


def _policy(row: Mapping[str, Any]) -> PolicyResult:
    policy, summary = _object(row.get("policy")), _object(row.get("summary"))
    details = row.get("failure-details")
    failures = tuple(
        _failure(_object(one)) for one in (details if isinstance(details, list) else [])[:MAXIMUM_FAILURES]
    )
    kind = _text(policy.get("policy-type")).lower()
    return PolicyResult(
        policy=kind if kind in POLICY_TYPES else "no-policy-found",
        domain=_text(policy.get("policy-domain")).lower().removesuffix("."),
        succeeded=_count(summary.get("total-successful-session-count")),
        failed=max(_count(summary.get("total-failure-session-count")), sum(one.sessions for one in failures)),
        failures=failures,
    )


def _failure(row: Mapping[str, Any]) -> Failure:
    return Failure(
        result=_text(row.get("result-type")).lower()[:60],
        receiving_mx=_text(row.get("receiving-mx-hostname")).lower(),
        sending_ip=_text(row.get("sending-mta-ip")),
        sessions=_count(row.get("failed-session-count")),
        reason=_text(row.get("failure-reason-code")),
    )
