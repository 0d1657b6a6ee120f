"""The addresses behind the reports of a domain: of one sender or class, and one address with all its evidence."""

from ipaddress import ip_address
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from domains.errors import NotFound
from domains.models import AddressName
from domains.reports.kinds import KINDS
from domains.services.provision import get_domain_for
from domains.services.report_sources import AddressLine, addresses_in_reports, days_of_source, streams_of
from domains.services.report_volume import counted
from domains.views.frame import domain_page
from domains.views.report_export import download, wanted_format
from domains.views.report_span import SPANS, span_of
from domains.views.reports import charts_of
from domains.views.web import act_of_request, url

ADDRESSES = 50
COLUMNS = (
    "source_ip",
    "class",
    "name",
    "messages",
    "dmarc_pass",
    "spf_aligned",
    "dkim_aligned",
    "held",
    "first_day",
    "last_day",
)


def sources(request: HttpRequest, name: str) -> HttpResponseBase:
    """Show or download the addresses of these days: all, of a class, of a sender."""
    domain = get_domain_for(act_of_request(request), name)
    span = span_of(request)
    kind = request.GET.get("kind", "")
    kind = kind if kind in KINDS else ""
    sender = request.GET.get("sender")
    lines = addresses_in_reports(domain, span.first_day, span.last_day, kind, sender)
    wanted = wanted_format(request)
    if wanted:
        return download(wanted, f"dmarc-sources-{domain.name}", COLUMNS, map(_cells, lines))
    return domain_page(
        request,
        "domains/report_sources.html",
        domain,
        "domain-reports",
        page=Paginator(lines, ADDRESSES).get_page(request.GET.get("page")),
        span=span,
        kind=kind,
        sender=sender,
        filters=urlencode({key: value for key, value in (("kind", kind), ("sender", sender)) if value}),
    )


def _cells(line: AddressLine) -> tuple[object, ...]:
    days = (line.first_day.isoformat(), line.last_day.isoformat())
    counts = tuple(int(count) for count in (line.messages, line.passed, line.spf, line.dkim, line.held))
    return (line.address, line.kind, line.sender, *counts, *days)


def source(request: HttpRequest, name: str, address: str) -> HttpResponse:
    """Show one address: who it is thought to be and why, what to mend, what it sent."""
    domain = get_domain_for(act_of_request(request), name)
    try:
        address = str(ip_address(address))
    except ValueError as error:
        raise NotFound(_("There is no such source.")) from error
    span = span_of(request, 90)
    streams = streams_of(domain, address, span.first_day, span.last_day)
    if not streams:
        raise NotFound(_("There is no such source."))
    volume = counted(days_of_source(domain, address, span.first_day, span.last_day), span.first_day, span.last_day)
    records = f"{url('report-records', domain.name)}?{urlencode({'source': address})}"
    return domain_page(
        request,
        "domains/report_source.html",
        domain,
        "domain-reports",
        address=address,
        streams=streams,
        total=volume.total,
        reverse=AddressName.objects.filter(address=address).first(),
        records=records,
        span=span,
        spans=SPANS,
        **charts_of(volume, records),
    )
