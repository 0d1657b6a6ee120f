"""What a domain is for: where it stands, what keeps it from changing, and the change with what it means."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domains.audit import Act
from domains.forms import AliasOfForm, ConfirmForm, PanelForm, ParkForm
from domains.models import Domain, DomainKind, KeyState
from domains.names import to_unicode
from domains.services import kinds as service
from domains.services.provision import contents_of, get_domain_for
from domains.views.web import act_of_request, answered, bound, confirm, done, url

_ABOUT: dict[str, Promise] = {
    "mail": gettext_lazy("It has mailboxes and aliases of its own."),
    "parked": gettext_lazy(
        "It takes no mail and sends none. Its records say so, and ask that mail in its name be refused."
    ),
    "alias": gettext_lazy(
        "Mail to any address here is delivered as to the same address at %(target)s, whose owners may send with it "
        "here too."
    ),
}
_BUTTONS: dict[str, Promise] = {
    "mail": gettext_lazy("Give it mailboxes of its own"),
    "parked": gettext_lazy("Park this domain"),
    "alias": gettext_lazy("Make it an alias"),
}
_TITLES: dict[str, Promise] = {
    "mail": gettext_lazy("Give %(name)s mailboxes of its own?"),
    "parked": gettext_lazy("Park %(name)s?"),
    "alias": gettext_lazy("Make %(name)s an alias?"),
}
_MEANS: dict[str, Promise] = {
    "mail": gettext_lazy(
        "It has mailboxes of its own from then on, and none yet: mail to it is refused until you add some. Publish "
        "its records as they are then."
    ),
    "parked": gettext_lazy(
        "Mail to it is refused from then on, and none is signed in its name. Its records tell other servers that "
        "nothing comes from it and nothing goes to it. Its signing keys are revoked and their private parts "
        "destroyed; if it comes back to mail, it gets new ones."
    ),
    "alias": gettext_lazy(
        "Mail to any address in it is delivered as to the same address in the other domain, and who owns an address "
        "there may send with it here. It keeps keys and records of its own."
    ),
}
_CHANGES: dict[str, Promise] = {
    "parked": gettext_lazy("Change where reports go"),
    "alias": gettext_lazy("Change the other domain"),
}


def standing_of(domain: Domain) -> dict[str, Any]:
    """Return what the settings page says of the domain's kind."""
    held = contents_of(domain)
    target = to_unicode(domain.alias_of.name) if domain.alias_of is not None else ""
    steps = [(kind, _BUTTONS[kind]) for kind in ("parked", "alias", "mail") if kind != domain.kind]
    if domain.kind in _CHANGES:
        steps.insert(0, (domain.kind, _CHANGES[domain.kind]))
    return {
        "about": str(_ABOUT[domain.kind]) % {"target": target},
        "held": held,
        "steps": [] if held else steps,
        "alias_domains": [(name, to_unicode(name)) for name in domain.alias_domains.values_list("name", flat=True)],
    }


def change(request: HttpRequest, name: str, kind: str) -> HttpResponse:
    """Ask, then make the domain one of this kind."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    if kind not in DomainKind.values:
        raise Http404
    form = _form(request, act, domain, kind)
    shown_name = to_unicode(domain.name)
    same = kind == domain.kind and kind in _CHANGES

    def turn(data: dict[str, Any]) -> HttpResponse:
        service.set_purpose(act, domain.name, service.Purpose(kind, **data))
        text = _("%(name)s is changed. Publish its records as they are now, then check.")
        return done(request, text % {"name": shown_name}, "domain-dns", domain.name)

    return answered(request, form, turn) or confirm(
        request,
        form,
        title=shown_name if same else str(_TITLES[kind]) % {"name": shown_name},
        text="" if same else str(_MEANS[kind]),
        button=str(_CHANGES[kind] if same else _BUTTONS[kind]),
        back=url("domain-settings", domain.name),
        counts=_revoked(domain) if kind == DomainKind.PARKED else {},
        harmless=same or kind != DomainKind.PARKED,
    )


def _form(request: HttpRequest, act: Act, domain: Domain, kind: str) -> PanelForm:
    form: PanelForm
    if kind == DomainKind.PARKED:
        parked = domain.kind == DomainKind.PARKED
        usual = domain.reports_to if parked else service.usual_reports_to(act, domain.name)
        form = bound(request, ParkForm, initial={"reports_to": usual})
    elif kind == DomainKind.ALIAS:
        target = to_unicode(domain.alias_of.name) if domain.alias_of is not None else ""
        form = bound(request, AliasOfForm, initial={"alias_of": target})
    else:
        form = bound(request, ConfirmForm)
    return form


def _revoked(domain: Domain) -> dict[str, int]:
    """Return how many keys go when the domain is parked."""
    gone = (KeyState.REVOKED, KeyState.REMOVED)
    return {"keys": sum(key.state not in gone for key in domain.dkim_keys.all())}
