"""Takes a submitted message in: prepared, signed, queued with its trace in one transaction; commit, then wake."""

import asyncio
from datetime import datetime
from email.utils import format_datetime
from functools import partial

from domains.database import database
from domains.failpoints import fail_point
from domains.octets import Octets, joined
from domains.services.signing import sign_message
from domains.trace import TRACE_INSERT, MessageTrace
from mailboxes.addresses import envelope_domain, split_address
from mailboxes.outbound.enqueue import Outgoing, enqueue
from mailboxes.outbound.wake import wake_relay_async
from mailboxes.submission.prepare import Prepared, prepare

IN_LOOP_OCTETS = 256 * 1024


async def prepare_message(octets: Octets, hostname: str, now: datetime, identifier: str) -> Prepared:
    """Return the prepared message; raises Unusable. A large one is read in a thread."""
    call = partial(prepare, octets, hostname, now, identifier)
    if len(octets) <= IN_LOOP_OCTETS:
        return call()
    return await asyncio.get_running_loop().run_in_executor(None, call)


def received_field(hostname: str, protocol: str, trace_id: str, now: datetime) -> bytes:
    """Return the Received field of a submission; the client's address stays in the trace (RFC 5321 4.4)."""
    return f"Received: by {hostname} with {protocol} id {trace_id};\r\n {format_datetime(now)}\r\n".encode()


def _with_ascii_domain(address: str) -> str:
    local_part, _domain = split_address(address)
    domain = envelope_domain(address)
    return f"{local_part}@{domain}" if domain else address


async def accept(trace: MessageTrace, prepared: Prepared, received: bytes, smtputf8: bool) -> None:
    """Sign and queue; returns once it is durable. ``trace`` names sender and recipients.

    Some programs ask for SMTPUTF8 always; the next host is asked for it only where something needs it, and a domain
    in letters of its own needs nothing, for it has A-labels.
    """
    author_domain = envelope_domain(prepared.authors[0])
    async with database() as connection, connection.transaction():
        signed = await sign_message(connection, author_domain, prepared.octets)
        if signed.warning:
            trace.add("sign", "unsigned", signed.warning)
        else:
            trace.add("sign", "signed", f"Signed for {author_domain}.", {"selectors": list(signed.selectors)})
        content = joined(signed.header + received, prepared.octets)
        recipients = [_with_ascii_domain(recipient) for recipient in trace.recipients]
        mail_from = _with_ascii_domain(trace.mail_from)
        utf8 = smtputf8 and not (prepared.ascii_header and all(map(str.isascii, (mail_from, *recipients))))
        outgoing = Outgoing(trace.id, mail_from, recipients, author_domain, utf8)
        entries = await enqueue(connection, outgoing, content)
        trace.add("queue", "queued", "The message waits to be sent.", {"entries": entries})
        trace.outcome = "queued"
        await connection.execute(TRACE_INSERT, trace.as_row())
        fail_point("submission.before-commit")
    fail_point("submission.after-commit")
    await wake_relay_async()
