"""Incoming mail of a domain: the decision table in plain words, with what each row does to choose."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from antispam.forms import IncomingForm
from antispam.services.policy import Incoming, change_incoming, incoming_of, reset_incoming
from antispam.story.table_words import ABOUT, DOES
from domains.names import to_unicode
from domains.services.provision import get_domain_for
from domains.views.frame import domain_page
from domains.views.web import act_of_request, answered, bound, done


def incoming(request: HttpRequest, name: str) -> HttpResponse:
    """Show the table and change it; an alias domain shows its target's."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    held = incoming_of(act, domain.name)
    form = bound(request, IncomingForm, held=held)

    def save(data: dict[str, Any]) -> HttpResponse:
        if "reset" in request.POST:
            reset_incoming(act, domain.name)
            return done(request, _("Everything is back to the default."), "domain-incoming", domain.name)
        change_incoming(act, domain.name, form.dispositions(data), data["forwarders"], data["full_mailbox_reply"])
        return done(request, _("What happens to incoming mail is saved."), "domain-incoming", domain.name)

    answer = answered(request, form, save)
    if answer is not None:
        return answer
    shown = {
        "form": form,
        "rows": _rows(held, form),
        "owner": held.owner,
        "owner_name": to_unicode(held.owner),
        "follows": held.owner != domain.name,
    }
    return domain_page(request, "antispam/incoming.html", domain, "domain-settings", **shown)


def _rows(held: Incoming, form: IncomingForm) -> list[dict[str, Any]]:
    """Return the table's rows as the page shows them."""
    return [
        {
            "name": choice.row.name,
            "title": ABOUT[choice.row.name][0],
            "about": ABOUT[choice.row.name][1],
            "does": DOES[choice.disposition],
            "disposition": choice.disposition.value,
            "default": choice.disposition is choice.row.default,
            "taken": choice.taken,
            "field": form[choice.row.name] if choice.row.name in form.fields else None,
        }
        for choice in held.rows
    ]
