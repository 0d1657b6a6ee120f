"""Tells the sender what could not be delivered, in the transaction that records it; never a stranger.

A failure report goes to the sender of mail that was submitted here. A forwarded message's failure is returned only
when its sender was authenticated (``parameters.authenticated``), else it is recorded and dropped: no backscatter. The
report goes to the sender as it was before it was rewritten (``parameters.sender``).
Mail with the null reverse path is never answered (RFC 5321 section 4.5.5).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from domains.identifiers import new_identifier
from domains.octets import Octets
from domains.trace import EVENT_INSERT, Event
from mailboxes.outbound.dsn import Returned, build_failure_report
from mailboxes.outbound.dsn_request import restored_request
from mailboxes.outbound.outcome import Outcome, RecipientResult
from mailboxes.outbound.ports import RelayPorts
from mailboxes.outbound.queue import QueueItem

HEADER_LIMIT = 64 * 1024
NOT_RETURNED = "UPDATE domains_trace SET outcome = 'dropped' WHERE id = %s AND outcome = 'bounced'"


async def send_notice(
    connection: AsyncConnection[Any],
    item: QueueItem,
    results: Sequence[RecipientResult],
    content: Octets,
    ports: RelayPorts,
) -> None:
    """Queue one failure report for the recipients that failed, if there is somebody to tell."""
    asked = restored_request(item.parameters.get("dsn"))
    lost = [result for result in results if result.outcome is Outcome.FAILED]
    failed = [result for result in lost if asked.wants(result.recipient, "FAILURE")]
    if not failed:
        if lost:
            told = {"recipients": [result.recipient for result in lost]}
            event = Event("notice", "dropped", "Nobody is told: the sender asked not to be (NOTIFY).", told)
            await connection.execute(EVENT_INSERT, event.as_row(item.trace_id))
        return
    silent = _silence(item)
    if silent:
        event = Event("notice", "dropped", silent, {"recipients": [result.recipient for result in failed]})
        await connection.execute(NOT_RETURNED, (item.trace_id,))
    else:
        trace_id = await _queue_report(connection, item, failed, content, ports)
        event = Event("notice", "queued", f"The sender {_sender(item)} is told.", {"report": trace_id})
    await connection.execute(EVENT_INSERT, event.as_row(item.trace_id))


def _sender(item: QueueItem) -> str:
    """Return who sent the message, whatever it is forwarded as."""
    return str(item.parameters.get("sender", item.mail_from))


def _silence(item: QueueItem) -> str:
    """Return why nobody is told, or an empty string."""
    if not _sender(item):
        return "Nobody is told: the message has the null reverse path."
    if item.parameters.get("forwarded") and not item.parameters.get("authenticated"):
        return "Nobody is told: the message was forwarded and its sender was not authenticated."
    return ""


async def _queue_report(
    connection: AsyncConnection[Any],
    item: QueueItem,
    failed: Sequence[RecipientResult],
    content: Octets,
    ports: RelayPorts,
) -> str:
    sender = _sender(item)
    asked = restored_request(item.parameters.get("dsn"))
    returned = Returned(sender, _header_block(content), item.created_at, item.trace_id, asked)
    report = build_failure_report(returned, failed, ports.hostname, datetime.now(UTC), new_identifier())
    reason = "Undelivered mail returned to sender"
    return await ports.enqueue(
        connection, mail_from="", recipient=sender, content=report, reason=reason, about=item.trace_id
    )


def _header_block(content: Octets) -> bytes:
    """Return the header block, cut at a line's end when it is larger than ``HEADER_LIMIT``."""
    block = content[: HEADER_LIMIT + 1].partition(b"\r\n\r\n")[0]
    return block if len(block) <= HEADER_LIMIT else block[: block.rfind(b"\r\n", 0, HEADER_LIMIT)]
