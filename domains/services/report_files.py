"""The files that came as reports: what waits, what could not be read and why, read again after an upgrade, let go.

An administrator sees those of the own domains, and what the same person handed in where no domain was named; a
superadministrator sees all. A file is read again as it came: with the road, submitter and standing of then.
"""

import logging
from dataclasses import dataclass, field
from io import BytesIO

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import NotFound, Refused
from domains.models import DmarcReport, Domain, ReportFile, ReportFileState, ReportStanding
from domains.services import report_fences, reports
from domains.services.provision import require_administrator
from domains.services.report_rollup import roll_up

log = logging.getLogger(__name__)

UPLOAD_REPORTS = 1000
AGAIN = 200
UNREAD = (ReportFileState.BROKEN, ReportFileState.FENCED)
OPEN_STATES = (ReportFileState.PENDING, *UNREAD, ReportFileState.DISPUTED)


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What became of one file that somebody handed in; ``reason`` says why it, or a part of it, was not taken."""

    name: str
    state: ReportFileState
    reports: tuple[DmarcReport, ...] = ()
    reason: str = ""
    taken: int = 0
    kept: int | None = field(default=None)  # the file that was kept


def files_for(act: Act, domain: Domain | None = None) -> QuerySet[ReportFile]:
    """Return the files in reach, of one domain or all, newest first, with their sizes and without content."""
    require_administrator(act)
    rows = ReportFile.objects.select_related("domain", "report__domain").order_by("-id")
    rows = rows.defer("content").annotate(octets=report_fences.OctetLength(F("content")))
    if domain is not None:
        return rows.filter(Q(domain=domain) | Q(domain=None, report__domain=domain))
    if act.domain_ids is None:
        return rows
    own = Q(domain__in=act.domain_ids) | Q(domain=None, report__domain__in=act.domain_ids)
    return rows.filter(own | Q(domain=None, brought_by=act.actor) if act.actor is not None else own)


def get_file_for(act: Act, identifier: int, lock: bool = False) -> ReportFile:
    """Return one file; raises NotFound when it is absent or foreign, Forbidden for owners."""
    rows = files_for(act)
    row = (rows.select_for_update(of=("self",)) if lock else rows).filter(pk=identifier).first()
    if row is None:
        raise NotFound(_("There is no such file."))
    return row


@transaction.atomic
def content_of(act: Act, identifier: int) -> tuple[str, bytes]:
    """Return a file's name and octets as they came; raises NotFound, also when nothing of it is kept.

    It may hold somebody's mail, so that who took it is written down.
    """
    row = get_file_for(act, identifier)
    content = bytes(row.content)
    if not content:
        raise NotFound(_("Nothing of this file is kept."))
    record(act, "report_file.download", "report_file", str(row.pk), row.domain.name if row.domain else "")
    return row.file_name, content


def readable_again(files: QuerySet[ReportFile]) -> QuerySet[ReportFile]:
    """Narrow to what an older reader could not read and is kept: reading it again may help."""
    return files.filter(state__in=UNREAD, reader__lt=reports.READER).exclude(content=b"")


def may_help(file: ReportFile) -> bool:
    """True when an earlier version could not read the file, and this one reads more."""
    return file.state in UNREAD and file.reader < reports.READER


def read_again(act: Act, identifier: int) -> ReportFile:
    """Read one unreadable file again, now; returns it as it then is. Raises NotFound, Refused, Forbidden."""
    with transaction.atomic():
        row = get_file_for(act, identifier, lock=True)
        if row.state not in UNREAD:
            raise Refused({"file": _("Only a file that was not taken is read again.")})
        if not row.octets:  # type: ignore[attr-defined]
            raise Refused({"file": _("Nothing of this file is kept.")})
        _wait_again([row.pk])
        record(act, "report_file.retry", "report_file", str(row.pk), row.domain.name if row.domain else "")
    reports.take_in_file(row.pk, fenced=False)
    return get_file_for(act, identifier)


def read_all_again(act: Act, domain: Domain | None = None) -> int:
    """Let every unreadable file that is kept be read again by the jobs; returns how many."""
    with transaction.atomic():
        broken = files_for(act, domain).filter(state__in=UNREAD).exclude(content=b"")
        numbers = list(broken.values_list("pk", flat=True))
        if numbers:
            _wait_again(numbers)
            name = domain.name if domain else ""
            record(act, "report_file.retry", "report_file", "", name, {"files": len(numbers)})
    for number in numbers[:AGAIN]:
        reports.take_in_file(number, fenced=False)
    return len(numbers)


def _wait_again(numbers: list[int]) -> None:
    rows = ReportFile.objects.filter(pk__in=numbers, state__in=UNREAD)
    rows.update(state=ReportFileState.PENDING, reason="")


@transaction.atomic
def delete_file(act: Act, identifier: int) -> None:
    """Remove a file; the reports read from it stay. Raises NotFound, Forbidden."""
    row = get_file_for(act, identifier, lock=True)
    domain = row.domain.name if row.domain else ""
    record(act, "report_file.delete", "report_file", str(row.pk), domain, {"state": row.state, "name": row.file_name})
    row.delete()


# ---- Handing in ----------------------------------------------------------------------------------------------------


def hand_in(act: Act, octets: bytes, name: str, domain: Domain | None = None) -> HandedIn:
    """Take in a file that an administrator uploads: reports of any kind, an archive of many, a mail that brings them.

    What cannot be read is kept with its reason, within the bounds of ``report_fences``, under ``domain`` when it is
    given. Raises Forbidden.
    """
    require_administrator(act)
    shown = "".join(c for c in name if c.isprintable())[:300]
    file = ReportFile(road="upload", file_name=shown, content=octets, brought_by=act.actor)
    try:
        taken, refusals = reports.take_in_all(BytesIO(octets), file, act, UPLOAD_REPORTS)
    except reports.FAULTS:
        log.exception("a file that was handed in could not be worked")
        taken, refusals = [], [Refused({"file": _("The file could not be worked; the fault is logged.")})]
    found = tuple(one.report for one in taken if one.report is not None)
    roll_up({report.domain_id for report in found})
    reason = reports.sentence_of(refusals)
    if taken:
        fresh = any(one.state != ReportFileState.KNOWN for one in taken)
        state = ReportFileState.STORED if fresh else ReportFileState.KNOWN
        return HandedIn(shown, state, found, reason, len(taken))
    file.domain, file.state, file.reason, file.reader = domain, ReportFileState.BROKEN, reason, reports.READER
    kept = report_fences.keep_unreadable(file)
    return HandedIn(shown, ReportFileState.BROKEN, (), file.reason, 0, kept)


# ---- Disputes ------------------------------------------------------------------------------------------------------


def disputed_for(act: Act, domain: Domain | None = None) -> QuerySet[DmarcReport]:
    """Return the reports that wait for somebody to say which of a name counts, newest first."""
    rows = uncounted_for(act).filter(standing=ReportStanding.DISPUTED).order_by("-id")
    return rows if domain is None else rows.filter(domain=domain)


def uncounted_for(act: Act) -> QuerySet[DmarcReport]:
    """Return the reports in reach that do not count, disputed or replaced; each may be made to count instead."""
    require_administrator(act)
    rows = DmarcReport.objects.exclude(standing=ReportStanding.COUNTED).select_related("domain")
    return rows if act.domain_ids is None else rows.filter(domain__in=act.domain_ids)
