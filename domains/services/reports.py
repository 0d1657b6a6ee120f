"""Taking in DMARC aggregate reports: by mail, upload, API, from folders; ``report_store`` keeps each one once.

Invariants: a file leaves ``PENDING`` in the transaction that stores its reports, so a crash between repeats the work
without a trace; what changed is added up right after (``report_rollup``), and by the sweeper when that was cut short.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import BinaryIO
from uuid import UUID

from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.dmarc.archive import FROM_OUTSIDE, OWN_FILES, BadArchive, unpacked_chunks
from domains.dmarc.failure import FailureReport
from domains.dmarc.report import MAXIMUM_OWN_RECORDS, BadReport, ReportHead, open_report
from domains.dmarc.report_files import Found, OpenReport, Unreadable, reports_in
from domains.errors import Forbidden, Refused
from domains.models import (
    DmarcReport,
    Domain,
    DomainState,
    ReportFile,
    ReportFileState,
    ReportStanding,
    Role,
    Trace,
    TraceEvent,
)
from domains.names import parent_names
from domains.services import failure_reports, tls_reports
from domains.services.report_destinations import refusal_of
from domains.services.report_fences import Fenced, require_room
from domains.services.report_keeping import oldest_day_kept
from domains.services.report_rollup import roll_up
from domains.services.report_store import Content, Incoming, Stored, content_of, store_all, write_patterns
from domains.tls.report import TlsReport

__all__ = [
    "Outcome",
    "Taken",
    "remove_old_files",
    "sentence_of",
    "store_many",
    "store_upload",
    "take_in",
    "take_in_all",
    "take_in_file",
    "take_in_many",
    "take_in_now",
    "take_in_pending",
]

log = logging.getLogger(__name__)

AHEAD = timedelta(days=2)
_NOT_SERVED = (DomainState.PENDING, DomainState.DELETED)
SWEEP_FILES = 500
QUEUE_FILES = 20
SWEEP_SECONDS = 300.0
MAIL_REPORTS = 10
MAIL_SECONDS = 120.0
BATCH_FILES = 100
BATCH_RECORDS = 20_000
DOMAIN_SECONDS = 5.0
KNOWN_PATTERNS = 200_000

# Raised whenever more can be read: files that an older reader could not read are then offered to be read again.
READER = 1

# What a file with several reports is called: the first of these that one of them is.
_WEIGHT = (ReportFileState.DISPUTED, ReportFileState.STORED, ReportFileState.KNOWN)

# Faults of our own on one file: it is set aside with the log's traceback, and the next files go on.
FAULTS = (
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of many files: ``state`` as of a file, the report when there is one, else the reason."""

    name: str
    state: ReportFileState
    report: DmarcReport | None = None
    reason: str = ""


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

    ``road`` is ``mail``, ``upload``, ``api``, ``imap``, ``folder`` or ``command``; ``submitter`` the domain that
    mailed it, ``authenticated`` when that domain passed DMARC. A report of a known name with other content from
    somebody else is stored with the standing ``disputed``. With an ``act`` the report must be about a domain in its
    reach. Raises Refused with the reason when the file is not a report of ours, Forbidden when the act's role may not
    bring reports.
    """
    if act is not None and act.role not in (Role.SUPERADMIN, Role.DOMAIN_ADMIN):
        raise Forbidden(_("Only administrators may bring in reports."))
    stored = _take_in(octets, file_name, road, submitter, authenticated, trace_id, act)
    roll_up({stored.report.domain_id})
    return stored.report, stored.created


def _take_in(
    octets: bytes, file_name: str, road: str, submitter: str, authenticated: bool, trace_id: str, act: Act | None
) -> Stored:
    head, content = _read(octets, file_name)
    with transaction.atomic():
        domain = _domain_of(head, act)
        heads = (road, submitter.lower()[:320], authenticated, trace_id, act is not None)
        (stored,) = store_all([Incoming(head, content, domain, *heads)])
        content.close()
        if act is not None and stored.created:
            _audit(act, stored, road)
    return stored


def _audit(act: Act, stored: Stored, road: str) -> None:
    head = stored.report
    action = "report.replace" if stored.replaced else "report.take_in"
    changes = {"road": road, "org_name": head.org_name, "records": head.records_count}
    record(act, action, "dmarc_report", head.report_id, head.domain.name, changes)


def take_in_many(files: Iterable[tuple[str, BinaryIO]], road: str) -> Iterator[Outcome]:
    """Store many files as ``store_many`` does, and add up the days that changed when the last is stored.

    The sweeper does that when the caller stops before the end.
    """
    touched: set[int] = set()
    for outcome in store_many(files, road):
        if outcome.report is not None:
            touched.add(outcome.report.domain_id)
        yield outcome
    roll_up(touched)


@dataclass(slots=True)
class Memory:
    """What storing many files remembers from one batch to the next.

    Domains by name, for ``DOMAIN_SECONDS``, as one may go meanwhile; the patterns that are there, at most
    ``KNOWN_PATTERNS``.
    """

    domains: dict[str, Domain] = field(default_factory=dict)
    asked_at: float = 0.0
    patterns: set[tuple[date, UUID]] = field(default_factory=set)

    def refresh(self) -> None:
        """Forget what is too old or too much."""
        if time.monotonic() - self.asked_at > DOMAIN_SECONDS:
            self.domains.clear()
            self.asked_at = time.monotonic()
        if len(self.patterns) > KNOWN_PATTERNS:
            self.patterns.clear()

    def forget(self) -> None:
        """Forget all."""
        self.domains.clear()
        self.patterns.clear()


def store_many(files: Iterable[tuple[str, BinaryIO]], road: str, memory: Memory | None = None) -> Iterator[Outcome]:
    """Store many files that an administrator laid down, about a hundred a transaction; yields each outcome.

    A file is read to its end before the next is asked for; it may be as large as ``OWN_FILES`` says, a zip archive
    hold many reports, and a mail reports of any kind. What is yielded is stored; its days wait to be added up.
    ``memory`` is the same for the calls of one process that follow each other at once.
    """
    batch: list[tuple[str, Incoming]] = []
    memory = memory or Memory()
    oldest = oldest_day_kept()
    for name, file in files:
        memory.refresh()
        for found in _incoming(name, file, road, memory.domains, oldest):
            if isinstance(found, Outcome):
                yield found
                continue
            batch.append((name, found))
            if len(batch) >= BATCH_FILES or sum(one.content.records for _name, one in batch) >= BATCH_RECORDS:
                yield from _store_batch(batch, memory.patterns)
                batch = []
    yield from _store_batch(batch, memory.patterns)


def _incoming(
    name: str, file: BinaryIO, road: str, domains: dict[str, Domain], oldest: datetime
) -> Iterator[Incoming | Outcome]:
    """Yield every aggregate report of one file, what became of one of another kind, or why there is none.

    ``domains`` remembers who a report is about.
    """
    laid = ReportFile(road=road, file_name=name)
    for _part, found in reports_in(file, name, OWN_FILES, MAXIMUM_OWN_RECORDS):
        try:
            if isinstance(found, OpenReport):
                yield _laid_down(found, road, domains, oldest)
            else:
                yield Outcome(name, _take_found(found, laid, None, fenced=False).state)
        except (BadArchive, BadReport, Refused) as refusal:
            yield Outcome(name, ReportFileState.BROKEN, reason=str(refusal))


def _laid_down(found: OpenReport, road: str, domains: dict[str, Domain], oldest: datetime) -> Incoming:
    _require_kept(found.head, oldest)
    name = found.head.domain
    domain = domains.get(name) or domains.setdefault(name, _domain_of(found.head, None))
    return Incoming(found.head, content_of(found.head, found.rows), domain, road)


def _store_batch(batch: Sequence[tuple[str, Incoming]], known: set[tuple[date, UUID]]) -> list[Outcome]:
    if not batch:
        return []
    incoming = [one for _name, one in batch]
    write_patterns(incoming, known)
    with transaction.atomic():
        stored = store_all(incoming)
    for one in incoming:
        one.content.close()
    return [Outcome(name, _state(one), one.report) for (name, _one), one in zip(batch, stored, strict=True)]


def _state(stored: Stored) -> ReportFileState:
    if not stored.created:
        return ReportFileState.KNOWN
    disputed = stored.report.standing == ReportStanding.DISPUTED
    return ReportFileState.DISPUTED if disputed else ReportFileState.STORED


def _read(octets: bytes, file_name: str) -> tuple[ReportHead, Content]:
    try:
        return _opened(unpacked_chunks(BytesIO(octets), file_name, FROM_OUTSIDE, time.monotonic))
    except (BadArchive, BadReport) as error:
        raise Refused({"file": str(error)}) from error


def _opened(chunks: Iterable[bytes]) -> tuple[ReportHead, Content]:
    """Return one report, read to its end; raises BadArchive, BadReport, Refused."""
    head, rows = open_report(chunks)
    _require_kept(head, oldest_day_kept())
    return head, content_of(head, rows)


def _require_kept(head: ReportHead, oldest: datetime) -> None:
    """Raise Refused for a period that lies ahead, or so far back that its records would be dropped at once."""
    if head.begin > timezone.now() + AHEAD:
        raise Refused({"file": _("The report's period lies in the future.")})
    if head.begin + (head.end - head.begin) / 2 < oldest:
        raise Refused({"file": _("The report's period lies before the days for which reports are kept.")})


def _domain_of(report: ReportHead, act: Act | None) -> Domain:
    """Return our domain that the report is about, itself or the nearest parent; raises Refused when there is none."""
    served = Domain.objects.exclude(state__in=_NOT_SERVED).filter(name__in=parent_names(report.domain))
    domain = max(served, key=lambda found: len(found.name), default=None)
    reach = None if act is None else act.domain_ids
    if domain is None or (reach is not None and domain.pk not in reach):
        message = _("The report is about %(domain)s, which is not a domain of ours.")
        raise Refused({"file": message % {"domain": report.domain}})
    return domain


def store_upload(act: Act, octets: bytes, name: str) -> tuple[DmarcReport, bool]:
    """Take in a file that an administrator uploads; as ``take_in``. A refused file is not kept: its owner has it."""
    return take_in(octets, name[:300], "upload", act=act)


def take_in_file(report_file_id: int, fenced: bool = True) -> str | None:
    """Work one waiting file and return its new state; None when it is gone, worked already or worked just now.

    Not ``fenced``, an administrator asks for it: it counts however many came that day.
    """
    with transaction.atomic():
        waiting = ReportFile.objects.select_for_update(of=("self",), skip_locked=True)
        file = waiting.filter(pk=report_file_id, state=ReportFileState.PENDING).first()
        if file is None:
            return None
        try:
            with transaction.atomic():
                _work(file, fenced)
        except FAULTS:
            log.exception("report file %d could not be worked", report_file_id)
            file.state, file.reason = ReportFileState.BROKEN, _("The file could not be worked; the fault is logged.")
            file.report = None
        file.save(update_fields=["state", "reason", "report", "content", "reader"])
        _trace(file)
    if file.report is not None:
        roll_up({file.report.domain_id})
    return file.state


def _work(file: ReportFile, fenced: bool = True) -> None:
    """Take in every report in the file; sets state, reason, report and reader without saving them."""
    taken, refusals = take_in_all(BytesIO(bytes(file.content)), file, fenced=fenced)
    file.reason = sentence_of(refusals)
    file.reader = READER
    fresh = [one.report for one in taken if one.state != ReportFileState.KNOWN]
    file.report = next((report for report in [*fresh, *(one.report for one in taken)] if report), None)
    states = [one.state for one in taken]
    left = ReportFileState.FENCED if any(isinstance(one, Fenced) for one in refusals) else ReportFileState.BROKEN
    file.state = next((state for state in _WEIGHT if state in states), left)
    if states and not refusals and (file.state == ReportFileState.KNOWN or all(one.private for one in taken)):
        file.content = b""
    if file.state == ReportFileState.DISPUTED and not file.reason:
        file.reason = _("A report of this name with other content is stored, and its submitter is another.")


@dataclass(frozen=True, slots=True)
class Taken:
    """One report of a file: its state, its row when it is an aggregate one; ``private``: the file tells of a mail."""

    state: ReportFileState
    report: DmarcReport | None = None
    private: bool = False


def take_in_all(
    content: BinaryIO, file: ReportFile, act: Act | None = None, most: int | None = None, fenced: bool = True
) -> tuple[list[Taken], list[Refused]]:
    """Take in every report that a file holds, of any kind; returns what was taken, and why others were not.

    ``file`` says how it came, and need not be stored; ``most`` reports are read, those of a mail unless it is said.
    Days are added up by the caller, or by the sweeper.
    """
    most = MAIL_REPORTS if most is None else most
    taken: list[Taken] = []
    refusals: list[Refused] = []
    started = time.monotonic()
    for number, (_name, found) in enumerate(reports_in(content, file.file_name)):
        if number >= most:
            text = _("The file holds more than %(most)d reports; the others were left.")
            refusals.append(Refused({"file": text % {"most": most}}))
            break
        if time.monotonic() - started > MAIL_SECONDS:
            refusals.append(Refused({"file": _("The file holds more than can be read in time; the rest was left.")}))
            break
        try:
            taken.append(_take_found(found, file, act, fenced))
        except Refused as refusal:
            refusals.append(refusal)
    return taken, refusals


def sentence_of(refusals: Iterable[Refused]) -> str:
    """Return why parts of a file were not taken, each reason once."""
    return " ".join(dict.fromkeys(map(str, refusals)))[:2000]


def _take_found(found: Found, file: ReportFile, act: Act | None, fenced: bool) -> Taken:
    """Take in one report as what it is: only an aggregate one has a row among those of DMARC."""
    if isinstance(found, Unreadable):
        raise Refused({"file": found.reason})
    if isinstance(found, FailureReport):
        _row, created = failure_reports.store(found, file, act, fenced)
        return Taken(ReportFileState.STORED if created else ReportFileState.KNOWN, private=True)
    if isinstance(found, TlsReport):
        _rows, created = tls_reports.store(found, file, act, fenced)
        return Taken(ReportFileState.STORED if created else ReportFileState.KNOWN)
    stored = _take_open(found, file, act, fenced)
    return Taken(_state(stored), stored.report)


def _take_open(found: OpenReport, file: ReportFile, act: Act | None, fenced: bool) -> Stored:
    """Store an aggregate report whose rows are read before they are stored; raises Refused."""
    _require_kept(found.head, oldest_day_kept())
    domain = _domain_of(found.head, act)
    refusal = refusal_of(file, domain) if act is None else ""  # an act has its own reach
    if refusal:
        raise Refused({"file": refusal})
    if fenced:
        require_room(file, domain, DmarcReport)
    try:
        content = content_of(found.head, found.rows)
    except (BadArchive, BadReport) as error:
        raise Refused({"file": str(error)}) from error
    heads = (file.road, file.submitter.lower()[:320], file.authenticated, file.trace_id, act is not None)
    with transaction.atomic():
        (stored,) = store_all([Incoming(found.head, content, domain, *heads)])
        content.close()
        if act is not None and stored.created:
            _audit(act, stored, file.road)
    return stored


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


def take_in_now(report_file_id: int) -> None:
    """Work a file that just came, unless nothing authenticates it and others wait: then the sweep keeps the turns."""
    waiting = ReportFile.objects.filter(state=ReportFileState.PENDING)
    mine = waiting.filter(pk=report_file_id).values_list("authenticated", flat=True).first()
    if mine is None or (not mine and len(waiting.values_list("pk")[:QUEUE_FILES]) >= QUEUE_FILES):
        return
    take_in_file(report_file_id)


def take_in_pending() -> int:
    """Work the waiting files for at most ``SWEEP_SECONDS``; returns how many were worked.

    Those of authenticated submitters come first; among equals everybody's first, then everybody's second, and so on.
    """
    everybodys = [F("domain"), F("submitter")]
    turn = Window(RowNumber(), partition_by=everybodys, order_by="id")
    waiting = ReportFile.objects.filter(state=ReportFileState.PENDING).annotate(turn=turn)
    started = time.monotonic()
    done = 0
    for pk in list(waiting.order_by("-authenticated", "turn", "id").values_list("pk", flat=True)[:SWEEP_FILES]):
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
    """Remove worked files past the days set for them; the reports read from them stay. Returns how many."""
    before = (now or timezone.now()) - timedelta(days=failure_reports.keeping().file_days)
    old = ReportFile.objects.filter(received_at__lt=before).exclude(state=ReportFileState.PENDING)
    return old.delete()[0]
