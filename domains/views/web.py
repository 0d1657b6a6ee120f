"""What every page needs: who may open it, who asks, services' errors beside the fields, lists in pages.

A view without a mark is for administrators; ``SignInRequiredMiddleware`` reads the mark before any view runs.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from domains.audit import Act
from domains.errors import NotEmpty, Refused
from domains.forms import PanelForm
from domains.models import Actor

View = TypeVar("View", bound=Callable[..., Any])
Row = TypeVar("Row", bound=Model)

PAGE_ROWS = 50
REMEMBERED = 20


class Audience(StrEnum):
    """Who may open a page; services narrow further what each finds on it."""

    PUBLIC = "public"
    EVERYBODY = "everybody"  # who is signed in, owners included
    ADMINISTRATORS = "administrators"
    SUPERADMINS = "superadmins"


def audience(who: Audience) -> Callable[[View], View]:
    """Mark a view with who may open it."""

    def mark(view: View) -> View:
        view.audience = who  # type: ignore[attr-defined]
        return view

    return mark


def audience_of(view: Callable[..., Any]) -> Audience:
    """Return who may open a view: administrators unless it is marked otherwise."""
    return getattr(view, "audience", Audience.ADMINISTRATORS)


def act_of_request(request: HttpRequest) -> Act:
    """Return who asks, made once a request; a view reached without an actor is a fault, not a guest."""
    known = getattr(request, "act", None)
    if isinstance(known, Act):
        return known
    actor = request.user
    if not isinstance(actor, Actor):
        raise RuntimeError("a page was reached without signing in")
    domain_ids = None if actor.is_superadmin else frozenset(actor.domains.values_list("pk", flat=True))
    act = Act(actor.email, actor.role, "panel", actor, domain_ids, request.META.get("REMOTE_ADDR") or None)
    request.act = act  # type: ignore[attr-defined]
    return act


def typed(request: HttpRequest, name: str, most: int = 320) -> str:
    """Return what was typed into a search field: cut, and without NUL, which PostgreSQL's text cannot hold."""
    return request.GET.get(name, "").replace("\0", "").strip()[:most]


def page_of(request: HttpRequest, rows: QuerySet[Row], size: int = PAGE_ROWS) -> Page[Row]:
    """Return the page that ``?page=`` asks for; a number out of range gives the nearest one."""
    return Paginator(rows, size).get_page(request.GET.get("page"))


def bound(request: HttpRequest, form: type[PanelForm], **given: Any) -> Any:
    """Return the form filled from a POST, or empty."""
    if request.method == "POST":
        return form(request.POST, request.FILES, **given)
    return form(**given)


def done(request: HttpRequest, text: str, to: str, *names: object) -> HttpResponseRedirect:
    """Leave one sentence for the next page and go there."""
    messages.success(request, text)
    return redirect(to, *names)


def answered(
    request: HttpRequest, form: PanelForm, call: Callable[[dict[str, Any]], HttpResponse], again: str = ""
) -> HttpResponse | None:
    """Return what ``call`` answers to a valid form, or None when the form has to be shown (again).

    Errors of the service go beside their fields. The same form sent twice acts once: the second answer leads where
    the first one led, or to ``again`` when the first one was a page of its own.
    """
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        return _once(request, form, call, again)
    except Refused as error:
        for field, text in error.errors.items():
            form.add_error(field if field in form.fields else None, text)
    except NotEmpty as error:
        form.add_error(None, str(error))
    return None


def _once(
    request: HttpRequest, form: PanelForm, call: Callable[[dict[str, Any]], HttpResponse], again: str
) -> HttpResponse:
    data = dict(form.cleaned_data)
    once = data.pop("once", "")
    if not once:
        return call(data)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [once])
        earlier = _answers(request).get(once)
        if earlier is not None:
            messages.info(request, _("This was done already; nothing was done twice."))
            return HttpResponseRedirect(earlier)
        response = call(data)
        _remember(request, once, response.headers.get("Location") or again or request.path)
    return response


def _answers(request: HttpRequest) -> dict[str, str]:
    """Return what this session's forms led to, as stored now: another request may have written meanwhile."""
    stored = request.session.__class__(request.session.session_key).load()
    return dict(stored.get("answers", {}))


def _remember(request: HttpRequest, once: str, location: str) -> None:
    answers = list(_answers(request).items())[-REMEMBERED:]
    request.session["answers"] = dict([*answers, (once, location)])
    request.session.save()


def form_page(request: HttpRequest, template: str, form: PanelForm, **values: Any) -> HttpResponse:
    """Show a page with its form; one with errors answers 200 too, as browsers note other answers as faults."""
    return render(request, template, {"form": form} | values)


def confirm(
    request: HttpRequest,
    form: PanelForm,
    title: str,
    text: str,
    button: str,
    back: str,
    counts: dict[str, int] | None = None,
    **values: Any,
) -> HttpResponse:
    """Ask before something is lost: what will happen, to how many things."""
    shown = {"title": title, "text": text, "button": button, "back": back, "counts": counts or {}}
    return form_page(request, "components/confirm.html", form, **shown | values)


def url(name: str, *names: object) -> str:
    """Return the address of a page."""
    return reverse(name, args=[str(item) for item in names])
