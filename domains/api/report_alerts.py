"""``/domains/{name}/dmarc/alerts``: what the reports show that needs somebody."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import Instant, moment, shown, words
from domains.api.paging import Listing, PageQuery, paginate_list
from domains.models import ReportAlert as Row
from domains.reports.alerts import CODES
from domains.services import report_alerts
from domains.services.provision import get_domain_for

router = Router(tags=["reports"])


class ReportAlert(Schema):
    """Something that the reports show, told once while it lasts."""

    model_config = shown(
        id=7,
        code="impostor-wave",
        key="",
        sentence="Impostors sent 900 messages a day in this domain's name, where 60 were usual.",
        figures={"daily": 900, "usual": 60},
        opened_at="2026-11-25T09:00:00Z",
        last_at="2026-11-25T10:00:00Z",
        closed_at=None,
        muted_by="",
        note="",
    )
    id: int = Field(description="What it is muted by.")
    code: Annotated[str, words(*CODES)] = Field(description="What it is, in one word.")
    key: str = Field(description="What it is about: an address, a selector; empty for the domain.")
    sentence: str = Field(description="What it says.")
    figures: dict[str, Any] = Field(description="Its figures as last seen.")
    opened_at: Instant = Field(description="Since when it holds.")
    last_at: Instant = Field(description="When it was last seen to hold.")
    closed_at: Instant | None = Field(description="When it was over; null while it holds.")
    muted_by: str = Field(description="Who is quiet about it; empty when nobody is.")
    note: str = Field(description="Why.")


class Mute(Schema):
    """Why to be quiet about an alert."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "A test of ours"}]})
    note: str = Field(default="", description="One line for people.")


def show_alert(row: Row) -> ReportAlert:
    """Return one alert."""
    return ReportAlert(
        id=row.pk,
        code=row.code,
        key=row.key,
        sentence=report_alerts.sentence_of(row),
        figures=row.figures,
        opened_at=moment(row.opened_at),
        last_at=moment(row.last_at),
        closed_at=moment(row.closed_at) if row.closed_at else None,
        muted_by=row.muted_by,
        note=row.note,
    )


@router.get("/domains/{name}/dmarc/alerts", response=Listing[ReportAlert], summary="List alerts from reports")
def list_report_alerts(request: HttpRequest, name: str, page: PageQuery) -> Listing[ReportAlert]:
    """List open alerts first, then past ones, the latest first."""
    domain = get_domain_for(act_of(request), name)
    return paginate_list(list(report_alerts.alerts_of_domain(domain)[:1000]), page, show_alert)


@router.post("/domains/{name}/dmarc/alerts/{int:alert}/mute", response=ReportAlert, summary="Be quiet about an alert")
def mute_report_alert(request: HttpRequest, name: str, alert: int, body: Mute) -> ReportAlert:
    """Keep an open alert, but quiet, until it ends."""
    return show_alert(report_alerts.mute_alert(act_of(request), name, alert, body.note))
