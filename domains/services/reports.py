"""Taking in DMARC aggregate reports: by mail, by upload, by API; each report is stored once, whatever its road.

A report is known by (domain, org_name, report_id, period). The same content again, by any road and from anybody, is
*known*. Different content replaces what is stored only when an administrator brings it, or the same authenticated
submitter, or an authenticated one where the stored report was not; anything else is refused and its file kept.
Invariants: an advisory lock by identity makes "once" true however many arrive together; a file leaves ``PENDING``
in the transaction that stores its reports, so a crash between repeats the work without a trace.
"""

import logging
import time
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.dmarc.archive import BadArchive, unpack
from domains.dmarc.attachments import attachments
from domains.dmarc.report import AggregateReport, BadReport, ReportRow, parse_report, serialise_report
from domains.errors import Forbidden, Refused
from domains.failpoints import fail_point
from domains.locks import lock_key
from domains.models import (
    DmarcRecord,
    DmarcReport,
    Domain,
    DomainState,
    ReportFile,
    ReportFileState,
    Role,
    Trace,
    TraceEvent,
)
from domains.names import parent_names
from domains.services import tls_reports
from domains.services.report_facts import DayVolume, Source, sources_of, volume_by_day

__all__ = [
    "DayVolume",
    "Source",
    "broken_files_of",
    "remove_old_files",
    "reports_of",
    "sources_of",
    "store_upload",
    "take_in",
    "take_in_file",
    "take_in_pending",
    "volume_by_day",
]

log = logging.getLogger(__name__)

AHEAD = timedelta(days=2)
_NOT_SERVED = (DomainState.PENDING, DomainState.DELETED)
FILE_DAYS = 90
SWEEP_FILES = 500
SWEEP_SECONDS = 300.0
MAIL_REPORTS = 10
MAIL_SECONDS = 120.0
BATCH = 1000

# Mail to this address is kept for what reads it; another report that strays there is taken in all the same.
OTHER_KINDS = ("dmarc-failures",)

# Faults of our own on one file: it is set aside with the log's traceback, and the next files go on.
_FAULTS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    DataError,
    IntegrityError,
)


def take_in(
    octets: bytes,
    file_name: str,
    road: str,
    submitter: str = "",
    authenticated: bool = False,
    trace_id: str = "",
    act: Act | None = None,
) -> tuple[DmarcReport, bool]:
    """Store one report file and return (report, True), or (the stored report, False) when it is known already.

    ``road`` is ``mail``, ``api`` or ``upload``; ``submitter`` the domain that mailed it, ``authenticated`` when that
    domain passed DMARC. With an ``act`` the report must be about a domain in its reach. Raises Refused with the
    reason when the file is not a report of ours, Forbidden when the act's role may not bring reports.
    """
    if act is not None and act.role not in (Role.SUPERADMIN, Role.DOMAIN_ADMIN):
        raise Forbidden(_("Only administrators may bring in reports."))
    report = _read(octets, file_name)
    with transaction.atomic():
        domain = _domain_of(report, act)
        _lock(domain, report)
        head = DmarcReport(
            domain=domain,
            submitter=submitter.lower()[:320],
            authenticated=authenticated,
            trace_id=trace_id,
            org_name=report.org_name,
            report_id=report.report_id,
            begin_at=report.begin,
            end_at=report.end,
        )
        return _store(head, report, road, act)


def _read(octets: bytes, file_name: str) -> AggregateReport:
    try:
        report = parse_report(unpack(octets, file_name, time.monotonic))
    except (BadArchive, BadReport) as error:
        raise Refused({"file": str(error)}) from error
    if report.begin > timezone.now() + AHEAD:
        raise Refused({"file": _("The report's period lies in the future.")})
    return report


def _domain_of(report: AggregateReport, act: Act | None) -> Domain:
    """Return our domain that the report is about, itself or the nearest parent; raises Refused when there is none."""
    served = Domain.objects.exclude(state__in=_NOT_SERVED).filter(name__in=parent_names(report.domain))
    domain = max(served, key=lambda found: len(found.name), default=None)
    reach = None if act is None else act.domain_ids
    if domain is None or (reach is not None and domain.pk not in reach):
        message = _("The report is about %(domain)s, which is not a domain of ours.")
        raise Refused({"file": message % {"domain": report.domain}})
    return domain


