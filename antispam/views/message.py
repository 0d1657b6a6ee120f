"""*Explain this message*: what happened to it and why, for administrators; the short form for its owner."""

from collections.abc import Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from antispam.story.chapters import tell_story
from antispam.story.decision import decision_of
from antispam.story.owner import tell_owner
from antispam.story.proofs import one_or_none
from antispam.story.stages import Stage, read_stages
from domains.audit import Act
from domains.models import Role, Trace
from domains.services.provision import domains_for
from domains.services.traces import events_of, get_trace_for
from domains.views.web import Audience, act_of_request, audience
from domains.visible import looks_like

IDENTIFIER_CHARACTERS = 200


@audience(Audience.EVERYBODY)
def message(request: HttpRequest, identifier: str) -> HttpResponse:
    """Tell what happened to one message, and why."""
    act = act_of_request(request)
    trace = get_trace_for(act, identifier[:IDENTIFIER_CHARACTERS])
    if act.role == Role.OWNER:
        return _for_owner(request, act, trace)
    stages = read_stages(events_of(trace))
    host = settings.MAILADMIN.hostname
    story = tell_story(stages, trace.outcome, trace.direction, len(trace.recipients), host)
    values = {"trace": trace, "story": story, "look_alike": _look_alike(trace, stages)}
    values["table_link"] = _reachable_table(act, stages)
    return render(
        request, "antispam/message.html", values | {"may_ask": any(stage.name == "dmarc" for stage in stages)}
    )


def _reachable_table(act: Act, stages: Sequence[Stage]) -> str:
    """Return the domain whose table decided when the reader may open it, else nothing."""
    verdict = one_or_none(stages, "verdict")
    owner = decision_of(verdict).owner if verdict is not None else ""
    return owner if owner and domains_for(act).filter(name=owner).exists() else ""


def _look_alike(trace: Trace, stages: Sequence[Stage]) -> str:
    """Return the plain name that the domain in From, or that of the envelope, could be taken for."""
    dmarc = one_or_none(stages, "dmarc")
    author = dmarc.text("author_domain") if dmarc is not None else ""
    return looks_like(author) or looks_like(trace.mail_from.rpartition("@")[2])


def _for_owner(request: HttpRequest, act: Act, trace: Trace) -> HttpResponse:
    own = act.actor.email if act.actor is not None else ""
    stages = read_stages(events_of(trace))
    sent = trace.mail_from.lower() == own.lower() and trace.direction != "in"
    host = settings.MAILADMIN.hostname
    story = tell_owner(stages, trace.outcome, trace.direction, trace.recipients, own, sent, host)
    return render(request, "antispam/message_short.html", {"trace": trace, "story": story})
