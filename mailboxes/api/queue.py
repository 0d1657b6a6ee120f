"""``/queue``: what waits to be sent."""

from typing import Annotated

from django.db import transaction
from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from domains.api.act import act_of
from domains.api.answers import Instant, moment, shown, words
from domains.api.paging import Listing, PageQuery, paginate
from mailboxes.models import QueueEntry as QueueRow
from mailboxes.models import QueueState
from mailboxes.outbound import review
from mailboxes.outbound.wake import wake_relay

router = Router(tags=["queue"])


class QueueEntry(Schema):
    """A message on its way to recipients with the same next hop."""

    model_config = shown(
        id="01kb0000000000000000000001",
        trace_id="01kb0000000000000000000000",
        mail_from="alice@acme.example",
        recipients=["zoe@remote.example"],
        next_hop="remote.example",
        state="waiting",
        attempts=1,
        next_attempt_at="2026-11-24T21:27:00Z",
        last_reply="451 4.7.1 Try again later",
    )
    id: str = Field(description="What the entry is read, retried and deleted by.")
    trace_id: str = Field(description="The message's trace: `/messages/{id}`.")
    mail_from: str = Field(description="The envelope sender; empty for the null sender.")
    recipients: list[str] = Field(description="Who is still to get it.")
    next_hop: str = Field(description="The recipients' domain, or `local`.")
    state: Annotated[str, words(*QueueState.values)] = Field(description="Where the entry stands.")
    attempts: int = Field(description="How often it was tried.")
    next_attempt_at: Instant = Field(description="When it is tried next.")
    last_reply: str = Field(description="What the other server said last; empty before the first attempt.")


def show_entry(entry: QueueRow) -> QueueEntry:
    """Return one queue entry."""
    return QueueEntry(
        id=entry.pk,
        trace_id=entry.trace_id,
        mail_from=entry.mail_from,
        recipients=entry.recipients,
        next_hop=entry.next_hop,
        state=entry.state,
        attempts=entry.attempts,
        next_attempt_at=moment(entry.next_attempt_at),
        last_reply=entry.last_reply,
    )


@router.get("/queue", response=Listing[QueueEntry], summary="List the queue")
def list_queue(request: HttpRequest, page: PageQuery) -> Listing[QueueEntry]:
    """List queue entries, oldest first."""
    return paginate(review.queue_for(act_of(request)), page, ["pk"], show_entry)


@router.get("/queue/{id}", response=QueueEntry, summary="Read a queue entry")
def read_entry(request: HttpRequest, id: str) -> QueueEntry:
    """Return one queue entry."""
    return show_entry(review.get_entry_for(act_of(request), id))


@router.delete("/queue/{id}", response={204: None}, summary="Delete a queue entry")
def delete_entry(request: HttpRequest, id: str) -> Status[None]:
    """Delete an entry: its recipients will not get the message."""
    review.delete_entry(act_of(request), id)
    return Status(204, None)


@router.post("/queue/{id}/retry", response={202: QueueEntry}, summary="Try now")
def retry_entry(request: HttpRequest, id: str) -> Status[QueueEntry]:
    """Make an entry due now."""
    entry = review.retry_entry(act_of(request), id)
    transaction.on_commit(wake_relay)
    return Status(202, show_entry(entry))
