"""``/dmarc/reports`` takes in report files; ``/domains/{name}/dmarc/sources`` says who sends in a domain's name."""

from datetime import UTC, date, datetime
from typing import Annotated

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Status
from ninja.errors import HttpError

from domains.api.act import act_of
from domains.api.paging import Listing, PageQuery, paginate_list
from domains.api.report_answers import Report, Source, show_report, show_source
from domains.dmarc.archive import MAXIMUM_OCTETS
from domains.errors import Refused
from domains.reports.span import day_before
from domains.services import provision, reports
from domains.services.report_sources import sources_of

router = Router(tags=["reports"])

DEFAULT_DAYS = 30


@router.post(
    "/dmarc/reports",
    response={200: Report, 201: Report},
    summary="Take in a report file",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
def take_in_report(request: HttpRequest) -> Status[Report]:
    """Store an aggregate report (XML, gzip or zip as the body): 201, or 200 when it is known already."""
    if len(request.body) > MAXIMUM_OCTETS:
        raise HttpError(413, _("The file is larger than 20 MB."))
    report, created = reports.take_in(request.body, "", "api", act=act_of(request))
    return Status(201 if created else 200, show_report(report))


@router.get(
    "/domains/{name}/dmarc/sources",
    response=Listing[Source],
    by_alias=True,
    summary="Who sends in this domain's name",
)
def list_sources(
    request: HttpRequest,
    name: str,
    page: PageQuery,
    first_day: Annotated[
        date | None, Query(alias="from", description="The first day, in UTC; 30 days back by default.")
    ] = None,
    last_day: Annotated[date | None, Query(alias="to", description="The last day, in UTC; today by default.")] = None,
) -> Listing[Source]:
    """List the sources from ``from`` to ``to`` (days in UTC; the last 30 days), most messages first."""
    domain = provision.get_domain_for(act_of(request), name)
    last = last_day or datetime.now(UTC).date()
    first = first_day or day_before(last, DEFAULT_DAYS - 1)
    if first > last:
        raise Refused({"from": _("The first day lies after the last.")})
    return paginate_list(sources_of(domain, first, last), page, show_source)
