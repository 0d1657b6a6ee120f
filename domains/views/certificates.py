"""System ▸ Certificates: every server name with its certificate, the next step, and the authority's last word."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from domains.certificates.port import LETS_ENCRYPT, STAGING, Method, Trouble
from domains.certificates.roll import Stage, gone_at, ready_at, stage_of
from domains.forms import AuthorityForm, ConfirmForm
from domains.models import Certificate
from domains.names import to_unicode
from domains.services import acme_account, certificates
from domains.services.acme_account import sentence_of
from domains.services.certificate_facts import pin_name
from domains.services.certificate_rolls import roll_key, roll_of
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
    url,
)

_METHODS: dict[str, Promise] = {
    Method.HTTP: gettext_lazy("proven over HTTP"),
    Method.DNS: gettext_lazy("proven by the DNS"),
}
_NAMES = {LETS_ENCRYPT: "Let’s Encrypt", STAGING: "Let’s Encrypt (staging)"}
SHOWN_NAMES = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One name as the page shows it."""

    row: Certificate
    name: str
    standing: str
    method: str
    reason: str
    next_step: str
    stage: Stage
    roll: str
    roll_at: datetime | None


_ROLLS: dict[Stage, Promise] = {
    Stage.ANNOUNCED: gettext_lazy(
        "Publish the record of the next key. Once every server shows it, two TTLs have to pass."
    ),
    Stage.AGEING: gettext_lazy("The record of the next key is everywhere. It is used"),
    Stage.READY: gettext_lazy("The next key comes into use with the next certificate."),
    Stage.LEAVING: gettext_lazy("The next key is in use. The record of the last one must stay; it may go"),
}


def _line(row: Certificate) -> Line:
    roll = roll_of(row)
    stage = stage_of(roll, timezone.now())
    return Line(
        row,
        to_unicode(row.name),
        certificates.standing_of(row),
        str(_METHODS.get(row.method, "")),
        sentence_of(row.trouble, row.detail),
        _next_step(row),
        stage,
        str(_ROLLS.get(stage, "")),
        {Stage.AGEING: ready_at(roll), Stage.LEAVING: gone_at(roll)}.get(stage),
    )


def _next_step(row: Certificate) -> str:
    """Return what happens at ``due_at``."""
    if row.trouble == Trouble.ELSEWHERE:
        return _("Next look")
    if row.failures:
        return _("Next attempt")
    return _("Renewal") if row.chain else _("Order")


@audience(Audience.SUPERADMINS)
def list_certificates(request: HttpRequest) -> HttpResponse:
    """Show all names; before an authority is chosen, what one is for."""
    act = act_of_request(request)
    account = acme_account.account_for(act)
    if account is None:
        names = [to_unicode(name) for name in certificates.wanted_names()]
        shown = {"names": names[:SHOWN_NAMES], "more": max(len(names) - SHOWN_NAMES, 0)}
        return render(request, "domains/certificates_first.html", shown)
    page = page_of(request, certificates.certificates_for(act))
    authority = _NAMES.get(account.directory_url, account.directory_url)
    lines = [_line(row) for row in page]
    rolling = [line for line in lines if line.roll]
    shown = {"account": account, "authority": authority, "page": page, "lines": lines, "rolling": rolling}
    shown |= {"pin_name": pin_name(), "host": settings.MAILADMIN.hostname}
    return render(request, "domains/certificates.html", shown)


@audience(Audience.SUPERADMINS)
@sensitive_post_parameters("secret")
def choose_authority(request: HttpRequest) -> HttpResponse:
    """Choose the authority and agree to its terms, or change the contact."""
    act = act_of_request(request)
    account = acme_account.account_for(act)
    form = bound(request, AuthorityForm, held=account)

    def choose(data: dict[str, Any]) -> HttpResponse:
        acme_account.set_account(
            act,
            directory_url=data["authority"] or data["directory_url"],
            contact=data["contact"],
            agree=data["agree"],
            key_id=data["key_id"],
            secret=data["secret"],
        )
        return done(
            request, _("Certificates are ordered from now on; the first come within minutes."), "certificates"
        )

    shown = {
        "title": _("Certificate authority"),
        "lead": _("It signs the certificates of this installation. The account is made when you agree to its terms."),
        "button": _("Save"),
        "back": url("certificates"),
        "back_label": _("Certificates"),
    }
    return answered(request, form, choose) or form_page(request, "components/form_page.html", form, **shown)


@audience(Audience.SUPERADMINS)
@require_POST
def renew(request: HttpRequest, name: str) -> HttpResponse:
    """Have a certificate ordered now."""
    row = certificates.renew(act_of_request(request), name)
    text = _("A certificate for %(name)s is ordered within a minute.")
    return done(request, text % {"name": to_unicode(row.name)}, "certificates")


@audience(Audience.SUPERADMINS)
def roll(request: HttpRequest, name: str) -> HttpResponse:
    """Ask, then make the next key."""
    act = act_of_request(request)
    row = certificates.get_certificate_for(act, name)
    form = bound(request, ConfirmForm)
    text = _("A new key is made, and a certificate with it is ordered within a minute.")
    if row.name == settings.MAILADMIN.hostname:
        text = _(
            "A new key is made, and its TLSA record joins the list of what to publish. Where the DNS pins the key in "
            "use, the new one waits until every server shows its record and two TTLs have passed; until then nothing "
            "changes."
        )

    def begin(data: dict[str, Any]) -> HttpResponse:
        roll_key(act, row.name)
        return done(request, _("The next key of %(name)s is made.") % {"name": to_unicode(row.name)}, "certificates")

    return answered(request, form, begin) or confirm(
        request,
        form,
        title=_("Replace the key of %(name)s?") % {"name": to_unicode(row.name)},
        text=text,
        button=_("Replace the key"),
        back=url("certificates"),
        harmless=True,
    )
