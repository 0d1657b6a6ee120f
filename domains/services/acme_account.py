"""The installation's account at a certificate authority: made once its terms are agreed to, its key sealed.

The authority is asked outside any transaction. An account at another directory replaces the one before; certificates
stay and are renewed by the new one.
"""

from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from domains import autoconfig
from domains.audit import Act, record
from domains.certificates import client
from domains.certificates.port import Account, AuthorityFault, AuthorityTerms, Binding, Trouble
from domains.errors import Forbidden, Refused
from domains.models import AcmeAccount, Certificate
from domains.services.certificate_facts import forget_facts
from domains.services.sealing import SealBroken, seal, unseal

MAXIMUM_URL = 500
SILENT = "silent"


def _identity(directory_url: str) -> str:
    return f"acme-account {directory_url}"


def require_superadmin(act: Act) -> None:
    """Raise Forbidden unless the actor runs the installation."""
    if not act.is_superadmin:
        raise Forbidden(_("Only a superadministrator sees to the certificates."))


def account_for(act: Act) -> AcmeAccount | None:
    """Return the account, None while there is none; raises Forbidden."""
    require_superadmin(act)
    return AcmeAccount.objects.first()


def opened(row: AcmeAccount) -> Account:
    """Return the account with its key; raises SealBroken."""
    return Account(row.directory_url, row.uri, unseal(_identity(row.directory_url), bytes(row.key_sealed)))


def set_account(
    act: Act, *, directory_url: str, contact: str = "", agree: bool = False, key_id: str = "", secret: str = ""
) -> AcmeAccount:
    """Make the account, or change the contact of the one at this directory; raises Forbidden, Refused.

    Who agrees again gets a new account in place of one that the authority has forgotten.
    """
    require_superadmin(act)
    url, contact = _url(directory_url), _contact(contact)
    held = AcmeAccount.objects.first()
    if held is not None and held.directory_url == url and not (agree and _is_forgotten(held)):
        return _set_contact(act, held, contact)
    key = client.new_key()
    try:
        terms = client.read_terms(url)
        _require_agreement(terms, agree)
        uri = client.register(url, key, contact, _binding(terms, key_id, secret))
    except AuthorityFault as fault:
        raise Refused({_field(fault): sentence_of(fault.trouble, fault.detail)}) from fault
    values = {
        "directory_url": url,
        "uri": uri[:MAXIMUM_URL],
        "key_sealed": seal(_identity(url), key),
        "contact": contact,
        "terms_url": terms.terms_url[:MAXIMUM_URL],
        "caa_identities": list(terms.caa_identities),
        "agreed_by": act.name,
        "agreed_at": timezone.now(),
        "rest_until": None,
    }
    return _keep(act, values)


@transaction.atomic
def _keep(act: Act, values: dict[str, Any]) -> AcmeAccount:
    """Store the account in place of the one before; what failed or waits is tried by it at once."""
    row, _made = AcmeAccount.objects.update_or_create(pk=1, defaults=values)
    now = timezone.now()
    Certificate.objects.exclude(trouble=Trouble.NONE).update(due_at=now, failures=0)
    changes = {"directory_url": row.directory_url, "uri": row.uri, "contact": row.contact, "terms": row.terms_url}
    record(act, "acme_account.set", "acme_account", row.uri, changes=changes)
    transaction.on_commit(forget_facts)
    return row


def _is_forgotten(row: AcmeAccount) -> bool:
    try:
        return not client.is_known(opened(row))
    except SealBroken:
        return True
    except AuthorityFault as fault:
        raise Refused({_field(fault): sentence_of(fault.trouble, fault.detail)}) from fault


def _set_contact(act: Act, row: AcmeAccount, contact: str) -> AcmeAccount:
    if contact == row.contact:
        return row
    try:
        client.change_contact(opened(row), contact)
    except AuthorityFault as fault:
        raise Refused({"contact": sentence_of(fault.trouble, fault.detail)}) from fault
    with transaction.atomic():
        before, row.contact = row.contact, contact
        row.save(update_fields=["contact"])
        record(act, "acme_account.set", "acme_account", row.uri, changes={"contact": [before, contact]})
    return row


def _require_agreement(terms: AuthorityTerms, agree: bool) -> None:
    if not agree:
        if terms.terms_url:
            text = _("Read the terms of the authority at %(url)s, then agree to them.")
            raise Refused({"agree": text % {"url": terms.terms_url}})
        raise Refused({"agree": _("Agree to what the authority asks of its customers.")})


def _binding(terms: AuthorityTerms, key_id: str, secret: str) -> Binding | None:
    key_id, secret = key_id.strip(), secret.strip().rstrip("=")
    if not key_id and not secret:
        if terms.binding_required:
            text = _("This authority wants an external account binding: it gives its customers a key identifier.")
            raise Refused({"key_id": text})
        return None
    good = key_id.isascii() and key_id.isprintable() and len(key_id) <= 200
    if not good or not key_id:
        raise Refused({"key_id": _("Give the key identifier as the authority shows it.")})
    if not secret or len(secret) > 1000 or not secret.replace("-", "a").replace("_", "a").isalnum():
        raise Refused({"secret": _("Give the key as the authority shows it, in base64url.")})
    return Binding(key_id, secret)


def _url(text: str) -> str:
    text = text.strip()
    allowed = _("Give the address of the authority's directory, such as https://ca.example/directory.")
    good = text.isascii() and text.isprintable() and " " not in text and len(text) <= MAXIMUM_URL
    try:
        parts = urlsplit(text)
        good = good and parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
        good = good and parts.port != 0 and not parts.fragment
    except ValueError:
        good = False
    if not good:
        raise Refused({"directory_url": allowed})
    return text


def _contact(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    try:
        local_part, domain = autoconfig.parse_address(text)
    except autoconfig.BadRequest as error:
        raise Refused({"contact": _("Give one e-mail address, or none.")}) from error
    if "," in text or not text.isascii() or not text.isprintable():
        raise Refused({"contact": _("Give one e-mail address, or none.")})
    return f"{local_part}@{domain}"


def _field(fault: AuthorityFault) -> str:
    kind = str(fault.problem.get("type", ""))
    if "ontact" in kind or kind.endswith("invalidEmail"):
        return "contact"
    if kind.endswith("externalAccountRequired"):
        return "key_id"
    return "directory_url"


def sentence_of(trouble: str, detail: str) -> str:
    """Return what is so, in one sentence or two, with the authority's own words."""
    detail = detail.strip().rstrip(".")
    if trouble == Trouble.ELSEWHERE:
        return _elsewhere(detail)
    texts = {
        Trouble.UNREACHABLE: _("The authority cannot be reached: %(why)s."),
        Trouble.RATE: _("The authority takes no more orders for now: %(why)s."),
        Trouble.CHALLENGE: _("The authority could not verify the name: %(why)s."),
        Trouble.ZONE: _("The record that proves the name could not be set: %(why)s."),
        Trouble.REFUSED: _("The authority refused: %(why)s."),
    }
    text = texts.get(Trouble(trouble)) if trouble in set(Trouble) else None
    return text % {"why": detail} if text else ""


def _elsewhere(detail: str) -> str:
    """``detail`` is what the DNS answers: addresses, nothing, or SILENT."""
    if detail == SILENT:
        return _("The DNS gave no answer about the name.")
    if not detail:
        return _("The name has no address in the DNS yet. Publish its record.")
    text = _(
        "The DNS leads the name to %(addresses)s, where this panel is not found. If that is an address of this "
        "installation, name it in MAILADMIN_PUBLIC_ADDRESSES."
    )
    return text % {"addresses": detail}
