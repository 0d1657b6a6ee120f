"""``/report-files``: what came as reports; ``/dmarc/disputes``; failure reports; how long all of it is kept."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import Instant, moment, shown
from domains.api.paging import Listing, PageQuery, paginate
from domains.api.report_answers import Report, show_report
from domains.models import DmarcReport, FailureReport, ReportFile, ReportKeeping
from domains.services import failure_reports, report_comparison, report_disputes
from domains.services import report_files as service
from domains.services.provision import get_domain_for
from domains.times import instant

router = Router(tags=["reports"])

FileState = Literal["pending", "stored", "known", "disputed", "broken", "fenced"]
Road = Literal["mail", "upload", "api", "imap", "folder", "command"]


class ReportFileRow(Schema):
    """A file that came as a report."""

    model_config = shown(
        id=7, domain="acme.example", received_at="2026-11-25T08:00:00Z", road="mail", submitter="far.example",
        authenticated=True, name="dmarc-reports", octets=2048, state="broken", reason="The mail holds no report.",
        retry_may_help=False,
    )  # fmt: skip
    id: int = Field(description="Its number.")
    domain: str = Field(description="Whose address or page it came to; empty when it came for all.")
    received_at: Instant = Field(description="When it came.")
    road: Road = Field(description="How it came.")
    submitter: str = Field(description="The domain that mailed it; empty when nobody did.")
    authenticated: bool = Field(description="Whether that domain passed DMARC.")
    name: str = Field(description="Its name, or the report address that it came to.")
    octets: int = Field(description="How much of it is kept; 0 for nothing.")
    state: FileState = Field(description="What became of it; fenced: more than a day may have came that day.")
    reason: str = Field(description="Why it, or a part of it, was not taken.")
    retry_may_help: bool = Field(description="Whether an earlier version could not read it, and this one reads more.")


class Dispute(Schema):
    """A report that does not count, beside the one of its name that does."""

    id: int = Field(description="Its number.")
    disputed: Report = Field(description="The report that does not count.")
    submitter: str = Field(description="Who sent it; empty when nobody did.")
    authenticated: bool = Field(description="Whether that domain passed DMARC.")
    counted: Report | None = Field(description="The report of its name that counts.")
    differing: int = Field(description="In how many rows they differ, by source and result.")


class FailureRow(Schema):
    """A message that failed at a receiver, by its report."""

    model_config = shown(
        id=3, received_at="2026-11-25T08:00:00Z", arrived_at="2026-11-25T07:59:00Z", source_ip="192.0.2.77",
        reported_domain="acme.example", header_from="acme.example", mail_from="alice@acme.example", subject="Hello",
        failures=["dmarc"], incidents=1, submitter="far.example", authenticated=True, redacted=False,
        details={"delivery_result": "reject"},
    )  # fmt: skip
    id: int = Field(description="Its number.")
    received_at: Instant = Field(description="When the report came.")
    arrived_at: Instant | None = Field(description="When the message arrived, by the report.")
    source_ip: str = Field(description="Who sent the message; its network once redacted.")
    reported_domain: str = Field(description="The domain that the report is about.")
    header_from: str = Field(description="The domain of the message's From.")
    mail_from: str = Field(description="The envelope sender; without a foreign local part once redacted.")
    subject: str = Field(description="The message's subject; empty once redacted.")
    failures: list[str] = Field(description="What failed, in the words of RFC 6591.")
    incidents: int = Field(description="How many messages it stands for.")
    submitter: str = Field(description="Who reports.")
    authenticated: bool = Field(description="Whether that domain passed DMARC.")
    redacted: bool = Field(description="Whether persons were taken out.")
    details: dict[str, Any] = Field(description="What else the report says, by name.")


_KEEPING: dict[str, Any] = {"file_days": 90, "failure_days": 30, "redact_days": 7}
_KEEPING |= {"record_days": 3650, "sum_days": 3650}


class ReportsKept(Schema):
    """How long report files and failure reports are kept."""

    model_config = shown(**_KEEPING)
    file_days: int = Field(description="Days that report files are kept.")
    failure_days: int = Field(description="Days that failure reports are kept.")
    redact_days: int = Field(description="Days until persons are taken out of failure reports.")
    record_days: int = Field(description="Days that aggregate reports are kept with their records.")
    sum_days: int = Field(description="Days that what was added up of them is kept.")


class ReportsKeptWish(Schema):
    """How long report files and failure reports are to be kept."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_KEEPING]})
    file_days: int = Field(ge=1, le=failure_reports.MOST_DAYS, description="Days that report files are kept.")
    failure_days: int = Field(ge=1, le=failure_reports.MOST_DAYS, description="Days that failure reports are kept.")
    redact_days: int = Field(ge=0, le=failure_reports.MOST_DAYS, description="Days until persons are taken out.")
    record_days: int | None = Field(
        default=None, ge=1, le=failure_reports.MOST_DAYS, description="Days that aggregate reports are kept."
    )
    sum_days: int | None = Field(
        default=None, ge=1, le=failure_reports.MOST_DAYS, description="Days that their sums are kept."
    )


