"""From a recipient to where its copies go: accounts, forwards, report intake; loops and depth bounded.

Order of meaning for an address of ours: the mailbox, the alias or group, the same without its ``+detail``, a sender
rewritten here (SRS), a reserved report address, a role address (the domain's administrators), the catch-all. One
query a level of aliases and groups. In an alias domain an address means what the same one means in its target;
reports alone belong to the domain named.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from django.conf import settings

from domains.services.sealing import derive_key
from mailboxes.addresses import RESERVED, ROLES, envelope_domain, plain_local_part, split_address
from mailboxes.delivery.limits import Limit, reached_from
from mailboxes.delivery.lookup import Row, administrators, look_up, traced_sender
from mailboxes.delivery.request import Target
from mailboxes.outbound.srs import NotOurs, is_srs, original_sender

LEVELS = 10
TARGETS = 1000
STEPS = 20
DAY_SECONDS = 86_400


class Found(StrEnum):
    """What a recipient is."""

    LOCAL = "local"  # there is at least one target
    FOREIGN = "foreign"  # not a domain of ours
    PARKED = "parked"  # a domain of ours that takes no mail at all
    SUSPENDED = "suspended"  # a domain of ours that takes no mail for now
    UNKNOWN = "unknown"  # no such address
    DISABLED = "disabled"  # the mailbox exists and is switched off
    FULL = "full"  # the mailbox has no room for this message
    ENDLESS = "endless"  # it stands for too many addresses, or too deep


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a recipient is, where its copies go, and the domain of ours that it belongs to (A-labels).

    ``home`` is the domain whose mailboxes it has: the same, or the target of an alias. ``limits`` are the closed
    groups on the way; ``bounces_only`` is true for a rewritten sender, to whom only the null reverse path may write.
    ``steps`` tell how it was found, for the trace.
    """

    found: Found
    targets: Sequence[Target] = ()
    domain: str = ""
    home: str = ""
    limits: Sequence[Limit] = ()
    bounces_only: bool = False
    steps: Sequence[Mapping[str, Any]] = ()


@dataclass(slots=True)
class _Expansion:
    """One recipient being resolved; ``edges`` lead from each alias and group to what it stands for."""

    recipient: str
    size: int | None
    targets: dict[str, Target] = field(default_factory=dict)
    full: dict[str, Target] = field(default_factory=dict)
    edges: dict[str, Sequence[str]] = field(default_factory=dict)
    closed: dict[str, Row] = field(default_factory=dict)
    refusals: list[Found] = field(default_factory=list)
    steps: list[Mapping[str, Any]] = field(default_factory=list)
    bounces_only: bool = False

    def add(self, target: Target) -> None:
        """Keep a target once."""
        key = str(target.account_id or target.forward_to.lower() or f"report {target.report_domain_id}")
        self.targets.setdefault(key, target)
        if len(self.targets) > TARGETS:
            self.refusals.insert(0, Found.ENDLESS)

    def note(
        self, address: str, meaning: str, row: Row | None = None, to: Sequence[str] = (), note: str = ""
    ) -> None:
        """Keep one step for the trace."""
        if len(self.steps) < STEPS:
            step = {"address": address, "is": meaning, "through": _through(address, row), "to": to[:STEPS]}
            self.steps.append(step | ({"note": note} if note else {}))

    @property
    def limits(self) -> list[Limit]:
        """The closed groups on the way, each with its members."""
        return [
            Limit(
                f"{row.stands}@{row.domain}",
                frozenset(row.domains or ()),
                reached_from(address, self.edges) if row.writers == "members" else None,
            )
            for address, row in self.closed.items()
        ]


def is_host_role(recipient: str) -> bool:
    """True for a role address without a domain or at this host's own name: the superadministrators answer it."""
    domain = envelope_domain(recipient)
    return (not domain or domain == settings.MAILADMIN.hostname) and split_address(recipient)[0].lower() in ROLES


async def resolve_recipient(recipient: str, size: int | None = 0) -> Resolution:
    """Return what a forward path is; ``size`` in octets is held against the quota, None never is."""
    local_part = plain_local_part(split_address(recipient)[0])
    domain = envelope_domain(recipient)
    expansion = _Expansion(recipient, size)
    home = ""
    if is_host_role(recipient):
        level = await administrators(None)
        rows = await look_up(level)
        expansion.note(recipient, "role", to=level)
    else:
        level = [f"{local_part}@{domain}"]
        rows = await look_up(level)
        row = rows.get(level[0])
        if row is None:
            return Resolution(Found.FOREIGN)
        home = row.home
        if row.state != "active":
            return Resolution(Found.SUSPENDED if row.state == "suspended" else Found.FOREIGN, (), domain, home)
    await _expand(expansion, level, rows)
    found = _verdict(expansion)
    targets = _copies(expansion) if found is Found.LOCAL else ()
    return Resolution(found, targets, domain, home, expansion.limits, expansion.bounces_only, tuple(expansion.steps))


async def resolve_for_relay(recipient: str) -> Resolution:
    """Return what a recipient in the queue is; a full mailbox is for the delivery to find, copy by copy."""
    return await resolve_recipient(recipient, None)


