"""What every template may show: the rail's entries for this actor, and where we are."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from domains.models import Actor, Role


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the rail; ``group`` heads it, ``icon`` names its drawing."""

    label: str
    href: str
    icon: str
    group: str
    current: bool


def panel(request: HttpRequest) -> dict[str, Any]:
    """Return the navigation, the languages, and the host's name."""
    actor = getattr(request, "user", None)
    entries = _entries(request, actor) if isinstance(actor, Actor) else []
    return {
        "navigation": entries,
        "languages": settings.LANGUAGES,
        "mail_host": settings.MAILADMIN.hostname,
        "may_administer": isinstance(actor, Actor) and actor.role != Role.OWNER,
    }


def _entries(request: HttpRequest, actor: Actor) -> list[Entry]:
    mail, system = _("Mail"), _("System")
    rows = [("home", _("Home"), "home", ""), ("domains", _("Domains"), "domains", "")]
    rows += [("messages", _("Trace"), "trace", mail), ("queue", _("Queue"), "queue", mail)]
    rows += [("reports", _("Reports"), "chart", mail)]
    if actor.is_superadmin:
        rows += [("services", _("Services"), "services", system)]
        rows += [("certificates", _("Certificates"), "certificates", system)]
        rows += [("zones", _("Zones"), "domains", system)]
    rows += [("lint", _("Check records"), "check", system)]
    rows += [("audit", _("Audit"), "audit", system)]
    if actor.is_superadmin:
        rows += [("administrators", _("Administrators"), "people", system)]
    rows += [("tokens", _("Tokens"), "token", system)]
    if actor.is_superadmin:
        rows += [("notices", _("Notices"), "bell", system)]
    if actor.role == Role.OWNER:
        rows = [("messages", _("My mail log"), "trace", "")]
    rows += [("me", _("Me"), "person", "")]
    if actor.role == Role.OWNER:
        rows.reverse()
    return [_entry(request, *row) for row in rows]


def _entry(request: HttpRequest, name: str, label: str, icon: str, group: str) -> Entry:
    href = reverse(name)
    inside = request.path.startswith(f"{href.rstrip('/')}/") and href != "/"
    return Entry(label, href, icon, group, request.path == href or inside)
