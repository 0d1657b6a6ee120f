"""Pages of administrators and tokens."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from domains.errors import NotFound
from domains.forms import ConfirmForm
from domains.models import Role
from domains.services import actors, provision
from domains.views.web import (
    Audience,
    act_of_request,
    answered,
    audience,
    bound,
    confirm,
    done,
    form_page,
    page_of,
    url,
)
from mailadmin.access.forms import AdministratorForm, TokenForm


def _names(request: HttpRequest) -> list[str]:
    return list(provision.domains_for(act_of_request(request)).prefetch_related(None).values_list("name", flat=True))


@audience(Audience.SUPERADMINS)
def administrators(request: HttpRequest) -> HttpResponse:
    """List who runs this installation."""
    rows = actors.administrators_for(act_of_request(request)).prefetch_related("domains")
    return render(request, "access/administrators.html", {"page": page_of(request, rows)})


@audience(Audience.SUPERADMINS)
@sensitive_post_parameters("password")
def add_administrator(request: HttpRequest) -> HttpResponse:
    """Add an administrator."""
    form = bound(request, AdministratorForm, domains=_names(request))

    def add(data: dict[str, Any]) -> HttpResponse:
        actor = actors.create_administrator(
            act_of_request(request), data["email"], data["password"], data["role"], data.get("domains", ())
        )
        return done(request, _("%(name)s is an administrator now.") % {"name": actor.email}, "administrators")

    title = _("Add an administrator")
    shown = {"title": title, "button": title, "back": url("administrators"), "back_label": _("Administrators")}
    return answered(request, form, add) or form_page(request, "components/form_page.html", form, **shown)


@audience(Audience.SUPERADMINS)
def delete_administrator(request: HttpRequest, email: str) -> HttpResponse:
    """Ask, then delete an administrator."""
    act = act_of_request(request)
    actor = actors.administrators_for(act).filter(email=email.lower()).first()
    if actor is None:
        raise NotFound(_("There is no administrator %(email)s.") % {"email": email})
    form = bound(request, ConfirmForm)

    def delete(data: dict[str, Any]) -> HttpResponse:
        actors.delete_administrator(act, actor.email)
        return done(request, _("%(name)s is no administrator any more.") % {"name": email}, "administrators")

    counts = {"tokens": actor.tokens.count()} if actor.tokens.exists() else {}
    text = _(
        "%(name)s loses every right at once, and tokens made by this person stop working. "
        "A mailbox of this address stays."
    )
    return answered(request, form, delete) or confirm(
        request,
        form,
        title=_("Delete the administrator %(name)s?") % {"name": actor.email},
        text=text % {"name": actor.email},
        button=_("Delete the administrator"),
        back=url("administrators"),
        counts=counts,
    )


def tokens(request: HttpRequest) -> HttpResponse:
    """List tokens, without their texts."""
    rows = actors.tokens_for(act_of_request(request)).prefetch_related("domains")
    return render(request, "access/tokens.html", {"page": page_of(request, rows)})


@never_cache
def add_token(request: HttpRequest) -> HttpResponse:
    """Make a token and show its text this once."""
    act = act_of_request(request)
    roles = None if act.is_superadmin else [(Role.DOMAIN_ADMIN.value, Role.DOMAIN_ADMIN.label)]
    form = bound(request, TokenForm, domains=_names(request), roles=roles)

    def make(data: dict[str, Any]) -> HttpResponse:
        token, text = actors.create_token(act, data["name"], data["role"], data.get("domains", ()))
        shown = {"token": token, "text": text, "base": settings.MAILADMIN.url}
        return render(request, "access/token_made.html", shown, status=201)

    shown = {
        "title": _("Make a token"),
        "button": _("Make the token"),
        "back": url("tokens"),
        "back_label": _("Tokens"),
    }
    return answered(request, form, make, again=url("tokens")) or form_page(
        request, "components/form_page.html", form, **shown
    )


def delete_token(request: HttpRequest, identifier: int) -> HttpResponse:
    """Ask, then delete a token."""
    act = act_of_request(request)
    token = actors.tokens_for(act).filter(pk=identifier).first()
    if token is None:
        raise NotFound(_("There is no token %(id)s.") % {"id": identifier})
    form = bound(request, ConfirmForm)

    def delete(data: dict[str, Any]) -> HttpResponse:
        actors.delete_token(act, identifier)
        return done(request, _("The token %(name)s is deleted.") % {"name": token.name}, "tokens")

    return answered(request, form, delete) or confirm(
        request,
        form,
        title=_("Delete the token %(name)s?") % {"name": token.name},
        text=_("Scripts that use it are refused from this moment on."),
        button=_("Delete the token"),
        back=url("tokens"),
        counts={"tokens": token.made.count()} if token.made.exists() else {},
    )
