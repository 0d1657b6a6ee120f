"""Aliases and the catch-all of a domain."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from domains.forms import ConfirmForm
from domains.names import to_unicode
from domains.services.provision import get_domain_for
from domains.views.frame import domain_page
from domains.views.web import act_of_request, answered, bound, confirm, done, form_page, page_of, typed, url
from mailboxes.forms import AliasChangeForm, AliasForm, CatchAllForm
from mailboxes.services import aliases as service


def aliases(request: HttpRequest, name: str) -> HttpResponse:
    """List the aliases of a domain, and where unknown addresses go."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    text = typed(request, "q")
    page = page_of(request, service.search_aliases(act, domain.name, text))
    shown = {"page": page, "text": text, "catch_all": service.get_catch_all_for(act, domain.name)}
    return domain_page(request, "mailboxes/aliases.html", domain, "domain-aliases", **shown)


def add(request: HttpRequest, name: str) -> HttpResponse:
    """Add an alias."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, AliasForm, domain=to_unicode(domain.name))

    def make(data: dict[str, Any]) -> HttpResponse:
        alias = service.create_alias(act, data["address"], data["targets"])
        text = _("The alias %(address)s is added.") % {"address": alias.address}
        return done(request, text, "domain-aliases", alias.domain.name)

    shown = {
        "title": _("Add an alias to %(name)s") % {"name": to_unicode(domain.name)},
        "button": _("Add the alias"),
        "back": url("domain-aliases", domain.name),
        "back_label": _("Aliases"),
    }
    return answered(request, form, make) or form_page(request, "components/form_page.html", form, **shown)


def change(request: HttpRequest, address: str) -> HttpResponse:
    """Change where an alias goes."""
    act = act_of_request(request)
    alias = service.get_alias_for(act, address)
    form = bound(request, AliasChangeForm, initial={"targets": "\n".join(alias.targets)})

    def save(data: dict[str, Any]) -> HttpResponse:
        service.change_alias(act, alias.address, data["targets"])
        text = _("The alias %(address)s is changed.") % {"address": alias.address}
        return done(request, text, "domain-aliases", alias.domain.name)

    shown = {
        "title": alias.address,
        "button": _("Save"),
        "back": url("domain-aliases", alias.domain.name),
        "back_label": _("Aliases"),
    }
    return answered(request, form, save) or form_page(request, "components/form_page.html", form, **shown)


def delete(request: HttpRequest, address: str) -> HttpResponse:
    """Ask, then delete an alias."""
    act = act_of_request(request)
    alias = service.get_alias_for(act, address)
    form = bound(request, ConfirmForm)
    back = url("domain-aliases", alias.domain.name)

    def remove(data: dict[str, Any]) -> HttpResponse:
        service.delete_alias(act, alias.address)
        text = _("The alias %(address)s is deleted.") % {"address": alias.address}
        return done(request, text, "domain-aliases", alias.domain.name)

    text = _("Mail to it is refused from then on, unless the catch-all takes it. It goes to: %(targets)s.")
    return answered(request, form, remove, again=back) or confirm(
        request,
        form,
        title=_("Delete the alias %(address)s?") % {"address": alias.address},
        text=text % {"targets": ", ".join(alias.targets)},
        button=_("Delete the alias"),
        back=back,
    )


def catch_all(request: HttpRequest, name: str) -> HttpResponse:
    """Set or clear where unknown addresses go."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, CatchAllForm, initial={"target": service.get_catch_all_for(act, domain.name) or ""})

    def save(data: dict[str, Any]) -> HttpResponse:
        target = service.set_catch_all(act, domain.name, data["target"] or None)
        text = _("Mail to unknown addresses goes to %(target)s.") % {"target": target}
        if target is None:
            text = _("Mail to unknown addresses is refused.")
        return done(request, text, "domain-aliases", domain.name)

    shown = {
        "title": _("Unknown addresses of %(name)s") % {"name": to_unicode(domain.name)},
        "button": _("Save"),
        "back": url("domain-aliases", domain.name),
        "back_label": _("Aliases"),
    }
    return answered(request, form, save) or form_page(request, "components/form_page.html", form, **shown)
