"""``/domains/{name}/records/history``: since when a record is right, who changed what here, what changed outside."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from domains.api.act import act_of
from domains.api.answers import PURPOSES, Instant, shown, words
from domains.api.paging import Listing, PageQuery, paginate
from domains.models import HistoryKind, RecordHistory, RecordStatus
from domains.services.history import history_for
from domains.times import instant

router = Router(tags=["domains"])


class RecordEvent(Schema):
    """One entry of a record's history; the newest one of a record is its present state."""

    model_config = shown(
        at="2026-11-24T21:22:00Z",
        until="2026-11-24T21:22:00Z",
        times=1,
        name="_dmarc.acme.example",
        type="TXT",
        purpose="dmarc",
        kind="seen",
        here=False,
        actor="",
        status_before="right",
        status="wrong",
        lacking=4,
        asked=4,
        before=["v=DMARC1; p=none; rua=mailto:dmarc-reports@acme.example"],
        after=["v=DMARC1; p=reject"],
    )
    at: Instant = Field(description="When it was seen or done.")
    until: Instant = Field(description="The last of the changes that were drawn together.")
    times: int = Field(description="How many changes within a short while were drawn together.")
    name: str = Field(description="The full name in A-labels without the final dot.")
    type: str = Field(description="The record's type.")
    purpose: Annotated[str, words(*PURPOSES)] = Field(description="What the record is for.")
    kind: Annotated[str, words(*HistoryKind.values)] = Field(
        description="seen: the DNS changed; wanted: what should be there changed here; applied: published from here."
    )
    here: bool = Field(description="True when what was seen follows from what was published from here.")
    actor: str = Field(description="Who acted here; empty for others and for the settings.")
    status_before: Annotated[str, words("", *RecordStatus.values)] = Field(
        description="The status before; empty for the first look."
    )
    status: Annotated[str, words(*RecordStatus.values)] = Field(description="The status from then on.")
    lacking: int = Field(description="How many of the servers asked had not the right text.")
    asked: int = Field(description="How many servers were asked; 0 where none was.")
    before: list[str] = Field(description="The texts before: seen, wanted, or taken out.")
    after: list[str] = Field(description="The texts after: seen, wanted, or put in.")


def _event(row: RecordHistory) -> RecordEvent:
    return RecordEvent(
        at=instant(row.at) or "",
        until=instant(row.until) or "",
        times=row.times,
        name=row.name,
        type=row.type,
        purpose=row.purpose,
        kind=row.kind,
        here=row.here,
        actor=row.actor_name,
        status_before=row.status_before,
        status=row.status,
        lacking=row.lacking,
        asked=row.asked,
        before=row.before,
        after=row.after,
    )


@router.get("/domains/{name}/records/history", response=Listing[RecordEvent], summary="What became of the records")
def list_record_history(
    request: HttpRequest,
    name: str,
    page: PageQuery,
    record: Annotated[str, Query(description="Only the records at this full name.")] = "",
    type: Annotated[str, Query(description="Only the records of this type.")] = "",
) -> Listing[RecordEvent]:
    """List the changes of a domain's records, newest first, kept for two years."""
    return paginate(history_for(act_of(request), name, record, type), page, ["pk"], _event, descending=True)
