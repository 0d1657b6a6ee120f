"""Accounts made, changed and deleted; an account's owner is an actor with the same address."""

from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import Forbidden, NotFound, Refused, Taken
from domains.models import Actor, Domain, DomainKind, DomainState, Role
from domains.services.actors import check_password_rules, set_actor_password
from domains.services.provision import get_domain_for, require_administrator
from mailboxes.addresses import RESERVED, Address, normalised, parse_local_address
from mailboxes.models import Account, Alias, Group
from mailboxes.outbound.srs import is_srs
from mailboxes.store.folders import create_default_mailboxes

MAXIMUM_QUOTA = 2**53 - 1

DELETE_MESSAGES = """
DELETE FROM mailboxes_message WHERE mailbox_id IN (SELECT id FROM mailboxes_mailbox WHERE account_id = %s)
"""
DELETE_EXPUNGED = """
DELETE FROM mailboxes_expunged WHERE mailbox_id IN (SELECT id FROM mailboxes_mailbox WHERE account_id = %s)
"""


def accounts_for(act: Act) -> QuerySet[Account]:
    """Return the accounts in the actor's reach: all, those of its domains, or its own."""
    rows = Account.objects.select_related("domain", "actor").exclude(domain__state=DomainState.DELETED)
    if act.is_superadmin and act.domain_ids is None:
        return rows
    if act.role == Role.OWNER:
        return rows.filter(actor=act.actor) if act.actor is not None else rows.none()
    return rows.filter(domain__in=act.domain_ids or ())


def search_accounts(act: Act, domain: str = "", text: str = "") -> QuerySet[Account]:
    """Return the accounts of one domain, if named, whose address or name holds a text."""
    rows = accounts_for(act)
    if domain:
        rows = rows.filter(domain=get_domain_for(act, domain))
    if text:
        local_part, _at, tail = text.partition("@")
        found = Q(local_part__icontains=local_part) & Q(domain__name__istartswith=tail) if tail else Q()
        rows = rows.filter(found if tail else Q(local_part__icontains=text) | Q(display_name__icontains=text))
    return rows.order_by("domain__name", "local_part")


def get_account_for(act: Act, address: str, lock: bool = False) -> Account:
    """Return one account by its address; raises NotFound when it is absent or foreign.

    With ``lock`` its row is held until the transaction ends, and one that was deleted meanwhile is absent.
    """
    local_part, _at, domain = normalised(address).rpartition("@")
    rows = accounts_for(act).filter(local_part=local_part, domain__name=domain)
    account = (rows.select_for_update(of=("self",)) if lock else rows).first()
    if account is None:
        raise NotFound(_("There is no mailbox %(address)s.") % {"address": address})
    return account


def parse_new_address(act: Act, text: str, field: str = "address") -> tuple[Address, Domain]:
    """Return the parsed address and its locked domain, in the actor's reach and free of reserved names.

    Raises Refused for one that is not allowed, Taken for a reserved one. Call it inside a transaction: the lock on
    the domain keeps two makers of the same address apart.
    """
    try:
        address = parse_local_address(text)
    except ValueError as error:
        raise Refused({field: str(error)}) from error
    try:
        domain = get_domain_for(act, address.domain, lock=True)
    except NotFound as error:
        raise Refused({field: str(error)}) from error
    refuse_kind(domain, field)
    if address.local_part in RESERVED:
        raise Taken({field: _("%(address)s is reserved for taking in reports.") % {"address": address}})
    if is_srs(address.local_part):
        raise Taken({field: _("%(address)s is reserved for forwarded mail.") % {"address": address}})
    return address, domain


def refuse_kind(domain: Domain, field: str) -> None:
    """Raise Refused unless the domain has addresses of its own."""
    if domain.kind == DomainKind.PARKED:
        raise Refused({field: _("%(name)s is parked: it takes no mail.") % {"name": domain.name}})
    if domain.alias_of is not None:
        text = _("%(name)s is an alias of %(target)s: add it there, and it works in both.")
        raise Refused({field: text % {"name": domain.name, "target": domain.alias_of.name}})


def refuse_taken(address: Address, domain: Domain, field: str = "address") -> None:
    """Raise Taken when the address is a mailbox, an alias or a group already."""
    for model in (Account, Alias, Group):
        if model.objects.filter(domain=domain, local_part=address.local_part).exists():
            raise Taken({field: _("%(address)s exists already.") % {"address": address}})


