"""Reports of all domains on one page: where something is to be mended first."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from domains.names import to_unicode
from domains.reports.kinds import KINDS
from domains.services.dmarc_policy import dmarc_policy_of
from domains.services.report_overview import DAYS, DomainReports, overview_of
from domains.views.web import act_of_request

ROWS = 50
WIDTH, HEIGHT = 120, 28


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a day in the small picture."""

    series: str
    x: float
    y: float
    width: float
    height: float


def overview(request: HttpRequest) -> HttpResponse:
    """Show every domain of the actor with its last month in a line."""
    found = overview_of(act_of_request(request), datetime.now(UTC).date())
    page = Paginator(found, ROWS).get_page(request.GET.get("page"))
    lines = [
        {"one": one, "name": to_unicode(one.domain.name), "bars": _bars(one), "policy": dmarc_policy_of(one.domain)}
        for one in page.object_list
    ]
    anything = any(one.volume.total.messages for one in found)
    return render(
        request, "domains/report_overview.html", {"page": page, "lines": lines, "days": DAYS, "anything": anything}
    )


def _bars(one: DomainReports) -> list[Bar]:
    """Return a month in little columns."""
    days = list(one.volume.days.values())
    most = max((day.messages for day in days), default=0)
    slot = WIDTH / max(1, len(days))
    bars: list[Bar] = []
    for number, day in enumerate(days):
        y = float(HEIGHT)
        for kind in KINDS:
            height = day.kinds[kind] * HEIGHT / most if most else 0.0
            if height:
                y -= height
                bars.append(Bar(kind, round(number * slot, 1), round(y, 2), round(slot * 0.8, 1), round(height, 2)))
    return bars
