"""Applies a plan to the zone itself by RFC 2136, keeps what was done, and takes it back.

What is planned here comes from the primary server alone, and the message carries what was seen as its prerequisites:
two administrators at once, or a hand at the provider's panel meanwhile, change nothing unseen. A change is kept
before it is sent, so that one whose answer never came can be judged later by what the primary has.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.dns.port import Answer
from domains.dns.resolver import BudgetedResolver, default_resolver
from domains.dns.update import (
    Held,
    Question,
    SetChange,
    UpdateFault,
    UpdateTrouble,
    ZoneAccess,
    change_zone,
    read_sets,
)
from domains.errors import NotFound, Refused, Taken
from domains.locks import single_run
from domains.models import DkimKey, DnsAccount, Domain, KeyState, ZoneChange, ZoneChangeState
from domains.services.check import check_now
from domains.services.dns_access import access_of, account_of, sentence_of
from domains.services.history import note_applied
from domains.services.plan import PlanStep, plan_of
from domains.services.planning import Proposal, chosen_steps
from domains.services.provision import get_domain_for
from domains.services.publication import DesiredRecord, desired_records, key_record_name
from domains.services.zone_changes import (
    as_json,
    can_be_undone,
    changes_of,
    happened,
    questions_of,
    sets_after,
    undoing,
)
from domains.spf.budget import QUESTIONS

MAXIMUM_KEPT = 200
_SIGNED_WITH = (KeyState.ACTIVE, KeyState.RETIRING)


@dataclass(frozen=True, slots=True)
class Reversal:
    """What undoing would do; ``left`` names the records that stay, since mail is signed with their keys."""

    change: ZoneChange
    changes: list[SetChange]
    left: list[str]


# ---- Applying ---------------------------------------------------------------------------------------------------


def propose(act: Act, name: str, chosen: Collection[str] | None = None, consent: Collection[str] = ()) -> Proposal:
    """Return what applying would do now (a dry run); raises NotFound, Refused, Taken.

    ``chosen`` holds the ids of steps; None takes all that need no consent or have it. ``consent`` holds the risks
    that a person has agreed to.
    """
    domain, account = _reached(act, name)
    access = _access(account)
    proposal, _held = _proposal(domain, access, account, chosen, consent)
    return proposal


def apply_plan(
    act: Act, name: str, chosen: Collection[str] | None = None, consent: Collection[str] = ()
) -> ZoneChange | None:
    """Apply steps to the zone, look at every server again, and return the change; None when nothing was to do.

    Raises NotFound, Refused with the server's reason, Taken when the plan changed or somebody else is at it.
    """
    domain, account = _reached(act, name)
    with _alone(account.zone):
        access = _access(account)
        _settle(domain, access)
        proposal, held = _proposal(domain, access, account, chosen, consent)
        if not proposal.changes:
            return None
        kept = [as_json(change, held[change.name, change.type].ttl) for change in proposal.changes]
        row = _begin(act, domain, proposal.server, kept)
        _send(row, access, proposal.changes)
    check_now(act, domain.name)
    return row


def _reached(act: Act, name: str) -> tuple[Domain, DnsAccount]:
    domain = get_domain_for(act, name)
    account = account_of(domain)
    if account is None:
        raise Refused({"server": _("No access to the zone is kept. Set the server and its key first.")})
    return domain, account


@contextmanager
def _alone(zone: str) -> Iterator[None]:
    """Hold the zone; raises Taken when somebody else is changing it now."""
    with single_run(f"zone {zone}") as ours:
        if not ours:
            raise Taken({"zone": _("Somebody else is changing this zone now. Try again in a moment.")})
        yield


def _access(account: DnsAccount) -> ZoneAccess:
    try:
        return asyncio.run(access_of(account))
    except UpdateFault as fault:
        raise Refused({"server": sentence_of(fault)}) from fault


def _read(access: ZoneAccess, questions: Sequence[Question]) -> dict[Question, Held]:
    try:
        return asyncio.run(read_sets(access, questions))
    except UpdateFault as fault:
        raise Refused({"server": sentence_of(fault)}) from fault


def _proposal(
    domain: Domain,
    access: ZoneAccess,
    account: DnsAccount,
    chosen: Collection[str] | None,
    consent: Collection[str],
) -> tuple[Proposal, dict[Question, Held]]:
    records = desired_records(domain)
    held = _read(access, [(row.name, row.type) for row in records if row.zone == domain.name])
    seen = {question: [row.answer] for question, row in held.items()}
    steps = chosen_steps(asyncio.run(_plan(domain.name, records, seen)), chosen, consent)
    server = f"{account.server} port {account.port}"
    return Proposal(steps, changes_of(steps, held), sets_after(steps, seen), account.zone, server), held


async def _plan(
    zone: str, records: Sequence[DesiredRecord], seen: Mapping[Question, Sequence[Answer]]
) -> list[PlanStep]:
    return await plan_of(zone, records, seen, BudgetedResolver(default_resolver(), QUESTIONS))


@transaction.atomic
def _begin(
    act: Act, domain: Domain, server: str, kept: list[dict[str, Any]], undoes: ZoneChange | None = None
) -> ZoneChange:
    row = ZoneChange.objects.create(
        domain=domain, actor_name=act.name[:320], server=server, changes=kept, undoes=undoes
    )
    names = [f"{change['name']} {change['type']}" for change in kept]
    record(act, "zone.undo" if undoes else "zone.apply", "zone", domain.name, domain.name, {"records": names})
    old = ZoneChange.objects.filter(domain=domain).values_list("pk", flat=True)[MAXIMUM_KEPT:]
    ZoneChange.objects.filter(pk__in=list(old)).delete()
    return row


def _send(row: ZoneChange, access: ZoneAccess, changes: Sequence[SetChange]) -> None:
    """Send a kept change and keep how it ended; raises Refused when it did not happen, or nobody knows."""
    try:
        asyncio.run(change_zone(access, changes))
    except UpdateFault as fault:
        unknown = fault.trouble is UpdateTrouble.UNKNOWN
        _end(row, ZoneChangeState.UNKNOWN if unknown else ZoneChangeState.FAILED, sentence_of(fault))
        if unknown and _settled(row, access):
            return
        kind = Taken if fault.trouble is UpdateTrouble.CHANGED else Refused
        raise kind({"server": row.reason}) from fault
    _end(row, ZoneChangeState.APPLIED)


@transaction.atomic
def _end(row: ZoneChange, state: ZoneChangeState, reason: str = "") -> None:
    row.state, row.reason = state, reason[:500]
    row.save(update_fields=["state", "reason"])
    if state == ZoneChangeState.APPLIED:
        if row.undoes_id is not None:
            ZoneChange.objects.filter(pk=row.undoes_id).update(state=ZoneChangeState.UNDONE)
        note_applied(row)


def _settle(domain: Domain, access: ZoneAccess) -> None:
    """Judge the changes whose end nobody saw by what the primary has now."""
    for row in ZoneChange.objects.filter(domain=domain, state__in=(ZoneChangeState.SENDING, ZoneChangeState.UNKNOWN)):
        _settled(row, access)


def _settled(row: ZoneChange, access: ZoneAccess) -> bool:
    """Look whether a change happened and keep the answer; False when it did not, or cannot be told."""
    try:
        held = asyncio.run(read_sets(access, questions_of(row.changes)))
    except UpdateFault:
        return False
    told = {happened(change, held[change["name"], change["type"]]) for change in row.changes}
    if told == {True}:
        _end(row, ZoneChangeState.APPLIED)
    elif told == {False}:
        _end(row, ZoneChangeState.FAILED, row.reason)
    return told == {True}


# ---- Undoing ----------------------------------------------------------------------------------------------------


def changes_for(act: Act, name: str) -> QuerySet[ZoneChange]:
    """Return what was changed in a domain's zone, the latest first; raises NotFound."""
    return ZoneChange.objects.filter(domain=get_domain_for(act, name))


