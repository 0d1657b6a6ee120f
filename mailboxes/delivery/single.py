"""The usual delivery in ONE statement: one mailbox, the bytes in the row, a trace of its own.

The statement commits by itself, so the account's row is locked for a fraction of a millisecond instead of four round
trips. Those that come while one is under way go together, in one transaction (decision 0028). No row comes back when
the account is full, switched off or gone: then nothing at all was written.
"""

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from weakref import WeakValueDictionary

from psycopg import AsyncConnection, AsyncCursor, DataError, Error, InternalError
from psycopg.rows import TupleRow

from domains.combine import Combined
from domains.database import database
from domains.failpoints import fail_point
from domains.octets import Octets
from domains.trace import Event
from mailboxes.delivery.request import DeliveryRequest, RecipientOutcome, RecipientStatus, Target
from mailboxes.delivery.statements import DELIVER_WITH_TRACE
from mailboxes.mime.structure import Described
from mailboxes.store.blobs import ROW_OCTETS

SHORT_WAIT = "SET LOCAL lock_timeout = '100ms'"  # a row that somebody holds keeps one mailbox waiting, not all

CONNECTION_LOST = ("08", "57P")  # SQLSTATE of a connection that broke, and of a server that ended it

Parameters = Mapping[str, Any]

_TRACE_COLUMNS = (
    "trace_id",
    "direction",
    "message_id",
    "mail_from",
    "recipients",
    "domains",
    "trace_received_at",
    "outcome",
    "client_address",
    "terms",
    "events",
)


def is_usual(request: DeliveryRequest, content: Octets) -> bool:
    """True when ``deliver_one`` can serve the request."""
    return (
        request.new_trace
        and request.within is None
        and len(request.targets) == 1
        and request.targets[0].account_id is not None
        and len(content) <= ROW_OCTETS
    )


async def deliver_one(
    request: DeliveryRequest, content: bytes, described: Described
) -> tuple[int, RecipientOutcome] | None:
    """Return the folder's id and the outcome once it is durable; None when nothing was written."""
    (target,) = request.targets
    parameters = _message(request, target, content, described) | _trace(request, target)
    try:
        row = await _delivered(parameters)
    except _Alone:
        row = await _deliver_alone(parameters)
    fail_point("deliver.after-commit")
    if row is None:
        return None
    return int(row[0]), RecipientOutcome(target, RecipientStatus.DELIVERED, str(row[1]), int(row[2]))


class _Alone(Exception):
    """The deliveries that went together were undone, by one of them: each is to go alone."""


async def _deliver_all(several: Sequence[Parameters]) -> Sequence[TupleRow | BaseException | None]:
    """Deliver in one transaction. A fault that leaves open whether it was committed is told to all."""
    if len(several) == 1:
        return [await _deliver_alone(several[0])]
    try:
        return await _deliver_together(several)
    except Error as fault:
        if not _was_undone(fault):
            raise
        raise _Alone from fault


def _was_undone(fault: Error) -> bool:
    """True when the server refused something in the transaction, or we refused to send it: nothing was committed."""
    state = fault.sqlstate
    return isinstance(fault, DataError) if state is None else not state.startswith(CONNECTION_LOST)


async def _deliver_together(several: Sequence[Parameters]) -> list[TupleRow | None]:
    """Deliver by account, the order in which rows are locked, with one round trip and one commit."""
    order = sorted(range(len(several)), key=lambda place: int(several[place]["account"]))
    async with database() as connection:
        cursors = await _pipelined(connection, [several[place] for place in order])
        found = {place: await cursor.fetchone() for place, cursor in zip(order, cursors, strict=True)}
    return [found[place] for place in range(len(several))]


async def _pipelined(
    connection: AsyncConnection[TupleRow], several: Sequence[Parameters]
) -> list[AsyncCursor[TupleRow]]:
    """Deliver and commit in one pipeline; raises the first fault, and whoever lent the connection rolls back.

    BEGIN and COMMIT are written out and the fault leaves after the pipeline's end: psycopg's own transaction has
    pipelines within, and each that a fault passes through writes a warning.
    """
    fault: Error | None = None
    cursors: list[AsyncCursor[TupleRow]] = []
    try:
        async with connection.pipeline():
            try:
                fail_point("deliver.before-commit")
                await connection.execute("BEGIN")
                await connection.execute(SHORT_WAIT)
                cursors = [await connection.execute(DELIVER_WITH_TRACE, parameters) for parameters in several]
                ended = await connection.execute("COMMIT")
            except Error as first:
                fault = first
    except Error as last:
        raise fault or last from None
    if fault is not None:
        raise fault
    if ended.statusmessage != "COMMIT":
        raise InternalError(f"COMMIT was answered by {ended.statusmessage}")
    return cursors


async def _deliver_alone(parameters: Parameters) -> TupleRow | None:
    """Deliver with a commit of its own. Those for one mailbox take turns, so that a row which somebody holds keeps
    one connection waiting, not all of the pool.
    """
    async with _turn_at(int(parameters["account"])), database() as connection:
        fail_point("deliver.before-commit")
        return await (await connection.execute(DELIVER_WITH_TRACE, parameters)).fetchone()


def _turn_at(account_id: int) -> asyncio.Lock:
    """Return the lock of one account in this event loop; it is forgotten when nobody has it any more."""
    return _turns.setdefault((id(asyncio.get_running_loop()), account_id), asyncio.Lock())


_turns: WeakValueDictionary[tuple[int, int], asyncio.Lock] = WeakValueDictionary()
_delivered = Combined(_deliver_all)


def _message(request: DeliveryRequest, target: Target, content: bytes, described: Described) -> dict[str, object]:
    return {
        "account": target.account_id,
        "folder": target.folder,
        "size": len(content),
        "digest": sha256(content).digest(),
        "data": content,
        "blob": None,
        "received_at": request.received_at,
        "header_octets": described.header_octets,
        "envelope": described.envelope,
        "body": described.body,
        "body_structure": described.body_structure,
        "trace_id": request.trace.id,
    }


def _trace(request: DeliveryRequest, target: Target) -> dict[str, object]:
    trace = request.trace
    trace.outcome = trace.outcome or "delivered"
    place = target.mailbox or target.address
    trace.mailboxes.add(place)
    event = Event("delivery", "delivered", detail={"recipient": target.recipient, "address": place})
    return dict(zip(_TRACE_COLUMNS, trace.as_row(), strict=True)) | {
        "event": event.as_text(),
        "reason": f"Stored for {place} in ",
    }
