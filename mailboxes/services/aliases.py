"""Aliases and catch-alls: addresses of ours that stand for others."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import NotFound, Refused, Taken
from domains.models import Domain, DomainState, Role
from domains.services.provision import get_domain_for, require_administrator
from mailboxes.addresses import normalised, parse_target
from mailboxes.models import Alias, CatchAll
from mailboxes.services.accounts import parse_new_address, refuse_kind, refuse_taken

MAXIMUM_TARGETS = 200


def aliases_for(act: Act) -> QuerySet[Alias]:
    """Return the aliases in the actor's reach."""
    rows = Alias.objects.select_related("domain").exclude(domain__state=DomainState.DELETED)
    if act.is_superadmin and act.domain_ids is None:
        return rows
    if act.role == Role.OWNER:
        return rows.none()
    return rows.filter(domain__in=act.domain_ids or ())


def search_aliases(act: Act, domain: str = "", text: str = "") -> QuerySet[Alias]:
    """Return the aliases of one domain, if named, whose address or targets hold a text."""
    rows = aliases_for(act)
    if domain:
        rows = rows.filter(domain=get_domain_for(act, domain))
    if text:
        local_part, _at, tail = text.partition("@")
        own = Q(local_part__icontains=local_part) & Q(domain__name__istartswith=tail)
        rows = rows.filter(own | Q(targets__icontains=text))
    return rows.order_by("domain__name", "local_part")


def get_alias_for(act: Act, address: str, lock: bool = False) -> Alias:
    """Return one alias by its address; raises NotFound when it is absent or foreign.

    With ``lock`` its row is held until the transaction ends.
    """
    local_part, _at, domain = normalised(address).rpartition("@")
    rows = aliases_for(act).filter(local_part=local_part, domain__name=domain)
    alias = (rows.select_for_update(of=("self",)) if lock else rows).first()
    if alias is None:
        raise NotFound(_("There is no alias %(address)s.") % {"address": address})
    return alias


def parse_targets(texts: Sequence[str], own: str, field: str = "targets") -> list[str]:
    """Return the targets as stored, each once; raises Refused for none, too many, a bad one or the alias itself."""
    given = [text for text in texts if text.strip()]
    if not given or len(given) > MAXIMUM_TARGETS:
        text = _("An alias has 1 to %(count)d targets, each a full address.") % {"count": MAXIMUM_TARGETS}
        raise Refused({field: text})
    try:
        targets = list(dict.fromkeys(str(parse_target(text)) for text in given))
    except ValueError as error:
        raise Refused({field: str(error)}) from error
    if any(normalised(target) == own for target in targets):
        raise Refused({field: _("An alias cannot stand for itself.")})
    return targets


def create_alias(act: Act, address: str, targets: Sequence[str]) -> Alias:
    """Add an alias; raises Forbidden, Refused or Taken."""
    require_administrator(act)
    try:
        with transaction.atomic():
            parsed, domain = parse_new_address(act, address)
            refuse_taken(parsed, domain)
            rows = parse_targets(targets, str(parsed))
            alias = Alias.objects.create(domain=domain, local_part=parsed.local_part, targets=rows)
            record(act, "alias.create", "alias", alias.address, domain.name, {"targets": rows})
    except IntegrityError as error:
        raise Taken({"address": _("%(address)s exists already.") % {"address": address}}) from error
    return alias


@transaction.atomic
def change_alias(act: Act, address: str, targets: Sequence[str]) -> Alias:
    """Replace the targets; raises NotFound, Forbidden or Refused."""
    require_administrator(act)
    alias = get_alias_for(act, address, lock=True)
    rows = parse_targets(targets, alias.address)
    changes = {"targets": [alias.targets, rows]}
    alias.targets = rows
    alias.save(update_fields=["targets"])
    record(act, "alias.change", "alias", alias.address, alias.domain.name, changes)
    return alias


@transaction.atomic
def delete_alias(act: Act, address: str) -> None:
    """Delete an alias; raises NotFound or Forbidden."""
    require_administrator(act)
    alias = get_alias_for(act, address, lock=True)
    record(act, "alias.delete", "alias", alias.address, alias.domain.name, {"targets": alias.targets})
    alias.delete()


def get_catch_all_for(act: Act, name: str) -> str | None:
    """Return where mail to unknown addresses of a domain goes, None when it is refused; raises NotFound."""
    row = CatchAll.objects.filter(domain=get_domain_for(act, name)).first()
    return row.target if row is not None else None


@transaction.atomic
def set_catch_all(act: Act, name: str, target: str | None) -> str | None:
    """Set or clear the catch-all of a domain; raises NotFound, Forbidden or Refused."""
    require_administrator(act)
    domain = get_domain_for(act, name, lock=True)
    if target:
        refuse_kind(domain, "target")
    before = get_catch_all_for(act, name)
    if not target:
        CatchAll.objects.filter(domain=domain).delete()
        stored = None
    else:
        stored = _catch_all_target(target)
        CatchAll.objects.update_or_create(domain=domain, defaults={"target": stored})
    record(act, "catch_all.change", "domain", domain.name, domain.name, {"target": [before, stored]})
    return stored


def _catch_all_target(text: str) -> str:
    try:
        return str(parse_target(text))
    except ValueError as error:
        raise Refused({"target": str(error)}) from error


def remove_aliases(domain: Domain) -> None:
    """Remove the aliases and the catch-all of a domain."""
    Alias.objects.filter(domain=domain).delete()
    CatchAll.objects.filter(domain=domain).delete()
