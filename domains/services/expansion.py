"""What keeps the event tables in shape: traces of accepted messages expanded into rows, and all of it aged out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

BATCH = 500
TRACE_DAYS = 30
AUDIT_DAYS = 730
ATTEMPT_DAYS = 2

# One statement a batch: the rows are locked, their events inserted in order, and the pending ones forgotten.
EXPAND = """
WITH due AS (
    SELECT id, pending_events FROM domains_trace
    WHERE pending_events IS NOT NULL ORDER BY received_at LIMIT %s FOR UPDATE SKIP LOCKED
), moved AS (
    INSERT INTO domains_traceevent (trace_id, at, stage, outcome, reason, detail, dns)
    SELECT due.id, (event->>'at')::timestamptz, left(event->>'stage', 24), left(event->>'outcome', 24),
           coalesce(event->>'reason', ''), coalesce(event->'detail', '{}'), coalesce(event->'dns', '[]')
    FROM due, jsonb_array_elements(due.pending_events) WITH ORDINALITY AS entry(event, place)
    ORDER BY due.id, place
)
UPDATE domains_trace SET pending_events = NULL FROM due WHERE domains_trace.id = due.id
"""

OLD_TRACES = """
WITH old AS (SELECT id FROM domains_trace WHERE received_at < %s LIMIT %s FOR UPDATE SKIP LOCKED),
events AS (DELETE FROM domains_traceevent USING old WHERE trace_id = old.id)
DELETE FROM domains_trace USING old WHERE domains_trace.id = old.id
"""
OLD_AUDIT = "DELETE FROM domains_auditrecord WHERE id IN (SELECT id FROM domains_auditrecord WHERE at < %s LIMIT %s)"
OLD_ATTEMPTS = (
    "DELETE FROM domains_signinattempt WHERE id IN (SELECT id FROM domains_signinattempt WHERE at < %s LIMIT %s)"
)


def expand_pending_traces(most: int = 20_000) -> int:
    """Turn the pending events of up to ``most`` traces into event rows; returns how many traces were done."""
    return sum(_batches(EXPAND, [], most))


def remove_old_traces(now: datetime | None = None, days: int = TRACE_DAYS) -> int:
    """Remove traces received more than ``days`` ago, with their events; returns how many."""
    return sum(_batches(OLD_TRACES, [_before(now, days)]))


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
