"""``/messages``: the trace of every message, accepted or refused."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import AfterValidator, Field

from domains.api.act import act_of
from domains.api.message_answers import ExplainedMessage, Message, show_explained, show_message
from domains.api.paging import Listing, PageQuery, paginate_found
from domains.services.traces import events_of, find_traces, get_trace_for
from domains.trace_search import TraceQuery, network_of
from domains.trace_terms import reply_words

router = Router(tags=["messages"])

TEXT_LIMIT = 1000


def _network(text: str) -> str:
    """Return the network in its usual spelling; ValueError when it is none."""
    network = network_of(text) if text else ""
    if text and not network:
        raise ValueError("an IP address or a network such as 192.0.2.0/24 is expected")
    return network


def _in_utc(moment: datetime) -> datetime:
    """Return a moment that names no zone, such as a day alone, in UTC."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]


class Search(Schema):
    """Which messages are asked for: all given parts must hold."""

    message_id: str = Field(
        default="", max_length=TEXT_LIMIT, description="The Message-ID, with or without angle brackets."
    )
    address: str = Field(
        default="",
        max_length=TEXT_LIMIT,
        description="A sender, a recipient, a client's address or a domain; names in A-labels or U-labels. "
        "Several, separated by spaces, must all have to do with the message.",
    )
    since: Moment | None = Field(
        default=None, description="Only what arrived at this time or later; a day alone begins at midnight UTC."
    )
    until: Moment | None = Field(default=None, description="Only what arrived before this time.")
    outcome: Literal["", "delivered", "queued", "sent", "refused", "deferred", "bounced", "dropped", "failed"] = (
        Field(default="", description="Only what ended so, or stands so now.")
    )
    direction: Literal["", "in", "out", "local"] = Field(default="", description="From outside, from our users.")
    ip: Annotated[str, AfterValidator(_network)] = Field(
        default="", max_length=100, description="The client's address, or its network in CIDR notation."
    )
    reply: str = Field(
        default="",
        max_length=TEXT_LIMIT,
        description="Words of a reply, ours or the other server's, in any order: `550 5.7.1`, `greylisted`.",
    )


def _query_of(search: Search) -> TraceQuery:
    return TraceQuery(
        message_id=search.message_id,
        address=search.address,
        since=search.since,
        until=search.until,
        networks=(search.ip,) if search.ip else (),
        replies=tuple(reply_words(search.reply)),
        outcomes=(search.outcome,) if search.outcome else (),
        direction=search.direction,
    )


@router.get("/messages", response=Listing[Message], summary="Find messages")
def find_messages(request: HttpRequest, search: Annotated[Search, Query()], page: PageQuery) -> Listing[Message]:
    """List traces, newest first: by Message-ID, by who or what they concern, by reply, outcome and time."""
    act, query = act_of(request), _query_of(search)
    return paginate_found(lambda limit, before: find_traces(act, query, limit, before), page, show_message)


@router.get("/messages/{id}", response=ExplainedMessage, summary="Explain one message")
def read_message(request: HttpRequest, id: str) -> ExplainedMessage:
    """Return the trace with every stage in order and the DNS answers that it used."""
    trace = get_trace_for(act_of(request), id)
    return show_explained(trace, events_of(trace))
