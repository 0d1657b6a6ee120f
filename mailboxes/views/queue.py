"""The outbound queue, grouped by destination: the remote's own words, when it is tried next, retry, delete."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from domains.forms import ConfirmForm
from domains.views.web import act_of_request, answered, bound, confirm, done, page_of, typed, url
from mailboxes.models import QueueEntry, QueueState
from mailboxes.outbound import review
from mailboxes.outbound.wake import wake_relay

PAGE_ROWS = 100


@dataclass(frozen=True, slots=True)
class Group:
    """The entries of a page that go to one destination."""

    next_hop: str
    entries: list[QueueEntry]

    @property
    def reply(self) -> str:
        """What the remote said last, when it said the same of all; else nothing, and each entry tells its own."""
        replies = {entry.last_reply for entry in self.entries}
        return replies.pop() if len(replies) == 1 else ""

    @property
    def next_attempt_at(self) -> datetime | None:
        """When the first of them is tried next."""
        return min((row.next_attempt_at for row in self.entries if row.state == QueueState.WAITING), default=None)


def queue(request: HttpRequest) -> HttpResponse:
    """List what waits to be sent, by destination."""
    rows = review.queue_for(act_of_request(request))
    text = typed(request, "to", 253).lower()
    if text:
        rows = rows.filter(next_hop__icontains=text)
    page = page_of(request, rows.order_by("next_hop", "next_attempt_at", "pk"), PAGE_ROWS)
    groups = [Group(hop, list(entries)) for hop, entries in groupby(page, key=lambda entry: entry.next_hop)]
    dead = rows.filter(state=QueueState.DEAD).count()
    return render(request, "mailboxes/queue.html", {"page": page, "groups": groups, "text": text, "dead": dead})


@require_POST
def retry(request: HttpRequest, identifier: str) -> HttpResponse:
    """Make an entry due now; a second request changes nothing more."""
    with transaction.atomic():
        entry = review.retry_entry(act_of_request(request), identifier)
        transaction.on_commit(wake_relay)
    return done(request, _("The message to %(hop)s is tried now.") % {"hop": entry.next_hop}, "queue")


def delete(request: HttpRequest, identifier: str) -> HttpResponse:
    """Ask, then take a message out of the queue."""
    act = act_of_request(request)
    entry = review.get_entry_for(act, identifier)
    form = bound(request, ConfirmForm)

    def remove(data: dict[str, Any]) -> HttpResponse:
        review.delete_entry(act, entry.pk)
        return done(request, _("The message is deleted from the queue."), "queue")

    text = _("These recipients will not get it, and the sender is not told: %(recipients)s.")
    return answered(request, form, remove, again=url("queue")) or confirm(
        request,
        form,
        title=_("Delete the message from the queue?"),
        text=text % {"recipients": ", ".join(entry.recipients)},
        button=_("Delete the message"),
        back=url("queue"),
    )
