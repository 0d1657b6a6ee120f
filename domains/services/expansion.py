"""What keeps the event tables in shape: traces of accepted messages expanded into rows, and all of it aged out.

A package above that counts or keeps what the traces tell registers with ``on_expanded``: it sees every trace exactly
once, refusals included, in the transaction that expands it, so that what it writes is kept or undone with that.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from pydantic_core import from_json

from domains.services.trace_keeping import keeping, our_domains, redact

log = logging.getLogger(__name__)

BATCH = 500
AUDIT_DAYS = 730
ATTEMPT_DAYS = 2

# One statement a batch: the rows are locked, their events inserted in order, the pending ones forgotten and returned.
EXPAND = """
WITH due AS (
    SELECT id, pending_events FROM domains_trace
    WHERE pending_events IS NOT NULL ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
), moved AS (
    INSERT INTO domains_traceevent (trace_id, at, stage, outcome, reason, detail, dns)
    SELECT due.id, (event->>'at')::timestamptz, left(event->>'stage', 24), left(event->>'outcome', 24),
           coalesce(event->>'reason', ''), coalesce(event->'detail', '{}'), coalesce(event->'dns', '[]')
    FROM due, jsonb_array_elements(due.pending_events) WITH ORDINALITY AS entry(event, place)
    ORDER BY due.id, place
)
UPDATE domains_trace t SET pending_events = NULL FROM due WHERE t.id = due.id
RETURNING t.id, t.direction, t.message_id, t.mail_from, t.recipients, t.domains, t.received_at, t.outcome,
    host(t.client_address), due.pending_events::text
"""

OLD_AUDIT = "DELETE FROM domains_auditrecord WHERE id IN (SELECT id FROM domains_auditrecord WHERE at < %s LIMIT %s)"
OLD_ATTEMPTS = (
    "DELETE FROM domains_signinattempt WHERE id IN (SELECT id FROM domains_signinattempt WHERE at < %s LIMIT %s)"
)


@dataclass(frozen=True, slots=True)
class ExpandedTrace:
    """One trace at its expansion: the head's columns, and its events so far as ``Event.as_json`` wrote them.

    ``domains`` are the names of ours that it concerns, in A-labels; ``client_address`` is None for mail of our own.
    """

    id: str
    direction: str
    message_id: str
    mail_from: str
    recipients: list[str]
    domains: list[str]
    received_at: datetime
    outcome: str
    client_address: str | None
    events: list[dict[str, Any]]

    def event(self, stage: str) -> Mapping[str, Any] | None:
        """Return the last event of the stage, if there is one."""
        return next((event for event in reversed(self.events) if event.get("stage") == stage), None)


ExpandedListener = Callable[[Sequence[ExpandedTrace]], None]
_listeners: list[ExpandedListener] = []


def on_expanded(listener: ExpandedListener) -> None:
    """Have ``listener`` called with every batch of traces (at most ``BATCH``), inside its transaction.

    Called once by a package's ``ready``. What the listener writes through the ORM commits with the expansion. When
    it raises, the batch is told again one trace at a time, and a trace at which it raises again is left out, with a
    line in the log: no trace holds others up. A lost database undoes the batch, which comes again.
    """
    _listeners.append(listener)


def expand_pending_traces(most: int = 20_000) -> int:
    """Turn the pending events of up to ``most`` traces into event rows; returns how many traces were done."""
    done = 0
    while done < most:
        with transaction.atomic():
            batch = _expand(min(BATCH, most - done))
            for listener in _listeners if batch else ():
                _tell(listener, batch)
            if batch and keeping().redact_days == 0:
                redact([trace.id for trace in batch], our_domains())
        done += len(batch)
        if len(batch) < BATCH:
            break
    return done


def _expand(limit: int) -> list[ExpandedTrace]:
    """Expand one batch and return it in the order of arrival."""
    with connection.cursor() as cursor:
        cursor.execute(EXPAND, [limit])
        traces = [ExpandedTrace(*[*head, from_json(events)]) for *head, events in cursor.fetchall()]
    return sorted(traces, key=lambda trace: trace.received_at)


def _tell(listener: ExpandedListener, batch: Sequence[ExpandedTrace]) -> None:
    try:
        with transaction.atomic():
            listener(batch)
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        if len(batch) == 1:
            log.exception("the trace %s is expanded without %s", batch[0].id, listener.__qualname__)
            return
        for trace in batch:
            _tell(listener, [trace])


def remove_old_audit(now: datetime | None = None, days: int = AUDIT_DAYS) -> int:
    """Remove audit records past their time; returns how many."""
    return sum(_batches(OLD_AUDIT, [_before(now, days)]))


def forget_attempts(now: datetime | None = None, days: int = ATTEMPT_DAYS) -> int:
    """Remove sign-in attempts that no budget counts any more; returns how many."""
    return sum(_batches(OLD_ATTEMPTS, [_before(now, days)]))


def _before(now: datetime | None, days: int) -> datetime:
    return (now or datetime.now(UTC)) - timedelta(days=days)


def _batches(statement: str, parameters: list[Any], most: int = 1_000_000) -> Iterator[int]:
    """Run the statement in transactions of ``BATCH`` rows until nothing is left or ``most`` is reached."""
    done = 0
    while done < most:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [*parameters, BATCH])
            count = cursor.rowcount
        yield count
        done += count
        if count < BATCH:
            return
