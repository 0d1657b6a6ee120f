"""``/messages``: the trace of every message, accepted or refused."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from domains.api.act import act_of
from domains.api.answers import ExplainedMessage, Message, show_explained, show_message
from domains.api.paging import Listing, PageQuery, paginate
from domains.services.traces import TraceQuery, events_of, get_trace_for, search_traces

router = Router(tags=["messages"])


class Search(Schema):
    """Which messages are asked for."""

    message_id: str = Field(default="", description="The Message-ID, with or without angle brackets.")
    address: str = Field(
        default="",
        description="A sender, a recipient, a client's address or a domain; names in A-labels or U-labels.",
    )
    since: datetime | None = Field(default=None, description="Only what arrived at this time or later.")


@router.get("/messages", response=Listing[Message], summary="Find messages")
def find_messages(request: HttpRequest, search: Annotated[Search, Query()], page: PageQuery) -> Listing[Message]:
    """List traces, newest first: by Message-ID, by an address or domain concerned, since a time."""
    query = TraceQuery(search.message_id, search.address, search.since)
    return paginate(search_traces(act_of(request), query), page, ["pk"], show_message, descending=True)


@router.get("/messages/{id}", response=ExplainedMessage, summary="Explain one message")
def read_message(request: HttpRequest, id: str) -> ExplainedMessage:
    """Return the trace with every stage in order and the DNS answers that it used."""
    trace = get_trace_for(act_of(request), id)
    return show_explained(trace, events_of(trace))
