"""Who administers a domain: handing it over, taking one over, setting the administrators."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from domains.forms import AdministratorsForm, OfferForm
from domains.models import Domain, DomainOffer
from domains.names import to_unicode
from domains.services import transfer
from domains.services.actors import domain_administrators
from domains.services.provision import get_domain_for
from domains.views.web import Audience, act_of_request, answered, audience, bound, done, form_page, url


def standing_of(request: HttpRequest, domain: Domain) -> dict[str, Any]:
    """Return what the settings page says of the domain's administrators and of its offer."""
    act = act_of_request(request)
    offer = transfer.offer_of(act, domain.name)
    people = transfer.administrators_of(act, domain.name) if act.is_superadmin else []
    return {"people": people, "offer": offer, "expires_at": transfer.expires_at(offer) if offer else None}


def incoming(request: HttpRequest) -> list[tuple[DomainOffer, str, Any]]:
    """Return what is offered to who asks, with the domain's name and until when."""
    offers = transfer.offers_to(act_of_request(request))
    return [(offer, to_unicode(offer.domain.name), transfer.expires_at(offer)) for offer in offers]


def offer(request: HttpRequest, name: str) -> HttpResponse:
    """Offer a domain to another administrator."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, OfferForm)

    def make(data: dict[str, Any]) -> HttpResponse:
        made = transfer.offer_domain(act, domain.name, data["email"])
        text = _("%(name)s is offered to %(email)s, who has seven days to accept.")
        values = {"name": to_unicode(domain.name), "email": made.email}
        return done(request, text % values, "domain-settings", domain.name)

    lead = _(
        "Until the other one accepts, nothing changes. Then that person takes your place: you and the tokens that "
        "you made no longer reach the domain."
    )
    if act.is_superadmin:
        lead = _(
            "Until the other one accepts, nothing changes. Then that person takes the place of all administrators."
        )
    title = _("Hand %(name)s over") % {"name": to_unicode(domain.name)}
    shown = {"title": title, "lead": lead, "button": _("Offer the domain")}
    back = {"back": url("domain-settings", domain.name), "back_label": _("Settings")}
    return answered(request, form, make) or form_page(request, "components/form_page.html", form, **shown | back)


@require_POST
def withdraw(request: HttpRequest, name: str) -> HttpResponse:
    """Take an offer back."""
    transfer.withdraw_offer(act_of_request(request), name)
    return done(request, _("The offer is withdrawn."), "domain-settings", name)


@require_POST
def accept(request: HttpRequest, name: str) -> HttpResponse:
    """Take over a domain that is offered."""
    domain = transfer.accept_offer(act_of_request(request), name)
    text = _("%(name)s is yours to administer.")
    return done(request, text % {"name": to_unicode(domain.name)}, "domain", domain.name)


@require_POST
def decline(request: HttpRequest, name: str) -> HttpResponse:
    """Say no to an offer."""
    transfer.decline_offer(act_of_request(request), name)
    return done(request, _("The offer is declined."), "domains")


@audience(Audience.SUPERADMINS)
def administrators(request: HttpRequest, name: str) -> HttpResponse:
    """Set who administers a domain."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    present = [actor.email for actor in transfer.administrators_of(act, domain.name)]
    form = bound(request, AdministratorsForm, people=domain_administrators(act), present=present)

    def put(data: dict[str, Any]) -> HttpResponse:
        transfer.set_administrators(act, domain.name, data["administrators"])
        return done(request, _("The administrators are set."), "domain-settings", domain.name)

    title = _("Administrators of %(name)s") % {"name": to_unicode(domain.name)}
    lead = _("Who is not chosen loses the domain at once, with the tokens that they made for it.")
    shown = {"title": title, "lead": lead, "button": _("Set the administrators")}
    back = {"back": url("domain-settings", domain.name), "back_label": _("Settings")}
    return answered(request, form, put) or form_page(request, "components/form_page.html", form, **shown | back)
