"""``/messages``: the trace of every message, accepted or refused."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from domains.api.act import act_of
from domains.api.paging import PageQuery, paginate
from domains.api.shown import show_event, show_trace
from domains.services.traces import TraceQuery, events_of, get_trace_for, search_traces

router = Router(tags=["messages"])


class Search(Schema):
    """Which messages are asked for."""

    message_id: str = ""
    address: str = ""
    since: datetime | None = None


@router.get("/messages", summary="Find messages")
def find_messages(request: HttpRequest, search: Annotated[Search, Query()], page: PageQuery) -> dict[str, Any]:
    """List traces, newest first: by Message-ID, by an address or domain concerned, since a time."""
    query = TraceQuery(search.message_id, search.address, search.since)
    return paginate(search_traces(act_of(request), query), page, ["pk"], show_trace, descending=True)


@router.get("/messages/{id}", summary="Explain one message")
def read_message(request: HttpRequest, id: str) -> dict[str, Any]:
    """Return the trace with every stage in order and the DNS answers that it used."""
    trace = get_trace_for(act_of(request), id)
    return show_trace(trace) | {"events": [show_event(event) for event in events_of(trace)]}
