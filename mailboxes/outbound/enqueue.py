"""Puts messages into the outbound queue, inside the caller's transaction: one row a next hop.

A row holds at most ``RECIPIENTS_AT_ONCE`` recipients, which every server must take (RFC 5321 section 4.5.3.1.8), so
that one slow or failing transaction concerns no more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from domains.identifiers import new_identifier
from domains.octets import Octets
from domains.trace import TRACE_INSERT, MessageTrace
from mailboxes.addresses import envelope_domain
from mailboxes.delivery.resolve import is_host_role
from mailboxes.outbound.schedule import LIFETIME
from mailboxes.store.blobs import store_blob

LOCAL = "local"
RECIPIENTS_AT_ONCE = 100

INSERT = """
INSERT INTO mailboxes_queueentry
    (id, trace_id, mail_from, recipients, sender_domain, next_hop, blob_id, smtputf8, parameters, state, attempts,
     deaths, created_at, next_attempt_at, expires_at, last_reply)
VALUES (%(id)s, %(trace_id)s, %(mail_from)s, %(recipients)s, %(sender_domain)s, %(next_hop)s, %(blob)s, %(smtputf8)s,
    %(parameters)s, 'waiting', 0, 0, %(now)s, now(), now() + %(lifetime)s, '')
"""

OWN_DOMAINS = "SELECT name FROM domains_domain WHERE name = ANY(%s) AND state IN ('active', 'suspended')"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for the queue; ``sender_domain`` is the domain of ours in whose name it goes (A-labels)."""

    trace_id: str
    mail_from: str
    recipients: Sequence[str]
    sender_domain: str
    smtputf8: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)


async def enqueue(connection: AsyncConnection[Any], outgoing: Outgoing, content: Octets) -> list[str]:
    """Write bytes and rows; returns the entries' ids. The caller commits, then wakes the relay."""
    groups = await _groups(connection, outgoing.recipients)
    blob_id = await store_blob(connection, None, content)
    identifiers = []
    for next_hop, recipients in groups:
        identifiers.append(new_identifier())
        await connection.execute(INSERT, _parameters(identifiers[-1], outgoing, next_hop, recipients, blob_id))
    return identifiers


def _parameters(
    identifier: str, outgoing: Outgoing, next_hop: str, recipients: Sequence[str], blob_id: int
) -> dict[str, Any]:
    return {
        "id": identifier,
        "trace_id": outgoing.trace_id,
        "mail_from": outgoing.mail_from,
        "recipients": list(recipients),
        "sender_domain": outgoing.sender_domain,
        "next_hop": next_hop,
        "blob": blob_id,
        "smtputf8": outgoing.smtputf8,
        "parameters": Jsonb(dict(outgoing.parameters)),
        "now": datetime.now(UTC),
        "lifetime": LIFETIME,
    }


async def _groups(connection: AsyncConnection[Any], recipients: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return (domain to call, recipients), those of our own domains and this host's roles under ``local``."""
    named = [(recipient, envelope_domain(recipient)) for recipient in dict.fromkeys(recipients)]
    cursor = await connection.execute(OWN_DOMAINS, (list({domain for _, domain in named}),))
    own = {str(row[0]) for row in await cursor.fetchall()}
    groups: dict[str, list[str]] = {}
    for recipient, domain in named:
        local = domain in own or not domain or is_host_role(recipient)
        groups.setdefault(LOCAL if local else domain, []).append(recipient)
    return [
        (next_hop, group[start : start + RECIPIENTS_AT_ONCE])
        for next_hop, group in groups.items()
        for start in range(0, len(group), RECIPIENTS_AT_ONCE)
    ]


async def enqueue_notice(
    connection: AsyncConnection[Any], *, mail_from: str, recipient: str, content: bytes, reason: str, about: str
) -> str:
    """Queue a message of the product's own with a trace of its own; returns the trace id (``ports.Enqueue``)."""
    domain = envelope_domain(recipient)
    trace = MessageTrace("out", mail_from=mail_from, recipients=[recipient], domains={domain}, outcome="queued")
    trace.add("notice", "queued", reason, {"about": about})
    await connection.execute(TRACE_INSERT, trace.as_row())
    outgoing = Outgoing(trace.id, mail_from, [recipient], domain, not recipient.isascii(), {"about": about})
    await enqueue(connection, outgoing, content)
    return trace.id
