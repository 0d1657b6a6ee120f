"""``/tls/reports`` takes in TLS report files; ``/domains/{name}/tls/reports`` lists what came."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from ninja.errors import HttpError
from pydantic import Field

from domains.api.act import act_of
from domains.api.answers import Instant, shown
from domains.api.paging import Listing, PageQuery, paginate
from domains.models import TlsReport
from domains.services import tls_reports
from domains.services.provision import get_domain_for
from domains.times import instant
from domains.tls.report import MAXIMUM_OCTETS

router = Router(tags=["reports"])


class TlsFailure(Schema):
    """Sessions that failed for one reason."""

    model_config = shown(
        policy="sts", result="certificate-expired", mx="mail.acme.example", ip="192.0.2.1", sessions=3, reason=""
    )
    policy: str = Field(description="sts, tlsa or no-policy-found.")
    result: str = Field(description="A word of RFC 8460 section 4.3.")
    mx: str = Field(description="The mail server that was called.")
    ip: str = Field(description="Who called it.")
    sessions: int = Field(description="How many sessions failed.")
    reason: str = Field(description="The reporter's own words.")


class TlsReportRow(Schema):
    """A TLS report on one domain."""

    model_config = shown(
        org_name="Reporter", report_id="2026-11-24", domain="acme.example", begin_at="2026-11-23T00:00:00Z",
        end_at="2026-11-24T00:00:00Z", succeeded=120, failed=0, failures=[], authenticated=True,
    )  # fmt: skip
    org_name: str = Field(description="Who reports.")
    report_id: str = Field(description="The reporter's own number.")
    domain: str = Field(description="The domain that it is about.")
    begin_at: Instant = Field(description="When its period begins.")
    end_at: Instant = Field(description="When its period ends.")
    succeeded: int = Field(description="Sessions that were verified, DANE apart.")
    failed: int = Field(description="Sessions that were not, DANE apart.")
    failures: list[TlsFailure] = Field(description="What failed, most sessions first.")
    authenticated: bool = Field(description="Whether the domain that mailed it passed DMARC.")


def _row(row: TlsReport) -> TlsReportRow:
    failures: list[dict[str, Any]] = row.failures
    return TlsReportRow(
        org_name=row.org_name,
        report_id=row.report_id,
        domain=row.domain.name,
        begin_at=instant(row.begin_at) or "",
        end_at=instant(row.end_at) or "",
        succeeded=row.succeeded,
        failed=row.failed,
        failures=[TlsFailure(**one) for one in failures],
        authenticated=row.authenticated,
    )


@router.post(
    "/tls/reports",
    response={200: Listing[TlsReportRow], 201: Listing[TlsReportRow]},
    summary="Take in a TLS report file",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
def take_in_tls_report(request: HttpRequest) -> Status[Listing[TlsReportRow]]:
    """Store a TLS report (JSON or gzip as the body), one row for each domain of ours: 201, or 200 when known."""
    if len(request.body) > MAXIMUM_OCTETS:
        raise HttpError(413, _("The file is larger than 5 MB."))
    rows, created = tls_reports.take_in(request.body, "", act=act_of(request))
    return Status(201 if created else 200, Listing(items=[_row(row) for row in rows], next=None))


@router.get("/domains/{name}/tls/reports", response=Listing[TlsReportRow], summary="TLS reports of a domain")
def list_tls_reports(request: HttpRequest, name: str, page: PageQuery) -> Listing[TlsReportRow]:
    """List the TLS reports on a domain, the latest period first."""
    domain = get_domain_for(act_of(request), name)
    rows = tls_reports.tls_reports_of(domain).select_related("domain")
    return paginate(rows, page, ["end_at", "id"], _row, descending=True)
