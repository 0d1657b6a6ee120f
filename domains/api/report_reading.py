"""Reading the reports: all domains, a domain's days, its reports, single records, TLS failures."""

import json
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from domains.api.act import act_of
from domains.api.answers import Day, Instant, moment, shown, words
from domains.api.paging import Listing, PageQuery, paginate, paginate_list
from domains.errors import Refused
from domains.models import DmarcReport
from domains.reports.span import day_before
from domains.services import stored_reports
from domains.services.provision import get_domain_for
from domains.services.report_overview import DomainReports, overview_of
from domains.services.report_records import DISPOSITIONS, Record, RecordQuery, records_page
from domains.services.report_volume import Tally, volume_of
from domains.services.tls_figures import TlsTrouble, tls_troubles

router = Router(tags=["reports"])
DEFAULT_DAYS, MOST_DAYS = 30, 3660

First = Annotated[date | None, Query(alias="from", description="The first day, in UTC; 30 days back by default.")]
Last = Annotated[date | None, Query(alias="to", description="The last day, in UTC; today by default.")]


class ReportedDay(Schema):
    """What was reported of one day."""

    model_config = shown(
        day="2026-11-24",
        messages=512,
        dmarc_pass=490,
        spf_aligned=470,
        dkim_aligned=488,
        kinds={"own": 480, "impostor": 22},
        dispositions={"none": 500, "reject": 12},
        unauthenticated=0,
    )
    day: Day = Field(description="The day, in UTC.")
    messages: int = Field(description="How many messages.")
    dmarc_pass: int = Field(description="How many passed DMARC.")
    spf_aligned: int = Field(description="How many passed by SPF.")
    dkim_aligned: int = Field(description="How many passed by DKIM.")
    kinds: dict[str, int] = Field(description="How many by class of who sent them.")
    dispositions: dict[str, int] = Field(description="How many met which disposition.")
    unauthenticated: int = Field(description="How many stand in reports that nobody authenticated.")


class ReportedDomain(Schema):
    """A domain by its reports of the last 30 days."""

    model_config = shown(
        name="acme.example", messages=5120, dmarc_pass=5002, kinds={"own": 5000, "impostor": 120}, latest="2026-11-24"
    )
    name: str = Field(description="The domain.")
    messages: int = Field(description="How many messages were reported.")
    dmarc_pass: int = Field(description="How many passed DMARC.")
    kinds: dict[str, int] = Field(description="How many by class of who sent them.")
    latest: Day | None = Field(description="The day of its latest report; null without one.")


class StoredReport(Schema):
    """A stored aggregate report."""

    model_config = shown(
        id=12,
        org_name="receiver.example",
        report_id="2026-11-23-acme",
        begin="2026-11-23T00:00:00Z",
        end="2026-11-23T23:59:59Z",
        day="2026-11-23",
        records=3,
        messages=1204,
        standing="counted",
        submitter="receiver.example",
        authenticated=True,
        road="mail",
        policy={"domain": "acme.example", "p": "none"},
        received_at="2026-11-24T03:12:00Z",
    )
    id: int = Field(description="What its records are found by.")
    org_name: str = Field(description="Who reports.")
    report_id: str = Field(description="The reporter's name of the report.")
    begin: Instant = Field(description="When its period begins.")
    end: Instant = Field(description="When its period ends.")
    day: Day = Field(description="The day on which it counts, in UTC.")
    records: int = Field(description="How many rows it holds.")
    messages: int = Field(description="How many messages they tell of.")
    standing: Annotated[str, words("counted", "replaced", "disputed")] = Field(description="Whether it counts.")
    submitter: str = Field(description="The domain that mailed it; empty when it came otherwise.")
    authenticated: bool = Field(description="Whether that domain passed DMARC.")
    road: str = Field(description="How it came.")
    policy: dict[str, Any] = Field(description="The policy that the receiver saw.")
    received_at: Instant = Field(description="When it came.")


