"""The plan of a zone: what to change as a diff, its texts for other tools, applied by RFC 2136, and undone."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from domains.audit import Act
from domains.dns.update import SetChange
from domains.errors import Refused
from domains.forms import PanelForm
from domains.models import Domain, ZoneChange
from domains.names import to_unicode
from domains.services import zone_apply
from domains.services.dns_access import account_of
from domains.services.plan import CONSENT, Action, PlanStep, Risk
from domains.services.planning import Proposal, plan_now, proposal_text, propose_from_outside
from domains.services.provision import get_domain_for
from domains.views.frame import domain_page
from domains.views.plan_words import CONSENTS, sentence_of
from domains.views.web import act_of_request, done, form_page, url
from domains.views.words import purpose_of

CHANGES_SHOWN = 20
MAXIMUM_STEPS = 200


class SendForm(PanelForm):
    """Without a once: the change is kept before it is sent, and a plan that is applied is no plan any more."""

    once = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step with its words; ``chosen`` from the start when it can do no harm."""

    step: PlanStep
    purpose: str
    sentence: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Output:
    """A text for another tool."""

    name: str
    label: str
    text: str


def _line(step: PlanStep) -> StepLine:
    chosen = step.applicable and not step.needs_consent
    return StepLine(step, purpose_of(step.record.purpose), sentence_of(step), chosen)


def plan(request: HttpRequest, name: str) -> HttpResponse:
    """Ask every server and show what to change."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    lines = [_line(step) for step in plan_now(act, domain.name)]
    shown = {
        "todo": [line for line in lines if line.step.applicable],
        "blocked": [line for line in lines if line.step.action == Action.BLOCKED],
        "right": [line for line in lines if line.step.action == Action.LEAVE],
        "account": account_of(domain),
        "changes": (changes := _changes(act, domain)),
        "undoable": next((row.pk for row in changes if row.state == "applied" and not row.undoes_id), None),
    }
    return domain_page(request, "domains/plan.html", domain, "domain-dns", **shown)


def _changes(act: Act, domain: Domain) -> list[ZoneChange]:
    return list(zone_apply.changes_for(act, domain.name)[:CHANGES_SHOWN])


@require_POST
def review(request: HttpRequest, name: str) -> HttpResponse:
    """Show what the chosen steps would do, as text for each tool, with the button that applies them."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    chosen = request.POST.getlist("step")[:MAXIMUM_STEPS]
    return _reviewed(request, act, domain, chosen)


def _reviewed(
    request: HttpRequest, act: Act, domain: Domain, chosen: list[str], faults: dict[str, str] | None = None
) -> HttpResponse:
    account = account_of(domain)
    proposal: Proposal | None = None
    errors = dict(faults or {})
    try:
        ask = zone_apply.propose if account is not None else propose_from_outside
        proposal = ask(act, domain.name, chosen, CONSENT)
    except Refused as error:
        errors = error.errors | errors
    steps = proposal.steps if proposal else []
    shown = {
        "errors": list(errors.values()),
        "lines": [_line(step) for step in steps],
        "consents": _consents(steps),
        "outputs": _outputs(proposal) if proposal and proposal.changes else [],
        "account": account if proposal and proposal.changes else None,
        "form": SendForm(),
    }
    return domain_page(request, "domains/plan_review.html", domain, "domain-dns", **shown)


def _consents(steps: list[PlanStep]) -> list[tuple[str, str]]:
    risks = dict.fromkeys(step.risk for step in steps if step.needs_consent)
    return [(str(risk), str(CONSENTS[risk])) for risk in risks]


def _outputs(proposal: Proposal) -> list[Output]:
    names = {
        "zone": _("Zone file"),
        "nsupdate": "nsupdate",
        "octodns": "octoDNS",
        "terraform": "Terraform (hashicorp/dns)",
    }
    return [Output(name, label, proposal_text(proposal, name)) for name, label in names.items()]


@require_POST
def apply(request: HttpRequest, name: str) -> HttpResponse:
    """Apply the chosen steps at the zone's primary server."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    chosen = request.POST.getlist("step")[:MAXIMUM_STEPS]
    consent = [word for word in request.POST.getlist("consent") if word in set(Risk)]
    try:
        row = zone_apply.apply_plan(act, domain.name, chosen, consent)
    except Refused as error:
        return _reviewed(request, act, domain, chosen, error.errors)
    if row is None:
        return redirect("domain-plan", domain.name)
    count = len(row.changes)
    text = ngettext(
        "%(count)d record set is changed, and every server was asked again.",
        "%(count)d record sets are changed, and every server was asked again.",
        count,
    )
    return done(request, text % {"count": count}, "domain-dns", domain.name)


def undo(request: HttpRequest, name: str, identifier: int) -> HttpResponse:
    """Show what undoing a change would do, then undo it."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    faults: dict[str, str] = {}
    if request.method == "POST":
        try:
            zone_apply.undo_change(act, domain.name, identifier)
            text = _("The change is undone, and every server was asked again.")
            return done(request, text, "domain-plan", domain.name)
        except Refused as error:
            faults = error.errors
    changes: list[SetChange] = []
    left: list[str] = []
    try:
        reversal = zone_apply.propose_undo(act, domain.name, identifier)
        changes, left = reversal.changes, reversal.left
    except Refused as error:
        faults = error.errors | faults
    shown: dict[str, Any] = {
        "title": _("Undo the change of %(name)s?") % {"name": to_unicode(domain.name)},
        "changes": changes,
        "left": left,
        "errors": list(faults.values()),
        "back": url("domain-plan", domain.name),
    }
    return form_page(request, "domains/zone_undo.html", SendForm(), **shown)