def _file(row: ReportFile) -> ReportFileRow:
    octets: int = row.octets  # type: ignore[attr-defined]
    return ReportFileRow(
        id=row.pk,
        domain=row.domain.name if row.domain else "",
        received_at=moment(row.received_at),
        road=row.road,  # type: ignore[arg-type]
        submitter=row.submitter,
        authenticated=row.authenticated,
        name=row.file_name,
        octets=octets,
        state=row.state,  # type: ignore[arg-type]
        reason=row.reason,
        retry_may_help=bool(octets) and service.may_help(row),
    )


def _failure(row: FailureReport) -> FailureRow:
    names = ("reported_domain", "header_from", "mail_from", "subject", "failures", "incidents", "submitter")
    return FailureRow(
        id=row.pk,
        received_at=moment(row.received_at),
        arrived_at=instant(row.arrived_at),
        source_ip=row.source_ip or "",
        authenticated=row.authenticated,
        redacted=row.redacted_at is not None,
        details=row.details,
        **{name: getattr(row, name) for name in names},
    )


@router.get("/report-files", response=Listing[ReportFileRow], summary="Files that came as reports")
def list_report_files(
    request: HttpRequest,
    page: PageQuery,
    domain: Annotated[str | None, Query(max_length=253, description="Of this domain alone.")] = None,
    state: Annotated[FileState | None, Query(description="In this state alone.")] = None,
) -> Listing[ReportFileRow]:
    """List the files in reach, newest first."""
    act = act_of(request)
    rows = service.files_for(act, get_domain_for(act, domain) if domain else None)
    return paginate(rows.filter(state=state) if state else rows, page, ["id"], _file, descending=True)


@router.get("/report-files/{id}", response=ReportFileRow, summary="One report file")
def get_report_file(request: HttpRequest, id: int) -> ReportFileRow:
    """Return what became of one file."""
    return _file(service.get_file_for(act_of(request), id))


@router.post("/report-files/{id}/retry", response=ReportFileRow, summary="Read a report file again")
def retry_report_file(request: HttpRequest, id: int) -> ReportFileRow:
    """Read a file that was not taken again, now; 422 when it was taken, or nothing of it is kept."""
    return _file(service.read_again(act_of(request), id))


@router.delete("/report-files/{id}", response={204: None}, summary="Remove a report file")
def delete_report_file(request: HttpRequest, id: int) -> Status[None]:
    """Remove a file; the reports read from it stay."""
    service.delete_file(act_of(request), id)
    return Status(204, None)


@router.get("/dmarc/disputes", response=Listing[Dispute], summary="Disputed reports")
def list_disputes(
    request: HttpRequest,
    page: PageQuery,
    domain: Annotated[str | None, Query(max_length=253, description="On this domain alone.")] = None,
) -> Listing[Dispute]:
    """List the reports that do not count because another of the same name does, newest first."""
    act = act_of(request)

    def show(row: DmarcReport) -> Dispute:
        found = report_comparison.compare(act, row.pk)
        return Dispute(
            id=row.pk,
            disputed=show_report(row),
            submitter=row.submitter,
            authenticated=row.authenticated,
            counted=show_report(found.counted) if found.counted else None,
            differing=found.differing,
        )

    rows = service.disputed_for(act, get_domain_for(act, domain) if domain else None)
    return paginate(rows, page, ["id"], show, descending=True)


@router.post("/dmarc/disputes/{id}/settle", response=Report, summary="Let a disputed report count")
def settle_disputed_report(request: HttpRequest, id: int) -> Report:
    """Count this report instead of the one of its name that counts now, which is kept."""
    act = act_of(request)
    disputed = report_comparison.compare(act, id).disputed
    return show_report(report_disputes.settle_dispute(act, disputed.domain.name, id))


@router.get("/domains/{name}/dmarc/failures", response=Listing[FailureRow], summary="Failure reports of a domain")
def list_failures(request: HttpRequest, name: str, page: PageQuery) -> Listing[FailureRow]:
    """List the messages that failed at receivers, by their reports, newest first."""
    domain = get_domain_for(act_of(request), name)
    return paginate(failure_reports.failures_of(domain), page, ["id"], _failure, descending=True)


def _kept(row: ReportKeeping) -> ReportsKept:
    names = ("file_days", "failure_days", "redact_days", "record_days", "sum_days")
    return ReportsKept(**{name: getattr(row, name) for name in names})


@router.get("/report-keeping", response=ReportsKept, summary="Read how long reports are kept")
def get_report_keeping(request: HttpRequest) -> ReportsKept:
    """Return how long report files and failure reports are kept; superadministrators only."""
    return _kept(failure_reports.keeping_for(act_of(request)))


@router.put("/report-keeping", response=ReportsKept, summary="Set how long reports are kept")
def set_report_keeping(request: HttpRequest, body: ReportsKeptWish) -> ReportsKept:
    """Set how long report files and failure reports are kept; superadministrators only."""
    return _kept(failure_reports.change_keeping(act_of(request), **body.dict(exclude_none=True)))
