"""``/queue``: what waits to be sent."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest
from ninja import Router

from domains.api.act import act_of
from domains.api.paging import PageQuery, paginate
from domains.times import instant
from mailboxes.models import QueueEntry
from mailboxes.outbound import review
from mailboxes.outbound.wake import wake_relay

router = Router(tags=["queue"])


def show_entry(entry: QueueEntry) -> dict[str, Any]:
    """Return one queue entry."""
    return {
        "id": entry.pk,
        "trace_id": entry.trace_id,
        "mail_from": entry.mail_from,
        "recipients": entry.recipients,
        "next_hop": entry.next_hop,
        "state": entry.state,
        "attempts": entry.attempts,
        "next_attempt_at": instant(entry.next_attempt_at),
        "last_reply": entry.last_reply,
    }


@router.get("/queue", summary="List the queue")
def list_queue(request: HttpRequest, page: PageQuery) -> dict[str, Any]:
    """List queue entries, oldest first."""
    return paginate(review.queue_for(act_of(request)), page, ["pk"], show_entry)


@router.get("/queue/{id}", summary="Read a queue entry")
def read_entry(request: HttpRequest, id: str) -> dict[str, Any]:
    """Return one queue entry."""
    return show_entry(review.get_entry_for(act_of(request), id))


@router.delete("/queue/{id}", response={204: None}, summary="Delete a queue entry")
def delete_entry(request: HttpRequest, id: str) -> tuple[int, None]:
    """Delete an entry: its recipients will not get the message."""
    review.delete_entry(act_of(request), id)
    return 204, None


@router.post("/queue/{id}/retry", response={202: dict[str, Any]}, summary="Try now")
def retry_entry(request: HttpRequest, id: str) -> tuple[int, dict[str, Any]]:
    """Make an entry due now."""
    entry = review.retry_entry(act_of(request), id)
    transaction.on_commit(wake_relay)
    return 202, show_entry(entry)