def propose_undo(act: Act, name: str, identifier: int) -> Reversal:
    """Return what undoing would do now; raises NotFound, Refused, Taken."""
    domain, account = _reached(act, name)
    reversal, _kept = _reversal(domain, _access(account), identifier)
    return reversal


def undo_change(act: Act, name: str, identifier: int) -> ZoneChange:
    """Take a change of the zone back, look at every server again, and return the change that did it.

    Records with whose keys mail is signed stay. Raises NotFound, Refused, and Taken when a record is no longer as it
    was left.
    """
    domain, account = _reached(act, name)
    with _alone(account.zone):
        access = _access(account)
        _settle(domain, access)
        reversal, kept = _reversal(domain, access, identifier)
        if not reversal.changes:
            raise Refused({"change": _("Nothing is left to undo: mail is signed with the keys of these records.")})
        server = f"{account.server} port {account.port}"
        row = _begin(act, domain, server, kept, reversal.change)
        _send(row, access, reversal.changes)
    check_now(act, domain.name)
    return row


def _reversal(domain: Domain, access: ZoneAccess, identifier: int) -> tuple[Reversal, list[dict[str, Any]]]:
    row = ZoneChange.objects.filter(domain=domain, pk=identifier).first()
    if row is None:
        raise NotFound(_("There is no such change."))
    if row.state != ZoneChangeState.APPLIED or row.undoes_id is not None:
        raise Refused({"change": _("Only a change that was applied, and is no undoing itself, can be undone.")})
    later = ZoneChange.objects.filter(domain=domain, pk__gt=row.pk, state=ZoneChangeState.APPLIED, undoes=None)
    if later.exists():
        raise Refused({"change": _("A later change stands on this one. Undo that one first.")})
    signing = _signing_names(domain)
    takes_back = [change for change in row.changes if change["name"] not in signing]
    held = _read(access, questions_of(takes_back))
    for change in takes_back:
        if not can_be_undone(change, held[change["name"], change["type"]]):
            text = _("%(name)s %(type)s is no longer as it was left, so nothing was undone. Change it by hand.")
            raise Taken({"change": text % {"name": change["name"], "type": change["type"]}})
    changes = [undoing(change, held[change["name"], change["type"]]) for change in takes_back]
    kept = [as_json(change, held[change.name, change.type].ttl) for change in changes]
    left = [change["name"] for change in row.changes if change["name"] in signing]
    return Reversal(row, changes, left), kept


def _signing_names(domain: Domain) -> set[str]:
    keys = DkimKey.objects.filter(domain=domain, state__in=_SIGNED_WITH).select_related("domain")
    return {key_record_name(key) for key in keys}
