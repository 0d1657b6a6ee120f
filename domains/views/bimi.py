"""The logo of a domain: its two addresses, the record that follows, and what keeps it from being shown."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domains.dmarc.bimi import Caution
from domains.forms import BimiForm
from domains.models import Domain
from domains.names import to_unicode
from domains.services.bimi import bimi_text, cautions_of, set_bimi
from domains.services.provision import get_domain_for
from domains.views.web import act_of_request, answered, bound, done, form_page, url

WORDS: dict[Caution, Promise] = {
    Caution.POLICY: gettext_lazy(
        "It is not shown while the DMARC policy asks for nothing. Let it ask for quarantine or refusal."
    ),
    Caution.SUBDOMAINS: gettext_lazy("It is not shown while the DMARC policy asks nothing of subdomains (sp=none)."),
    Caution.TESTING: gettext_lazy("It is not shown while the DMARC policy is only tested (t=y)."),
    Caution.SHARE: gettext_lazy(
        "The DMARC record that is published applies to a share of mail only (pct). Take that tag out."
    ),
    Caution.NO_CERTIFICATE: gettext_lazy("Gmail and Apple show a logo only with a certificate for it."),
}


def standing_of(domain: Domain) -> dict[str, Any]:
    """Return what the settings page says of the logo."""
    return {"record": bimi_text(domain), "cautions": [WORDS[caution] for caution in cautions_of(domain)]}


def change(request: HttpRequest, name: str) -> HttpResponse:
    """Ask for both addresses and set them."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    initial = {"logo_url": domain.bimi_logo, "certificate_url": domain.bimi_certificate}
    form = bound(request, BimiForm, initial=initial)

    def store(data: dict[str, Any]) -> HttpResponse:
        changed = set_bimi(act, domain.name, **data)
        text = _("The logo of %(name)s is set. Publish its record, then check.")
        if not changed.bimi_logo:
            text = _("%(name)s has no logo any more. Take its record out of the DNS.")
        return done(request, text % {"name": to_unicode(domain.name)}, "domain-settings", domain.name)

    shown = {
        "title": _("Logo of %(name)s") % {"name": to_unicode(domain.name)},
        "lead": _("Some mail programs show it beside mail from this domain that passes DMARC (BIMI)."),
        "button": _("Set the logo"),
        "back": url("domain-settings", domain.name),
        "back_label": _("Settings"),
    }
    return answered(request, form, store) or form_page(request, "components/form_page.html", form, **shown)
