"""What a domain is for: mail, parked, or an alias of another domain; turned from one into another.

A domain that holds mailboxes, aliases, groups or alias domains keeps its kind. An alias leads to a domain of kind
``mail`` that is proven, never to another alias, so one look-up ends it. Parking revokes every key, for nothing is to
be signed any more; a domain that comes back gets fresh ones.
"""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import NotEmpty, NotFound, Refused
from domains.models import DkimKey, Domain, DomainKind, DomainState, KeyAlgorithm, KeyState
from domains.services.dmarc_policy import checked_addresses
from domains.services.key_life import revoke_all
from domains.services.keys import add_key
from domains.services.provision import contents_of, create_domain, domains_for, get_domain_for, require_administrator

_SIGNING = (KeyState.AWAITING_DNS, KeyState.ACTIVE)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a domain is to be for: ``alias_of`` names the target of an alias.

    ``reports_to`` is where reports about a parked domain go: an address, empty for nowhere, None for what it is, or
    else the usual one.
    """

    kind: str = DomainKind.MAIL
    alias_of: str = ""
    reports_to: str | None = None


@transaction.atomic
def add_domain(act: Act, name: str, purpose: Purpose) -> Domain:
    """Add a domain of this kind, a parked one without keys; raises Refused, Taken, Forbidden."""
    _check_words(purpose)
    target = _target(act, purpose)
    domain = create_domain(act, name, with_keys=purpose.kind != DomainKind.PARKED)
    if purpose.kind != DomainKind.MAIL:
        _, held = _locked(domain, target)
        if held is not None:
            _check_target(domain, held)
        _turn(act, domain, purpose, held)
    return domain


@transaction.atomic
def set_purpose(act: Act, name: str, purpose: Purpose) -> Domain:
    """Make a domain one of this kind; raises NotFound, Forbidden, Refused, and NotEmpty with the counts."""
    require_administrator(act)
    _check_words(purpose)
    domain, target = _locked(get_domain_for(act, name), _target(act, purpose))
    if purpose.kind != domain.kind:
        _refuse_contents(domain)
    if target is not None:
        _check_target(domain, target)
    _turn(act, domain, purpose, target)
    return get_domain_for(act, domain.name)


def change_purpose(
    act: Act, name: str, kind: str | None = None, alias_of: str | None = None, reports_to: str | None = None
) -> Domain:
    """Change what is given and leave the rest; raises as ``set_purpose`` does."""
    domain = get_domain_for(act, name)
    kind = domain.kind if kind is None else kind
    target = domain.alias_of.name if domain.alias_of is not None and kind == DomainKind.ALIAS else ""
    return set_purpose(act, name, Purpose(kind, target if alias_of is None else alias_of, reports_to))


def _check_words(purpose: Purpose) -> None:
    if purpose.kind not in DomainKind.values:
        raise Refused({"kind": _("Allowed are %(words)s.") % {"words": ", ".join(DomainKind.values)}})
    if purpose.kind == DomainKind.ALIAS and not purpose.alias_of.strip():
        raise Refused({"alias_of": _("Name the domain whose mailboxes it shares.")})
    if purpose.kind != DomainKind.ALIAS and purpose.alias_of.strip():
        raise Refused({"alias_of": _("Only a domain of the kind alias has the mailboxes of another.")})
    if purpose.kind != DomainKind.PARKED and purpose.reports_to:
        raise Refused({"reports_to": _("Only a parked domain has its reports sent elsewhere by this.")})


def _target(act: Act, purpose: Purpose) -> Domain | None:
    if purpose.kind != DomainKind.ALIAS:
        return None
    try:
        target = get_domain_for(act, purpose.alias_of.strip())
    except NotFound as error:
        raise Refused({"alias_of": str(error)}) from error
    _check_target(None, target)
    return target


def _check_target(domain: Domain | None, target: Domain) -> None:
    """Raise Refused unless the target has mailboxes of its own and is proven."""
    if domain is not None and domain.pk == target.pk:
        raise Refused({"alias_of": _("A domain cannot be an alias of itself.")})
    if target.kind != DomainKind.MAIL:
        text = _("%(name)s has no mailboxes of its own. Choose a domain that has.")
        raise Refused({"alias_of": text % {"name": target.name}})
    if target.state == DomainState.PENDING:
        raise Refused({"alias_of": _("%(name)s waits for proof of ownership.") % {"name": target.name}})


def _locked(domain: Domain, target: Domain | None) -> tuple[Domain, Domain | None]:
    """Return both as they are now, held in the order of their ids so that no two changes wait for each other."""
    wanted = [domain.pk] if target is None else [domain.pk, target.pk]
    held = Domain.objects.filter(pk__in=wanted).exclude(state=DomainState.DELETED).order_by("pk").select_for_update()
    rows = {row.pk: row for row in held}
    if domain.pk not in rows:
        raise NotFound(_("There is no domain %(name)s.") % {"name": domain.name})
    if target is not None and target.pk not in rows:
        raise Refused({"alias_of": _("There is no domain %(name)s.") % {"name": target.name}})
    return rows[domain.pk], None if target is None else rows[target.pk]


def _refuse_contents(domain: Domain) -> None:
    counts = contents_of(domain)
    if counts:
        text = _("%(name)s is in use. Delete or move first what it holds.")
        raise NotEmpty(text % {"name": domain.name}, counts)


def _turn(act: Act, domain: Domain, purpose: Purpose, target: Domain | None) -> None:
    before = _facts(domain)
    was = domain.kind
    domain.reports_to = _reports_to(act, domain, purpose)
    domain.kind, domain.alias_of = purpose.kind, target
    if _facts(domain) == before:
        return
    domain.save(update_fields=["kind", "alias_of", "reports_to"])
    after = _facts(domain)
    changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    record(act, "domain.kind", "domain", domain.name, domain.name, changes)
    if domain.kind == DomainKind.PARKED:
        revoke_all(act, domain, timezone.now())
    elif was == DomainKind.PARKED:
        _give_keys(act, domain)


def _facts(domain: Domain) -> dict[str, str]:
    target = domain.alias_of.name if domain.alias_of is not None else ""
    return {"kind": str(domain.kind), "alias_of": target, "reports_to": domain.reports_to}


def _give_keys(act: Act, domain: Domain) -> None:
    """Make the two keys of a domain that signs, unless it has some."""
    if DkimKey.objects.filter(domain=domain, state__in=_SIGNING).exists():
        return
    for algorithm in (KeyAlgorithm.RSA2048, KeyAlgorithm.ED25519):
        key = add_key(domain, algorithm)
        record(act, "key.create", "dkim_key", f"{key.selector}._domainkey.{domain.name}", domain.name)


def _reports_to(act: Act, domain: Domain, purpose: Purpose) -> str:
    if purpose.kind != DomainKind.PARKED:
        return ""
    if purpose.reports_to is None:
        return domain.reports_to if domain.kind == DomainKind.PARKED else usual_reports_to(act, domain.name)
    given = checked_addresses("reports_to", [purpose.reports_to])
    if given:
        _check_receiver(domain, given[0].rpartition("@")[2])
    return next(iter(given), "")


def _check_receiver(domain: Domain, receiver: str) -> None:
    """Raise Refused for an address at which no report can arrive."""
    parked = Domain.objects.filter(name=receiver, kind=DomainKind.PARKED).exists()
    if parked or receiver == domain.name:
        raise Refused({"reports_to": _("%(name)s is parked and takes no mail.") % {"name": receiver}})


def usual_reports_to(act: Act, name: str) -> str:
    """Return the intake of the first mail domain in the actor's reach, other than ``name``; empty without one."""
    rows = domains_for(act).prefetch_related(None).filter(kind=DomainKind.MAIL, state=DomainState.ACTIVE)
    first = rows.exclude(name=name).order_by("created_at", "pk").first()
    return f"dmarc-reports@{first.name}" if first is not None else ""
