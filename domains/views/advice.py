"""How far a domain may go with its DMARC policy and who would lose mail."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from domains.errors import Refused
from domains.models import Domain
from domains.reports.advice import LOOKED_DAYS, STEPS, Advice
from domains.services.provision import get_domain_for
from domains.services.report_advice import advice_of, apply_step
from domains.views.advice_words import STEP_TEXTS, STEP_WORDS, reason_words
from domains.views.frame import domain_page
from domains.views.web import act_of_request, done

LOSSES = 8


def advice(request: HttpRequest, name: str) -> HttpResponse:
    """Show the ramp, where the domain stands, and what comes next."""
    domain = get_domain_for(act_of_request(request), name)
    return domain_page(request, "domains/advice.html", domain, "domain-reports", **shown(domain))


def shown(domain: Domain) -> dict[str, Any]:
    """Return what the page and the box on the page of reports show."""
    found = advice_of(domain)
    return {
        "advice": found,
        "ramp": _ramp(found),
        "refusals": [reason_words(reason) for reason in found.refusals],
        "early": [(reason.code, reason_words(reason)) for reason in found.early],
        "proposed_word": STEP_WORDS[found.proposed] if found.proposed else "",
        "current_word": STEP_WORDS[found.current],
        "looked_days": LOOKED_DAYS,
    }


def _ramp(found: Advice) -> list[dict[str, Any]]:
    views = {view.step: view for view in found.views}
    place = STEPS.index(found.current)
    return [
        {
            "step": step.value,
            "word": STEP_WORDS[step],
            "text": STEP_TEXTS[step],
            "state": "done" if number < place else "now" if number == place else "next",
            "proposed": step is found.proposed,
            "view": views.get(step),
            "losses": views[step].losses[:LOSSES] if step in views else (),
            "forwarded": sum(loss.messages for loss in views[step].forwarded) if step in views else 0,
            "lost": sum(loss.messages for loss in views[step].losses) if step in views else 0,
        }
        for number, step in enumerate(STEPS)
    ]


@require_POST
def apply(request: HttpRequest, name: str) -> HttpResponse:
    """Set the step that is proposed, and lead to the plan that shows the change of the record."""
    try:
        domain = apply_step(act_of_request(request), name, request.POST.get("step", ""))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("report-advice", name)
    return done(request, _("The policy is set. Here is what changes in the DNS."), "domain-plan", domain.name)
