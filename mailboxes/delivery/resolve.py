"""From a recipient to where its copies go: accounts, forwards, report intake; loops and depth bounded.

Order of meaning for an address of ours: the mailbox, the alias, the mailbox or alias without its ``+detail``, a
reserved report address, a role address (the domain's administrators), the catch-all. One query a level of aliases.
In an alias domain an address means what the same one means in its target; reports alone belong to the domain named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.conf import settings
from psycopg import AsyncConnection

from domains.database import database
from mailboxes.addresses import RESERVED, ROLES, envelope_domain, split_address
from mailboxes.delivery.request import Target

LEVELS = 10
TARGETS = 1000

LOOKUP = """
SELECT q.place, n.id, n.kind, CASE WHEN n.state = 'active' THEN d.state ELSE n.state END, d.id, d.name,
    a.id, a.enabled, a.quota_bytes, a.used_bytes, l.targets, c.target
FROM unnest(%(locals)s::text[], %(bases)s::text[], %(domains)s::text[]) WITH ORDINALITY
    AS q(local_part, base, domain, place)
JOIN domains_domain n ON n.name = q.domain
JOIN domains_domain d ON d.id = COALESCE(n.alias_of_id, n.id)
LEFT JOIN LATERAL (
    SELECT id, local_part, enabled, quota_bytes, used_bytes FROM mailboxes_account
    WHERE domain_id = d.id AND local_part IN (q.local_part, q.base)
    ORDER BY local_part = q.local_part DESC LIMIT 1) a ON true
LEFT JOIN LATERAL (
    SELECT local_part, targets FROM mailboxes_alias
    WHERE domain_id = d.id AND local_part IN (q.local_part, q.base)
      AND (a.id IS NULL OR (local_part = q.local_part AND a.local_part <> q.local_part))
    ORDER BY local_part = q.local_part DESC LIMIT 1) l ON true
LEFT JOIN mailboxes_catchall c ON c.domain_id = d.id
"""

ADMINISTRATORS = """
SELECT p.email FROM domains_actor p
LEFT JOIN domains_actor_domains pd ON pd.actor_id = p.id AND pd.domain_id = %s
WHERE p.is_active AND p.role IN ('superadmin', 'domain_admin') AND (pd.id IS NOT NULL OR p.role = 'superadmin')
ORDER BY pd.id IS NULL, p.id
"""


class Found(StrEnum):
    """What a recipient is."""

    LOCAL = "local"  # there is at least one target
    FOREIGN = "foreign"  # not a domain of ours
    PARKED = "parked"  # a domain of ours that takes no mail at all
    SUSPENDED = "suspended"  # a domain of ours that takes no mail for now
    UNKNOWN = "unknown"  # no such address
    DISABLED = "disabled"  # the mailbox exists and is switched off
    FULL = "full"  # the mailbox has no room for this message


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a recipient is, where its copies go, and the domain of ours that it belongs to (A-labels).

    ``home`` is the domain whose mailboxes it has: the same, or the target of an alias.
    """

    found: Found
    targets: Sequence[Target] = ()
    domain: str = ""
    home: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """What the database knows of one address in one level; ``home`` is where its mailboxes and aliases are."""

    domain_id: int
    kind: str
    state: str
    home_id: int
    home: str
    account_id: int | None
    enabled: bool | None
    quota: int | None
    used: int | None
    targets: Sequence[str] | None
    catch_all: str | None


@dataclass(slots=True)
class _Expansion:
    """One recipient being resolved."""

    recipient: str
    size: int | None
    targets: dict[str, Target] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    refusals: list[Found] = field(default_factory=list)

    def add(self, target: Target) -> None:
        """Keep a target once."""
        key = str(target.account_id or target.forward_to.lower() or f"report {target.report_domain_id}")
        if len(self.targets) < TARGETS:
            self.targets.setdefault(key, target)


def is_host_role(recipient: str) -> bool:
    """True for a role address without a domain or at this host's own name: the superadministrators answer it."""
    domain = envelope_domain(recipient)
    return (not domain or domain == settings.MAILADMIN.hostname) and split_address(recipient)[0].lower() in ROLES


