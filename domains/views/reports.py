"""DMARC reports of a domain: volume by day, sources, files that could not be read, and one's own upload."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from domains.errors import NotFound
from domains.models import Domain
from domains.services import reports as service
from domains.services.provision import get_domain_for
from domains.views.chart import stacked
from domains.views.frame import domain_page
from domains.views.web import act_of_request, page_of

SERIES = ("none", "quarantine", "reject")
SPANS = (7, 30, 90, 365)
DEFAULT_SPAN = 30
SOURCES = 50
FILES = 20
_URGENT = ("service-misaligned", "impostor", "unknown", "forwarder", "service-aligned", "own")


def _span(request: HttpRequest) -> int:
    text = request.GET.get("days", "")
    days = int(text) if text.isdecimal() and len(text) < 5 else DEFAULT_SPAN
    return days if days in SPANS else DEFAULT_SPAN


def _counts(dispositions: dict[str, int]) -> dict[str, int]:
    """Return counts by series; a word that is not one of the three counts as none, as receivers then deliver."""
    counts: Counter[str] = Counter()
    for name, count in dispositions.items():
        counts[name if name in SERIES else "none"] += count
    return dict(counts)


def _urgency(source: service.Source) -> tuple[int, int]:
    """Return the place of a source: what its owner can mend comes first, each class by its messages."""
    return _URGENT.index(source.class_), -source.messages


def reports(request: HttpRequest, name: str) -> HttpResponse:
    """Show who sends in the domain's name and what receivers did with it."""
    domain = get_domain_for(act_of_request(request), name)
    return domain_page(request, "domains/reports.html", domain, "domain-reports", **_shown(request, domain))


def _shown(request: HttpRequest, domain: Domain) -> dict[str, Any]:
    span = _span(request)
    last = datetime.now(UTC).date()
    first = last - timedelta(days=span - 1)
    volumes = service.volume_by_day(domain, first, last)
    sources = Paginator(sorted(service.sources_of(domain, first, last), key=_urgency), SOURCES).get_page(
        request.GET.get("page")
    )
    broken = service.broken_files_of(domain)
    messages = sum(row.messages for row in volumes)
    return {
        "chart": stacked([(row.day, _counts(row.dispositions)) for row in volumes], SERIES),
        "volumes": [row for row in reversed(volumes) if row.messages],
        "messages_in_all": messages,
        "passed": sum(row.passed for row in volumes),
        "sources": sources,
        "reports": service.reports_of(domain)[:FILES],
        "broken": broken[:FILES],
        "broken_count": broken.count(),
        "span": span,
        "spans": SPANS,
        "nothing": not messages and not service.reports_of(domain).exists(),
    }


def report(request: HttpRequest, name: str, identifier: int) -> HttpResponse:
    """Show one report with its rows."""
    domain = get_domain_for(act_of_request(request), name)
    row = service.reports_of(domain).filter(pk=identifier).first()
    if row is None:
        raise NotFound(_("There is no such report."))
    page = page_of(request, row.records.order_by("-messages", "source_ip", "id"))
    page.object_list = list(page.object_list)
    service.add_patterns(page.object_list, row.day)
    return domain_page(request, "domains/report.html", domain, "domain-reports", report=row, page=page)
