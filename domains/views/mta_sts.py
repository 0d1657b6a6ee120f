"""MTA-STS of a domain: where it stands, what keeps it from working, and the next step with what it means."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from domains.forms import ConfirmForm, EnforceForm
from domains.models import Domain, MtaSts
from domains.names import to_unicode
from domains.services import mta_sts as service
from domains.services import tls_reports
from domains.services.provision import get_domain_for
from domains.services.tls_reports import Standing
from domains.tls.mta_sts import serialise_policy
from domains.views.web import act_of_request, answered, bound, confirm, done, url

_ABOUT: dict[str, Promise] = {
    "off": gettext_lazy("Servers that deliver here encrypt when they can; an attacker between them can prevent it."),
    "testing": gettext_lazy("Servers that deliver here verify the TLS, deliver all the same, and report failures."),
    "enforce": gettext_lazy("Servers that know MTA-STS deliver here over verified TLS only, or not at all."),
    "none": gettext_lazy("The policy is being withdrawn: servers read that they need not verify any more."),
}
_BUTTONS: dict[str, Promise] = {
    "off": gettext_lazy("Switch off"),
    "testing": gettext_lazy("Begin testing"),
    "enforce": gettext_lazy("Enforce"),
    "none": gettext_lazy("Withdraw"),
}
_CHANGES: dict[str, Promise] = {
    "off": gettext_lazy("Its records leave the list of what to publish. Take them out of the DNS."),
    "testing": gettext_lazy(
        "The panel serves the policy, and two records join the list of what to publish. No mail can be lost by it: "
        "servers deliver as before and report what would fail."
    ),
    "enforce": gettext_lazy(
        "From now on, servers that know MTA-STS hold back mail for this domain when they cannot verify the TLS of "
        "the mail server, and remember it for a week."
    ),
    "none": gettext_lazy(
        "The panel serves a policy that ends the verification. Leave the records published: after a week every "
        "server has read it, and it can be switched off."
    ),
}


def standing_of(domain: Domain) -> dict[str, Any]:
    """Return what the settings page says of the domain's MTA-STS."""
    policy = service.policy_of(domain)
    standing = tls_reports.standing_of(domain)
    steps = [(mode, _BUTTONS[mode], service.refusal_of(domain, mode)) for mode in service.STEPS[domain.mta_sts]]
    return {
        "about": _ABOUT[domain.mta_sts],
        "policy": serialise_policy(policy) if policy else "",
        "host": f"{service.HOST_LABEL}.{domain.name}",
        "fault": service.policy_certificate_fault(domain) if policy else "",
        "steps": steps,
        "reported": reported(standing) if policy and standing.reports else "",
        "reasons": standing.reasons,
    }


def reported(standing: Standing) -> str:
    """Return in one sentence what the TLS reports of the last two weeks say."""
    text = ngettext(
        "%(count)d TLS report of the last two weeks: %(good)s sessions were verified, %(bad)s failed.",
        "%(count)d TLS reports of the last two weeks: %(good)s sessions were verified, %(bad)s failed.",
        standing.reports,
    )
    good, bad = (number_format(count, force_grouping=True) for count in (standing.succeeded, standing.failed))
    return text % {"count": standing.reports, "good": good, "bad": bad}


def change(request: HttpRequest, name: str, mode: str) -> HttpResponse:
    """Ask, then set the mode."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    if mode not in MtaSts.values:
        raise Http404
    standing = tls_reports.standing_of(domain)
    unknown = mode == MtaSts.ENFORCE and not standing.reports
    form = bound(request, EnforceForm if unknown else ConfirmForm)
    said = [str(_CHANGES[mode]), reported(standing) if mode == MtaSts.ENFORCE and standing.reports else ""]

    def switch(data: dict[str, Any]) -> HttpResponse:
        service.change_mode(act, domain.name, mode, without_reports=unknown)
        text = _("MTA-STS of %(name)s is changed. Publish its records as they are now, then check.")
        return done(request, text % {"name": to_unicode(domain.name)}, "domain-dns", domain.name)

    return answered(request, form, switch) or confirm(
        request,
        form,
        title=_("MTA-STS of %(name)s: %(step)s?")
        % {"name": to_unicode(domain.name), "step": str(_BUTTONS[mode]).lower()},
        text=" ".join(said).strip(),
        button=str(_BUTTONS[mode]),
        back=url("domain-settings", domain.name),
        harmless=mode == MtaSts.TESTING,
    )
