"""System ▸ Certificates: every server name with its certificate, the next step, and the authority's last word."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from domains.certificates.port import LETS_ENCRYPT, STAGING, Method, Trouble
from domains.forms import AuthorityForm
from domains.models import Certificate
from domains.names import to_unicode
from domains.services import acme_account, certificates
from domains.services.acme_account import sentence_of
from domains.views.web import Audience, act_of_request, answered, audience, bound, done, form_page, page_of, url

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


def _line(row: Certificate) -> Line:
    return Line(
        row,
        to_unicode(row.name),
        certificates.standing_of(row),
        str(_METHODS.get(row.method, "")),
        sentence_of(row.trouble, row.detail),
        _next_step(row),
    )


def _next_step(row: Certificate) -> str:
    """Return what happens at ``due_at``."""
    if row.trouble == Trouble.ELSEWHERE:
        return _("Looked at again")
    if row.failures:
        return _("Tried again")
    return _("Renewed") if row.chain else _("Ordered")


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
    shown = {"account": account, "authority": authority, "page": page, "lines": [_line(row) for row in page]}
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
