"""DKIM keys of a domain: their life as a line; made, taken in and out, replaced, stopped, deleted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from domains.dkim.lifecycle import RETIRING, REVOKED, is_overdue
from domains.forms import ConfirmForm, HostingForm, ImportKeyForm, KeyForm, PasswordForm, RotationForm
from domains.models import DkimKey, Domain, KeyState
from domains.names import to_unicode
from domains.services import key_life
from domains.services import keys as service
from domains.services.hosted_keys import host_keys, hosting_zones
from domains.services.provision import get_domain_for
from domains.services.publication import key_record_name, key_record_value
from domains.views.frame import domain_page
from domains.views.web import act_of_request, answered, bound, confirm, done, form_page, url

_ORDER = [KeyState.AWAITING_DNS, KeyState.ACTIVE, KeyState.RETIRING, KeyState.REVOKED, KeyState.REMOVED]
_PLACE = {KeyState.GENERATED.value: 0} | {state.value: place for place, state in enumerate(_ORDER)}
_ONE_STRING = 255
_LONG_RECORD = 512


@dataclass(frozen=True, slots=True)
class Step:
    """One point of the line; ``place`` is past, now or ahead; ``at`` may lie ahead too."""

    label: str
    at: datetime | None
    place: str


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key with its life and what there is to say: why we wait, what happens next, what to know."""

    key: DkimKey
    record_name: str
    record_value: str
    steps: list[Step]
    next: str
    hint: str

    @property
    def may_be_replaced(self) -> bool:
        """True for a key that signs."""
        return self.key.state == KeyState.ACTIVE

    @property
    def has_private_part(self) -> bool:
        """True until it is revoked."""
        return self.key.state not in (KeyState.REVOKED, KeyState.REMOVED)


def _steps(key: DkimKey, domain: Domain) -> list[Step]:
    here = _PLACE[key.state]
    age_over = key.created_at + timedelta(days=domain.rotation_days) if domain.rotation_days else None
    retires = key.retired_at or (max(age_over, timezone.now()) if age_over and key.activated_at else None)
    revoked = key.revoked_at or (key.retired_at + RETIRING if key.retired_at else None)
    rows = [
        (_("Made"), key.created_at),
        (_("Signs"), key.activated_at),
        (_("Retires"), retires),
        (_("Revoked"), revoked),
        (_("Removed"), key.revoked_at + REVOKED if key.revoked_at else None),
    ]
    places = ["past" if number < here else "now" if number == here else "ahead" for number in range(len(rows))]
    return [Step(label, at, place) for (label, at), place in zip(rows, places, strict=True)]


def _next(key: DkimKey) -> str:
    if key.state in (KeyState.GENERATED, KeyState.AWAITING_DNS):
        return _waiting(key)
    if key.state == KeyState.ACTIVE:
        return _("Outgoing mail of this domain is signed with it. Nothing to do.")
    if key.state == KeyState.RETIRING:
        return _("It signs no more. Its record stays until the last message signed with it has arrived.")
    if key.state == KeyState.REVOKED:
        return _("It is revoked: publish its record with the empty p=, or take the record out.")
    return _("It is worth nothing any more; its record can go.")


def _waiting(key: DkimKey) -> str:
    if key.wait_until is not None and key.activated_at is None:
        text = _(
            "Its text is written. Other servers may remember what stood there until %(time)s; it signs after that."
        )
        return text % {"time": date_format(timezone.localtime(key.wait_until), "DATETIME_FORMAT")}
    if key.wait_until is not None:
        text = _("Its text is back. Other servers may remember its absence until %(time)s; it signs after that.")
        return text % {"time": date_format(timezone.localtime(key.wait_until), "DATETIME_FORMAT")}
    if key.activated_at is not None:
        return _("Its record went away, so it signs no more. Publish the record again.")
    if is_overdue(key_life.facts_of(key), timezone.now()):
        return _("It has waited for its record for more than a week. Publish the record, then check.")
    if key.hosted_in:
        return _("It signs once its alias and the text behind it are seen everywhere. Publish the aliases.")
    if key.replaces:
        text = _("It is to replace %(selector)s, which signs until this text is seen everywhere. Publish the record.")
        return text % {"selector": key.replaces}
    return _("It signs once a check has seen its exact text at every server of the zone. Publish the record.")


