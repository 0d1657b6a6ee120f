"""Fences against floods of reports, after the door: how many reports count a day, and how much unreadable is kept.

At the door a mail above the day's budget (``domains.reports.budget``) is answered with a temporary refusal, so that
nothing accepted is lost and an honest reporter comes again. What was accepted and brings more reports than a day may
have is *fenced*: kept, not counted, read when an administrator says so. What came is kept within bounds;
past them the content of the oldest is let go, unauthenticated first, and its row says so.
"""

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Count, F, Func, IntegerField, QuerySet, Sum
from django.utils.translation import gettext as _

from domains.errors import Refused
from domains.models import DmarcReport, Domain, FailureReport, ReportFile, ReportFileState, TlsReport
from domains.reports.budget import AUTHENTICATED, MB, budget_of

KEPT_FILES = 2_000
KEPT_OCTETS = 200 * MB
TAKEN_FILES = 20_000
TAKEN_OCTETS = 1024 * MB
BY_MAIL = ("mail", "imap")


class Fenced(Refused):
    """More reports than a day may have; the file is kept for an administrator to decide."""


class OctetLength(Func):
    """How many octets a column holds, without reading them."""

    function = "octet_length"
    output_field = IntegerField()


def require_room(file: ReportFile, domain: Domain, kind: type[DmarcReport | FailureReport | TlsReport]) -> None:
    """Raise Fenced when a mailed file would bring more reports on a domain than its sender may in a day."""
    if file.road not in BY_MAIL:
        return
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = kind.objects.filter(domain=domain, received_at__gte=midnight, authenticated=file.authenticated)
    by_road: dict[str, str] = {} if kind is TlsReport else {"road": file.road}  # few are TLS reports: one budget
    rows = rows.filter(**by_road)
    # An administrator chose the mailbox, and it may hold years.
    most = AUTHENTICATED.all_files if file.road == "imap" else budget_of(file.authenticated).reports
    if file.authenticated and file.road == "mail":
        rows = rows.filter(submitter=file.submitter.lower()[:320])
    if len(rows.values_list("pk", flat=True)[:most]) < most:
        return
    text = _("%(submitter)s has sent its %(most)d reports on %(domain)s today. The file is kept, and not counted.")
    if not file.authenticated:
        text = _(
            "Senders whom nothing authenticates have sent their %(most)d reports on %(domain)s today. The file is "
            "kept, and not counted."
        )
    raise Fenced({"file": text % {"submitter": file.submitter, "most": most, "domain": domain.name}})


def keep_unreadable(file: ReportFile) -> int | None:
    """Keep a file that was handed in and could not be read, unless its person has too many; returns its number."""
    broken = ReportFile.objects.filter(road=file.road, brought_by=file.brought_by, state=ReportFileState.BROKEN)
    held = broken.aggregate(files=Count("pk"), octets=Sum(OctetLength(F("content"))))
    if held["files"] >= KEPT_FILES or (held["octets"] or 0) + len(file.content) > KEPT_OCTETS:
        file.reason = f"{file.reason} {_('It is not kept: delete some of the unreadable files first.')}"
        return None
    file.save()
    return file.pk


def let_go() -> int:
    """Let go of the content of the oldest files where a domain keeps too much; returns of how many.

    What was not taken has a bound of its own, so that files whose reports are stored push nothing of it out.
    """
    return sum(
        _let_go_of(states, files, octets)
        for states, files, octets in (
            ((ReportFileState.BROKEN, ReportFileState.FENCED), KEPT_FILES, KEPT_OCTETS),
            ((ReportFileState.STORED, ReportFileState.KNOWN, ReportFileState.DISPUTED), TAKEN_FILES, TAKEN_OCTETS),
        )
    )


def _let_go_of(states: tuple[ReportFileState, ...], most_files: int, most_octets: int) -> int:
    held = ReportFile.objects.filter(state__in=states).exclude(content=b"")
    kept = held.values("domain").order_by().annotate(files=Count("pk"), octets=Sum(OctetLength(F("content"))))
    full = [row["domain"] for row in kept if row["files"] > most_files or row["octets"] > most_octets]
    return sum(_let_go_in(held.filter(domain=domain_id), most_files, most_octets) for domain_id in full)


@transaction.atomic
def _let_go_in(held: QuerySet[ReportFile], most_files: int, most_octets: int) -> int:
    """Empty the oldest of these files, the unauthenticated first, until the others fit; their rows say so."""
    files = octets = 0
    going: list[int] = []
    sized = held.order_by("-authenticated", "-id").annotate(octets=OctetLength(F("content")))
    for number, size in sized.values_list("pk", "octets").iterator():
        files, octets = files + 1, octets + size
        if files > most_files or octets > most_octets:
            going.append(number)
    note = _("Its content was let go, for more was kept than fits; only this line is left.")
    for row in ReportFile.objects.select_for_update().filter(pk__in=going).defer("content"):
        row.content, row.reason = b"", f"{row.reason} {note}".strip()
        row.save(update_fields=["content", "reason"])
    return len(going)
