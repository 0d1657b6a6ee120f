"""Delivers one accepted message: every copy, its quota, its trace, in ONE transaction; commit, then notify.

The hot path: a small message is one statement a mailbox, with the account's row locked first (see the lock order in
docs/architecture.md). Bytes above ``blobs``' limit stand on disk before the transaction begins to name them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

from psycopg import AsyncConnection

from domains.database import database
from domains.failpoints import fail_point
from domains.intake import ask_for_intake
from domains.octets import Octets, joined, whole
from domains.redis import publish
from domains.reports.budget import Spent, excess_of
from domains.trace import EVENT_INSERT, TRACE_INSERT, Event
from mailboxes.addresses import envelope_domain
from mailboxes.delivery.request import (
    GOOD,
    DeliveryRequest,
    DeliveryResult,
    NotAll,
    RecipientOutcome,
    RecipientStatus,
    Target,
)
from mailboxes.delivery.single import deliver_one, is_usual
from mailboxes.delivery.statements import DELIVER
from mailboxes.mime.structure import Described, describe
from mailboxes.outbound.forward import put_off, queue_copies
from mailboxes.outbound.wake import wake_relay_async
from mailboxes.store.blobs import ROW_OCTETS, store_blob

IN_LOOP_OCTETS = 256 * 1024

WHY_NOT = "SELECT enabled FROM mailboxes_account WHERE id = %s"

REPORT_FILE = """
INSERT INTO domains_reportfile
    (domain_id, received_at, road, submitter, authenticated, trace_id, file_name, content, state, reason)
VALUES (%s, now(), 'mail', %s, %s, %s, %s, %s, 'pending', '')
RETURNING id
"""


# What came today before this mail: of its submitter, and of all of the same standing (domains.reports.budget).
SPENT = """
SELECT count(*) FILTER (WHERE submitter = %(submitter)s),
    coalesce(sum(octet_length(content)) FILTER (WHERE submitter = %(submitter)s), 0),
    count(*), coalesce(sum(octet_length(content)), 0)
FROM domains_reportfile
WHERE domain_id = %(domain)s AND received_at >= date_trunc('day', now(), 'UTC') AND road = 'mail'
    AND authenticated = %(authenticated)s
