"""Queue entries for recipients of ours: the same road as mail to the world, without a socket.

The delivery and the end of the queue entry are one transaction, so a crash between them cannot deliver twice.
"""

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

from domains.trace import MessageTrace
from mailboxes.delivery.request import DeliveryRequest, RecipientOutcome, RecipientStatus, Target
from mailboxes.outbound.notice import send_notice
from mailboxes.outbound.outcome import RecipientResult, RemoteReply, no_reply
from mailboxes.outbound.ports import RelayPorts
from mailboxes.outbound.queue import QueueItem, expire, finish, lock_own

_REPLIES = {
    RecipientStatus.DELIVERED: RemoteReply(250, "2.1.5", "Delivered."),
    RecipientStatus.QUEUED: RemoteReply(250, "2.1.5", "Forwarded."),
    RecipientStatus.REPORT: RemoteReply(250, "2.1.5", "Taken in as a report."),
    RecipientStatus.OVER_QUOTA: no_reply("4.2.2", "The mailbox is full."),
    RecipientStatus.UNKNOWN: RemoteReply(550, "5.1.1", "There is no such mailbox here."),
    RecipientStatus.LOOP: RemoteReply(550, "5.4.6", "The message came back: a loop."),
}


async def deliver_locally(item: QueueItem, content: bytes, ports: RelayPorts, fraction: float) -> None:
    """Deliver to every recipient of the entry and finish it in one transaction; LeaseLost leaves all as it was."""
    targets: list[Target] = []
    for recipient in item.recipients:
        targets += await ports.resolve(recipient)

    async def within(connection: AsyncConnection[Any], outcomes: Sequence[RecipientOutcome]) -> None:
        results = expire(item, [result for recipient in item.recipients for result in _results(recipient, outcomes)])
        await lock_own(connection, item)
        await finish(connection, item, results, fraction)
        await send_notice(connection, item, results, content, ports)

    trace = MessageTrace("out", id=item.trace_id, mail_from=item.mail_from)
    request = DeliveryRequest(
        mail_from=item.mail_from,
        targets=targets,
        content=content,
        received_at=item.created_at,
        trace=trace,
        new_trace=False,
        authenticated_domain=item.sender_domain,
        smtputf8=item.smtputf8,
        within=within,
    )
    await ports.deliver(request)


def _results(recipient: str, outcomes: Sequence[RecipientOutcome]) -> list[RecipientResult]:
    """Return one result for each copy, named by its final address, so that only what failed is tried again."""
    own = [outcome for outcome in outcomes if outcome.target.recipient == recipient]
    if not own:
        reply = _REPLIES[RecipientStatus.UNKNOWN]
        return [RecipientResult(recipient, reply.outcome, reply)]
    return [_result(outcome) for outcome in own]


def _result(outcome: RecipientOutcome) -> RecipientResult:
    reply = _REPLIES[outcome.status]
    return RecipientResult(outcome.target.address, reply.outcome, reply, "local")
