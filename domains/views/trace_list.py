"""Where is this message: one search field that understands addresses, times, replies and outcomes, newest first."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from domains.services.trace_keeping import keeping
from domains.services.traces import find_traces
from domains.trace_search import OUTCOMES, TraceQuery, parse_search
from domains.views.web import PAGE_ROWS, Audience, act_of_request, audience, typed
from domains.views.words import word_of

TEXT_LIMIT = 1000
IDENTIFIER_LENGTH = 26


class Example(NamedTuple):
    """A search to learn from."""

    text: str
    about: str
    query: str


class Chip(NamedTuple):
    """A filter by outcome: where it leads, and whether it holds now."""

    word: str
    query: str
    chosen: bool


@audience(Audience.EVERYBODY)
def messages(request: HttpRequest) -> HttpResponse:
    """List messages, found by anything known of them; further pages go on after the last row."""
    text = typed(request, "q", TEXT_LIMIT)
    outcome = request.GET.get("outcome", "")
    outcome = outcome if outcome in OUTCOMES else ""
    before = typed(request, "before", IDENTIFIER_LENGTH)
    query = parse_search(text, timezone.localdate(), timezone.get_current_timezone())
    if outcome:
        query = replace(query, outcomes=(outcome,))
    act = act_of_request(request)
    found = find_traces(act, query, PAGE_ROWS + 1, before)
    shown = found[:PAGE_ROWS]
    values = {
        "rows": shown,
        "text": text,
        "outcome": outcome,
        "chips": _chips(text, outcome),
        "first": _address(text, outcome) if before else "",
        "older": _address(text, outcome, shown[-1].pk) if len(found) > PAGE_ROWS else "",
        "again": _address(text, outcome),
        "understood": _understood(query),
        "examples": _examples(),
        "days": keeping().head_days,
        "may_keep": act.is_superadmin,
        "as_message_id": _address(f"<{query.address}>", outcome) if not shown and "@" in query.address[1:] else "",
    }
    return render(request, "domains/messages.html", values)


def _chips(text: str, outcome: str) -> list[Chip]:
    return [Chip(word, _address(text, "" if word == outcome else word), word == outcome) for word in OUTCOMES]


def _understood(query: TraceQuery) -> list[tuple[str, str]]:
    """Return what each word was taken for."""
    parts = [
        (_("trace"), query.id),
        ("Message-ID", query.message_id),
        (_("with"), query.address),
        (_("from"), " ".join(query.senders)),
        (_("to"), " ".join(query.recipients)),
        (_("client"), " ".join(query.networks)),
        (_("reply with"), " ".join(query.replies)),
        (_("outcome"), ", ".join(map(word_of, query.outcomes))),
        (_("direction"), word_of(query.direction) if query.direction else ""),
        (_("since"), _moment(query.since)),
        (_("until"), _moment(query.until)),
    ]
    return [(label, value) for label, value in parts if value]


def _moment(value: datetime | None) -> str:
    return date_format(timezone.localtime(value), "Y-m-d H:i") if value else ""


def _examples() -> list[Example]:
    """Return searches that show what the field understands."""
    examples = [
        (_("alice@example.org yesterday"), _("what Alice sent or was sent on one day")),
        (_("from:example.org refused"), _("what we refused from a domain")),
        ("192.0.2.0/24", _("whatever came from a network")),
        ("550 5.7.1", _("replies with this code, ours or another server's")),
        (_('"mailbox is full"'), _("words of a reply")),
        (_("outgoing deferred week"), _("what the queue had to try again in the last seven days")),
        ("2026-11-03..2026-11-05", _("from one day to another, both included")),
    ]
    return [Example(text, about, _address(text, "")) for text, about in examples]


def _address(text: str, outcome: str, before: str = "") -> str:
    """Return the page's own address for a search."""
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in (("q", text), ("outcome", outcome), ("before", before)) if value})
    return f"?{query.urlencode()}"
