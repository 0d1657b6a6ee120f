"""*What would have happened if…*: one record or one fact changed, and the message judged again."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from antispam.forms import ClientForm, RecordForm, SealerForm
from antispam.services.what_if import JUDGED, Offer, WhatIf, offers_of, what_if
from antispam.story.chapters import Chapter, tell_story
from antispam.story.proofs import one_or_none, spf_proofs
from antispam.story.sentences import told
from antispam.story.stages import Stage, read_stages
from antispam.views.message import IDENTIFIER_CHARACTERS
from domains.errors import Refused
from domains.models import Trace
from domains.services.traces import events_of, get_trace_for
from domains.views.web import act_of_request
from domains.visible import visible

Form = RecordForm | ClientForm | SealerForm


@dataclass(frozen=True, slots=True)
class Compared:
    """One step then and now."""

    name: str
    then: Chapter
    now: Chapter


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page shows of a replay."""

    headline: str
    then: str
    steps: tuple[Compared, ...]
    chapters: tuple[Chapter, ...]
    unasked: tuple[str, ...]
    verified: bool


def ask(request: HttpRequest, identifier: str) -> HttpResponse:
    """Offer the changes that suggest themselves; show what one of them would have done."""
    act = act_of_request(request)
    trace = get_trace_for(act, identifier[:IDENTIFIER_CHARACTERS])
    offers = offers_of(act, trace.pk)
    chosen = request.GET.get("change", offers[0].key if offers else "other")
    form = _form(request, chosen, offers, trace)
    answer = None
    if request.method == "POST" and form.is_valid():
        try:
            answer = _answer(trace, what_if(act, trace.pk, form.change()))
        except Refused as error:
            for field, text in error.errors.items():
                form.add_error(field if field in form.fields else None, text)
    values = {"trace": trace, "choices": _choices(offers, chosen), "form": form, "answer": answer}
    return render(request, "antispam/what_if.html", values)


def _form(request: HttpRequest, chosen: str, offers: list[Offer], trace: Trace) -> Form:
    kinds: dict[str, type[Form]] = {"client": ClientForm, "sealer": SealerForm}
    kind = kinds.get(chosen, RecordForm)
    if request.method == "POST":
        return kind(request.POST)
    offer = next((one for one in offers if one.key == chosen), None)
    initial: dict[str, Any] = {"client_address": trace.client_address or "", "type": "TXT"}
    if offer is not None:
        initial |= {"name": offer.name, "type": offer.rdtype, "values": "\n".join(offer.values)}
    return kind(initial=initial)


def _choices(offers: list[Offer], chosen: str) -> list[tuple[str, str, str, bool]]:
    """Return key, words, what is changed, and whether it is chosen."""
    rows = [(one.key, one.about, visible(one.name, 120)) for one in offers]
    rows += [
        ("other", _("Another record"), ""),
        ("client", _("The client’s address"), ""),
        ("sealer", _("A trusted sealer"), ""),
    ]
    return [(key, about, name, key == chosen) for key, about, name in rows]


def _answer(trace: Trace, found: WhatIf) -> Answer:
    stages = read_stages(events_of(trace))
    after = _merged(stages, read_stages(found.after))
    host = settings.MAILADMIN.hostname
    then = _judged(tell_story(stages, trace.outcome, trace.direction, 1, host).chapters)
    now = _judged(tell_story(after, trace.outcome, trace.direction, 1, host).chapters)
    for name, chapter in now.items():
        chapter.changed = name in found.changed
    _mark_terms(now.get("spf"), one_or_none(stages, "spf"), one_or_none(after, "spf"))
    _note_signatures(now.get("dkim"), found.notes)
    return Answer(
        _headline(found),
        _place(found.verdict_before),
        tuple(Compared(name, then[name], chapter) for name, chapter in now.items() if name in then),
        tuple(now.values()),
        tuple(f"{visible(name, 120)} {rdtype}" for name, rdtype in found.unasked),
        found.verified,
    )


def _merged(stages: list[Stage], replayed: list[Stage]) -> list[Stage]:
    """Return the stages with those of judging replaced."""
    by_name = {stage.name: stage for stage in replayed}
    return [by_name.get(stage.name, stage) if stage.name in JUDGED else stage for stage in stages]


def _judged(chapters: list[Chapter]) -> dict[str, Chapter]:
    return {one.name: one for one in chapters if one.name in JUDGED}


def _mark_terms(chapter: Chapter | None, before: Stage | None, after: Stage | None) -> None:
    """Mark the terms of the SPF tree that ended differently or were not there."""
    if chapter is None or before is None or after is None:
        return
    known = {
        (row.get("domain"), row.get("term"), row.get("matched"), row.get("note")) for row in before.rows("steps")
    }
    differing = {
        (str(row.get("domain")), str(row.get("term")))
        for row in after.rows("steps")
        if (row.get("domain"), row.get("term"), row.get("matched"), row.get("note")) not in known
    }
    chapter.body = spf_proofs(after, frozenset(differing))


def _note_signatures(chapter: Chapter | None, notes: Any) -> None:
    if chapter is not None:
        for signature, note in zip(chapter.body, notes, strict=False):
            signature.kept = told(note)


def _place(disposition: str) -> str:
    known = {"inbox": _("In the inbox"), "junk": _("In Junk"), "refuse": _("Refused")}
    return known.get(disposition, disposition)


def _headline(found: WhatIf) -> str:
    now, then = found.verdict.disposition.value, found.verdict_before
    same = {
        "inbox": _("It would have gone to the inbox all the same."),
        "junk": _("It would have gone to Junk all the same."),
        "refuse": _("It would have been refused all the same."),
    }
    other = {
        "inbox": _("It would have gone to the inbox."),
        "junk": _("It would have gone to Junk."),
        "refuse": _("It would have been refused."),
    }
    return (same if now == then else other).get(now, now)
