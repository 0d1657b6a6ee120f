"""Domains deleted with a time of grace: absent at once for every door, restored whole or removed for good later.

A domain that is being deleted is neither local nor signing: other servers get the same 550 as for any domain that is
not ours, so that senders know at once. Its name stays taken. Mailboxes, keys and reports are kept for ``GRACE``. A
domain that was never proven, or never served, holds nothing and keeps nobody from the name: it goes at once.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record, system_act
from domains.errors import Forbidden, NotEmpty, NotFound, Refused
from domains.models import Domain, DomainState
from domains.services.check import keep, look_at
from domains.services.provision import (
    contents_of,
    domains_for,
    get_deleted_domain_for,
    get_domain_for,
    remove_domain,
    require_administrator,
)

GRACE = timedelta(days=7)


def kept_until(domain: Domain) -> datetime | None:
    """Return when a domain that is being deleted is removed for good; None for any other."""
    return None if domain.deleted_at is None else domain.deleted_at + GRACE


@transaction.atomic
def delete_domain(act: Act, name: str, cascade: bool = False, now: bool = False) -> None:
    """Delete a domain, for good only ``now`` or later; raises NotFound, Forbidden, NotEmpty unless ``cascade``.

    With ``now`` one that is being deleted already is removed for good, with all it holds.
    """
    domain = _found(act, name, now)
    require_administrator(act)
    if now and not act.is_superadmin:
        raise Forbidden(_("Only a superadministrator removes a domain at once."))
    counts = contents_of(domain)
    if domain.state != DomainState.DELETED:
        _refuse(act, domain, counts, cascade)
    if now or not _served(domain, counts):
        remove_domain(act, domain, "domain.remove" if now else "domain.delete")
    else:
        _put_aside(act, domain, timezone.now(), counts)


def _found(act: Act, name: str, deleted_too: bool) -> Domain:
    if deleted_too:
        try:
            return get_deleted_domain_for(act, name, lock=True)
        except NotFound:
            pass
    return get_domain_for(act, name, lock=True)


def _served(domain: Domain, counts: dict[str, int]) -> bool:
    """True when something would be lost: what the domain holds, its reports, a key that signed, aliases of it."""
    if domain.state == DomainState.PENDING:
        return False
    rows = (domain.dmarc_reports, domain.dkim_keys.exclude(activated_at=None), domain.alias_domains)
    return bool(counts) or any(row.exists() for row in rows)


def _refuse(act: Act, domain: Domain, counts: dict[str, int], cascade: bool) -> None:
    if counts and not cascade:
        raise NotEmpty(_("The domain %(name)s is not empty.") % {"name": domain.name}, counts)
    ours = domains_for(act).prefetch_related(None).order_by().values("pk")
    if count := _aliases(domain).exclude(pk__in=ours).count():
        text = _("Domains of others are aliases of %(name)s. Ask who administers them to turn them first.")
        raise NotEmpty(text % {"name": domain.name}, {"alias_domains": count})


def _aliases(domain: Domain) -> QuerySet[Domain]:
    return domain.alias_domains.exclude(state=DomainState.DELETED)


def _put_aside(act: Act, domain: Domain, now: datetime, counts: dict[str, int]) -> None:
    for alias in _aliases(domain).select_for_update().order_by("pk"):
        _put_aside(act, alias, now, {})
    domain.state_before, domain.state, domain.deleted_at = domain.state, DomainState.DELETED, now
    domain.save(update_fields=["state_before", "state", "deleted_at"])
    record(act, "domain.delete", "domain", domain.name, domain.name, {"keeps": counts})


# ---- Coming back ------------------------------------------------------------------------------------------------


def restore_domain(act: Act, name: str) -> Domain:
    """Bring a domain back as it was, with the aliases that went with it; raises NotFound, Forbidden, Refused.

    Its records are looked up first, so that no key signs again whose record went away meanwhile.
    """
    found = get_deleted_domain_for(act, name)
    require_administrator(act)
    rows = [found, *_went_with(found).prefetch_related("dkim_keys", "alias_of")]
    looks = look_at(rows)
    with transaction.atomic():
        domain = get_deleted_domain_for(act, name, lock=True)
        _bring_back(act, domain)
        for row, (seen, look) in zip(rows, looks, strict=True):
            keep(act, row, seen, look)
    return get_domain_for(act, domain.name)


def _went_with(domain: Domain) -> QuerySet[Domain]:
    return domain.alias_domains.filter(state=DomainState.DELETED, deleted_at=domain.deleted_at).order_by("pk")


def _bring_back(act: Act, domain: Domain) -> None:
    if domain.alias_of is not None and domain.alias_of.state == DomainState.DELETED:
        text = _("%(name)s is an alias of %(target)s, which is being deleted too. Restore that one.")
        raise Refused({"name": text % {"name": domain.name, "target": domain.alias_of.name}})
    together = list(_went_with(domain).select_for_update())
    for row in (domain, *together):
        Domain.objects.filter(pk=row.pk).update(state=row.state_before, state_before="", deleted_at=None)
        record(act, "domain.restore", "domain", row.name, row.name, {"state": row.state_before})


# ---- Going for good ---------------------------------------------------------------------------------------------


def remove_deleted(now: datetime | None = None) -> int:
    """Remove the domains whose time of grace is over, with all they hold; returns how many."""
    before = (now or timezone.now()) - GRACE
    over = Domain.objects.filter(state=DomainState.DELETED, deleted_at__lt=before).order_by("pk")
    return sum(_remove_deleted(pk, before) for pk in list(over.values_list("pk", flat=True)))


@transaction.atomic
def _remove_deleted(pk: int, before: datetime) -> bool:
    rows = Domain.objects.select_for_update().filter(pk=pk, state=DomainState.DELETED, deleted_at__lt=before)
    domain = rows.first()
    if domain is not None:
        remove_domain(system_act(), domain, "domain.remove")
    return domain is not None
