"""DKIM keys of a domain: their life as a line, made and deleted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from domains.forms import ConfirmForm, KeyForm
from domains.models import DkimKey, KeyState
from domains.names import to_unicode
from domains.services import keys as service
from domains.services.provision import get_domain_for
from domains.services.publication import key_record_name, key_record_value
from domains.views.frame import domain_page
from domains.views.web import act_of_request, answered, bound, confirm, done, form_page, url

_ORDER = [KeyState.GENERATED, KeyState.AWAITING_DNS, KeyState.ACTIVE, KeyState.RETIRING, KeyState.REMOVED]
_PLACE = {KeyState.REVOKED.value: 4} | {state.value: place for place, state in enumerate(_ORDER)}


@dataclass(frozen=True, slots=True)
class Step:
    """One point of the line; ``place`` is past, now or ahead."""

    label: str
    at: datetime | None
    place: str


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key with its life and one sentence: why we wait, what happens next."""

    key: DkimKey
    record_name: str
    record_value: str
    steps: list[Step]
    next: str


def _steps(key: DkimKey) -> list[Step]:
    here = _PLACE[key.state]
    rows = [
        (_("Made"), key.created_at),
        (_("Waits for the DNS"), None),
        (_("Signs"), key.activated_at),
        (_("Retires"), key.retired_at),
        (_("Removed"), None),
    ]
    places = ["past" if number < here else "now" if number == here else "ahead" for number in range(len(rows))]
    return [Step(label, at, place) for (label, at), place in zip(rows, places, strict=True)]


def _next(key: DkimKey) -> str:
    if key.state in (KeyState.GENERATED, KeyState.AWAITING_DNS):
        return _("It signs once a check has seen its exact text at every server of the zone. Publish the record.")
    if key.state == KeyState.ACTIVE:
        return _("Outgoing mail of this domain is signed with it. Nothing to do.")
    if key.state == KeyState.RETIRING:
        return _("It signs no more. Its record stays until the last message signed with it has arrived.")
    return _("It is worth nothing any more; its record can go.")


def _line(key: DkimKey) -> KeyLine:
    return KeyLine(key, key_record_name(key), key_record_value(key), _steps(key), _next(key))


def keys(request: HttpRequest, name: str) -> HttpResponse:
    """Show the keys of a domain."""
    domain = get_domain_for(act_of_request(request), name)
    rows = [_line(key) for key in service.keys_of(domain)]
    return domain_page(request, "domains/keys.html", domain, "domain-keys", lines=rows)


def add(request: HttpRequest, name: str) -> HttpResponse:
    """Make a key that waits for the DNS."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, KeyForm)

    def make(data: dict[str, Any]) -> HttpResponse:
        key = service.create_key(act, domain.name, data["algorithm"], data["selector"] or None)
        text = _("The key %(selector)s is made. Publish its record.") % {"selector": key.selector}
        return done(request, text, "domain-keys", domain.name)

    shown = {
        "title": _("Make a key for %(name)s") % {"name": to_unicode(domain.name)},
        "button": _("Make the key"),
        "back": url("domain-keys", domain.name),
        "back_label": _("Keys"),
    }
    return answered(request, form, make) or form_page(request, "components/form_page.html", form, **shown)


def delete(request: HttpRequest, name: str, selector: str) -> HttpResponse:
    """Ask, then delete a key."""
    act = act_of_request(request)
    key = service.get_key_for(act, name, selector)
    domain = key.domain
    form = bound(request, ConfirmForm)

    def remove(data: dict[str, Any]) -> HttpResponse:
        service.delete_key(act, domain.name, key.selector)
        text = _("The key %(selector)s is deleted. Take its record out of the DNS.") % {"selector": key.selector}
        return done(request, text, "domain-keys", domain.name)

    others = domain.dkim_keys.filter(state=KeyState.ACTIVE).exclude(pk=key.pk).exists()
    text = _("Mail that was signed with it can no longer be verified once its record is gone.")
    if key.state == KeyState.ACTIVE and not others:
        text += " " + _("It is the only active key: from now on mail of this domain leaves unsigned.")
    return answered(request, form, remove) or confirm(
        request,
        form,
        title=_("Delete the key %(selector)s?") % {"selector": key.selector},
        text=text,
        button=_("Delete the key"),
        back=url("domain-keys", domain.name),
    )