def _hint(value: str) -> str:
    """Return what the size of a key's record asks of who publishes it (RFC 1035 section 3.3.14, RFC 6376 3.6.2.2)."""
    if len(value) <= _ONE_STRING:
        return ""
    text = _(
        "Its record has %(count)d characters, in strings of at most 255. Most providers split it by themselves; one "
        "that does not wants it in the quoted parts that the DNS page gives."
    )
    if len(value) > _LONG_RECORD:
        text = _(
            "Its record has %(count)d characters: some providers take no more than 512 in one record, and its answer "
            "does not fit every network's UDP. An RSA key of 2048 bits or Ed25519 avoids both."
        )
    return text % {"count": len(value)}


def _line(key: DkimKey, domain: Domain) -> KeyLine:
    value = key_record_value(key)
    waits = key.state == KeyState.AWAITING_DNS
    hint = _("The panel publishes it itself, behind the alias.") if key.hosted_in else _hint(value) if waits else ""
    return KeyLine(key, key_record_name(key), value, _steps(key, domain), _next(key), hint)


def keys(request: HttpRequest, name: str) -> HttpResponse:
    """Show the keys of a domain, those that are gone for good last."""
    domain = get_domain_for(act_of_request(request), name)
    rows = [_line(key, domain) for key in service.keys_of(domain)]
    zones = hosting_zones() if not domain.key_zone else [domain.key_zone]
    living = [row for row in rows if row.key.state != KeyState.REMOVED]
    removed = [row for row in rows if row.key.state == KeyState.REMOVED]
    shown = {"lines": living, "removed": removed, "zones": zones}
    return domain_page(request, "domains/keys.html", domain, "domain-keys", **shown)


def _page(domain: Domain, title: str, button: str, lead: str = "") -> dict[str, Any]:
    back = url("domain-keys", domain.name)
    return {"title": title, "lead": lead, "button": button, "back": back, "back_label": _("Keys")}


def add(request: HttpRequest, name: str) -> HttpResponse:
    """Make a key that waits for the DNS."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, KeyForm)

    def make(data: dict[str, Any]) -> HttpResponse:
        key = service.create_key(act, domain.name, data["algorithm"], data["selector"] or None)
        text = _("The key %(selector)s is made. Publish its record.") % {"selector": key.selector}
        return done(request, text, "domain-keys", domain.name)

    title = _("Make a key for %(name)s") % {"name": to_unicode(domain.name)}
    shown = _page(domain, title, _("Make the key"))
    return answered(request, form, make) or form_page(request, "components/form_page.html", form, **shown)


def take_in(request: HttpRequest, name: str) -> HttpResponse:
    """Take in a key that was made elsewhere."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, ImportKeyForm)

    def make(data: dict[str, Any]) -> HttpResponse:
        selector = data["selector"] or None
        key = service.create_key(act, domain.name, data["algorithm"], selector, data["private_key"])
        text = _("The key %(selector)s is imported. It signs once its record is seen.") % {"selector": key.selector}
        return done(request, text, "domain-keys", domain.name)

    lead = _("For a domain that moves here: its published selector goes on, and no receiver notices.")
    shown = _page(domain, _("Import a key"), _("Import the key"), lead)
    return answered(request, form, make) or form_page(request, "components/form_page.html", form, **shown)


def take_out(request: HttpRequest, name: str, selector: str) -> HttpResponse:
    """Hand a private key out as a file, to somebody who types the password again."""
    act = act_of_request(request)
    key = service.get_key_for(act, name, selector)
    form = bound(request, PasswordForm)

    def hand_out(data: dict[str, Any]) -> HttpResponse:
        pem = service.export_key(act, key.domain.name, key.selector, data["password"])
        response = HttpResponse(pem, content_type="application/x-pem-file")
        response["Content-Disposition"] = f'attachment; filename="{key.selector}.{key.domain.name}.pem"'
        response["Cache-Control"] = "no-store"
        return response

    lead = _("Whoever has the file can sign mail in the domain's name. Type your password to get it.")
    title = _("Export the key %(selector)s") % {"selector": key.selector}
    shown = _page(key.domain, title, _("Get the file"), lead)
    return answered(request, form, hand_out) or form_page(request, "components/form_page.html", form, **shown)


