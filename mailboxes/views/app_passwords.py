"""The page of a mailbox's app passwords, for its owner and for administrators, who neither make nor see one."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from domains.forms import ConfirmForm
from domains.services.autoconfig import offered_servers
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
from mailboxes.forms import AppPasswordForm, RenameForm
from mailboxes.models import Protocol
from mailboxes.services import app_passwords
from mailboxes.services.accounts import get_account_for

SERVERS = {"imap": Protocol.IMAP, "pop3": Protocol.POP3, "smtp": Protocol.SUBMISSION}


def _offered() -> list[tuple[str, Any]]:
    """Return the protocols that listen here, with their labels."""
    listening = {SERVERS.get(server.protocol) for server in offered_servers()}
    return [(protocol.value, protocol.label) for protocol in Protocol if protocol in listening]


@audience(Audience.EVERYBODY)
@never_cache
def listing(request: HttpRequest, address: str) -> HttpResponse:
    """List the app passwords; the owner makes one here and sees its text this once."""
    act = act_of_request(request)
    account = get_account_for(act, address)
    form = bound(request, AppPasswordForm, offered=_offered())

    def make(data: dict[str, Any]) -> HttpResponse:
        row, text = app_passwords.create_app_password(act, account.address, **data)
        shown = {"row": row, "text": text, "account": account}
        return render(request, "mailboxes/app_password_made.html", shown, status=201)

    shown = {
        "account": account,
        "rows": app_passwords.app_passwords_for(act, account.address),
        "mine": app_passwords.owns(act, account),
    }
    return answered(request, form, make, again=request.path) or form_page(
        request, "mailboxes/app_passwords.html", form, **shown
    )


@audience(Audience.EVERYBODY)
@require_POST
def only(request: HttpRequest, address: str) -> HttpResponse:
    """Say whether mail programs need an app password."""
    wanted = request.POST.get("only") == "yes"
    account = app_passwords.set_app_passwords_only(act_of_request(request), address, wanted)
    text = _("Mail programs need an app password now.") if wanted else _("The mailbox's own password works again.")
    return done(request, text, "app-passwords", account.address)


@audience(Audience.EVERYBODY)
def rename(request: HttpRequest, address: str, identifier: int) -> HttpResponse:
    """Give an app password another name."""
    act = act_of_request(request)
    row = app_passwords.get_app_password_for(act, address, identifier)
    form = bound(request, RenameForm, initial={"name": row.name})

    def save(data: dict[str, Any]) -> HttpResponse:
        changed = app_passwords.rename_app_password(act, address, identifier, data["name"])
        return done(request, _("It is called %(name)s now.") % {"name": changed.name}, "app-passwords", address)

    shown = {
        "title": _("Rename %(name)s") % {"name": row.name},
        "button": _("Save"),
        "back": url("app-passwords", row.account.address),
        "back_label": _("App passwords"),
    }
    return answered(request, form, save) or form_page(request, "components/form_page.html", form, **shown)


@audience(Audience.EVERYBODY)
def revoke(request: HttpRequest, address: str, identifier: int) -> HttpResponse:
    """Ask, then revoke an app password."""
    act = act_of_request(request)
    row = app_passwords.get_app_password_for(act, address, identifier)
    back = url("app-passwords", row.account.address)
    form = bound(request, ConfirmForm)

    def remove(data: dict[str, Any]) -> HttpResponse:
        app_passwords.revoke_app_password(act, address, identifier)
        return done(request, _("%(name)s is revoked.") % {"name": row.name}, "app-passwords", address)

    return answered(request, form, remove, again=back) or confirm(
        request,
        form,
        title=_("Revoke the app password %(name)s?") % {"name": row.name},
        text=_("The device that has it is signed out within seconds and cannot sign in again. Others stay."),
        button=_("Revoke it"),
        back=back,
    )
