"""MTA-STS of a domain: what is asked of servers that deliver to it, and the policy that the panel serves (RFC 8461).

It is off until an administrator switches it on, begins with testing, and goes only through ``none`` back to off:
a sender that remembers an enforced policy keeps to it until it has read that it is withdrawn (section 8.3).
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import Refused
from domains.models import Domain, DomainKind, DomainState, MtaSts
from domains.services.provision import get_domain_for
from domains.services.serving import pair_for
from domains.services.tls_reports import Standing, standing_of
from domains.tls.certificate import certificate_fault
from domains.tls.mta_sts import Policy, PolicyMode, serialise_policy

REMEMBERED = timedelta(days=7)
_AGES = {
    MtaSts.TESTING.value: timedelta(days=1),
    MtaSts.ENFORCE.value: REMEMBERED,
    MtaSts.NONE.value: timedelta(days=1),
}
HOST_LABEL = "mta-sts"
STEPS: dict[str, tuple[str, ...]] = {
    MtaSts.OFF.value: (MtaSts.TESTING.value,),
    MtaSts.TESTING.value: (MtaSts.ENFORCE.value, MtaSts.NONE.value),
    MtaSts.ENFORCE.value: (MtaSts.TESTING.value, MtaSts.NONE.value),
    MtaSts.NONE.value: (MtaSts.TESTING.value, MtaSts.OFF.value),
}


def policy_of(domain: Domain) -> Policy | None:
    """Return the domain's policy; None while MTA-STS is off, and for a domain that takes no mail."""
    if domain.mta_sts == MtaSts.OFF or domain.kind == DomainKind.PARKED:
        return None
    age = int(_AGES[domain.mta_sts].total_seconds())
    return Policy(PolicyMode(domain.mta_sts), (settings.MAILADMIN.hostname,), age)


def policy_text_at(host: str) -> str | None:
    """Return the policy to serve at a host name, which is ``mta-sts.`` and an active domain; None for any other."""
    label, dot, name = host.partition(".")
    if label != HOST_LABEL or not dot:
        return None
    domain = Domain.objects.filter(name=name, state=DomainState.ACTIVE).first()
    policy = policy_of(domain) if domain is not None else None
    return serialise_policy(policy) if policy is not None else None


def mail_certificate_fault() -> str:
    """Return why senders would not trust the mail host's certificate; empty when they would."""
    return _fault_at(settings.MAILADMIN.hostname)


def policy_certificate_fault(domain: Domain) -> str:
    """Return why senders could not fetch the policy over HTTPS from this host; empty when they could."""
    return _fault_at(f"{HOST_LABEL}.{domain.name}")


def _fault_at(name: str) -> str:
    try:
        return certificate_fault(pair_for(name), name, settings.MAILADMIN.ca_file)
    except OSError as fault:
        return str(fault.strerror or fault)


def withdrawn_at(domain: Domain) -> datetime | None:
    """Return when every sender has read that the policy is withdrawn; None while it is not being withdrawn."""
    if domain.mta_sts != MtaSts.NONE or domain.mta_sts_at is None:
        return None
    return domain.mta_sts_at + REMEMBERED


@transaction.atomic
def change_mode(act: Act, name: str, mode: str, without_reports: bool = False) -> Domain:
    """Set the mode of a domain; raises NotFound, and Refused for a step that could lose mail.

    ``without_reports``: somebody answers for enforcing although no TLS report says that every sender gets through.
    """
    domain = get_domain_for(act, name, lock=True)
    if mode == domain.mta_sts:
        return domain
    reason = refusal_of(domain, mode)
    if not reason and mode == MtaSts.ENFORCE and not without_reports and not standing_of(domain).reports:
        reason = _("No TLS report of the last two weeks is here: nobody can say whether every sender gets through.")
    if reason:
        raise Refused({"mta_sts": reason})
    before, domain.mta_sts, domain.mta_sts_at = domain.mta_sts, mode, timezone.now()
    domain.save(update_fields=["mta_sts", "mta_sts_at"])
    record(act, "domain.mta_sts", "domain", domain.name, domain.name, {"mta_sts": [before, mode]})
    return domain


def refusal_of(domain: Domain, mode: str) -> str:
    """Return why the domain cannot go to a mode now; empty when it can."""
    if domain.kind == DomainKind.PARKED:
        return _("A parked domain takes no mail: there is nothing to verify.")
    if mode not in STEPS[domain.mta_sts]:
        if domain.mta_sts == MtaSts.OFF or mode == MtaSts.ENFORCE:
            return _("Begin with testing: enforcing needs reports that show that every sender gets through.")
        return _("Set it to none first: senders remember the policy and must read that it is withdrawn.")
    over = withdrawn_at(domain)
    if mode == MtaSts.OFF and over is not None and over > timezone.now():
        text = _("Senders may remember the policy until %(time)s. Switch it off after that.")
        return text % {"time": date_format(timezone.localtime(over), "DATETIME_FORMAT")}
    reported = standing_of(domain) if mode == MtaSts.ENFORCE else Standing()
    if reported.failed:
        text = _(
            "The TLS reports of the last two weeks name %(count)d failed sessions (%(reasons)s). Mend them first."
        )
        return text % {"count": reported.failed, "reasons": ", ".join(reason for reason, _count in reported.reasons)}
    fault = mail_certificate_fault() if mode == MtaSts.ENFORCE else ""
    if fault:
        text = _("Senders would stop delivering: they do not trust the certificate of %(host)s (%(fault)s).")
        return text % {"host": settings.MAILADMIN.hostname, "fault": fault}
    return ""