"""


async def deliver(request: DeliveryRequest) -> DeliveryResult:
    """Deliver every copy and return each outcome, once all of it is durable.

    With ``request.all_or_nothing``, a copy that cannot be stored raises NotAll and nothing is; whatever
    ``request.within`` raises undoes everything as well. Errors of the database are raised as they are.
    """
    content = joined(b"Return-Path: <" + request.mail_from.encode("utf-8", "replace") + b">\r\n", request.content)
    described = await _describe(content) if any(t.account_id for t in request.targets) else None
    if described is not None and is_usual(request, content):
        delivered = await deliver_one(request, whole(content), described)
        if delivered is not None:
            folder_id, outcome = delivered
            publish(f"mailbox.{folder_id}", b"")
            return DeliveryResult([outcome])
    async with database() as connection, connection.transaction():
        outcomes = [await _one(connection, request, target, content, described) for target in _ordered(request)]
        outcomes = await queue_copies(connection, request, put_off(outcomes) if request.all_or_nothing else outcomes)
        if request.all_or_nothing:
            _require_all(outcomes)
        await _write_trace(connection, request, outcomes)
        if request.within is not None:
            await request.within(connection, outcomes)
        fail_point("deliver.before-commit")
    fail_point("deliver.after-commit")
    await _notify(outcomes)
    return DeliveryResult([_without_id(outcome) for outcome in outcomes])


def _require_all(outcomes: Sequence[RecipientOutcome]) -> None:
    """Raise NotAll for the first copy that cannot be stored; one withheld keeps the message from no others."""
    some = any(outcome.status in GOOD for outcome in outcomes)
    for outcome in outcomes:
        if outcome.status not in GOOD and not (some and outcome.status is RecipientStatus.WITHHELD):
            raise NotAll(outcome)


async def _describe(content: Octets) -> Described:
    """Describe here when it takes a millisecond, else in a thread, so that one large message stops nobody."""
    if len(content) <= IN_LOOP_OCTETS:
        return describe(content)
    return await asyncio.get_running_loop().run_in_executor(None, partial(describe, content))


def _ordered(request: DeliveryRequest) -> list[Target]:
    """Return the targets by account, the order in which rows are locked; each account gets one copy."""
    unique = {target.place: target for target in request.targets}
    return sorted(unique.values(), key=lambda target: target.account_id or 0)


async def _one(
    connection: AsyncConnection[Any],
    request: DeliveryRequest,
    target: Target,
    content: Octets,
    described: Described | None,
) -> RecipientOutcome:
    if target.forward_to:
        return RecipientOutcome(target, RecipientStatus.QUEUED)
    if target.report_domain_id is not None:
        return await _take_in(connection, request, target)
    assert described is not None
    return await _store(connection, request, target, content, described)


async def _store(
    connection: AsyncConnection[Any],
    request: DeliveryRequest,
    target: Target,
    content: Octets,
    described: Described,
) -> RecipientOutcome:
    """Put one copy into its folder, or say why not."""
    large = len(content) > ROW_OCTETS
    blob_id = await store_blob(connection, target.account_id, content) if large else None
    parameters = {
        "account": target.account_id,
        "folder": target.folder,
        "size": len(content),
        "digest": b"" if large else sha256(whole(content)).digest(),  # a blob of its own has its own
        "data": None if large else whole(content),
        "blob": blob_id,
        "received_at": request.received_at,
        "header_octets": described.header_octets,
        "envelope": described.envelope,
        "body": described.body,
        "body_structure": described.body_structure,
        "trace_id": request.trace.id,
    }
    cursor = await connection.execute(DELIVER, parameters)
    row = await cursor.fetchone()
    if row is not None:
        return RecipientOutcome(target, RecipientStatus.DELIVERED, f"{row[0]}/{row[1]}", int(row[2]))
    cursor = await connection.execute(WHY_NOT, (target.account_id,))
    known = await cursor.fetchone()
    if known is None or not known[0]:
        return RecipientOutcome(target, RecipientStatus.UNKNOWN, reason="The mailbox does not exist any more.")
    return RecipientOutcome(target, RecipientStatus.OVER_QUOTA, reason="The mailbox is full.")


def _without_id(outcome: RecipientOutcome) -> RecipientOutcome:
    """Return the outcome with its folder's name alone: inside, it is ``id/name``, for the change's channel."""
    return replace(outcome, folder=outcome.folder.partition("/")[2])


async def _take_in(connection: AsyncConnection[Any], request: DeliveryRequest, target: Target) -> RecipientOutcome:
    """Keep a message to a report address as a file, within the day's budget; a task takes it apart."""
    submitter = (request.authenticated_domain or envelope_domain(request.mail_from))[:320]
    authenticated = bool(request.authenticated_domain)
    named = {"submitter": submitter, "domain": target.report_domain_id, "authenticated": authenticated}
    spent = await (await connection.execute(SPENT, named)).fetchone()
    assert spent is not None
    excess = excess_of(authenticated, Spent(*map(int, spent)), len(request.content))
    if excess is not None:
        return RecipientOutcome(target, RecipientStatus.LIMITED, reason=f"The day's budget of {excess} is used up.")
    values = (
        target.report_domain_id,
        submitter,
        authenticated,
        request.trace.id,
        target.report_kind,
        whole(request.content),
    )
    row = await (await connection.execute(REPORT_FILE, values)).fetchone()
    assert row is not None
    return RecipientOutcome(target, RecipientStatus.REPORT, uid=int(row[0]))


async def _write_trace(
    connection: AsyncConnection[Any], request: DeliveryRequest, outcomes: Sequence[RecipientOutcome]
) -> None:
    events = [_event(outcome) for outcome in outcomes]
    if request.new_trace:
        request.trace.events += events
        request.trace.outcome = request.trace.outcome or _outcome(outcomes)
        request.trace.mailboxes |= {t.mailbox or t.address for t in request.targets if t.account_id}
        await connection.execute(TRACE_INSERT, request.trace.as_row())
        return
    for event in events:
        await connection.execute(EVENT_INSERT, event.as_row(request.trace.id))


def _outcome(outcomes: Sequence[RecipientOutcome]) -> str:
    statuses = {outcome.status for outcome in outcomes}
    return "queued" if statuses == {RecipientStatus.QUEUED} else "delivered"


def _event(outcome: RecipientOutcome) -> Event:
    target = outcome.target
    place = target.mailbox or target.address
    detail = {"recipient": target.recipient, "address": place, **outcome.detail}
    if outcome.status is RecipientStatus.DELIVERED:
        folder = outcome.folder.partition("/")[2]
        detail |= {"folder": folder, "uid": str(outcome.uid)}
        return Event("delivery", "delivered", f"Stored for {place} in {folder}.", detail)
    stage = "forward" if target.forward_to else "delivery"
    sentence = "Taken in as a report." if outcome.status is RecipientStatus.REPORT else outcome.reason
    return Event(stage, outcome.status.value, sentence, detail)


async def _notify(outcomes: Sequence[RecipientOutcome]) -> None:
    """Wake the IDLE sessions of the folders concerned, the intake of reports, and the relay."""
    for outcome in outcomes:
        if outcome.status is RecipientStatus.DELIVERED:
            publish(f"mailbox.{outcome.folder.partition('/')[0]}", b"")
        elif outcome.status is RecipientStatus.REPORT and outcome.uid is not None:
            await ask_for_intake(outcome.uid)
    if any(outcome.status is RecipientStatus.QUEUED for outcome in outcomes):
        await wake_relay_async()
