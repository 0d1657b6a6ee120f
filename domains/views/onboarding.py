"""The guided page of a domain: the steps in order, one of them next, with the records to paste right there.

While the DNS has to catch up the page asks again by itself, at most once in ``AGAIN`` for all who look at it; what
has not changed since is answered with nothing to put in its place. Without JavaScript a button does the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from domains.dkim.record import split_strings
from domains.dns.providers import Provider, provider_of
from domains.models import Domain, DomainState, ZoneObservation
from domains.services.check import RecordState, check_now
from domains.services.guiding import facts_about
from domains.services.onboarding import (
    Facts,
    Paste,
    Stage,
    Standing,
    Step,
    elsewhere,
    progress_of,
    steps_of,
    to_publish,
)
from domains.services.preflight import preflight
from domains.services.provision import UNPROVEN, get_domain_for
from domains.spf.merge import Obstacle
from domains.views.dns import RecordLine, line_of
from domains.views.frame import domain_page, frame_of
from domains.views.web import act_of_request, done

AGAIN = timedelta(seconds=20)
_LOOKS = frozenset({Stage.PROVE, Stage.PUBLISH, Stage.SIGN, Stage.MOVE, Stage.TEST, Stage.PROGRAMS})

_TITLES: dict[Stage, Promise] = {
    Stage.PROVE: gettext_lazy("Prove that the domain is yours"),
    Stage.MAILBOX: gettext_lazy("Make a mailbox"),
    Stage.PUBLISH: gettext_lazy("Publish what harms nothing"),
    Stage.SIGN: gettext_lazy("Signing begins"),
    Stage.READY: gettext_lazy("Ready to move?"),
    Stage.MOVE: gettext_lazy("Point mail here"),
    Stage.TEST: gettext_lazy("Receive and send a first message"),
    Stage.PROGRAMS: gettext_lazy("Let mail programs find the server"),
    Stage.TIGHTEN: gettext_lazy("Tighten later"),
}
_ABOUT: dict[Stage, Promise] = {
    Stage.PROVE: gettext_lazy(
        "Whoever can publish this text controls the domain. Until it is seen, nothing is accepted or signed for it."
    ),
    Stage.MAILBOX: gettext_lazy("Mail needs somewhere to go before it is led here."),
    Stage.PUBLISH: gettext_lazy(
        "These records say who may send and with which keys. They lead no mail anywhere: mail that works today goes "
        "on as it is."
    ),
    Stage.SIGN: gettext_lazy(
        "A key signs only after every server shows its exact record. Nothing is to be done here but wait."
    ),
    Stage.READY: gettext_lazy(
        "Before other servers are told to deliver here: a look at this server as they see it, and at what mail needs."
    ),
    Stage.MOVE: gettext_lazy("From this record on, other servers deliver mail for the domain here."),
    Stage.TEST: gettext_lazy(
        "Write from any other mail account to an address of the domain, then answer from it. Both are seen here as "
        "they pass."
    ),
    Stage.PROGRAMS: gettext_lazy(
        "With these, mail programs set themselves up from the address alone. They come after the mail itself, so "
        "that no program is led here too early."
    ),
    Stage.TIGHTEN: gettext_lazy(
        "When the reports of some weeks show that all your mail passes, ask receivers to refuse what does not "
        "(DMARC), and let senders verify the TLS on the way here (MTA-STS, beginning with testing)."
    ),
}
_PARKED = gettext_lazy(
    "From these on, nobody is to believe mail in the domain's name, and no server delivers to it. Publish them only "
    "for a domain that is used for no mail."
)
_OBSTACLES: dict[Obstacle, Promise] = {
    Obstacle.DUPLICATE: gettext_lazy(
        "Several records of this kind stand at the name: keep one, or receivers heed none."
    ),
    Obstacle.BAD_RECORD: gettext_lazy("The SPF record that stands there has a fault; put it right first."),
    Obstacle.EXCLUDED: gettext_lazy(
        "The SPF record that stands there refuses this server; take that term out first."
    ),
}


@dataclass(frozen=True, slots=True)
class RecordToPaste:
    """One record to publish: ``line`` as the page DNS has it, ``value`` with what others wrote at its name kept.

    ``obstacle`` says why no text can be pasted, ``note`` what to know before.
    """

    line: RecordLine
    value: str
    split: str
    obstacle: str
    note: str


@dataclass(frozen=True, slots=True)
class Line:
    """One step as it is shown."""

    step: Step
    number: int
    title: str
    about: str
    required: tuple[RecordToPaste, ...] = ()
    further: tuple[RecordToPaste, ...] = ()


def _paste(state: RecordState, provider: Provider | None) -> RecordToPaste:
    paste, line = to_publish(state), line_of(state, provider)
    value, split = line.value, line.split
    if paste.value != state.record.value:
        strings = split_strings(paste.value)
        cut = len(strings) > 1 and not (provider is not None and provider.splits)
        value, split = paste.value, " ".join(f'"{text}"' for text in strings) if cut else ""
    obstacle = str(_OBSTACLES[paste.obstacle]) if paste.obstacle else ""
    return RecordToPaste(line, value, split, obstacle, _note(state, paste))


def _note(state: RecordState, paste: Paste) -> str:
    if paste.weakens:
        text = _(
            "The record that stands there asks for more (%(change)s). To keep that, set it in the domain's settings "
            "first."
        )
        return text % {"change": paste.weakens}
    if paste.value != state.record.value:
        return _("It replaces the record that stands there and keeps what that says; there can be only one.")
    return ""


def _line(number: int, step: Step, parked: bool, provider: Provider | None) -> Line:
    pastes = [_paste(state, provider) for state in step.states] if step.standing is not Standing.AHEAD else []
    return Line(
        step,
        number,
        _("Publish that it is parked") if parked and step.stage is Stage.PUBLISH else str(_TITLES[step.stage]),
        str(_PARKED) if parked and step.stage is Stage.PUBLISH else str(_ABOUT[step.stage]),
        tuple(paste for paste in pastes if paste.line.record.required),
        tuple(paste for paste in pastes if not paste.line.record.required),
    )


def _shown(domain: Domain) -> dict[str, Any]:
    facts = facts_about(domain)
    steps = steps_of(facts)
    finished, all_ = progress_of(steps)
    looked = ZoneObservation.objects.filter(domain=domain).first()
    provider = provider_of(looked.hosts) if looked is not None else None
    stage = next((step.stage for step in steps if step.is_next), None)
    return {
        "guide": [_line(number, step, facts.parked, provider) for number, step in enumerate(steps, 1)],
        "provider": provider,
        "finished": finished,
        "all_steps": all_,
        "looks": stage in _LOOKS,
        "seconds": int(AGAIN.total_seconds()),
        "seen": _fingerprint(facts, steps),
        "suspended": domain.state == DomainState.SUSPENDED,
        "expires_at": domain.created_at + UNPROVEN,
        "others": () if facts.parked else elsewhere(facts.states),
        "received": facts.received,
        "sent": facts.sent,
        "checked_at": domain.checked_at,
    }


def _fingerprint(facts: Facts, steps: list[Step]) -> str:
    """Return a text that changes when what the page says of the steps does."""
    said = [(step.stage, step.standing, step.until) for step in steps]
    seen = [(state.record.name, state.record.type, state.record.value, state.status) for state in facts.states]
    found = [state.found for state in facts.states]
    return sha256(repr((said, seen, found, facts.received, facts.sent)).encode()).hexdigest()[:32]


def start(request: HttpRequest, name: str) -> HttpResponse:
    """Lead from a new domain to everything green."""
    domain = get_domain_for(act_of_request(request), name)
    return domain_page(request, "domains/onboarding.html", domain, "domain-start", **_shown(domain))


@require_POST
def look(request: HttpRequest, name: str) -> HttpResponse:
    """Look the records up when the last look is old or a person asks; answer with what has changed."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    by_itself = "seen" in request.POST
    if not by_itself or _is_old(domain.checked_at, timezone.now()):
        check_now(act, domain.name)
        domain = get_domain_for(act, domain.name)
    if not request.headers.get("HX-Request"):
        return done(request, _("Every record was looked up."), "domain-start", domain.name)
    shown = _shown(domain)
    if by_itself and shown["seen"] == request.POST["seen"]:
        return HttpResponse(status=204)
    return render(request, "domains/_onboarding.html", frame_of(request, domain, "domain-start") | shown)


@require_POST
def ready(request: HttpRequest, name: str) -> HttpResponse:
    """Look at what must be so before the MX moves, and say what was found."""
    act = act_of_request(request)
    checks = preflight(act, name)
    domain = get_domain_for(act, name)
    shown = _shown(domain) | {"checks": checks}
    if request.headers.get("HX-Request"):
        return render(request, "domains/_onboarding.html", frame_of(request, domain, "domain-start") | shown)
    return domain_page(request, "domains/onboarding.html", domain, "domain-start", **shown)


def _is_old(checked_at: datetime | None, now: datetime) -> bool:
    return checked_at is None or now - checked_at >= AGAIN