def replace(request: HttpRequest, name: str, selector: str) -> HttpResponse:
    """Make a key's successor, in good order."""
    act = act_of_request(request)
    key = service.get_key_for(act, name, selector)
    form = bound(request, ConfirmForm)

    def make(data: dict[str, Any]) -> HttpResponse:
        new = key_life.replace_key(act, key.domain.name, key.selector)
        text = _("The key %(selector)s is made. Publish its record.") % {"selector": new.selector}
        return done(request, text, "domain-keys", key.domain.name)

    text = _(
        "A new key of the same kind is made. This one signs until the new one's record is seen everywhere, and its "
        "record stays a week longer, so that no mail is lost."
    )
    return answered(request, form, make) or confirm(
        request,
        form,
        title=_("Replace the key %(selector)s?") % {"selector": key.selector},
        text=text,
        button=_("Make the successor"),
        back=url("domain-keys", key.domain.name),
        harmless=True,
    )


def revoke(request: HttpRequest, name: str, selector: str) -> HttpResponse:
    """Stop a key at once: its private part may be known to others."""
    act = act_of_request(request)
    key = service.get_key_for(act, name, selector)
    form = bound(request, ConfirmForm)

    def stop(data: dict[str, Any]) -> HttpResponse:
        new = key_life.revoke_key(act, key.domain.name, key.selector)
        text = _("The key %(old)s is revoked. Publish its record with the empty p=, and the record of %(new)s.")
        return done(request, text % {"old": key.selector, "new": new.selector}, "domain-dns", key.domain.name)

    text = _(
        "For a key that others may have got hold of. It signs no more from now on and its private part is destroyed; "
        "mail that it signed and that is still on its way can no longer be verified. Its successor is made at once."
    )
    if key.state == KeyState.ACTIVE and not _others(key):
        text += " " + _("It is the only active key: mail leaves unsigned until the successor's record is seen.")
    return answered(request, form, stop) or confirm(
        request,
        form,
        title=_("Stop the key %(selector)s at once?") % {"selector": key.selector},
        text=text,
        button=_("Stop the key"),
        back=url("domain-keys", key.domain.name),
    )


def rotation(request: HttpRequest, name: str) -> HttpResponse:
    """Set how old a key gets."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, RotationForm, days=domain.rotation_days)

    def change(data: dict[str, Any]) -> HttpResponse:
        key_life.set_rotation(act, domain.name, int(data["rotation_days"]))
        return done(request, _("The period of the keys is set."), "domain-keys", domain.name)

    lead = _("At that age a key's successor is made, and you are asked to publish its record. Nothing else is to do.")
    shown = _page(domain, _("How long keys are used"), _("Save"), lead)
    return answered(request, form, change) or form_page(request, "components/form_page.html", form, **shown)


def hosting(request: HttpRequest, name: str) -> HttpResponse:
    """Set where the keys are published: in the domain's zone, or behind aliases in one of the installation."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, HostingForm, zones=hosting_zones(), current=domain.key_zone)

    def change(data: dict[str, Any]) -> HttpResponse:
        host_keys(act, domain.name, data["zone"])
        text = _("The place of the keys is set. Publish the records as they are now; the old keys sign until then.")
        return done(request, text, "domain-dns", domain.name)

    lead = _(
        "In a zone of this installation the panel replaces keys by itself: the domain publishes four aliases once, "
        "and never again. The keys that sign now go on until their successors are seen."
    )
    shown = _page(domain, _("Where the keys are published"), _("Save"), lead)
    return answered(request, form, change) or form_page(request, "components/form_page.html", form, **shown)


def _others(key: DkimKey) -> bool:
    return key.domain.dkim_keys.filter(state=KeyState.ACTIVE).exclude(pk=key.pk).exists()


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

    text = _("Mail that was signed with it can no longer be verified once its record is gone.")
    if key.state == KeyState.ACTIVE and not _others(key):
        text += " " + _("It is the only active key: from now on mail of this domain leaves unsigned.")
    return answered(request, form, remove) or confirm(
        request,
        form,
        title=_("Delete the key %(selector)s?") % {"selector": key.selector},
        text=text,
        button=_("Delete the key"),
        back=url("domain-keys", domain.name),
    )
