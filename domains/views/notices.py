"""Notices of a domain and of the installation: who is mailed, which webhooks are told, and what was told lately."""

from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from domains.audit import Act
from domains.forms import ConfirmForm, WebhookForm
from domains.models import Domain, Notice, Webhook
from domains.names import to_unicode
from domains.notify import sentence_of, type_of
from domains.services import webhooks as service
from domains.services.notices import installation_notices, notices_for, readers_of
from domains.services.provision import get_domain_for
from domains.views.frame import domain_page
from domains.views.web import (
    Audience,
    act_of_request,
    answered,
    audience,
    bound,
    confirm,
    done,
    form_page,
    url,
)

SHOWN = 20


class Told(NamedTuple):
    """One notice as a line."""

    notice: Notice
    tone: str
    text: str


def _told(notices: Any) -> list[Told]:
    return [Told(notice, type_of(notice).tone, sentence_of(notice)) for notice in notices[:SHOWN]]


@audience(Audience.SUPERADMINS)
def notices(request: HttpRequest) -> HttpResponse:
    """Show what concerns the installation."""
    act = act_of_request(request)
    shown = {
        "readers": readers_of(None),
        "webhooks": service.installation_webhooks(act),
        "told": _told(installation_notices(act)),
        "add": url("webhook-add"),
    }
    return render(request, "domains/installation_notices.html", shown)


def domain_notices(request: HttpRequest, name: str) -> HttpResponse:
    """Show who is told about a domain, and of what."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    shown = {
        "readers": readers_of(domain),
        "webhooks": service.webhooks_of(act, domain.name),
        "told": _told(notices_for(act, domain.name)),
        "add": url("domain-webhook-add", domain.name),
    }
    return domain_page(request, "domains/notices.html", domain, "domain-settings", **shown)


def _back(webhook_domain: Domain | None) -> str:
    return url("domain-notices", webhook_domain.name) if webhook_domain else url("notices")


def _add(request: HttpRequest, act: Act, domain: Domain | None) -> HttpResponse:
    form = bound(request, WebhookForm)

    def make(data: dict[str, Any]) -> HttpResponse:
        webhook, secret = service.create_webhook(act, data["url"], domain.name if domain else "")
        return render(request, "domains/webhook_made.html", {"webhook": webhook, "secret": secret}, status=201)

    name = to_unicode(domain.name) if domain else ""
    shown = {
        "title": _("Add a webhook for %(name)s") % {"name": name} if domain else _("Add a webhook"),
        "lead": _("Each event is sent there as JSON by POST, signed with a secret that you are shown once."),
        "button": _("Add the webhook"),
        "back": _back(domain),
        "back_label": _("Notices"),
    }
    return answered(request, form, make, again=_back(domain)) or form_page(
        request, "components/form_page.html", form, **shown
    )


@audience(Audience.SUPERADMINS)
@never_cache
def add(request: HttpRequest) -> HttpResponse:
    """Add an endpoint of the installation, which is told of every domain."""
    return _add(request, act_of_request(request), None)


@never_cache
def domain_add(request: HttpRequest, name: str) -> HttpResponse:
    """Add an endpoint of one domain."""
    act = act_of_request(request)
    return _add(request, act, get_domain_for(act, name))


def webhook(request: HttpRequest, identifier: int) -> HttpResponse:
    """Show an endpoint and its last deliveries."""
    found = service.get_webhook_for(act_of_request(request), identifier)
    log = [(row, sentence_of(row.notice)) for row in service.deliveries_of(found)]
    return render(request, "domains/webhook.html", {"webhook": found, "log": log, "back": _back(found.domain)})


@require_POST
def webhook_test(request: HttpRequest, identifier: int) -> HttpResponse:
    """Send a test event."""
    service.send_test(act_of_request(request), identifier)
    return done(request, _("A test event is on its way; look at the log in a moment."), "webhook", identifier)


@require_POST
def webhook_enable(request: HttpRequest, identifier: int) -> HttpResponse:
    """Let a disabled endpoint be told again."""
    service.enable_webhook(act_of_request(request), identifier)
    return done(request, _("The webhook is told of events again from now on."), "webhook", identifier)


def webhook_delete(request: HttpRequest, identifier: int) -> HttpResponse:
    """Ask, then delete an endpoint."""
    act = act_of_request(request)
    found: Webhook = service.get_webhook_for(act, identifier)
    back = _back(found.domain)
    form = bound(request, ConfirmForm)

    def delete(data: dict[str, Any]) -> HttpResponse:
        service.delete_webhook(act, identifier)
        if found.domain:
            return done(request, _("The webhook is deleted."), "domain-notices", found.domain.name)
        return done(request, _("The webhook is deleted."), "notices")

    return answered(request, form, delete, again=back) or confirm(
        request,
        form,
        title=_("Delete the webhook?"),
        text=_("%(url)s is told of nothing any more; what still waits for it is dropped.") % {"url": found.url},
        button=_("Delete the webhook"),
        back=url("webhook", identifier),
    )
