"""Groups: one address for several people, with a say about who may write to it."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import NotFound, Refused, Taken
from domains.models import Domain, DomainState, Role
from domains.services.provision import get_domain_for, require_administrator
from mailboxes.addresses import ROLES, normalised, parse_target
from mailboxes.models import Group, Writers
from mailboxes.services.accounts import parse_new_address, refuse_taken

MAXIMUM_MEMBERS = 500


def groups_for(act: Act) -> QuerySet[Group]:
    """Return the groups in the actor's reach."""
    rows = Group.objects.select_related("domain").exclude(domain__state=DomainState.DELETED)
    if act.is_superadmin and act.domain_ids is None:
        return rows
    if act.role == Role.OWNER:
        return rows.none()
    return rows.filter(domain__in=act.domain_ids or ())


def search_groups(act: Act, domain: str = "", text: str = "") -> QuerySet[Group]:
    """Return the groups of one domain, if named, whose address, name or members hold a text."""
    rows = groups_for(act)
    if domain:
        rows = rows.filter(domain=get_domain_for(act, domain))
    if text:
        local_part, _at, tail = text.partition("@")
        own = Q(local_part__icontains=local_part) & Q(domain__name__istartswith=tail)
        rows = rows.filter(own | Q(name__icontains=text) | Q(members__icontains=text))
    return rows.order_by("domain__name", "local_part")


def get_group_for(act: Act, address: str, lock: bool = False) -> Group:
    """Return one group by its address; raises NotFound when it is absent or foreign.

    With ``lock`` its row is held until the transaction ends.
    """
    local_part, _at, domain = normalised(address).rpartition("@")
    rows = groups_for(act).filter(local_part=local_part, domain__name=domain)
    group = (rows.select_for_update(of=("self",)) if lock else rows).first()
    if group is None:
        raise NotFound(_("There is no group %(address)s.") % {"address": address})
    return group


def create_group(
    act: Act, address: str, members: Sequence[str], name: str = "", writers: str = Writers.EVERYBODY
) -> Group:
    """Add a group; raises Forbidden, Refused or Taken."""
    require_administrator(act)
    try:
        with transaction.atomic():
            parsed, domain = parse_new_address(act, address)
            refuse_taken(parsed, domain)
            group = Group(domain=domain, local_part=parsed.local_part)
            _set(group, members=members, name=name, writers=writers)
            group.save()
            record(act, "group.create", "group", group.address, domain.name, _facts(group))
    except IntegrityError as error:
        raise Taken({"address": _("%(address)s exists already.") % {"address": address}}) from error
    return group


@transaction.atomic
def change_group(act: Act, address: str, **changes: Any) -> Group:
    """Change what is given of ``members name writers``; raises NotFound, Forbidden or Refused."""
    require_administrator(act)
    group = get_group_for(act, address, lock=True)
    before = _facts(group)
    _set(group, **{name: value for name, value in changes.items() if value is not None})
    group.save(update_fields=["members", "name", "writers"])
    after = _facts(group)
    noted = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    record(act, "group.change", "group", group.address, group.domain.name, noted)
    return group


@transaction.atomic
def add_member(act: Act, address: str, member: str) -> Group:
    """Add one member, who may be one already; raises as ``change_group`` does."""
    require_administrator(act)
    group = get_group_for(act, address, lock=True)
    known = {normalised(text) for text in group.members}
    return change_group(act, address, members=[*group.members, *([] if normalised(member) in known else [member])])


@transaction.atomic
def remove_member(act: Act, address: str, member: str) -> Group:
    """Take one member out; raises NotFound, also when it is none, or Forbidden."""
    require_administrator(act)
    group = get_group_for(act, address, lock=True)
    left = [text for text in group.members if normalised(text) != normalised(member)]
    if len(left) == len(group.members):
        raise NotFound(_("%(member)s is no member of %(address)s.") % {"member": member, "address": group.address})
    return change_group(act, address, members=left)


@transaction.atomic
def delete_group(act: Act, address: str) -> None:
    """Delete a group; its members keep their mailboxes. Raises NotFound or Forbidden."""
    require_administrator(act)
    group = get_group_for(act, address, lock=True)
    record(act, "group.delete", "group", group.address, group.domain.name, _facts(group))
    group.delete()


def remove_groups(domain: Domain) -> None:
    """Remove the groups of a domain."""
    Group.objects.filter(domain=domain).delete()


def _facts(group: Group) -> dict[str, Any]:
    return {"members": group.members, "name": group.name, "writers": str(group.writers)}


def _set(group: Group, **changes: Any) -> None:
    """Set what is given after checking it; raises Refused."""
    if "members" in changes:
        group.members = parse_members(changes["members"], group.address)
    if "name" in changes:
        group.name = _checked_name(changes["name"])
    if "writers" in changes:
        group.writers = _checked_writers(group, changes["writers"])


def parse_members(texts: Sequence[str], own: str) -> list[str]:
    """Return the members as stored, each once; raises Refused for none, too many, a bad one or the group itself."""
    given = [text for text in texts if text.strip()]
    if not given or len(given) > MAXIMUM_MEMBERS:
        text = _("A group has 1 to %(count)d members, each a full address.") % {"count": MAXIMUM_MEMBERS}
        raise Refused({"members": text})
    try:
        members = {normalised(str(address)): str(address) for address in map(parse_target, given)}
    except ValueError as error:
        raise Refused({"members": str(error)}) from error
    if own in members:
        raise Refused({"members": _("A group cannot be a member of itself.")})
    return list(members.values())


def _checked_name(name: str) -> str:
    if len(name) > 200 or not name.isprintable():
        raise Refused({"name": _("A name has at most 200 printable characters.")})
    return name.strip()


def _checked_writers(group: Group, writers: str) -> str:
    if writers not in Writers.values:
        raise Refused({"writers": _("Allowed are %(words)s.") % {"words": ", ".join(Writers.values)}})
    if group.local_part in ROLES and writers != Writers.EVERYBODY:
        raise Refused({"writers": _("Everybody must be able to write to %(address)s.") % {"address": group.address}})
    return writers
