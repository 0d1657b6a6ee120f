"""Queue entries for recipients of ours: the same road as mail to the world, without a socket.

The delivery and the end of the queue entry are one transaction, so a crash between them cannot deliver twice.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection

from domains.octets import Octets
from domains.trace import MessageTrace
from mailboxes.delivery.request import DeliveryRequest, RecipientOutcome, RecipientStatus
from mailboxes.delivery.resolve import Found, Resolution
from mailboxes.outbound.notice import send_notice
from mailboxes.outbound.outcome import RecipientResult, RemoteReply, no_reply
from mailboxes.outbound.ports import RelayPorts
from mailboxes.outbound.queue import QueueItem, expire, finish, lock_own

_REPLIES = {
    RecipientStatus.DELIVERED: RemoteReply(250, "2.1.5", "Delivered."),
    RecipientStatus.QUEUED: RemoteReply(250, "2.1.5", "Forwarded."),
    RecipientStatus.REPORT: RemoteReply(250, "2.1.5", "Taken in as a report."),
    RecipientStatus.LIMITED: no_reply("4.2.2", "The report address takes no more of these today."),
    RecipientStatus.OVER_QUOTA: no_reply("4.2.2", "The mailbox is full."),
    RecipientStatus.UNKNOWN: RemoteReply(550, "5.1.1", "There is no such mailbox here."),
}
_NOWHERE = {
    Found.PARKED: RemoteReply(556, "5.1.10", "The domain takes no mail."),
    Found.SUSPENDED: no_reply("4.2.1", "The domain takes no mail at the moment."),
    Found.DISABLED: RemoteReply(550, "5.2.1", "The mailbox is disabled."),
    Found.ENDLESS: RemoteReply(550, "5.2.4", "The address stands for too many others."),
}


async def deliver_locally(item: QueueItem, content: Octets, ports: RelayPorts, fraction: float) -> None:
    """Deliver to every recipient of the entry and finish it in one transaction; LeaseLost leaves all as it was."""
    resolved = {recipient: await ports.resolve(recipient) for recipient in item.recipients}

    async def within(connection: AsyncConnection[Any], outcomes: Sequence[RecipientOutcome]) -> None:
        results = expire(item, _results(resolved, outcomes))
        await lock_own(connection, item)
        await finish(connection, item, results, fraction)
        await send_notice(connection, item, results, content, ports)

    trace = MessageTrace("out", id=item.trace_id, mail_from=item.mail_from)
    request = DeliveryRequest(
        mail_from=item.mail_from,
        targets=[target for resolution in resolved.values() for target in resolution.targets],
        content=content,
        received_at=item.created_at,
        trace=trace,
        new_trace=False,
        authenticated_domain=item.sender_domain,
        returnable=not item.parameters.get("forwarded") or bool(item.parameters.get("authenticated")),
        smtputf8=item.smtputf8,
        within=within,
    )
    await ports.deliver(request)


def _results(resolved: Mapping[str, Resolution], outcomes: Sequence[RecipientOutcome]) -> list[RecipientResult]:
    """Return one result for each copy, named by its final address, so that only what failed is tried again."""
    results = []
    for recipient, resolution in resolved.items():
        if not resolution.targets:
            reply = _NOWHERE.get(resolution.found, _REPLIES[RecipientStatus.UNKNOWN])
            results.append(RecipientResult(recipient, reply.outcome, reply))
    for outcome in outcomes:
        reply = _REPLIES[outcome.status]
        results.append(RecipientResult(outcome.target.address, reply.outcome, reply, "local"))
    return results
