"""Pages of domains: list, add, overview, settings, delete."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from domains.audit import Act
from domains.errors import NotFound, Refused
from domains.forms import ConfirmForm, DeleteDomainForm, DomainForm
from domains.models import Domain, DomainState, KeyState, RecordStatus
from domains.names import to_unicode
from domains.services import kinds, provision, removal
from domains.services.check import health_of, record_states
from domains.services.flow import Flow, flow_by_domain
from domains.services.guiding import is_settled
from domains.views import bimi, dmarc, transfer
from domains.views.days import yesterday
from domains.views.frame import domain_page
from domains.views.kinds import standing_of as kind_of
from domains.views.mta_sts import standing_of
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
    typed,
    url,
)

DELETED_ROWS = 100


def domains(request: HttpRequest) -> HttpResponse:
    """List the domains in reach, by name or part of it."""
    text = typed(request, "q", 253)
    rows = provision.domains_for(act_of_request(request))
    if text:
        rows = rows.filter(name__icontains=text.lower())
    page = page_of(request, rows)
    lines = [(domain, to_unicode(domain.name), health_of(domain)) for domain in page]
    shown = {
        "page": page,
        "lines": lines,
        "text": text,
        "deleted": _deleted(request),
        "offers": transfer.incoming(request),
    }
    return render(request, "domains/list.html", shown)


def _deleted(request: HttpRequest) -> list[tuple[Domain, str, datetime | None]]:
    """Return the domains that are being deleted, with their names and until when they are kept."""
    rows = provision.deleted_domains_for(act_of_request(request)).prefetch_related(None).order_by("deleted_at")
    return [(domain, to_unicode(domain.name), removal.kept_until(domain)) for domain in rows[:DELETED_ROWS]]


def add(request: HttpRequest) -> HttpResponse:
    """Add a domain and go to the records to publish."""
    form = bound(request, DomainForm)

    def make(data: dict[str, Any]) -> HttpResponse:
        purpose = kinds.Purpose(data["kind"], data["alias_of"])
        domain = kinds.add_domain(act_of_request(request), data["name"], purpose)
        text = _("%(name)s is added.")
        return done(request, text % {"name": to_unicode(domain.name)}, "domain-start", domain.name)

    title = _("Add a domain")
    lead = _("A page leads you from here to mail that arrives, step by step, with the exact DNS records to publish.")
    shown = {"title": title, "lead": lead, "button": title, "back": url("domains"), "back_label": _("Domains")}
    return answered(request, form, make) or form_page(request, "components/form_page.html", form, **shown)


def overview(request: HttpRequest, name: str) -> HttpResponse:
    """Answer for one domain: is everything all right, and what is next."""
    act = act_of_request(request)
    domain = provision.get_domain_for(act, name)
    states = record_states(domain)
    since, until = yesterday()
    shown = {
        "health": health_of(domain),
        "settled": is_settled(domain),
        "wrong": [state for state in states if state.status not in (RecordStatus.RIGHT, RecordStatus.UNCHECKED)],
        "right": sum(state.status == RecordStatus.RIGHT for state in states),
        "states": states,
        "active_keys": [key for key in domain.dkim_keys.all() if key.state == KeyState.ACTIVE],
        "counts": provision.contents_of(domain),
        "flow": flow_by_domain(act, since, until).get(domain.name, Flow()),
    }
    return domain_page(request, "domains/overview.html", domain, "domain", **shown)


def settings(request: HttpRequest, name: str) -> HttpResponse:
    """Show what can be changed in a domain."""
    domain = provision.get_domain_for(act_of_request(request), name)
    shown = {
        "dmarc": dmarc.standing_of(domain),
        "mta_sts": standing_of(domain),
        "kind": kind_of(domain),
        "people": transfer.standing_of(request, domain),
        "bimi": bimi.standing_of(domain),
    }
    return domain_page(request, "domains/settings.html", domain, "domain-settings", **shown)


@audience(Audience.SUPERADMINS)
def suspend(request: HttpRequest, name: str) -> HttpResponse:
    """Ask, then suspend a domain, or let it work again."""
    act = act_of_request(request)
    domain = provision.get_domain_for(act, name)
    resume = domain.state == DomainState.SUSPENDED
    form = bound(request, ConfirmForm)
    shown_name = to_unicode(domain.name)

    def change(data: dict[str, Any]) -> HttpResponse:
        wanted = DomainState.ACTIVE if request.POST.get("state") == "active" else DomainState.SUSPENDED
        provision.change_domain(act, domain.name, state=wanted)
        text = _("%(name)s works again.") if wanted == DomainState.ACTIVE else _("%(name)s is suspended.")
        return done(request, text % {"name": shown_name}, "domain-settings", domain.name)

    stop = _(
        "Mail for this domain is refused from the next connection on, and its mail is not signed. Nothing is deleted."
    )
    return answered(request, form, change) or confirm(
        request,
        form,
        title=(_("Resume %(name)s?") if resume else _("Suspend %(name)s?")) % {"name": shown_name},
        text=_("Mail for this domain is accepted and signed again.") if resume else stop,
        button=_("Resume") if resume else _("Suspend"),
        back=url("domain-settings", domain.name),
        harmless=resume,
        hidden={"state": "active" if resume else "suspended"},
    )


def delete(request: HttpRequest, name: str) -> HttpResponse:
    """Ask with the counts of what goes, then put a domain aside; one that is aside already goes for good."""
    act = act_of_request(request)
    domain, for_good = _to_delete(act, name)
    shown_name = to_unicode(domain.name)
    form = bound(request, DeleteDomainForm, names=(domain.name, shown_name.lower()))

    def remove(data: dict[str, Any]) -> HttpResponse:
        if for_good and "for_good" not in request.POST:  # of a page that asked for less
            return done(request, _("%(name)s is deleted.") % {"name": shown_name}, "domains")
        removal.delete_domain(act, domain.name, cascade=True, now=for_good)
        text = _("%(name)s is removed for good.") if for_good else _("%(name)s is deleted.")
        return done(request, text % {"name": shown_name}, "domains")

    aside = _(
        "From now on its mail is refused, nobody signs in to its mailboxes, and nothing is signed for it. Everything "
        "is kept for seven days, in which it can be restored as it is; then it is removed for good."
    )
    last = _("The domain goes with its keys, its reports and everything counted here. This cannot be undone.")
    title = _("Remove %(name)s for good?") if for_good else _("Delete %(name)s?")
    unproven = domain.state == DomainState.PENDING
    return answered(request, form, remove, again=url("domains")) or confirm(
        request,
        form,
        title=title % {"name": shown_name},
        text=last if for_good or unproven else aside,
        button=_("Remove for good") if for_good else _("Delete the domain"),
        hidden={"for_good": "1"} if for_good else {},
        back=url("domains") if for_good else url("domain-settings", domain.name),
        counts={
            **provision.contents_of(domain),
            "keys": domain.dkim_keys.count(),
            "reports": domain.dmarc_reports.count(),
        },
    )


def _to_delete(act: Act, name: str) -> tuple[Domain, bool]:
    """Return the domain of this name, and whether only its removal for good is left, for superadministrators."""
    if act.is_superadmin:
        with suppress(NotFound):
            return provision.get_deleted_domain_for(act, name), True
    return provision.get_domain_for(act, name), False


@require_POST
def restore(request: HttpRequest, name: str) -> HttpResponse:
    """Bring a domain back that is being deleted."""
    try:
        domain = removal.restore_domain(act_of_request(request), name)
    except Refused as error:
        messages.error(request, " ".join(map(str, error.errors.values())))
        return redirect("domains")
    text = _("%(name)s is back as it was, and its records were looked up.")
    return done(request, text % {"name": to_unicode(domain.name)}, "domain", domain.name)
