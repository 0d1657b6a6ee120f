"""Queues the copies that do not end in a mailbox now: forwards to other hosts, and those for a mailbox that is full.

A forward leaves with a sender of ours (SRS) under the domain that it was sent to, so that SPF passes there and a
bounce comes back here; a sender of ours, and the null path, stay as they are. It says in Delivered-To for whom it was
(RFC 9228), which ends a loop at its second round (``is_second_round``). Later failures are told only to a sender who
was proven (``parameters.authenticated``, see ``outbound.notice``).

What passes SPF as ours must not lend it to a stranger who writes in our name: a forward whose author was not proven
never gets a reverse path aligned with that author's domain. It keeps the stranger's, and fails there as it did here;
when the stranger used one of ours, it is withheld.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.conf import settings
from psycopg import AsyncConnection
from publicsuffixlist import PublicSuffixList

from domains.octets import Octets, joined
from domains.services.sealing import derive_key
from domains.services.signing import seal_message
from mailboxes.addresses import envelope_domain, normalised, split_address
from mailboxes.delivery.request import GOOD, DeliveryRequest, RecipientOutcome, RecipientStatus, Target
from mailboxes.outbound.enqueue import OWN_DOMAINS, Outgoing, enqueue
from mailboxes.outbound.srs import rewrite

DAY_SECONDS = 86_400
WITHHELD = "It is in the name of a domain here and nothing proved it: it is not forwarded."


def put_off(outcomes: Sequence[RecipientOutcome]) -> list[RecipientOutcome]:
    """Return the outcomes, with the copy of a full mailbox queued where another of the same recipient is taken."""
    served = {outcome.target.recipient for outcome in outcomes if outcome.status in GOOD}

    def waits(outcome: RecipientOutcome) -> bool:
        target = outcome.target
        return outcome.status is RecipientStatus.OVER_QUOTA and target.may_wait and target.recipient in served

    return [replace(outcome, status=RecipientStatus.QUEUED) if waits(outcome) else outcome for outcome in outcomes]


async def queue_copies(
    connection: AsyncConnection[Any], request: DeliveryRequest, outcomes: Sequence[RecipientOutcome]
) -> list[RecipientOutcome]:
    """Queue what is to be queued, once for each recipient; returns the outcomes with what the trace tells of it."""
    senders = await _queue_forwards(connection, request, [o.target for o in outcomes if o.target.forward_to])
    waiting = [o.target for o in outcomes if o.status is RecipientStatus.QUEUED and not o.target.forward_to]
    for target in waiting:
        await _enqueue(connection, request, request.mail_from, [target], request.content)
    return [_told(outcome, senders) if outcome.status is RecipientStatus.QUEUED else outcome for outcome in outcomes]


async def _queue_forwards(
    connection: AsyncConnection[Any], request: DeliveryRequest, targets: Sequence[Target]
) -> dict[str, str]:
    """Queue the copies to others; returns the reverse path of each by its recipient, without those withheld."""
    by_recipient: dict[str, list[Target]] = {}
    for target in targets:
        by_recipient.setdefault(target.recipient, []).append(target)
    senders = {}
    seals: dict[str, bytes] = {}
    for recipient, group in by_recipient.items():
        sender = await _sender(connection, request, envelope_domain(recipient))
        if sender is None:
            continue
        senders[recipient] = sender
        domain = envelope_domain(recipient)
        if domain not in seals:
            seals[domain] = await _seal(connection, request, domain)
        mark = f"Delivered-To: {normalised(recipient)}\r\n".encode()
        await _enqueue(connection, request, senders[recipient], group, joined(mark + seals[domain], request.content))
    return senders


async def _seal(connection: AsyncConnection[Any], request: DeliveryRequest, domain: str) -> bytes:
    """Return the ARC set under which ``domain`` hands a message from outside on; without one the trace says why."""
    if request.seen is None:
        return b""
    sealed = await seal_message(connection, domain, request.content, request.seen)
    if sealed.header:
        detail = {"domain": domain, "selector": sealed.selectors[0]}
        request.trace.add("seal", "sealed", f"Handed on under an ARC seal of {domain}.", detail)
    else:
        reason = sealed.warning or "The ARC chain of this message has ended or is not known to hold: no new seal."
        request.trace.add("seal", "unsealed", reason)
    return sealed.header


def _told(outcome: RecipientOutcome, senders: Mapping[str, str]) -> RecipientOutcome:
    target = outcome.target
    if not target.forward_to:
        return replace(outcome, reason="The mailbox is full; the copy waits and is tried again.")
    if target.recipient not in senders:
        return replace(outcome, status=RecipientStatus.WITHHELD, reason=WITHHELD)
    detail = {"mail_from": senders[target.recipient], "next_hop": envelope_domain(target.forward_to)}
    return replace(outcome, reason=f"To be forwarded to {target.forward_to}.", detail=detail)


async def _enqueue(
    connection: AsyncConnection[Any],
    request: DeliveryRequest,
    mail_from: str,
    targets: Sequence[Target],
    content: Octets,
) -> None:
    addresses = [target.address for target in targets]
    parameters = {"forwarded": True, "authenticated": request.returnable, "sender": request.mail_from}
    asked = request.dsn.moved(targets[0].recipient, addresses).as_json()
    outgoing = Outgoing(
        request.trace.id,
        mail_from,
        addresses,
        envelope_domain(targets[0].recipient),
        request.smtputf8 or not all(map(str.isascii, addresses)),
        parameters | ({"dsn": asked} if asked else {}),
    )
    await enqueue(connection, outgoing, content)


async def _sender(connection: AsyncConnection[Any], request: DeliveryRequest, domain: str) -> str | None:
    """Return the reverse path of a forward, None when there is none to be had.

    A sender elsewhere is rewritten under ``domain`` when that is ours.
    """
    if not split_address(request.mail_from)[1]:
        helo_domain = str(settings.MAILADMIN.hostname)
        return None if _is_aligned(helo_domain, request.unproven_domains) else request.mail_from
    sender_domain = envelope_domain(request.mail_from)
    cursor = await connection.execute(OWN_DOMAINS, ([sender_domain, domain],))
    own = {str(row[0]) for row in await cursor.fetchall()}
    if sender_domain in own:
        return None if _is_aligned(sender_domain, request.unproven_domains) else request.mail_from
    if domain not in own or _is_aligned(domain, request.unproven_domains):
        return request.mail_from
    day = int(time.time()) // DAY_SECONDS
    return rewrite(derive_key("srs"), request.mail_from, domain, day, request.trace.id)


def _is_aligned(domain: str, others: Iterable[str]) -> bool:
    """True when a receiver may find the domain aligned with one of the others (RFC 9989 section 4.10.1, relaxed)."""
    return any(_organizational(domain) == _organizational(other) for other in others)


def _organizational(domain: str) -> str:
    return str(_suffixes().privatesuffix(domain) or domain)


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def is_second_round(recipient: str, delivered_to: Iterable[bytes]) -> bool:
    """True when a message was forwarded for this recipient before; ``delivered_to`` are the values of its fields."""
    own = normalised(recipient).encode()
    return any(value.strip().lower() == own for value in delivered_to)
