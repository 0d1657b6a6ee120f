"""``/dmarc/reports`` takes in report files; ``/domains/{name}/dmarc/sources`` says who sends in a domain's name."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Status
from ninja.errors import HttpError

from domains.api.act import act_of
from domains.api.paging import PageQuery, paginate_list
from domains.api.shown import show_report
from domains.dmarc.archive import MAXIMUM_OCTETS
from domains.errors import Refused
from domains.services import provision, reports
from domains.services.reports import Source

router = Router(tags=["reports"])

DEFAULT_DAYS = 30


def show_source(source: Source) -> dict[str, Any]:
    """Return one source; ``class`` in place of Python's spelling, days as ISO 8601."""
    fields = asdict(source)
    fields["class"] = fields.pop("class_")
    fields["first_day"] = source.first_day.isoformat()
    fields["last_day"] = source.last_day.isoformat()
    return fields


@router.post(
    "/dmarc/reports",
    response={200: dict[str, Any], 201: dict[str, Any]},
    summary="Take in a report file",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
def take_in_report(request: HttpRequest) -> Status[dict[str, Any]]:
    """Store an aggregate report (XML, gzip or zip as the body): 201, or 200 when it is known already."""
    if len(request.body) > MAXIMUM_OCTETS:
        raise HttpError(413, _("The file is larger than 20 MB."))
    report, created = reports.take_in(request.body, "", "api", act=act_of(request))
    return Status(201 if created else 200, show_report(report))


@router.get("/domains/{name}/dmarc/sources", summary="Who sends in this domain's name")
def list_sources(
    request: HttpRequest,
    name: str,
    page: PageQuery,
    first_day: Annotated[date | None, Query(alias="from")] = None,
    last_day: Annotated[date | None, Query(alias="to")] = None,
) -> dict[str, Any]:
    """List the sources from ``from`` to ``to`` (days in UTC; the last 30 days), most messages first."""
    domain = provision.get_domain_for(act_of(request), name)
    last = last_day or datetime.now(UTC).date()
    first = first_day or max(date.min + timedelta(days=DEFAULT_DAYS), last) - timedelta(days=DEFAULT_DAYS - 1)
    if first > last:
        raise Refused({"from": _("The first day lies after the last.")})
    return paginate_list(reports.sources_of(domain, first, last), page, show_source)
