"""Each message as a story from top to bottom."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from domains.models import Trace, TraceEvent
from domains.services.traces import events_of, get_trace_for
from domains.views.web import Audience, act_of_request, audience
from domains.views.words import Sign, label_of, sign_of, word_of

SHORT = 200
_COLUMNS = ["name", "mechanism", "term", "domain", "selector", "algorithm", "bits", "result"]
_COLUMNS += ["found", "matched", "aligned", "mode", "reason", "note"]


class Table(NamedTuple):
    """A list of alike things: steps of an evaluation, signatures, alignments."""

    name: str
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class Step:
    """One stage as the page shows it: ``facts`` are short values, ``tables`` and ``more`` fold out with them."""

    at: datetime
    stage: str
    outcome: str
    sign: Sign
    reason: str
    facts: list[tuple[str, str]]
    tables: list[Table]
    more: dict[str, Any]
    dns: list[dict[str, Any]]


@audience(Audience.EVERYBODY)
def message(request: HttpRequest, identifier: str) -> HttpResponse:
    """Tell what happened to one message, and why."""
    trace = get_trace_for(act_of_request(request), identifier[:SHORT])
    events = events_of(trace)
    values = {"trace": trace, "steps": [_step(event) for event in events], "verdict": _verdict(trace, events)}
    return render(request, "domains/message.html", values | {"sign": sign_of(trace.outcome)})


def _verdict(trace: Trace, events: list[TraceEvent]) -> str:
    """Return what became of the message in one sentence."""
    count = len(trace.recipients)
    people = ngettext("%(count)d recipient", "%(count)d recipients", count) % {"count": count}
    sentences = {
        "delivered": _("Delivered to %(people)s."),
        "queued": _("Accepted for %(people)s; it waits to be sent."),
        "sent": _("Sent to %(people)s: the other server has taken it."),
        "deferred": _("Not sent yet to %(people)s; it is tried again."),
        "bounced": _("Not delivered to %(people)s; the sender was told."),
        "refused": _("Refused in the dialogue; the other server knows."),
        "dropped": _("Accepted, then dropped."),
        "failed": _("It failed."),
    }
    sentence = sentences.get(trace.outcome, word_of(trace.outcome)) % {"people": people}
    wrong = [event for event in events if event.reason and sign_of(event.outcome).tone == "bad"]
    return f"{sentence} {wrong[-1].reason}" if wrong and sign_of(trace.outcome).tone == "bad" else sentence


def _step(event: TraceEvent) -> Step:
    detail = event.detail if isinstance(event.detail, dict) else {"value": event.detail}
    told = {_label(name): value for name, value in detail.items() if value not in ("", [], {}, None)}
    facts = [(name, _short(value)) for name, value in told.items() if _is_short(value)]
    tables = [_table(name, value) for name, value in told.items() if _is_table(value)]
    more = {name: value for name, value in told.items() if not _is_short(value) and not _is_table(value)}
    dns = [row for row in event.dns if isinstance(row, dict)] if isinstance(event.dns, list) else []
    at = event.at if timezone.is_aware(event.at) else timezone.make_aware(event.at)
    reason = event.reason or _brief(detail)
    return Step(at, event.stage, event.outcome, sign_of(event.outcome), reason, facts, tables, more, dns)


def _brief(detail: dict[str, Any]) -> str:
    """Return a line for a stage without a sentence: its texts, or its size."""
    texts = [value for value in detail.values() if isinstance(value, str) and 0 < len(value) <= SHORT]
    size = detail.get("size")
    if not texts and isinstance(size, int) and not isinstance(size, bool):
        return filesizeformat(size)
    return " · ".join(dict.fromkeys(texts))


def _label(name: object) -> str:
    """Return a detail's name for people."""
    return label_of(str(name))


def _is_short(value: Any) -> bool:
    if isinstance(value, dict):
        return _is_short(list(value.values()))
    if isinstance(value, list):
        return all(isinstance(item, (str, int)) for item in value) and sum(len(str(item)) for item in value) <= SHORT
    return len(str(value)) <= SHORT


def _is_table(value: Any) -> bool:
    """True for a list of objects whose values are plain."""
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) for row in value):
        return False
    return not any(isinstance(item, (dict, list)) for row in value for item in row.values())


def _table(name: str, rows: list[dict[str, Any]]) -> Table:
    """Return the list as a table, without columns that say nothing."""
    said = {key for row in rows for key, item in row.items() if item not in ("", None, 0, False)}
    names = sorted(said, key=lambda key: (_COLUMNS.index(key) if key in _COLUMNS else len(_COLUMNS), key))
    return Table(name, [_label(key) for key in names], [[_short(row.get(key)) for key in names] for row in rows])


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={item}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return "" if value is None else str(value)
