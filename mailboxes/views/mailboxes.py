"""Mailboxes of a domain: list, search, add, change, delete."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from domains.forms import ConfirmForm
from domains.names import to_unicode
from domains.services.provision import get_domain_for
from domains.views.frame import domain_page
from domains.views.web import act_of_request, answered, bound, confirm, done, form_page, page_of, typed, url
from mailboxes.forms import MEGABYTE, MailboxChangeForm, MailboxForm
from mailboxes.services import accounts


def mailboxes(request: HttpRequest, name: str) -> HttpResponse:
    """List the mailboxes of a domain."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    text = typed(request, "q")
    page = page_of(request, accounts.search_accounts(act, domain.name, text))
    return domain_page(request, "mailboxes/mailboxes.html", domain, "domain-mailboxes", page=page, text=text)


@sensitive_post_parameters("password")
def add(request: HttpRequest, name: str) -> HttpResponse:
    """Add a mailbox."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, MailboxForm, domain=to_unicode(domain.name))

    def make(data: dict[str, Any]) -> HttpResponse:
        account = accounts.create_account(act, **data)
        text = _("%(address)s takes mail from now on.") % {"address": account.address}
        return done(request, text, "domain-mailboxes", account.domain.name)

    shown = {
        "title": _("Add a mailbox to %(name)s") % {"name": to_unicode(domain.name)},
        "button": _("Add the mailbox"),
        "back": url("domain-mailboxes", domain.name),
        "back_label": _("Mailboxes"),
    }
    return answered(request, form, make) or form_page(request, "components/form_page.html", form, **shown)


@sensitive_post_parameters("password")
def change(request: HttpRequest, address: str) -> HttpResponse:
    """Change a mailbox: name, quota, password, whether it works."""
    act = act_of_request(request)
    account = accounts.get_account_for(act, address)
    quota = account.quota_bytes
    initial = {"display_name": account.display_name, "enabled": account.enabled}
    form = bound(
        request, MailboxChangeForm, initial=initial | {"quota": None if quota is None else quota // MEGABYTE}
    )

    def save(data: dict[str, Any]) -> HttpResponse:
        if quota is not None and data.get("quota_bytes") == quota // MEGABYTE * MEGABYTE:
            data["quota_bytes"] = quota  # a quota given in octets elsewhere is not rounded by a visit here
        accounts.change_account(act, account.address, **data)
        return done(request, _("%(address)s is changed.") % {"address": account.address}, "mailbox", account.address)

    return answered(request, form, save) or form_page(request, "mailboxes/mailbox.html", form, account=account)


def delete(request: HttpRequest, address: str) -> HttpResponse:
    """Ask with the counts, then delete a mailbox with all its messages."""
    act = act_of_request(request)
    account = accounts.get_account_for(act, address)
    domain_name, shown_address = account.domain.name, account.address
    form = bound(request, ConfirmForm)

    def remove(data: dict[str, Any]) -> HttpResponse:
        accounts.delete_account(act, shown_address)
        text = _("%(address)s is deleted.") % {"address": shown_address}
        return done(request, text, "domain-mailboxes", domain_name)

    back = url("domain-mailboxes", domain_name)
    return answered(request, form, remove, again=back) or confirm(
        request,
        form,
        title=_("Delete %(address)s?") % {"address": shown_address},
        text=_("The mailbox goes with all its messages. Mail to it is refused. This cannot be undone."),
        button=_("Delete the mailbox"),
        back=back,
        counts={"messages": account.messages_count},
    )
