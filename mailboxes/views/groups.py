"""The groups of a domain."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from domains.forms import ConfirmForm
from domains.names import to_unicode
from domains.services.provision import get_domain_for
from domains.views.frame import domain_page
from domains.views.web import act_of_request, answered, bound, confirm, done, form_page, page_of, typed, url
from mailboxes.forms import GroupChangeForm, GroupForm
from mailboxes.services import groups as service


def groups(request: HttpRequest, name: str) -> HttpResponse:
    """List the groups of a domain."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    text = typed(request, "q")
    page = page_of(request, service.search_groups(act, domain.name, text))
    return domain_page(request, "mailboxes/groups.html", domain, "domain-groups", page=page, text=text)


def add(request: HttpRequest, name: str) -> HttpResponse:
    """Add a group."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, GroupForm, domain=to_unicode(domain.name))

    def make(data: dict[str, Any]) -> HttpResponse:
        group = service.create_group(act, data["address"], data["members"], data["name"], data["writers"])
        text = _("The group %(address)s is added.") % {"address": group.address}
        return done(request, text, "domain-groups", group.domain.name)

    shown = {
        "title": _("Add a group to %(name)s") % {"name": to_unicode(domain.name)},
        "button": _("Add the group"),
        "back": url("domain-groups", domain.name),
        "back_label": _("Groups"),
    }
    return answered(request, form, make) or form_page(request, "components/form_page.html", form, **shown)


def change(request: HttpRequest, address: str) -> HttpResponse:
    """Change who is in a group, its name, and who may write to it."""
    act = act_of_request(request)
    group = service.get_group_for(act, address)
    initial = {"name": group.name, "members": "\n".join(group.members), "writers": group.writers}
    form = bound(request, GroupChangeForm, initial=initial)

    def save(data: dict[str, Any]) -> HttpResponse:
        service.change_group(act, group.address, **data)
        text = _("The group %(address)s is changed.") % {"address": group.address}
        return done(request, text, "domain-groups", group.domain.name)

    shown = {
        "title": group.address,
        "button": _("Save"),
        "back": url("domain-groups", group.domain.name),
        "back_label": _("Groups"),
    }
    return answered(request, form, save) or form_page(request, "components/form_page.html", form, **shown)


def delete(request: HttpRequest, address: str) -> HttpResponse:
    """Ask, then delete a group."""
    act = act_of_request(request)
    group = service.get_group_for(act, address)
    form = bound(request, ConfirmForm)
    back = url("domain-groups", group.domain.name)

    def remove(data: dict[str, Any]) -> HttpResponse:
        service.delete_group(act, group.address)
        text = _("The group %(address)s is deleted.") % {"address": group.address}
        return done(request, text, "domain-groups", group.domain.name)

    text = _("Mail to it is refused from then on, unless the catch-all takes it. Its members keep their mailboxes.")
    return answered(request, form, remove, again=back) or confirm(
        request,
        form,
        title=_("Delete the group %(address)s?") % {"address": group.address},
        text=text,
        button=_("Delete the group"),
        back=back,
    )
