"""A year of aggregate reports on a made-up domain, as its receivers write them; one seed, the same bytes."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from domains.dmarc.report import AggregateReport, DkimResult, PolicyReason, ReportRow, SpfResult, serialise_report
from mailadmin.demo.characters import Character, Flow


@dataclass(frozen=True, slots=True)
class Reporter:
    """A receiver: its share of the mail, and the schema of its reports."""

    name: str
    email: str
    share: float
    schema: str = "rfc7489"


REPORTERS = (
    Reporter("google.com", "noreply-dmarc-support@google.com", 0.36),
    Reporter("Enterprise Outlook", "dmarcreport@microsoft.com", 0.22),
    Reporter("Yahoo", "dmarchelp@yahooinc.com", 0.1),
    Reporter("GMX", "noreply-dmarc@gmx.net", 0.08),
    Reporter("FastMail Pty Ltd", "reports@fastmaildmarc.com", 0.05),
    Reporter("Mail.Ru", "dmarc_support@corp.mail.ru", 0.05),
    Reporter("comcast.net", "dmarc_reports@comcast.net", 0.05),
    Reporter("isp.example", "dmarc@isp.example", 0.05, "rfc9990"),
    Reporter("university.example", "postmaster@university.example", 0.04, "rfc9990"),
)
WEEKEND = 0.35


def reports_of(character: Character, last_day: date, days: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, XML) of every report from ``days`` before ``last_day`` on, day by day."""
    for number in range(days - character.silent_days):
        day = last_day - timedelta(days=days - 1 - number)
        place = number / days
        for reporter in REPORTERS:
            chance = random.Random(f"{seed} {character.name} {day} {reporter.name}")  # noqa: S311 - no secret
            rows = _rows(character, reporter, day, place, chance)
            if rows:
                yield _report(character, reporter, day, place, rows)


def _policy(character: Character, place: float) -> str:
    return next(policy for since, policy in reversed(character.policies) if place >= since)


def _rows(
    character: Character, reporter: Reporter, day: date, place: float, chance: random.Random
) -> list[ReportRow]:
    rest = WEEKEND if day.weekday() >= 5 else 1.0
    growth = 0.7 + 0.6 * place
    policy = _policy(character, place)
    rows: list[ReportRow] = []
    for flow in character.flows:
        if not flow.first <= place < flow.last:
            continue
        quiet = 1.0 if not flow.signed and not flow.envelope else rest * growth
        expected = flow.daily * reporter.share * quiet * chance.uniform(0.7, 1.3)
        count = int(expected) + (chance.random() < expected % 1)
        if count:
            rows += _flow_rows(character.name, flow, count, policy, chance)
    return rows


def _flow_rows(domain: str, flow: Flow, count: int, policy: str, chance: random.Random) -> Iterator[ReportRow]:
    """Yield the rows of a flow: its messages spread over some of its addresses."""
    used = min(len(flow.addresses), max(1, count // 4), 12)
    for number in sorted(chance.sample(range(len(flow.addresses)), used)):
        share = max(1, count // used)
        yield _row(domain, flow, number, share, policy, chance)


def _row(domain: str, flow: Flow, number: int, count: int, policy: str, chance: random.Random) -> ReportRow:
    header = f"{chance.choice(flow.names)}.{domain}" if flow.names else domain
    dkim_passes, own = bool(flow.signed) and not flow.broken, flow.envelope == "own"
    envelope = header if own else flow.envelope.replace("{n}", str(number + 1))
    signatures = [DkimResult(header, flow.signed, "pass" if dkim_passes else "fail")] if flow.signed else []
    signatures += [DkimResult(flow.signer, "s1", "pass")] if flow.signer else []
    passes = dkim_passes or own
    reasons = (PolicyReason(flow.reason),) if flow.reason else ()
    return ReportRow(
        flow.addresses[number],
        count,
        "none" if passes or reasons else policy,
        "pass" if dkim_passes else "fail",
        "pass" if own else "fail",
        header_from=header,
        envelope_from=envelope,
        dkim_results=tuple(signatures),
        spf_results=(SpfResult(envelope or header, "mfrom", "pass" if flow.envelope else "fail"),),
        reasons=reasons,
    )


def _report(
    character: Character, reporter: Reporter, day: date, place: float, rows: list[ReportRow]
) -> tuple[str, bytes]:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = begin + timedelta(days=1, seconds=-1)
    policy = {"p": _policy(character, place), "adkim": "r", "aspf": "r"}
    identity = f"{character.name}-{day:%Y%m%d}-{reporter.name.replace(' ', '').lower()}"
    report = AggregateReport(
        reporter.name, reporter.email, identity, begin, end, character.name, policy, reporter.schema, tuple(rows)
    )
    return f"{identity}.xml", serialise_report(report)