class StoredRecord(Schema):
    """One row of a report."""

    model_config = shown(
        day="2026-11-23",
        source_ip="192.0.2.25",
        kind="own",
        name="mail.acme.example",
        messages=12,
        disposition="none",
        spf_aligned=True,
        dkim_aligned=True,
        header_from="acme.example",
        envelope_from="acme.example",
        report=12,
        reporter="receiver.example",
        dkim=[{"domain": "acme.example", "selector": "s1", "result": "pass", "human_result": ""}],
        spf=[{"domain": "acme.example", "scope": "mfrom", "result": "pass", "human_result": ""}],
        reasons=[],
    )
    day: Day = Field(description="The day, in UTC.")
    source_ip: str = Field(description="The sending address.")
    kind: str = Field(description="Its class; empty when it is not judged yet.")
    name: str = Field(description="Who stands behind it; empty while nothing names it.")
    messages: int = Field(description="How many messages.")
    disposition: Annotated[str, words(*DISPOSITIONS)] = Field(description="What was done with them.")
    spf_aligned: bool = Field(description="Whether they passed by SPF.")
    dkim_aligned: bool = Field(description="Whether they passed by DKIM.")
    header_from: str = Field(description="The domain in From.")
    envelope_from: str = Field(description="The domain of the envelope; may be empty.")
    report: int = Field(description="The report that tells of them.")
    reporter: str = Field(description="Who reports.")
    dkim: list[dict[str, str]] = Field(description="The results of the signatures.")
    spf: list[dict[str, str]] = Field(description="The results of SPF.")
    reasons: list[dict[str, str]] = Field(description="Why the disposition is not what the policy says.")


class TlsFailure(Schema):
    """Sessions that failed alike (RFC 8460 section 4.3)."""

    model_config = shown(
        result="certificate-expired",
        mx="mail.acme.example",
        policy="sts",
        reason="",
        sessions=4,
        reporters=1,
        last_day="2026-11-20",
    )
    result: str = Field(description="What failed.")
    mx: str = Field(description="The server that was called.")
    policy: str = Field(description="Under which policy: `sts`, `tlsa`, `no-policy-found`.")
    reason: str = Field(description="More, in the reporter's words.")
    sessions: int = Field(description="How many sessions.")
    reporters: int = Field(description="How many reporters.")
    last_day: Day = Field(description="The last day, in UTC.")


def _span(first: date | None, last: date | None) -> tuple[date, date]:
    last = last or datetime.now(UTC).date()
    first = first or day_before(last, DEFAULT_DAYS - 1)
    if not 0 <= (last - first).days < MOST_DAYS:
        text = _("The first day lies after the last, or more than %(most)d days before it.")
        raise Refused({"from": text % {"most": MOST_DAYS}})
    return first, last


def _day(pair: tuple[date, Tally]) -> ReportedDay:
    day, one = pair
    return ReportedDay(
        day=day.isoformat(),
        messages=one.messages,
        dmarc_pass=one.passed,
        spf_aligned=one.spf,
        dkim_aligned=one.dkim,
        kinds=dict(one.told_kinds),
        dispositions=dict(one.told_dispositions),
        unauthenticated=one.unbelieved,
    )


def _domain(one: DomainReports) -> ReportedDomain:
    total = one.volume.total
    return ReportedDomain(
        name=one.domain.name,
        messages=total.messages,
        dmarc_pass=total.passed,
        kinds=dict(total.told_kinds),
        latest=one.latest.isoformat() if one.latest else None,
    )


def _report(row: DmarcReport) -> StoredReport:
    return StoredReport(
        id=row.pk,
        org_name=row.org_name,
        report_id=row.report_id,
        begin=moment(row.begin_at),
        end=moment(row.end_at),
        day=row.day.isoformat(),
        records=row.records_count,
        messages=row.messages_count,
        standing=row.standing,
        submitter=row.submitter,
        authenticated=row.authenticated,
        road=row.road,
        policy=row.policy,
        received_at=moment(row.received_at),
    )