def _verdict(expansion: _Expansion) -> Found:
    """Return LOCAL while anybody can take the message and nothing was cut off."""
    if Found.ENDLESS in expansion.refusals:
        return Found.ENDLESS
    if expansion.targets:
        return Found.LOCAL
    if expansion.full:
        return Found.FULL
    return expansion.refusals[0] if expansion.refusals else Found.UNKNOWN


def _copies(expansion: _Expansion) -> tuple[Target, ...]:
    """Return the targets; where others take the message, a full mailbox may wait and keeps it from nobody."""
    everybody = expansion.targets | expansion.full
    if len(everybody) == 1:
        return tuple(everybody.values())
    return tuple(replace(target, may_wait=target.account_id is not None) for target in everybody.values())


async def _expand(expansion: _Expansion, level: Sequence[str], rows: dict[str, Row]) -> None:
    """Follow aliases and groups level by level, each address once."""
    seen: set[str] = set()
    for _ in range(LEVELS):
        following: list[str] = []
        for address in level:
            seen.add(address.lower())
            leads_to = [_canonical(text) for text in await _one(expansion, address, rows.get(address))]
            expansion.edges.setdefault(address.lower(), leads_to)
            following += leads_to
        level = [text for text in dict.fromkeys(following) if text.lower() not in seen]
        if not level or expansion.refusals[:1] == [Found.ENDLESS]:
            return
        rows = await look_up(level)
    expansion.refusals.insert(0, Found.ENDLESS)


def _canonical(address: str) -> str:
    return f"{split_address(address)[0]}@{envelope_domain(address)}"


def _through(address: str, row: Row | None) -> list[str]:
    """Return what stood between an address and what it was found to be."""
    if row is None:
        return []
    exact = row.stands or row.mailbox
    detail = exact is not None and exact != split_address(address)[0].lower()
    return (["alias domain"] if row.home != row.domain else []) + (["subaddress"] if detail else [])


async def _one(expansion: _Expansion, address: str, row: Row | None) -> Sequence[str]:
    """Add the target that an address is, or return the addresses that it stands for."""
    if row is None or not row.is_served:
        return _elsewhere(expansion, address)
    if row.kind == "parked":
        expansion.refusals.append(Found.PARKED)
        return ()
    if row.targets is not None:
        expansion.note(address, "alias" if row.writers is None else "group", row, row.targets)
        if row.domains is not None:
            expansion.closed[address] = row
        return row.targets
    if row.account_id is not None:
        return _account(expansion, address, row)
    return await _special(expansion, address, row)


def _elsewhere(expansion: _Expansion, address: str) -> Sequence[str]:
    if "@" in address and split_address(address)[1]:
        expansion.add(Target(expansion.recipient, address, forward_to=address))
        expansion.note(address, "elsewhere")
    return ()


def _account(expansion: _Expansion, address: str, row: Row) -> Sequence[str]:
    """Add a mailbox unless it is switched off or has no room; its owner writes as the mailbox's own address."""
    mailbox = f"{row.mailbox}@{row.home}"
    target = Target(expansion.recipient, address, account_id=row.account_id, mailbox=mailbox)
    expansion.edges[address.lower()] = (mailbox,)
    if not row.enabled:
        expansion.refusals.append(Found.DISABLED)
    elif expansion.size is not None and row.quota is not None and (row.used or 0) + expansion.size > row.quota:
        expansion.full.setdefault(str(row.account_id), target)
        expansion.note(address, "full mailbox", row)
    else:
        expansion.add(target)
        expansion.note(address, "mailbox", row)
    return ()


async def _special(expansion: _Expansion, address: str, row: Row) -> Sequence[str]:
    """Add or return what an address is that is neither mailbox nor alias nor group."""
    local_part = split_address(address)[0]
    name = local_part.lower()
    if is_srs(local_part):
        return await _rewritten(expansion, address, row)
    if name in RESERVED:
        expansion.add(Target(expansion.recipient, address, report_domain_id=row.domain_id, report_kind=name))
        expansion.note(address, "report address", row)
        return ()
    if name in ROLES:
        people = await administrators(row.home_id)
        expansion.note(address, "role", row, people)
        return people
    if row.catch_all:
        expansion.note(address, "catch-all", row, (row.catch_all,))
        return (row.catch_all,)
    expansion.refusals.append(Found.UNKNOWN)
    return ()


async def _rewritten(expansion: _Expansion, address: str, row: Row) -> Sequence[str]:
    """Return the sender whom an address made here stands for; any other is unknown."""
    try:
        day = int(time.time()) // DAY_SECONDS
        original = original_sender(derive_key("srs"), split_address(address)[0], row.domain, day)
        sender = original.address or await traced_sender(original.trace_id)
        if not sender:
            raise NotOurs("Its message is no longer known.")
    except NotOurs as fault:
        expansion.note(address, "no rewritten sender", row, note=str(fault))
        expansion.refusals.append(Found.UNKNOWN)
        return ()
    expansion.bounces_only = True
    expansion.note(address, "rewritten sender", row, (sender,))
    return (sender,)
