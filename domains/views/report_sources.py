"""The addresses behind the reports of a domain: of one sender or class, and one address with all its evidence."""

import re
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from domains.errors import NotFound
from domains.models import AddressName
from domains.networks import network_of, networks_known
from domains.reports.kinds import KINDS
from domains.reports.span import plain_address
from domains.services.provision import get_domain_for
from domains.services.report_origins import Located, located, only_from, origins_of
from domains.services.report_sources import MAXIMUM_ADDRESSES, addresses_in_reports, days_of_source, streams_of
from domains.services.report_volume import counted
from domains.views.frame import domain_page
from domains.views.report_export import download, wanted_format
from domains.views.report_span import SPANS, span_of
from domains.views.reports import charts_of
from domains.views.web import act_of_request, typed, url

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
    "as_number",
    "network_owner",
    "country",
)
_COUNTRY = re.compile(r"[A-Z]{2}")
_NUMBER = re.compile(r"[0-9]{1,10}")


def sources(request: HttpRequest, name: str) -> HttpResponseBase:
    """Show or download the addresses of these days: all, of a class, a sender, a country, a network."""
    domain = get_domain_for(act_of_request(request), name)
    span = span_of(request)
    kind = request.GET.get("kind", "")
    kind = kind if kind in KINDS else ""
    sender = typed(request, "sender") if "sender" in request.GET else None
    country = _asked(request, "country", _COUNTRY)
    network = _asked(request, "network", _NUMBER)
    found = located(addresses_in_reports(domain, span.first_day, span.last_day, kind, sender))
    lines = only_from(found, country, int(network or 0))
    wanted = wanted_format(request)
    if wanted:
        return download(wanted, f"dmarc-sources-{domain.name}", COLUMNS, map(_cells, lines))
    return domain_page(
        request,
        "domains/report_sources.html",
        domain,
        "domain-reports",
        page=Paginator(lines, ADDRESSES).get_page(request.GET.get("page")),
        total=sum(one.line.messages for one in lines),
        origins=origins_of(lines) if networks_known() else None,
        most=MAXIMUM_ADDRESSES if len(found) == MAXIMUM_ADDRESSES else 0,
        span=span,
        kind=kind,
        sender=sender,
        country=country,
        network=lines[0].network.label if network and lines else "",
        asked=_query(kind, sender),
        filters=_query(kind, sender, country, network),
    )


def _asked(request: HttpRequest, name: str, shape: re.Pattern[str]) -> str:
    """Return a value of the address, empty when it cannot be one."""
    value = request.GET.get(name, "")
    return value if shape.fullmatch(value) else ""


def _query(kind: str, sender: str | None, country: str = "", network: str = "") -> str:
    """Return what keeps these filters in a link; an empty sender asks for those without a name."""
    asked = {"kind": kind or None, "sender": sender, "country": country or None, "network": network or None}
    return urlencode({name: value for name, value in asked.items() if value is not None})


def _cells(one: Located) -> tuple[object, ...]:
    line, network = one.line, one.network
    days = (line.first_day.isoformat(), line.last_day.isoformat())
    counts = tuple(int(count) for count in (line.messages, line.passed, line.spf, line.dkim, line.held))
    return (
        *(line.address, line.kind, line.sender, *counts, *days),
        *(network.number or None, network.owner, network.country),
    )


def source(request: HttpRequest, name: str, address: str) -> HttpResponse:
    """Show one address: who it is thought to be and why, what to mend, what it sent."""
    domain = get_domain_for(act_of_request(request), name)
    try:
        address = plain_address(address)
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
        network=network_of(address),
        records=records,
        span=span,
        spans=SPANS,
        **charts_of(volume, records),
    )
