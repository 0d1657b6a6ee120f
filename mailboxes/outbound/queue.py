"""The outbound queue at work: claim by conditional update, finish by compare-and-set (promises: leases).

Due entries are claimed with ``FOR UPDATE SKIP LOCKED`` by database time and worked outside any transaction. An
attempt is finished by a compare-and-set on (id, attempts), so a worker whose lease ran out changes nothing. A
lease that ran out counts as a death; the third one puts the entry aside as ``dead``.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from domains.database import database
from domains.trace import EVENT_INSERT, Event
from domains.trace_terms import reply_terms
from mailboxes.outbound.outcome import Outcome, RecipientResult, RemoteReply
from mailboxes.outbound.schedule import LEASE, MAXIMUM_DEATHS, retry_delay

log = logging.getLogger(__name__)

Connection = AsyncConnection[TupleRow]

REPLIES_INDEXED = 20

CLAIM = """
UPDATE mailboxes_queueentry SET state = 'sending', attempts = attempts + 1, lease_until = now() + %(lease)s
WHERE id IN (
    SELECT id FROM mailboxes_queueentry
    WHERE state = 'waiting' AND next_attempt_at <= now() AND next_hop <> ALL(%(busy)s)
        AND (%(remote)s OR next_hop = 'local')
    ORDER BY next_attempt_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id, trace_id, mail_from, recipients, sender_domain, next_hop, blob_id, smtputf8, parameters, attempts,
    created_at, expires_at, now() >= expires_at AS expired
"""

LOCK_OWN = """
SELECT 1 FROM mailboxes_queueentry WHERE id = %s AND attempts = %s AND state = 'sending' FOR UPDATE
"""

RENEW = """
UPDATE mailboxes_queueentry q SET lease_until = now() + %(lease)s
FROM unnest(%(ids)s::text[], %(attempts)s::int[]) AS own(id, attempts)
WHERE q.id = own.id AND q.attempts = own.attempts AND q.state = 'sending' RETURNING q.id
"""

RELEASE = """
UPDATE mailboxes_queueentry q SET state = 'waiting', lease_until = NULL, next_attempt_at = now()
FROM unnest(%(ids)s::text[], %(attempts)s::int[]) AS own(id, attempts)
WHERE q.id = own.id AND q.attempts = own.attempts AND q.state = 'sending'
"""

DEFER = """
UPDATE mailboxes_queueentry
SET state = 'waiting', recipients = %s, next_attempt_at = now() + %s, lease_until = NULL, last_reply = %s
WHERE id = %s AND attempts = %s
"""

EXPIRE_LEASES = """
UPDATE mailboxes_queueentry
SET deaths = deaths + 1, lease_until = NULL, next_attempt_at = now(),
    state = CASE WHEN deaths + 1 >= %(maximum)s THEN 'dead' ELSE 'waiting' END,
    last_reply = 'The worker ended during the attempt.'
WHERE id IN (
    SELECT id FROM mailboxes_queueentry WHERE state = 'sending' AND lease_until < now() FOR UPDATE SKIP LOCKED)
RETURNING id, trace_id, state
"""

OUTCOME = """
UPDATE domains_trace SET outcome = CASE
    WHEN outcome = 'bounced' THEN outcome
    WHEN %(outcome)s = 'sent' AND EXISTS (SELECT 1 FROM mailboxes_queueentry WHERE trace_id = %(id)s)
        THEN CASE WHEN outcome = 'deferred' THEN 'deferred' ELSE 'queued' END
    ELSE %(outcome)s END,
    terms = CASE WHEN terms @> %(terms)s::text[] THEN terms
        ELSE ARRAY(SELECT DISTINCT term FROM unnest(terms || %(terms)s::text[]) AS term) END
WHERE id = %(id)s
"""


class LeaseLost(Exception):
    """Somebody else has the entry: its lease ran out, or it was deleted. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A claimed entry; ``attempts`` counts this attempt, and is the compare-and-set's second half."""

    id: str
    trace_id: str
    mail_from: str
    recipients: list[str]
    sender_domain: str
    next_hop: str
    blob_id: int
    smtputf8: bool
    parameters: dict[str, Any]
    attempts: int
    created_at: datetime
    expires_at: datetime
    expired: bool


async def claim(limit: int, busy: Sequence[str] = (), remote: bool = True) -> list[QueueItem]:
    """Claim at most ``limit`` due entries whose next hop is not in ``busy``; leased for ``LEASE``, see ``renew``.

    Without ``remote`` only those for recipients of ours.
    """
    async with database() as connection:
        cursor = connection.cursor(row_factory=class_row(QueueItem))
        await cursor.execute(CLAIM, {"lease": LEASE, "busy": list(busy), "limit": limit, "remote": remote})
        return await cursor.fetchall()


async def renew(items: Sequence[QueueItem]) -> set[str]:
    """Put off the end of the leases of attempts that still run; returns the ids of those that are still ours."""
    if not items:
        return set()
    async with database() as connection:
        cursor = await connection.execute(RENEW, {"lease": LEASE, **_own(items)})
        return {str(row[0]) for row in await cursor.fetchall()}


async def release(items: Sequence[QueueItem]) -> None:
    """Give back what a stopping relay did not finish: due at once, and no death."""
    if items:
        async with database() as connection:
            await connection.execute(RELEASE, _own(items))


def _own(items: Sequence[QueueItem]) -> dict[str, list[Any]]:
    return {"ids": [item.id for item in items], "attempts": [item.attempts for item in items]}


async def lock_own(connection: Connection, item: QueueItem) -> None:
    """Lock the entry for the rest of the transaction; raises LeaseLost when it is no longer ours."""
    cursor = await connection.execute(LOCK_OWN, (item.id, item.attempts))
    if await cursor.fetchone() is None:
        raise LeaseLost(item.id)


def expire(item: QueueItem, results: Sequence[RecipientResult]) -> list[RecipientResult]:
    """Return the results with deferred ones turned into failures when the entry's time is over (5.4.7)."""
    if not item.expired:
        return list(results)
    return [_given_up(result) if result.outcome is Outcome.DEFERRED else result for result in results]


def _given_up(result: RecipientResult) -> RecipientResult:
    text = f"Given up after five days. The last answer was: {result.reply}"
    return replace(result, outcome=Outcome.FAILED, reply=RemoteReply(result.reply.code, "4.4.7", text))


async def finish(
    connection: Connection, item: QueueItem, results: Sequence[RecipientResult], fraction: float
) -> None:
    """Record an attempt inside the caller's transaction, after ``lock_own``.

    Recipients sent or failed leave the entry, deferred ones wait for the next attempt; an entry without recipients
    is deleted. One trace event tells the attempt; the trace's outcome follows.
    """
    deferred = [result for result in results if result.outcome is Outcome.DEFERRED]
    if deferred:
        delay = retry_delay(item.attempts, fraction)
        parameters = ([r.recipient for r in deferred], delay, str(deferred[0].reply), item.id, item.attempts)
        await connection.execute(DEFER, parameters)
    else:
        await connection.execute("DELETE FROM mailboxes_queueentry WHERE id = %s", (item.id,))
    for event in attempt_events(item, results):
        await connection.execute(EVENT_INSERT, event.as_row(item.trace_id))
    values = {"outcome": trace_outcome(results), "id": item.trace_id, "terms": _reply_terms(results)}
    await connection.execute(OUTCOME, values)


def _reply_terms(results: Sequence[RecipientResult]) -> list[str]:
    """Return the words by which the trace is found, of at most ``REPLIES_INDEXED`` replies of other servers."""
    replies = dict.fromkeys(str(result.reply) for result in results)
    return list(dict.fromkeys(term for reply in list(replies)[:REPLIES_INDEXED] for term in reply_terms(reply)))


def trace_outcome(results: Sequence[RecipientResult]) -> str:
    """Return the word for the whole attempt: a failure weighs more than a delay, a delay more than success."""
    outcomes = {result.outcome for result in results}
    if Outcome.FAILED in outcomes:
        return "bounced"
    return "deferred" if Outcome.DEFERRED in outcomes else "sent"


def attempt_events(item: QueueItem, results: Sequence[RecipientResult]) -> list[Event]:
    """Return one trace event for each distinct answer, with the recipients that it concerns."""
    groups: dict[tuple[Outcome, str, str], list[RecipientResult]] = {}
    for result in results:
        groups.setdefault((result.outcome, str(result.reply), result.remote), []).append(result)
    return [_attempt_event(item, group) for group in groups.values()]


def _attempt_event(item: QueueItem, group: Sequence[RecipientResult]) -> Event:
    first = group[0]
    detail = {
        "recipients": [result.recipient for result in group],
        "next_hop": item.next_hop,
        "remote": first.remote,
        "reply": str(first.reply),
        "tls": dict(first.tls),
        "attempt": item.attempts,
    }
    stage = "local" if item.next_hop == "local" else "relay"
    return Event(stage, first.outcome.value, _sentence(first), detail)


def _sentence(result: RecipientResult) -> str:
    where = result.remote or "The next hop"
    if result.outcome is Outcome.SENT:
        return f"{where} accepted the message: {result.reply}"
    wait = "It will be tried again." if result.outcome is Outcome.DEFERRED else "It is given up."
    reply = str(result.reply)
    return f"{reply}{'' if reply.endswith('.') else '.'} {wait}"


async def expire_leases() -> list[tuple[str, str, str]]:
    """Free the entries whose worker died; returns (id, trace_id, new state) of each. A dead one is an alarm."""
    async with database() as connection, connection.transaction():
        cursor = await connection.execute(EXPIRE_LEASES, {"maximum": MAXIMUM_DEATHS})
        rows: list[tuple[str, str, str]] = [(str(a), str(b), str(c)) for a, b, c in await cursor.fetchall()]
        for identifier, trace_id, state in rows:
            event = Event("queue", state, "The worker ended during the attempt.", {"entry": identifier})
            await connection.execute(EVENT_INSERT, event.as_row(trace_id))
    for identifier, trace_id, state in rows:
        level = logging.ERROR if state == "dead" else logging.WARNING
        log.log(level, "queue entry %s of trace %s lost its worker and is now %s", identifier, trace_id, state)
    return rows
