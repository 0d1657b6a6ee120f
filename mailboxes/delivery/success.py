"""Tells a proven sender that a message lies in its mailboxes, when NOTIFY=SUCCESS asked for it (RFC 3461 §5.2).

Queued in the delivery's own transaction. A stranger is never told: what nobody proved would be backscatter.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from psycopg import AsyncConnection

from domains.identifiers import new_identifier
from mailboxes.delivery.request import DeliveryRequest, RecipientOutcome, RecipientStatus
from mailboxes.mime.headers import read_block
from mailboxes.outbound.dsn import Returned, build_success_report
from mailboxes.outbound.enqueue import enqueue_notice

HEADER_OCTETS = 64 * 1024


async def report_success(
    request: DeliveryRequest, connection: AsyncConnection[Any], outcomes: Sequence[RecipientOutcome]
) -> None:
    """Queue one report about the recipients whose copies were stored and who are to be told of."""
    stored = {o.target.recipient for o in outcomes if o.status is RecipientStatus.DELIVERED}
    told = [recipient for recipient in request.dsn.notify if recipient in stored]
    told = [recipient for recipient in told if request.dsn.wants(recipient, "SUCCESS")]
    if not told or not request.mail_from:
        return
    block = request.content[: min(read_block(request.content).end, HEADER_OCTETS)]
    returned = Returned(request.mail_from, block, request.received_at, request.trace.id, request.dsn)
    report = build_success_report(returned, told, settings.MAILADMIN.hostname, datetime.now(UTC), new_identifier())
    reason = "The sender asked to be told of the delivery"
    await enqueue_notice(
        connection, mail_from="", recipient=request.mail_from, content=report, reason=reason, about=request.trace.id
    )
