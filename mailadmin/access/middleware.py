"""Default deny: a page opens only for a signed-in actor in its audience; services' refusals become pages.

The session is bound to the actor's ``credential_version``: a changed password ends it. The reader's language and time
zone hold for the request.
"""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation

from domains.errors import Forbidden, NotFound, Refused
from domains.models import Actor, Role
from domains.views.web import Audience, audience_of

VERSION_KEY = "credential_version"


class SignInRequiredMiddleware:
    """Stands between every address and its view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in the actor's language and time zone."""
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Return a refusal, or None to let the view run."""
        if request.resolver_match is not None and "api" in request.resolver_match.namespaces:
            return None  # every call there needs its own bearer token
        wanted = audience_of(view)
        actor = _actor_of(request)
        if actor is not None:
            _address(actor)
        if wanted is Audience.PUBLIC:
            return None
        if actor is None:
            return _to_sign_in(request)
        if any("\0" in value for value in kwargs.values() if isinstance(value, str)):
            return render(request, "404.html", {"reason": ""}, status=404)  # no name of ours holds NUL
        return None if _admits(wanted, actor) else _forbidden(request, actor)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Turn what a service raises into a page."""
        if isinstance(exception, NotFound):
            return render(request, "404.html", {"reason": str(exception)}, status=404)
        if isinstance(exception, Forbidden):
            return render(request, "403.html", {"reason": str(exception)}, status=403)
        if isinstance(exception, Refused):
            return render(request, "refused.html", {"reason": str(exception)}, status=422)
        return None


def _actor_of(request: HttpRequest) -> Actor | None:
    """Return the signed-in actor; a session made with an older credential is ended."""
    actor = request.user
    if not isinstance(actor, Actor):
        return None
    if request.session.get(VERSION_KEY) != actor.credential_version:
        logout(request)
        return None
    return actor


def _address(actor: Actor) -> None:
    """Speak the actor's language and tell their time."""
    if actor.language in dict(settings.LANGUAGES):
        translation.activate(actor.language)
    try:
        timezone.activate(ZoneInfo(actor.time_zone or settings.TIME_ZONE))
    except (ZoneInfoNotFoundError, ValueError):
        timezone.activate(ZoneInfo(settings.TIME_ZONE))


def _admits(wanted: Audience, actor: Actor) -> bool:
    if wanted is Audience.EVERYBODY:
        return True
    if wanted is Audience.SUPERADMINS:
        return actor.is_superadmin
    return actor.role in (Role.SUPERADMIN, Role.DOMAIN_ADMIN)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Lead to the sign-in page; htmx is told to load it as a whole page."""
    address = reverse("sign-in")
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    if request.method not in ("GET", "HEAD"):
        return redirect(address)
    return redirect_to_login(request.get_full_path(), address)


def _forbidden(request: HttpRequest, actor: Actor) -> HttpResponse:
    if actor.role == Role.OWNER and request.path == reverse("home"):
        return redirect("me")
    return render(request, "403.html", {"reason": ""}, status=403)