def _checked_fields(fields: dict[str, Any]) -> None:
    name = fields.get("display_name")
    if name is not None and (len(name) > 200 or not name.isprintable()):
        raise Refused({"display_name": _("A name has at most 200 printable characters.")})
    quota = fields.get("quota_bytes")
    if quota is not None and not 0 <= quota <= MAXIMUM_QUOTA:
        raise Refused({"quota_bytes": _("A quota is a number of bytes, or none.")})


@transaction.atomic
def create_account(
    act: Act, address: str, password: str, display_name: str = "", quota_bytes: int | None = None
) -> Account:
    """Add a mailbox with its default folders; mail to it is accepted once this has committed.

    Raises Forbidden, Refused or Taken.
    """
    require_administrator(act)
    _checked_fields({"display_name": display_name, "quota_bytes": quota_bytes})
    parsed, domain = parse_new_address(act, address)
    check_password_rules(password, str(parsed))
    refuse_taken(parsed, domain)
    account = Account.objects.create(
        domain=domain,
        local_part=parsed.local_part,
        actor=_owner(act, str(parsed), password),
        display_name=display_name.strip(),
        quota_bytes=quota_bytes,
    )
    create_default_mailboxes(account)
    record(act, "mailbox.create", "mailbox", account.address, domain.name, {"quota_bytes": quota_bytes})
    return account


def _owner(act: Act, address: str, password: str) -> Actor:
    """Return the owner: a new actor, or the administrator of this address when no stranger can take it over so."""
    actor = Actor.objects.select_for_update().filter(email=address).first()
    if actor is None:
        try:
            with transaction.atomic():
                return Actor.objects.create_actor(address, password, Role.OWNER)
        except IntegrityError as error:
            raise Taken({"address": _("%(address)s exists already.") % {"address": address}}) from error
    if not act.is_superadmin and not _is_self(act, actor):
        raise Taken({"address": _("%(address)s exists already.") % {"address": address}})
    set_actor_password(actor, password)
    return actor


@transaction.atomic
def change_account(act: Act, address: str, **changes: Any) -> Account:
    """Change what is given of ``password display_name quota_bytes enabled app_passwords_only``.

    Raises NotFound, Forbidden or Refused.
    """
    require_administrator(act)
    account = get_account_for(act, address, lock=True)
    changes = {name: value for name, value in changes.items() if value is not None or name == "quota_bytes"}
    _checked_fields(changes)
    password = changes.pop("password", None)
    if password is not None:
        _set_password(act, account, password)
    for name, value in changes.items():
        setattr(account, name, value)
    account.save(update_fields=list(changes))
    noted = changes | ({"password": "changed"} if password is not None else {})
    record(act, "mailbox.change", "mailbox", account.address, account.domain.name, noted)
    return account


def _is_self(act: Act, actor: Actor) -> bool:
    """True for the person in person: a token of theirs may reach less than they do."""
    return act.token_id is None and actor == act.actor


def _set_password(act: Act, account: Account, password: str) -> None:
    """Set the owner's password; an administrator's is out of reach of those below."""
    if account.actor.role != Role.OWNER and not act.is_superadmin and not _is_self(act, account.actor):
        raise Forbidden(_("The owner is an administrator: only a superadministrator changes this password."))
    check_password_rules(password, account.address)
    set_actor_password(account.actor, password)


@transaction.atomic
def delete_account(act: Act, address: str) -> None:
    """Delete a mailbox with all its messages; raises NotFound or Forbidden."""
    require_administrator(act)
    account = get_account_for(act, address, lock=True)
    changes = {"messages": account.messages_count, "used_bytes": account.used_bytes}
    record(act, "mailbox.delete", "mailbox", account.address, account.domain.name, changes)
    remove_account(account)


def remove_account(account: Account) -> None:
    """Remove the rows of a locked account; the collector removes bytes that nothing refers to any more."""
    with connection.cursor() as cursor:
        cursor.execute(DELETE_MESSAGES, [account.pk])
        cursor.execute(DELETE_EXPUNGED, [account.pk])
    actor = account.actor
    account.delete()
    if actor.role == Role.OWNER:
        actor.delete()