def _lock(domain: Domain, report: AggregateReport) -> None:
    """Wait for whoever stores the same report now; freed with the transaction."""
    identity = repr((domain.pk, report.org_name, report.report_id, report.begin, report.end))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key(f"report {identity}")])


def _store(head: DmarcReport, report: AggregateReport, road: str, act: Act | None) -> tuple[DmarcReport, bool]:
    """Write a report that is new or may replace; ``head`` names its identity and who brings it."""
    digest = sha256(serialise_report(report)).digest()
    same_identity = DmarcReport.objects.filter(
        domain=head.domain,
        org_name=head.org_name,
        report_id=head.report_id,
        begin_at=head.begin_at,
        end_at=head.end_at,
    )
    stored = list(same_identity.order_by("id"))
    for known in stored:
        if bytes(known.digest) == digest:
            _believe(known, head)
            return known, False
    if any(not _may_replace(known, head, act) for known in stored):
        raise Refused(
            {"file": _("A report of this name with other content is stored, and its submitter is another.")}
        )
    if stored:
        same_identity.delete()
    _write(head, report, digest)
    if act is not None:
        action = "report.replace" if stored else "report.take_in"
        changes = {"road": road, "org_name": head.org_name, "records": head.records_count}
        record(act, action, "dmarc_report", head.report_id, head.domain.name, changes)
    return head, True


def _may_replace(known: DmarcReport, head: DmarcReport, act: Act | None) -> bool:
    if act is not None:
        return True
    return head.authenticated and (not known.authenticated or known.submitter == head.submitter)


def _believe(known: DmarcReport, head: DmarcReport) -> None:
    """Mark a stored report as authenticated when the same content came again from an authenticated submitter."""
    if head.authenticated and not known.authenticated:
        known.submitter, known.authenticated = head.submitter, True
        known.save(update_fields=["submitter", "authenticated"])


def _write(head: DmarcReport, report: AggregateReport, digest: bytes) -> None:
    head.org_email = report.org_email
    head.schema = report.schema
    head.policy = {"domain": report.domain, **report.policy}
    head.digest = digest
    head.records_count = len(report.rows)
    head.messages_count = report.messages
    head.save(force_insert=True)
    # The day of the period's middle: a report of another time zone's day counts where most of it lies.
    day = (report.begin + (report.end - report.begin) / 2).date()
    for start in range(0, len(report.rows), BATCH):
        rows = report.rows[start : start + BATCH]
        DmarcRecord.objects.bulk_create([_record(head, day, row) for row in rows])
    fail_point("report.before-commit")


def _record(head: DmarcReport, day: date, row: ReportRow) -> DmarcRecord:
    return DmarcRecord(
        report=head,
        domain=head.domain,
        day=day,
        source_ip=row.source_ip,
        messages=row.count,
        disposition=row.disposition,
        dkim_aligned=row.dkim == "pass",
        spf_aligned=row.spf == "pass",
        header_from=row.header_from,
        envelope_from=row.envelope_from,
        dkim=[asdict(result) for result in row.dkim_results],
        spf=[asdict(result) for result in row.spf_results],
        reasons=[asdict(reason) for reason in row.reasons],
    )


def store_upload(act: Act, octets: bytes, name: str) -> tuple[DmarcReport, bool]:
    """Take in a file that an administrator uploads; as ``take_in``. A refused file is not kept: its owner has it."""
    return take_in(octets, name[:300], "upload", act=act)


def take_in_file(report_file_id: int) -> str | None:
    """Work one waiting file and return its new state; None when it is gone, worked already or worked just now."""
    with transaction.atomic():
        waiting = ReportFile.objects.select_for_update(of=("self",), skip_locked=True)
        file = waiting.filter(pk=report_file_id, state=ReportFileState.PENDING).first()
        if file is None:
            return None
        try:
            with transaction.atomic():
                _work(file)
        except _FAULTS:
            log.exception("report file %d could not be worked", report_file_id)
            file.state, file.reason = ReportFileState.BROKEN, _("The file could not be worked; the fault is logged.")
            file.report = None
        file.save(update_fields=["state", "reason", "report", "content"])
        _trace(file)
        return file.state


