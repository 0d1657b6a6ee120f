"""TLS reports (RFC 8460 section 4.4): JSON to values, sizes bounded, read generously.

Names are known in any case and with ``_`` for ``-``; one object may stand where a list of them should.
Invariant: any octets give a report or BadTlsReport. Numbers that are missing count as zero; what is longer than it
may be is cut, never followed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from domains.dmarc.report_values import one_spelling
from domains.names import DomainName

MAXIMUM_OCTETS = 5 * 1024 * 1024
MAXIMUM_POLICIES = 1000
MAXIMUM_FAILURES = 1000
MAXIMUM_TEXT = 300
MAXIMUM_LINES = 100  # of a policy, of its MX patterns
MAXIMUM_PERIOD = timedelta(days=366)
EARLIEST = datetime(2016, 1, 1, tzinfo=UTC)
MAXIMUM_SESSIONS = 10**12
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
    receiving_ip: str = ""
    receiving_helo: str = ""
    information: str = ""


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """How deliveries under one policy went; ``policy`` is one of ``POLICY_TYPES``."""

    policy: str
    domain: str
    succeeded: int
    failed: int
    failures: tuple[Failure, ...]
    policy_lines: tuple[str, ...] = ()
    mx_hosts: tuple[str, ...] = ()


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
    """True when the first octet past byte order mark and white space opens an object, in UTF-8 or UTF-16."""
    head = octets[:64]
    for mark in (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"):
        head = head.removeprefix(mark)
    return head.replace(b"\0", b"").lstrip().startswith(b"{")


def parse_tls_report(octets: bytes) -> TlsReport:
    """Return the report; raises BadTlsReport."""
    if len(octets) > MAXIMUM_OCTETS:
        raise BadTlsReport(f"The report is larger than {MAXIMUM_OCTETS // 2**20} MB.")
    try:
        found = _object(json.loads(_decode(octets)))
    except (ValueError, RecursionError) as error:
        raise BadTlsReport("The file is not JSON.") from error
    policies = _list(found.get("policies"), "policy")
    if not policies:
        raise BadTlsReport("The file is JSON, but not a TLS report: it has no list of policies.")
    begin, end = _period(_object(found.get("date-range")))
    results = tuple(_policy(_object(row)) for row in policies[:MAXIMUM_POLICIES])
    if sum(one.succeeded + one.failed for one in results) > MAXIMUM_SESSIONS:
        raise BadTlsReport("The report counts more sessions than can be.")
    return TlsReport(
        org_name=_text(found.get("organization-name")),
        report_id=_text(found.get("report-id")),
        contact=_text(found.get("contact-info")),
        begin=begin,
        end=end,
        policies=results,
    )


def _decode(octets: bytes) -> str:
    """Return the text: UTF-8, UTF-16 by its mark or its zeros, or else windows-1252."""
    try:
        return octets.decode(json.detect_encoding(octets))
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def _object(found: Any) -> Mapping[str, Any]:
    """Return an object with its names in lower case; an empty one for anything else."""
    if not isinstance(found, dict):
        return {}
    return {str(name)[:60].strip().lower().replace("_", "-"): value for name, value in found.items()}


def _list(found: Any, name: str) -> Sequence[Any]:
    """Return a list; one object that has the name stands for a list of itself."""
    if isinstance(found, list):
        return found
    return [found] if name in _object(found) else ()


def _text(found: Any) -> str:
    text = found if isinstance(found, str) else str(found) if isinstance(found, int | float) else ""
    return "".join(letter for letter in text[:MAXIMUM_TEXT] if letter.isprintable())


def _lines(found: Any) -> tuple[str, ...]:
    """Return the texts of a list, or of a text that has one a line."""
    lines = found if isinstance(found, list) else found.splitlines() if isinstance(found, str) else ()
    return tuple(filter(None, (_text(line).strip() for line in lines[:MAXIMUM_LINES])))


def _count(found: Any) -> int:
    try:
        return min(max(int(found), 0), MAXIMUM_SESSIONS)
    except (TypeError, ValueError, OverflowError):
        return 0


def _period(found: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """Return begin and end; an end that is missing is a day after the begin."""
    begin = _moment(found.get("start-datetime"))
    end = _moment(found.get("end-datetime")) if found.get("end-datetime") else begin + timedelta(days=1, seconds=-1)
    if begin < EARLIEST:
        raise BadTlsReport(f"The report's period begins in {begin.year}, before there were TLS reports.")
    if end < begin or end - begin > MAXIMUM_PERIOD:
        raise BadTlsReport("The report's period ends before it begins or is longer than a year.")
    return begin, end


def _moment(found: Any) -> datetime:
    """Return an instant of ISO 8601, where no zone means UTC, or of seconds since 1970."""
    text = _text(found).strip()
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text), UTC)
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadTlsReport("The report does not say which days it is about.") from error


def _policy(row: Mapping[str, Any]) -> PolicyResult:
    policy, summary = _object(row.get("policy")), _object(row.get("summary"))
    details = _list(row.get("failure-details"), "result-type")
    failures = tuple(_failure(_object(one)) for one in details[:MAXIMUM_FAILURES])
    kind = _text(policy.get("policy-type")).strip().lower()
    return PolicyResult(
        policy=kind if kind in POLICY_TYPES else "no-policy-found",
        domain=_domain(_text(policy.get("policy-domain"))),
        succeeded=_count(summary.get("total-successful-session-count")),
        failed=max(_count(summary.get("total-failure-session-count")), sum(one.sessions for one in failures)),
        failures=failures,
        policy_lines=_lines(policy.get("policy-string")),
        mx_hosts=_lines(policy.get("mx-host")),
    )


def _domain(text: str) -> str:
    """Return the domain in A-labels, or the text in lower case when it is none."""
    try:
        return DomainName(text).ascii
    except ValueError:
        return text.strip().lower().removesuffix(".")


def _failure(row: Mapping[str, Any]) -> Failure:
    return Failure(
        result=_text(row.get("result-type")).strip().lower()[:60],
        receiving_mx=_text(row.get("receiving-mx-hostname")).strip().lower().removesuffix("."),
        sending_ip=_address(_text(row.get("sending-mta-ip"))),
        sessions=_count(row.get("failed-session-count")),
        reason=_text(row.get("failure-reason-code")),
        receiving_ip=_address(_text(row.get("receiving-ip"))),
        receiving_helo=_text(row.get("receiving-mx-helo")),
        information=_text(row.get("additional-information") or row.get("additional-info-uri")),
    )


def _address(text: str) -> str:
    """Return the address in its one spelling, or the text when it is none."""
    try:
        return one_spelling(text.strip())
    except ValueError:
        return text
