"""The reports and files that are there, as pages and calls list them."""

from datetime import date
from typing import Any

from django.db.models import Count, Max, QuerySet, Sum

from domains.models import DmarcReport, Domain, ReportFile, ReportFileState, ReportStanding


def reports_of(domain: Domain) -> QuerySet[DmarcReport]:
    """Return the domain's reports that count, the latest period first."""
    return DmarcReport.objects.filter(domain=domain, standing=ReportStanding.COUNTED).order_by("-end_at", "-id")


def report_of(domain: Domain, identifier: int) -> DmarcReport | None:
    """Return one report of the domain, whatever its standing."""
    return DmarcReport.objects.filter(domain=domain, pk=identifier).first()


def disputed_of(domain: Domain) -> QuerySet[DmarcReport]:
    """Return the reports that are disputed, newest first."""
    return DmarcReport.objects.filter(domain=domain, standing=ReportStanding.DISPUTED).order_by("-id")


def reporters_of(domain: Domain, first_day: date, last_day: date) -> list[dict[str, Any]]:
    """Return who reported on these days: ``org_name``, ``reports``, ``messages``, ``latest``; most messages first."""
    rows = DmarcReport.objects.filter(
        domain=domain, standing=ReportStanding.COUNTED, day__range=(first_day, last_day)
    )
    sums = {"reports": Count("pk"), "messages": Sum("messages_count"), "latest": Max("day")}
    found = rows.order_by().values("org_name").annotate(**sums)
    return sorted(map(dict, found), key=lambda one: (-one["messages"], one["org_name"]))


def broken_files_of(domain: Domain) -> QuerySet[ReportFile]:
    """Return the unreadable files mailed to the domain's report address, newest first, without content."""
    files = ReportFile.objects.filter(domain=domain, state=ReportFileState.BROKEN)
    return files.defer("content").order_by("-id")
