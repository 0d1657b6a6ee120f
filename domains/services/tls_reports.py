"""Taking in TLS reports (RFC 8460), by mail and by API, and what they say of a domain's last two weeks.

A report is stored once, whatever its road; one that names several domains of ours is stored for each.
"""

import time
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.dmarc.archive import BadArchive, is_gzip, unpack
from domains.errors import Forbidden, Refused
from domains.models import Domain, DomainState, ReportFile, Role, TlsReport
from domains.services.report_destinations import refusal_of
from domains.services.report_fences import require_room
from domains.tls.report import BadTlsReport, PolicyResult, looks_like_json, parse_tls_report
from domains.tls.report import TlsReport as Report

WINDOW = timedelta(days=14)
AHEAD = timedelta(days=2)
KEPT_FAILURES = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """What the reports of the last two weeks say: reports, sessions, and the failures' reasons, most first."""

    reports: int = 0
    succeeded: int = 0
    failed: int = 0
    reasons: tuple[tuple[str, int], ...] = ()

    @property
    def clean(self) -> bool:
        """True when somebody reported and nothing failed."""
        return self.reports > 0 and self.failed == 0


def is_tls_report(octets: bytes) -> bool:
    """True when the file holds JSON, plain or in gzip, as TLS reports do."""
    if not is_gzip(octets):
        return looks_like_json(octets)
    try:
        return looks_like_json(zlib.decompressobj(wbits=31).decompress(octets[:4096], 4096))
    except zlib.error:
        return False


def take_in(
    octets: bytes,
    file_name: str,
    submitter: str = "",
    authenticated: bool = False,
    trace_id: str = "",
    act: Act | None = None,
) -> tuple[list[TlsReport], bool]:
    """Store one report file; returns its rows, and whether any is new.

    With an ``act`` the report must be about a domain in its reach. Raises Refused with the reason, Forbidden when the
    act's role may not bring reports.
    """
    if act is not None and act.role not in (Role.SUPERADMIN, Role.DOMAIN_ADMIN):
        raise Forbidden(_("Only administrators may bring in reports."))
    file = ReportFile(road="api", submitter=submitter, authenticated=authenticated, trace_id=trace_id)
    return store(_read(octets, file_name), file, act)


def store(
    report: Report, file: ReportFile, act: Act | None = None, fenced: bool = True
) -> tuple[list[TlsReport], bool]:
    """Store a report that was read; as ``take_in``. ``file`` says how it came, and need not be stored."""
    if report.begin > timezone.now() + AHEAD:
        raise Refused({"file": _("The report's period lies in the future.")})
    heads = {
        "submitter": file.submitter.lower()[:320],
        "authenticated": file.authenticated,
        "trace_id": file.trace_id,
    }
    domains = _domains_of(report, act, file)
    for domain in domains if fenced else ():
        require_room(file, domain, TlsReport)
    with transaction.atomic():
        found = [_store(report, domain, heads) for domain in domains]
        fresh = [row for row, created in found if created]
        for row in fresh if act is not None else []:
            name = f"{row.org_name} {row.report_id}"
            record(act, "report.take_in", "tls_report", name, row.domain.name)  # type: ignore[arg-type]
    return [row for row, _created in found], bool(fresh)


def _read(octets: bytes, file_name: str) -> Report:
    try:
        return parse_tls_report(unpack(octets, file_name, time.monotonic, looks_like_json, "JSON"))
    except (BadArchive, BadTlsReport) as error:
        raise Refused({"file": str(error)}) from error


def _domains_of(report: Report, act: Act | None, file: ReportFile) -> list[Domain]:
    """Return our domains that the report is about; raises Refused when there is none."""
    names = {row.domain for row in report.policies}
    served = Domain.objects.exclude(state__in=(DomainState.PENDING, DomainState.DELETED)).filter(name__in=names)
    reach = None if act is None else act.domain_ids
    found = [domain for domain in served if reach is None or domain.pk in reach]
    if not found:
        message = _("The report is about %(domain)s, which is not a domain of ours.")
        raise Refused({"file": message % {"domain": ", ".join(sorted(names))[:200] or "?"}})
    reasons = {domain.pk: refusal_of(file, domain) if act is None else "" for domain in found}
    if all(reasons.values()):
        raise Refused({"file": next(iter(reasons.values()))})
    return [domain for domain in found if not reasons[domain.pk]]


def _store(report: Report, domain: Domain, heads: dict[str, object]) -> tuple[TlsReport, bool]:
    policies = [row for row in report.policies if row.domain == domain.name]
    counted = [row for row in policies if row.policy != "tlsa"]
    values = {
        "contact": report.contact,
        "succeeded": sum(row.succeeded for row in counted),
        "failed": sum(row.failed for row in counted),
        "failures": _failures(policies),
    }
    return TlsReport.objects.get_or_create(
        domain=domain,
        org_name=report.org_name,
        report_id=report.report_id,
        begin_at=report.begin,
        end_at=report.end,
        defaults=values | heads,
    )


def _failures(policies: Sequence[PolicyResult]) -> list[dict[str, object]]:
    rows = [(policy.policy, one) for policy in policies for one in policy.failures]
    rows.sort(key=lambda row: -row[1].sessions)
    return [
        {
            "policy": policy,
            "result": one.result,
            "mx": one.receiving_mx,
            "ip": one.sending_ip,
            "sessions": one.sessions,
            "reason": one.reason,
        }
        for policy, one in rows[:KEPT_FAILURES]
    ]


def tls_reports_of(domain: Domain) -> QuerySet[TlsReport]:
    """Return a domain's TLS reports, the latest period first."""
    return TlsReport.objects.filter(domain=domain).order_by("-end_at", "-id")


def tls_reports_on(domain: Domain, first_day: date, last_day: date, result: str, mx: str) -> QuerySet[TlsReport]:
    """Return the reports that end on these days, the latest first; those alone that tell of such a failure."""
    begin = datetime.combine(first_day, datetime.min.time(), UTC)
    end = datetime.combine(last_day, datetime.max.time(), UTC)
    rows = tls_reports_of(domain).filter(end_at__range=(begin, end))
    like = {name: value for name, value in (("result", result), ("mx", mx)) if value}
    return rows.filter(failures__contains=[like]) if like else rows


def standing_of(domain: Domain) -> Standing:
    """Return what the reports of the last two weeks say; two queries.

    Mailed ones count only when the domain that mailed them passed DMARC: anybody can write a report.
    """
    believed = Q(authenticated=True) | Q(submitter="")
    rows = TlsReport.objects.filter(believed, domain=domain, end_at__gte=timezone.now() - WINDOW).order_by()
    sums = rows.aggregate(reports=Count("pk"), succeeded=Sum("succeeded"), failed=Sum("failed"))
    reasons: Counter[str] = Counter()
    for failures in rows.filter(failed__gt=0).values_list("failures", flat=True)[:500]:
        for one in failures:
            if one["policy"] != "tlsa":
                reasons[str(one["result"])] += int(one["sessions"])
    return Standing(sums["reports"], sums["succeeded"] or 0, sums["failed"] or 0, tuple(reasons.most_common(5)))
