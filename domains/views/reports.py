"""DMARC reports of a domain: who sends in its name and what became of it, one report."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from domains.errors import NotFound
from domains.models import Domain
from domains.reports.kinds import KINDS
from domains.services import stored_reports
from domains.services.provision import get_domain_for
from domains.services.report_records import add_patterns
from domains.services.report_sources import fresh_sources, senders_in_reports
from domains.services.report_volume import Volume, volume_of
from domains.views.advice import shown as advice_shown
from domains.views.chart import by_weeks, shares, stacked
from domains.views.frame import domain_page
from domains.views.report_export import download, wanted_format
from domains.views.report_span import SPANS, Span, span_of
from domains.views.web import act_of_request, page_of, url

SENDERS = 50
REPORTERS = 12
FILES = 10
WEEK = timedelta(days=6)


def reports(request: HttpRequest, name: str) -> HttpResponseBase:
    """Show who sends in the domain's name and what receivers did with it; or download the days."""
    domain = get_domain_for(act_of_request(request), name)
    span = span_of(request)
    volume = volume_of(domain, span.first_day, span.last_day)
    wanted = wanted_format(request)
    if wanted:
        return download(wanted, f"dmarc-volume-{domain.name}", DAY_COLUMNS, _day_rows(volume))
    return domain_page(
        request, "domains/reports.html", domain, "domain-reports", **_shown(request, domain, span, volume)
    )


DAY_COLUMNS = ("day", "messages", "dmarc_pass", "spf_aligned", "dkim_aligned", *KINDS, "quarantine", "reject")


def _day_rows(volume: Volume) -> list[list[object]]:
    return [
        [
            day.isoformat(),
            one.messages,
            one.passed,
            one.spf,
            one.dkim,
            *(one.kinds[kind] for kind in KINDS),
            one.dispositions["quarantine"],
            one.dispositions["reject"],
        ]
        for day, one in volume.days.items()
    ]


def charts_of(volume: Volume, records: str) -> dict[str, Any]:
    """Return the two charts of a volume; ``records`` is the address of its records, without days."""

    def href(first: object, last: object) -> str:
        return f"{records}{'&' if '?' in records else '?'}from={first}&to={last}"

    columns = by_weeks([(day, one.kinds) for day, one in volume.days.items()])
    rates = by_weeks(
        [
            (day, {"all": one.messages, "passed": one.passed, "spf": one.spf, "dkim": one.dkim})
            for day, one in volume.days.items()
        ]
    )
    return {
        "chart": stacked(columns, KINDS, href),
        "rates": shares(rates, ("passed", "spf", "dkim"), "all"),
        "days": [(day, one) for day, one in reversed(volume.days.items()) if one.messages],
    }


def _shown(request: HttpRequest, domain: Domain, span: Span, volume: Volume) -> dict[str, Any]:
    senders = senders_in_reports(domain, span.first_day, span.last_day)
    since = datetime.now(UTC).date() - WEEK
    known, broken = stored_reports.reports_of(domain), stored_reports.broken_files_of(domain)
    total = volume.total
    return (
        charts_of(volume, url("report-records", domain.name))
        | advice_shown(domain)
        | {
            "total": total,
            "failed": total.messages - total.passed,
            "matrix": [(spf, [(dkim, total.matrix[spf, dkim]) for dkim in (True, False)]) for spf in (True, False)],
            "senders": Paginator(senders, SENDERS).get_page(request.GET.get("page")),
            "fresh": fresh_sources(domain, since),
            "since": since,
            "reporters": stored_reports.reporters_of(domain, span.first_day, span.last_day)[:REPORTERS],
            "reports": known[:FILES],
            "span": span,
            "spans": SPANS,
            "nothing": not total.messages and not known.exists(),
            "broken": broken[:FILES],
            "broken_count": broken.count(),
            "disputed_count": stored_reports.disputed_of(domain).count(),
        }
    )


def report(request: HttpRequest, name: str, identifier: int) -> HttpResponse:
    """Show one report with its rows."""
    domain = get_domain_for(act_of_request(request), name)
    row = stored_reports.report_of(domain, identifier)
    if row is None:
        raise NotFound(_("There is no such report."))
    page = page_of(request, row.records.order_by("-messages", "source_ip", "id"))
    page.object_list = list(page.object_list)
    add_patterns(page.object_list, row.day)
    return domain_page(request, "domains/report.html", domain, "domain-reports", report=row, page=page)
