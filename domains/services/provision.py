"""Domains made, changed and removed.

A domain made by a superadministrator is active at once; anybody else's is pending, neither local nor signing, until
its ownership token is seen in the DNS (``services.check``), and is removed when that does not happen within
``UNPROVEN``; nobody claims more than ``MAXIMUM_PENDING`` at a time. So a name is not kept from its owner by merely
claiming it. One that is being deleted (``services.removal``) is absent for everybody who does not ask for those. What
hangs on a domain in packages above is told here by ``register_dependants``, so that removing can count and take it.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record, system_act
from domains.errors import Forbidden, NotFound, Refused, Taken
from domains.locks import lock_key
from domains.models import Actor, ApiToken, Domain, DomainState, KeyAlgorithm, Role
from domains.names import DomainName, skeleton
from domains.services.keys import add_key

MAXIMUM_NAME = 220
MAXIMUM_SKELETON = 512
UNPROVEN = timedelta(days=7)
MAXIMUM_PENDING = 20


@dataclass(frozen=True, slots=True)
class Dependants:
    """How a package above counts what a domain holds, by name, and removes it inside the caller's transaction."""

    count: Callable[[Domain], dict[str, int]]
    remove: Callable[[Act, Domain], None]


_dependants: list[Dependants] = []


def register_dependants(dependants: Dependants) -> None:
    """Add a package's count and removal; called once when its app is ready."""
    _dependants.append(dependants)


def domains_for(act: Act) -> QuerySet[Domain]:
    """Return the domains in the actor's reach, by name, with what their health is told from."""
    return _in_reach(act).exclude(state=DomainState.DELETED)


def deleted_domains_for(act: Act) -> QuerySet[Domain]:
    """Return the domains in the actor's reach that are being deleted."""
    return _in_reach(act).filter(state=DomainState.DELETED)


def _in_reach(act: Act) -> QuerySet[Domain]:
    rows = Domain.objects.order_by("name").prefetch_related("dkim_keys", "observations", "senders", "alias_of")
    if act.is_superadmin and act.domain_ids is None:
        return rows
    if act.role == Role.OWNER:
        return rows.none()
    return rows.filter(pk__in=act.domain_ids or ())


def get_domain_for(act: Act, name: str, lock: bool = False) -> Domain:
    """Return one domain by its name in any spelling; raises NotFound when it is absent or foreign.

    With ``lock`` its row is held until the transaction ends, and one that was deleted meanwhile is absent.
    """
    return _named(domains_for(act), name, lock)


def get_deleted_domain_for(act: Act, name: str, lock: bool = False) -> Domain:
    """Return one domain that is being deleted; raises NotFound when it is not, absent or foreign."""
    return _named(deleted_domains_for(act), name, lock)


def _named(rows: QuerySet[Domain], name: str, lock: bool) -> Domain:
    with suppress(ValueError, Domain.DoesNotExist):
        return (rows.select_for_update() if lock else rows).get(name=DomainName(name).ascii)
    raise NotFound(_("There is no domain %(name)s.") % {"name": name})


def require_administrator(act: Act) -> None:
    """Raise Forbidden for mailbox owners."""
    if act.role not in (Role.SUPERADMIN, Role.DOMAIN_ADMIN):
        raise Forbidden(_("Only administrators may do this."))


def _parsed(name: str) -> DomainName:
    try:
        parsed = DomainName(name)
    except ValueError as error:
        raise Refused({"name": str(error)}) from error
    if len(parsed.ascii) > MAXIMUM_NAME:
        text = _("The name is too long: its records need names of their own below it. At most %(most)d octets fit.")
        raise Refused({"name": text % {"most": MAXIMUM_NAME}})
    return parsed


def create_domain(act: Act, name: str, with_keys: bool = True) -> Domain:
    """Add a domain with one RSA-2048 and one Ed25519 key, or none; raises Refused, Taken or Forbidden."""
    require_administrator(act)
    parsed = _parsed(name)
    shape = skeleton(parsed.ascii)[:MAXIMUM_SKELETON]
    if deleted_domains_for(act).filter(name=parsed.ascii).exists():
        text = _(
            "%(name)s is being deleted. Restore it, on the page Domains or by POST /api/v1/domains/%(name)s/restore."
        )
        raise Taken({"name": text % {"name": parsed.ascii}})
    if Domain.objects.filter(name=parsed.ascii).exists():
        raise Taken({"name": _("The domain %(name)s exists already.") % {"name": parsed.ascii}})
    if Domain.objects.filter(skeleton=shape).exists():
        text = _("%(name)s looks like a domain that is served here already. Choose a name that cannot be confused.")
        raise Taken({"name": text % {"name": parsed.unicode}})
    try:
        return _insert(act, parsed, shape, with_keys)
    except IntegrityError as error:
        raise Taken({"name": _("The domain %(name)s exists already.") % {"name": parsed.ascii}}) from error


