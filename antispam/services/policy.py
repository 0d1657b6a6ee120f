"""What a domain does with mail from outside: read and changed by its administrators, row by row of the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from antispam.disposition.rows import EDITABLE, ROWS, Disposition, Row, Table
from antispam.models import InboundPolicy
from antispam.services.evaluations import rows_taken
from domains.audit import Act, record
from domains.errors import Refused
from domains.models import Domain
from domains.names import DomainName
from domains.services.provision import get_domain_for

FORWARDERS = 50
FULL_MAILBOX_REPLIES = (452, 552)


@dataclass(frozen=True, slots=True)
class Choice:
    """One row of the table as it stands for a domain; ``taken`` is how many messages it took in seven days."""

    row: Row
    disposition: Disposition
    taken: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """What holds for mail to a domain; ``owner`` is whose choices these are, the target of an alias domain."""

    owner: str
    rows: Sequence[Choice]
    forwarders: Sequence[str]
    full_mailbox_reply: int


def incoming_of(act: Act, name: str) -> Incoming:
    """Return what holds for mail to a domain in reach; raises NotFound."""
    domain = get_domain_for(act, name)
    owner = domain.alias_of or domain
    policy = InboundPolicy.objects.filter(domain=owner).first() or InboundPolicy(domain=owner)
    table = Table(owner.name, _chosen(policy))
    taken = rows_taken(domain.name)
    rows = [Choice(row, table.disposition_of(row), taken.get(row.name, 0)) for row in ROWS]
    return Incoming(owner.name, rows, policy.forwarders, policy.full_mailbox_reply)


def _chosen(policy: InboundPolicy) -> dict[str, Disposition]:
    known = {word.value: word for word in Disposition}
    return {row: known[word] for row, word in policy.dispositions.items() if word in known}


@transaction.atomic
def change_incoming(
    act: Act,
    name: str,
    dispositions: Mapping[str, str | None] | None = None,
    forwarders: Sequence[str] | None = None,
    full_mailbox_reply: int | None = None,
) -> Incoming:
    """Change what is given and leave the rest; a row that is given None goes back to its default.

    Raises NotFound, and Refused for what suits no row, for a domain that follows another.
    """
    domain = _own_domain(act, name)
    policy = InboundPolicy.objects.filter(domain=domain).first() or InboundPolicy(domain=domain)
    before = _as_told(policy)
    if dispositions is not None:
        policy.dispositions = _merged(policy.dispositions, dispositions)
    if forwarders is not None:
        policy.forwarders = _forwarders(forwarders)
    if full_mailbox_reply is not None:
        if full_mailbox_reply not in FULL_MAILBOX_REPLIES:
            raise Refused({"full_mailbox_reply": _("Allowed are 452 and 552.")})
        policy.full_mailbox_reply = full_mailbox_reply
    _keep(act, policy, before)
    return incoming_of(act, name)


@transaction.atomic
def reset_incoming(act: Act, name: str) -> Incoming:
    """Go back to the default in everything; raises NotFound, Refused."""
    domain = _own_domain(act, name)
    policy = InboundPolicy.objects.filter(domain=domain).first()
    if policy is not None:
        _keep(act, InboundPolicy(domain=domain), _as_told(policy))
    return incoming_of(act, name)


def _own_domain(act: Act, name: str) -> Domain:
    """Return the domain, locked; Refused for an alias domain."""
    domain = get_domain_for(act, name, lock=True)
    if domain.alias_of is not None:
        text = _("%(name)s follows %(target)s: change it there.")
        raise Refused({"": text % {"name": domain.name, "target": domain.alias_of.name}})
    return domain


def _keep(act: Act, policy: InboundPolicy, before: Mapping[str, Any]) -> None:
    """Store the policy and write what changed, if anything did."""
    after = _as_told(policy)
    changes = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
    if changes:
        policy.save()
        record(act, "incoming.change", "domain", policy.domain.name, policy.domain.name, changes)


def _as_told(policy: InboundPolicy) -> dict[str, Any]:
    names = ("dispositions", "forwarders", "full_mailbox_reply")
    return {name: getattr(policy, name) for name in names}


def _merged(held: Mapping[str, str], given: Mapping[str, str | None]) -> dict[str, str]:
    """Return the choices that differ from the default; raises Refused by row."""
    rows = {row.name: row for row in EDITABLE}
    errors: dict[str, str] = {}
    merged = {name: word for name, word in held.items() if name in rows}
    for name, word in given.items():
        row = rows.get(name)
        if row is None:
            errors[name] = _("No row of this name can be changed.")
        elif word is None or word == row.default.value:
            merged.pop(name, None)
        elif word not in [choice.value for choice in row.choices]:
            allowed = ", ".join(choice.value for choice in row.choices)
            errors[name] = _("Allowed are %(values)s.") % {"values": allowed}
        else:
            merged[name] = word
    if errors:
        raise Refused(errors)
    return merged


def _forwarders(names: Sequence[str]) -> list[str]:
    """Return the domains in A-labels, each once; raises Refused."""
    if len(names) > FORWARDERS:
        raise Refused({"forwarders": _("At most %(most)d forwarders can be named.") % {"most": FORWARDERS}})
    try:
        return list(dict.fromkeys(DomainName(name).ascii for name in names))
    except ValueError as error:
        raise Refused({"forwarders": str(error)}) from error