def _work(file: ReportFile) -> None:
    """Take in every report in the file; sets state, reason and report without saving them."""
    content = bytes(file.content)
    candidates = attachments(content) if file.road == "mail" else [(file.file_name, content)]
    reasons = [] if candidates else [_("The mail holds no report.")]
    if len(candidates) > MAIL_REPORTS:
        reasons.append(_("The mail holds more than %(most)d files; the others were left.") % {"most": MAIL_REPORTS})
    taken: list[tuple[DmarcReport | None, bool]] = []
    started = time.monotonic()
    for name, octets in candidates[:MAIL_REPORTS]:
        if time.monotonic() - started > MAIL_SECONDS:
            reasons.append(_("The mail holds more than can be read in time; the rest was left."))
            break
        try:
            taken.append(_take_one(file, name, octets))
        except Refused as refusal:
            reasons.append(str(refusal))
    stored = [report for report, created in taken if created]
    file.reason = " ".join(dict.fromkeys(reasons))[:2000]
    file.report = next((report for report in stored or [report for report, _created in taken] if report), None)
    if stored:
        file.state = ReportFileState.STORED
    elif taken:
        file.state = ReportFileState.KNOWN
        file.content = file.content if reasons else b""
    elif file.road == "mail" and file.file_name in OTHER_KINDS:
        file.state = ReportFileState.STORED
        file.reason = _("The mail is kept as it came; reports of this kind are not taken apart.")
    else:
        file.state = ReportFileState.BROKEN


def _take_one(file: ReportFile, name: str, octets: bytes) -> tuple[DmarcReport | None, bool]:
    """Take in one file of a mail as what it holds: a TLS report has no row among those of DMARC."""
    if tls_reports.is_tls_report(octets):
        _rows, created = tls_reports.take_in(octets, name, file.submitter, file.authenticated, file.trace_id)
        return None, created
    return take_in(octets, name, file.road, file.submitter, file.authenticated, file.trace_id)


def _trace(file: ReportFile) -> None:
    """Add the outcome to the trace of the mail that brought the file."""
    if not file.trace_id or not Trace.objects.filter(pk=file.trace_id).exists():
        return
    report = file.report
    detail = {} if report is None else {"org_name": report.org_name, "report_id": report.report_id}
    TraceEvent.objects.create(
        trace_id=file.trace_id,
        at=datetime.now(UTC),
        stage="report",
        outcome=file.state,
        reason=file.reason,
        detail=detail,
    )


def take_in_pending() -> int:
    """Work the waiting files, oldest first, for at most ``SWEEP_SECONDS``; returns how many were worked."""
    waiting = ReportFile.objects.filter(state=ReportFileState.PENDING).order_by("id")
    started = time.monotonic()
    done = 0
    for pk in list(waiting.values_list("pk", flat=True)[:SWEEP_FILES]):
        if time.monotonic() - started > SWEEP_SECONDS:
            break
        try:
            done += take_in_file(pk) is not None
        except OperationalError:
            log.exception("report file %d waits for the next sweep", pk)
            if not connection.is_usable():
                raise
    return done


def remove_old_files(now: datetime | None = None) -> int:
    """Remove worked files older than ``FILE_DAYS``; the reports read from them stay. Returns how many."""
    before = (now or timezone.now()) - timedelta(days=FILE_DAYS)
    old = ReportFile.objects.filter(received_at__lt=before).exclude(state=ReportFileState.PENDING)
    return old.delete()[0]


def reports_of(domain: Domain) -> QuerySet[DmarcReport]:
    """Return the domain's reports, the latest period first."""
    return DmarcReport.objects.filter(domain=domain).order_by("-end_at", "-id")


def broken_files_of(domain: Domain) -> QuerySet[ReportFile]:
    """Return the unreadable files mailed to the domain's report address, newest first, without content."""
    files = ReportFile.objects.filter(domain=domain, state=ReportFileState.BROKEN)
    return files.defer("content").order_by("-id")