@transaction.atomic
def _insert(act: Act, name: DomainName, shape: str, with_keys: bool) -> Domain:
    _may_claim(act)
    domain = Domain.objects.create(
        name=name.ascii,
        skeleton=shape,
        state=DomainState.ACTIVE if act.is_superadmin else DomainState.PENDING,
        ownership_token=secrets.token_hex(16),
    )
    for algorithm in (KeyAlgorithm.RSA2048, KeyAlgorithm.ED25519) if with_keys else ():
        add_key(domain, algorithm)
    _give(act, domain)
    record(act, "domain.create", "domain", domain.name, domain.name, {"state": domain.state})
    return domain


def _claimant(act: Act) -> Actor | None:
    """Return the domain administrator who acts, None for a token that none of them made."""
    return act.actor if act.actor is not None and act.actor.role == Role.DOMAIN_ADMIN else None


def _may_claim(act: Act) -> None:
    """Raise Refused when enough is claimed already; all tokens without a domain administrator share one count."""
    if act.is_superadmin:
        return
    claimant = _claimant(act)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key(f"claims of {claimant and claimant.pk}")])
    mine = Q(administrators=claimant) if claimant else Q(administrators__isnull=True)
    claimed = Domain.objects.filter(mine, state=DomainState.PENDING).count()
    if claimed >= MAXIMUM_PENDING:
        text = _("%(count)d domains wait for proof of ownership already. Prove or delete some of them first.")
        raise Refused({"name": text % {"count": claimed}})


def _give(act: Act, domain: Domain) -> None:
    """Put a new domain in its maker's reach: the domain administrator's, and the token's that was used."""
    if act.is_superadmin:
        return
    claimant = _claimant(act)
    if claimant is not None:
        claimant.domains.add(domain)
    if act.token_id is not None:
        ApiToken.objects.get(pk=act.token_id).domains.add(domain)


@transaction.atomic
def change_domain(act: Act, name: str, state: str | None = None) -> Domain:
    """Suspend or resume a domain, which only a superadministrator may; raises NotFound, Forbidden, Refused."""
    domain = get_domain_for(act, name, lock=True)
    if state is None or state == domain.state:
        return domain
    if not act.is_superadmin:
        raise Forbidden(_("Only a superadministrator suspends and resumes domains."))
    if state not in (DomainState.ACTIVE, DomainState.SUSPENDED):
        raise Refused({"state": _("A domain can be set to active or suspended.")})
    before, domain.state = domain.state, state
    domain.save(update_fields=["state"])
    record(act, "domain.change", "domain", domain.name, domain.name, {"state": [before, state]})
    return domain


def contents_of(domain: Domain) -> dict[str, int]:
    """Return how many of what hang on the domain: only what is not zero."""
    counts = {"alias_domains": domain.alias_domains.exclude(state=DomainState.DELETED).count()}
    for dependants in _dependants:
        counts |= dependants.count(domain)
    return {name: count for name, count in counts.items() if count}


def remove_domain(act: Act, domain: Domain, action: str) -> None:
    """Remove a domain whose row is locked, with its aliases and all they hold, for good."""
    counts = contents_of(domain)
    for alias in domain.alias_domains.select_for_update().order_by("pk"):
        remove_domain(act, alias, action)
    for dependants in _dependants:
        dependants.remove(act, domain)
    record(act, action, "domain", domain.name, domain.name, {"removed": counts})
    domain.delete()


def remove_unproven(now: datetime | None = None) -> int:
    """Remove the domains that were claimed longer ago than ``UNPROVEN`` and never proven; returns how many."""
    before = (now or timezone.now()) - UNPROVEN
    unproven = Domain.objects.filter(state=DomainState.PENDING, created_at__lt=before)
    return sum(_remove_unproven(pk) for pk in list(unproven.values_list("pk", flat=True)))


@transaction.atomic
def _remove_unproven(pk: int) -> bool:
    domain = Domain.objects.select_for_update().filter(pk=pk, state=DomainState.PENDING).first()
    if domain is not None:
        remove_domain(system_act(), domain, "domain.unproven")
    return domain is not None
