"""Domains, people and messages with plain defaults: Alice owns, Bob helps, Charlie is a stranger."""

from collections.abc import Iterable
from typing import Any

from domains.audit import Act, system_act
from domains.models import Actor, DkimKey, Domain, DomainState, KeyState, Role
from domains.services import provision
from mailboxes.models import Account, Alias, AppPassword, Group
from mailboxes.services import accounts, aliases, app_passwords, groups

PASSWORD = "a long sentence 42"


def superadmin_act() -> Act:
    """The act of somebody who may do all."""
    return system_act("console")


def domain_admin_act(*domains: Domain, actor: Actor | None = None) -> Act:
    """The act of an administrator of these domains, with an actor when one is given."""
    return Act("dora", Role.DOMAIN_ADMIN, "panel", actor, frozenset(domain.pk for domain in domains))


def owner_act(account: Account) -> Act:
    """The act of a mailbox's owner."""
    return Act(account.address, Role.OWNER, "panel", account.actor, frozenset())


def make_domain(name: str = "acme.example", act: Act | None = None, active_keys: bool = False) -> Domain:
    """A domain with its two keys; ``active_keys`` spares the check."""
    domain = provision.create_domain(act or superadmin_act(), name)
    if active_keys:
        DkimKey.objects.filter(domain=domain).update(state=KeyState.ACTIVE)
    return domain


def make_account(address: str = "alice@acme.example", password: str = PASSWORD, **fields: Any) -> Account:
    """A mailbox; its domain is made when there is none."""
    _ensure_domain(address)
    return accounts.create_account(superadmin_act(), address, password, **fields)


def make_app_password(account: Account, name: str = "Phone", **fields: Any) -> tuple[AppPassword, str]:
    """An app password with its text, for reading and sending mail."""
    given = {"protocols": ["imap", "submission"]} | fields
    return app_passwords.create_app_password(owner_act(account), account.address, name, **given)


def make_alias(address: str = "sales@acme.example", targets: Iterable[str] = ("alice@acme.example",)) -> Alias:
    """An alias; its domain is made when there is none."""
    _ensure_domain(address)
    return aliases.create_alias(superadmin_act(), address, list(targets))


def make_group(
    address: str = "team@acme.example", members: Iterable[str] = ("alice@acme.example",), writers: str = "everybody"
) -> Group:
    """A group; its domain is made when there is none."""
    _ensure_domain(address)
    return groups.create_group(superadmin_act(), address, list(members), writers=writers)


def make_administrator(email: str, *domains: Domain, role: str = Role.DOMAIN_ADMIN) -> Actor:
    """An administrator whose password is ``PASSWORD``."""
    actor = Actor.objects.create_actor(email, PASSWORD, role)
    actor.domains.set(domains)
    return actor


def _ensure_domain(address: str) -> None:
    name = address.rpartition("@")[2]
    if not Domain.objects.filter(name=name).exists():
        make_domain(name)


def suspend(domain: Domain) -> None:
    """Take a domain out of service."""
    Domain.objects.filter(pk=domain.pk).update(state=DomainState.SUSPENDED)


def make_message(body: str = "Hello.\r\n", **headers: str) -> bytes:
    """A message with CRLF line ends; ``message_id=`` becomes ``Message-ID``; an empty value leaves a field out."""
    fields = {
        "from": "Alice <alice@acme.example>",
        "to": "bob@other.example",
        "subject": "Hello",
        "date": "Mon, 01 Jun 2026 10:00:00 +0000",
        "message_id": "<1@acme.example>",
    } | headers
    names = {"message_id": "Message-ID", "mime_version": "MIME-Version"}
    lines = [
        f"{names.get(name, name.replace('_', '-').title())}: {value}\r\n" for name, value in fields.items() if value
    ]
    return ("".join(lines) + "\r\n" + body).encode()
