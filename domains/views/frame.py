"""The frame around every page of one domain: its name, its tabs, the other domains to switch to."""

from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from domains.models import Domain, DomainKind
from domains.names import to_unicode
from domains.services.provision import domains_for
from domains.views.web import act_of_request, url

SWITCH_ROWS = 60


# What a kind of domain has none of.
_IDLE = {
    DomainKind.PARKED.value: ("domain-keys", "domain-senders", "domain-mailboxes", "domain-aliases", "domain-groups"),
    DomainKind.ALIAS.value: ("domain-mailboxes", "domain-aliases", "domain-groups"),
}


class Tab(NamedTuple):
    """One tab of a domain's pages."""

    label: str
    href: str
    current: bool


def tabs_of(domain: Domain, current: str) -> list[Tab]:
    """Return the tabs in their order."""
    rows = [
        ("domain", _("Overview")),
        ("domain-dns", _("DNS")),
        ("domain-keys", _("Keys")),
        ("domain-senders", _("Senders")),
        ("domain-reports", _("Reports")),
        ("domain-mailboxes", _("Mailboxes")),
        ("domain-aliases", _("Aliases")),
        ("domain-groups", _("Groups")),
        ("domain-settings", _("Settings")),
    ]
    idle = _IDLE.get(domain.kind, ())
    return [Tab(label, url(name, domain.name), name == current) for name, label in rows if name not in idle]


def frame_of(request: HttpRequest, domain: Domain, current: str) -> dict[str, Any]:
    """Return what ``domains/frame.html`` shows; the list of domains is looked up only when it is shown."""

    def siblings() -> list[tuple[str, str]]:
        rows = domains_for(act_of_request(request)).prefetch_related(None)
        others = rows.exclude(pk=domain.pk).values_list("name", "kind")[:SWITCH_ROWS]
        return [
            (to_unicode(name), url("domain" if current in _IDLE.get(kind, ()) else current, name))
            for name, kind in others
        ]

    return {
        "domain": domain,
        "domain_name": to_unicode(domain.name),
        "tabs": tabs_of(domain, current),
        "siblings": siblings,
    }


def domain_page(request: HttpRequest, template: str, domain: Domain, current: str, **values: Any) -> HttpResponse:
    """Show a page of one domain under its tabs."""
    return render(request, template, frame_of(request, domain, current) | values)
