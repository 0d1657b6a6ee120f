"""The DMARC policy of a domain: what it asks of receivers, set by its administrators, never by itself (RFC 9989)."""

from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.dmarc.record import POLICIES, PolicyRecord, serialise_policy_record
from domains.errors import Refused
from domains.models import Domain, DomainKind
from domains.services.provision import get_domain_for

MAXIMUM_ADDRESSES = 5
ANY_FAILURE = "1"  # fo: a report when any mechanism did not pass (RFC 9991)
PARKED = PolicyRecord(policy="reject", subdomain_policy="reject", nonexistent_policy="reject")
_BELOW = ("", *POLICIES)
_ALLOWED: dict[str, tuple[str, ...]] = {
    "policy": POLICIES,
    "subdomain_policy": _BELOW,
    "nonexistent_policy": _BELOW,
    "dkim_alignment": ("r", "s"),
    "spf_alignment": ("r", "s"),
}


def dmarc_policy_of(domain: Domain) -> PolicyRecord:
    """Return the record that the domain should publish; its own intake address is always the first for reports.

    A parked domain takes no mail: its reports go to an address elsewhere, or nowhere.
    """
    if domain.kind == DomainKind.PARKED:
        return replace(PARKED, rua=(domain.reports_to,) if domain.reports_to else ())
    stored: dict[str, Any] = dict(domain.dmarc)
    failures = bool(stored.pop("failure_reports", False))
    own = f"dmarc-reports@{domain.name}"
    more = [address for address in stored.pop("report_addresses", ()) if address != own]
    ruf = (f"dmarc-failures@{domain.name}",) if failures else ()
    options = ANY_FAILURE if failures else PolicyRecord().failure_options
    return replace(PolicyRecord(**stored), rua=(own, *more), ruf=ruf, failure_options=options)


@transaction.atomic
def set_policy(act: Act, name: str, **chosen: Any) -> Domain:
    """Set the whole policy; raises NotFound, Refused.

    ``chosen`` holds ``policy``, ``subdomain_policy``, ``nonexistent_policy``, ``testing``, ``dkim_alignment``,
    ``spf_alignment``, ``report_addresses`` (further ones) and ``failure_reports`` (whether single messages are to be
    reported); what is missing takes its default.
    """
    domain = get_domain_for(act, name, lock=True)
    if domain.kind == DomainKind.PARKED:
        raise Refused({"policy": _("A parked domain asks that all mail in its name is refused.")})
    stored = _checked(chosen)
    before = serialise_policy_record(dmarc_policy_of(domain))
    domain.dmarc = stored
    after = serialise_policy_record(dmarc_policy_of(domain))
    if after != before:
        domain.save(update_fields=["dmarc"])
        record(act, "domain.change", "domain", domain.name, domain.name, {"dmarc": [before, after]})
    return domain


def _checked(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return what is stored: only what differs from the default."""
    default, stored = PolicyRecord(), {}
    for field, allowed in _ALLOWED.items():
        value = chosen.get(field, getattr(default, field))
        if value not in allowed:
            words = ", ".join(word or '""' for word in allowed)
            raise Refused({field: _("Allowed are %(words)s.") % {"words": words}})
        if value != getattr(default, field):
            stored[field] = value
    if chosen.get("testing"):
        stored["testing"] = True
    if chosen.get("failure_reports"):
        stored["failure_reports"] = True
    addresses = checked_addresses("report_addresses", chosen.get("report_addresses", ()))
    return stored | ({"report_addresses": addresses} if addresses else {})


def checked_addresses(field: str, given: Any) -> list[str]:
    """Return the addresses for reports, each once; raises Refused for too many, or one that no record can hold."""
    addresses = list(dict.fromkeys(str(address).strip().lower() for address in given if str(address).strip()))
    if len(addresses) > MAXIMUM_ADDRESSES:
        raise Refused({field: _("At most %(count)d addresses.") % {"count": MAXIMUM_ADDRESSES}})
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError as error:
            text = _("%(address)s is not an address that can stand in a record.")
            raise Refused({field: text % {"address": address[:100]}}) from error
        if not address.isascii() or set(address) & set(',;!%"\\ ='):
            text = _("%(address)s is not an address that can stand in a record.")
            raise Refused({field: text % {"address": address[:100]}})
    return addresses