def _record(row: Record) -> StoredRecord:
    return StoredRecord(
        day=row.day.isoformat(),
        source_ip=row.source_ip,
        kind=row.kind or "",
        name=row.sender or "",
        messages=row.messages,
        disposition=row.disposition,
        spf_aligned=row.spf_aligned,
        dkim_aligned=row.dkim_aligned,
        header_from=row.header_from or "",
        envelope_from=row.envelope_from or "",
        report=row.report,
        reporter=row.reporter,
        dkim=json.loads(row.dkim or "[]"),
        spf=json.loads(row.spf or "[]"),
        reasons=json.loads(row.reasons or "[]"),
    )


def _trouble(row: TlsTrouble) -> TlsFailure:
    return TlsFailure(
        result=row.result,
        mx=row.mx,
        policy=row.policy,
        reason=row.reason,
        sessions=row.sessions,
        reporters=row.reporters,
        last_day=row.last_day.isoformat(),
    )


@router.get("/dmarc/overview", response=Listing[ReportedDomain], summary="Compare domains by their reports")
def list_reported_domains(request: HttpRequest, page: PageQuery) -> Listing[ReportedDomain]:
    """List the domains in reach by their last 30 days, what can be mended first."""
    return paginate_list(overview_of(act_of(request), datetime.now(UTC).date()), page, _domain)


@router.get("/domains/{name}/dmarc/volume", response=Listing[ReportedDay], summary="Count messages by day")
def list_reported_days(
    request: HttpRequest, name: str, page: PageQuery, first_day: First = None, last_day: Last = None
) -> Listing[ReportedDay]:
    """List the days from ``from`` to ``to``, empty ones too."""
    volume = volume_of(get_domain_for(act_of(request), name), *_span(first_day, last_day))
    return paginate_list(list(volume.days.items()), page, _day)


@router.get("/domains/{name}/dmarc/reports", response=Listing[StoredReport], summary="List stored reports")
def list_stored_reports(request: HttpRequest, name: str, page: PageQuery) -> Listing[StoredReport]:
    """List the reports that count, the latest first."""
    rows = stored_reports.reports_of(get_domain_for(act_of(request), name))
    return paginate(rows.order_by("-id"), page, ["id"], _report, descending=True)


@router.get("/domains/{name}/dmarc/records", response=Listing[StoredRecord], summary="List single records")
def list_stored_records(
    request: HttpRequest,
    name: str,
    page: PageQuery,
    first_day: First = None,
    last_day: Last = None,
    source: Annotated[str | None, Query(description="Only from this address.")] = None,
    kind: Annotated[
        Literal["own", "service-aligned", "service-misaligned", "forwarder", "unknown", "impostor"] | None,
        Query(description="Only of this class."),
    ] = None,
    disposition: Annotated[
        Literal["none", "pass", "quarantine", "reject", "unknown"] | None, Query(description="Only what met this.")
    ] = None,
    spf: Annotated[bool | None, Query(description="Only with SPF aligned, or not.")] = None,
    dkim: Annotated[bool | None, Query(description="Only with DKIM aligned, or not.")] = None,
    reporter: Annotated[str | None, Query(description="Only reported by this organization.")] = None,
    report: Annotated[int | None, Query(ge=0, lt=2**63, description="Only of this report.")] = None,
    passed: Annotated[bool | None, Query(description="Only what passed DMARC, or failed.")] = None,
    held: Annotated[bool | None, Query(description="Only what was put into junk or refused, or was not.")] = None,
) -> Listing[StoredRecord]:
    """List the rows of the reports that count, the newest day first."""
    domain = get_domain_for(act_of(request), name)
    days = _span(first_day, last_day)
    query = RecordQuery(*days, source, kind, None, disposition, spf, dkim, reporter, report, passed, held)
    rows, following = records_page(domain, query, page.limit, page.cursor or "")
    return Listing(items=[_record(row) for row in rows], next=following or None)


@router.get("/domains/{name}/tls/failures", response=Listing[TlsFailure], summary="List failed TLS sessions")
def list_tls_failures(
    request: HttpRequest, name: str, page: PageQuery, first_day: First = None, last_day: Last = None
) -> Listing[TlsFailure]:
    """List sessions that failed, by server and reason, most sessions first."""
    rows = tls_troubles(get_domain_for(act_of(request), name), *_span(first_day, last_day))
    return paginate_list(rows, page, _trouble)