async def resolve_recipient(recipient: str, size: int | None = 0) -> Resolution:
    """Return what a forward path is; ``size`` in octets is held against the quota, None never is."""
    local_part, _domain = split_address(recipient)
    domain = envelope_domain(recipient)
    expansion = _Expansion(recipient, size)
    home = ""
    async with database() as connection:
        if is_host_role(recipient):
            rows: dict[str, _Row] = {}
            level = await _administrators(connection, None)
        else:
            level = [f"{local_part}@{domain}"]
            rows = await _lookup(connection, level)
            row = rows.get(level[0])
            if row is None:
                return Resolution(Found.FOREIGN)
            home = row.home
            if row.state != "active":
                return Resolution(Found.SUSPENDED if row.state == "suspended" else Found.FOREIGN, (), domain, home)
        await _expand(connection, expansion, level, rows)
    if expansion.targets and Found.FULL not in expansion.refusals:
        return Resolution(Found.LOCAL, tuple(expansion.targets.values()), domain, home)
    return Resolution(expansion.refusals[0] if expansion.refusals else Found.UNKNOWN, (), domain, home)


async def resolve_for_relay(recipient: str) -> Resolution:
    """Return what a recipient in the queue is; a full mailbox is for the delivery to find, copy by copy."""
    return await resolve_recipient(recipient, None)


async def _lookup(connection: AsyncConnection[Any], addresses: Sequence[str]) -> dict[str, _Row]:
    """Return what is known of each address whose domain is ours."""
    parts = [split_address(address) for address in addresses]
    locals_ = [local_part.lower() for local_part, _ in parts]
    parameters = {
        "locals": locals_,
        "bases": [local_part.partition("+")[0] or local_part for local_part in locals_],
        "domains": [domain for _, domain in parts],
    }
    cursor = await connection.execute(LOOKUP, parameters)
    return {addresses[row[0] - 1]: _Row(*row[1:]) for row in await cursor.fetchall()}


async def _administrators(connection: AsyncConnection[Any], domain_id: int | None) -> list[str]:
    """Return the addresses of a domain's administrators, the superadministrators' when it has none of its own."""
    cursor = await connection.execute(ADMINISTRATORS, (domain_id,))
    return [str(row[0]) for row in await cursor.fetchall()]


async def _expand(
    connection: AsyncConnection[Any], expansion: _Expansion, level: Sequence[str], rows: dict[str, _Row]
) -> None:
    """Follow aliases level by level, each address once."""
    for _ in range(LEVELS):
        following: list[str] = []
        for address in level:
            expansion.seen.add(address.lower())
            following += await _one(connection, expansion, address, rows.get(address))
        level = [text for text in dict.fromkeys(map(_canonical, following)) if text.lower() not in expansion.seen]
        if not level or len(expansion.targets) >= TARGETS:
            return
        rows = await _lookup(connection, level)


def _canonical(address: str) -> str:
    return f"{split_address(address)[0]}@{envelope_domain(address)}"


async def _one(
    connection: AsyncConnection[Any], expansion: _Expansion, address: str, row: _Row | None
) -> Sequence[str]:
    """Add the target that an address is, or return the addresses that it stands for."""
    local_part = split_address(address)[0].lower()
    if row is None or row.state in ("pending", "deleted"):
        forwarded = Target(expansion.recipient, address, forward_to=address)
        if "@" in address and split_address(address)[1]:
            expansion.add(forwarded)
        return ()
    if row.kind == "parked":
        expansion.refusals.append(Found.PARKED)
        return ()
    if row.targets is not None:
        return row.targets
    if row.account_id is not None:
        _account(expansion, address, row)
        return ()
    if local_part in RESERVED:
        expansion.add(Target(expansion.recipient, address, report_domain_id=row.domain_id, report_kind=local_part))
        return ()
    if local_part in ROLES:
        return await _administrators(connection, row.home_id)
    if row.catch_all:
        return (row.catch_all,)
    expansion.refusals.append(Found.UNKNOWN)
    return ()


def _account(expansion: _Expansion, address: str, row: _Row) -> None:
    """Add a mailbox unless it is switched off or has no room."""
    if not row.enabled:
        expansion.refusals.append(Found.DISABLED)
    elif expansion.size is not None and row.quota is not None and (row.used or 0) + expansion.size > row.quota:
        expansion.refusals.append(Found.FULL)
    else:
        expansion.add(Target(expansion.recipient, address, account_id=row.account_id))
