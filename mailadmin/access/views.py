"""Sign-in, sign-out, the first administrator, and one's own settings."""

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import authenticate, login, logout
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from domains.audit import system_act
from domains.autoconfig import APPLE_PATH
from domains.locks import lock_key
from domains.models import Actor, Role
from domains.services import actors
from domains.services.autoconfig import serves
from domains.views.web import Audience, act_of_request, answered, audience, bound, done, form_page
from mailadmin.access.backend import SignInThrottled
from mailadmin.access.first_run import forget_setup_token, setup_token_matches
from mailadmin.access.forms import PasswordForm, ProfileForm, SetupForm, SignInForm
from mailadmin.access.middleware import VERSION_KEY
from mailadmin.access.programs import servers_for_programs
from mailboxes.addresses import split_address

BACKEND = "mailadmin.access.backend.ActorBackend"


def _local(request: HttpRequest, address: str) -> str:
    """Return a path of ours to go to after sign-in; whatever leads elsewhere becomes the first page."""
    safe = url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith("/")
    return address if safe else reverse("home")


def _enter(request: HttpRequest, actor: Actor) -> None:
    """Start a session of this actor, bound to the present password."""
    login(request, actor, backend=BACKEND)
    request.session[VERSION_KEY] = actor.credential_version


@audience(Audience.PUBLIC)
@sensitive_post_parameters("password")
@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for address and password; the same answer for a wrong password and an unknown address."""
    target = _local(request, request.POST.get("next") or request.GET.get("next") or "")
    if request.user.is_authenticated and request.method != "POST":
        return redirect(target)
    form = bound(request, SignInForm)
    if request.method == "POST" and form.is_valid():
        try:
            actor = authenticate(request, **form.cleaned_data)
        except SignInThrottled:
            form.add_error(None, _("Too many failed attempts. Wait a minute, then try again."))
            return render(request, "access/sign_in.html", {"form": form, "next": target}, status=429)
        if isinstance(actor, Actor):
            _enter(request, actor)
            return redirect(target)
        form.add_error(None, _("The address or the password is wrong."))
    return form_page(request, "access/sign_in.html", form, next=target)


@audience(Audience.PUBLIC)
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect("sign-in")


@audience(Audience.PUBLIC)
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Change the language: in a cookie, and in the actor's settings when there is one."""
    chosen = request.POST.get("language", "")
    if isinstance(request.user, Actor) and translation.check_for_language(chosen):
        actor = request.user
        actors.change_profile(act_of_request(request), actor.display_name, chosen, actor.time_zone)
    return set_language(request)


@audience(Audience.PUBLIC)
@sensitive_post_parameters("password")
@never_cache
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Make the first administrator; the link works while there is none."""
    if not setup_token_matches(token) or actors.superadmin_exists():
        raise Http404
    form = bound(request, SetupForm)

    def make(data: dict[str, Any]) -> HttpResponse:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("first administrator")])
            if actors.superadmin_exists():
                raise Http404
            act = system_act("panel")
            actor = actors.create_administrator(act, data["email"], data["password"], Role.SUPERADMIN)
        forget_setup_token()
        _enter(request, actor)
        return done(request, _("Welcome. Add your first domain."), "domain-add")

    form.fields.pop("once")
    return answered(request, form, make) or form_page(request, "access/setup.html", form)


@audience(Audience.EVERYBODY)
def me(request: HttpRequest) -> HttpResponse:
    """Show and change one's own settings; an owner also sees the mailbox and how programs reach it."""
    act = act_of_request(request)
    actor = request.user
    assert isinstance(actor, Actor)
    names = ("display_name", "language", "time_zone", "mail_about", "weekly_summary")
    initial = {name: getattr(actor, name) for name in names}
    form = bound(request, ProfileForm, initial=initial, role=actor.role)

    def save(data: dict[str, Any]) -> HttpResponse:
        changed = actors.change_profile(act, **data)
        with translation.override(changed.language or translation.get_language()):
            return done(request, _("Your settings are saved."), "me")

    account = getattr(actor, "account", None)
    servers = servers_for_programs() if account is not None else []
    shown = {"account": account, "servers": servers}
    return answered(request, form, save) or form_page(request, "access/me.html", form, **shown)


@audience(Audience.EVERYBODY)
def device(request: HttpRequest) -> HttpResponse:
    """Show an owner what a mail program needs, and the profile of Apple's programs."""
    account = getattr(request.user, "account", None)
    profile = ""
    if account is not None and serves(split_address(account.address)[1]):
        profile = f"{APPLE_PATH}?{urlencode({'emailaddress': account.address})}"
    shown = {"account": account, "profile": profile, "servers": servers_for_programs()}
    return render(request, "access/device.html", shown)


@audience(Audience.EVERYBODY)
@sensitive_post_parameters("old", "new", "repeated")
def password(request: HttpRequest) -> HttpResponse:
    """Change one's own password; this session goes on, the others end."""
    form = bound(request, PasswordForm)

    def change(data: dict[str, Any]) -> HttpResponse:
        actor = actors.change_password(act_of_request(request), data["old"], data["new"])
        _enter(request, actor)
        return done(request, _("The password is changed."), "me")

    shown = {"title": _("Change the password"), "button": _("Change the password"), "back": reverse("me")}
    return answered(request, form, change) or form_page(
        request, "components/form_page.html", form, lead=_("A new password ends all other sessions."), **shown
    )
