"""A relay over the real database, a real DNS server and remotes that play a script; and looks into the queue."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from domains.database import database
from domains.dns.resolver import NetworkResolver
from domains.redis import subscribe
from domains.trace import TRACE_INSERT, MessageTrace
from mailboxes.delivery.deliver import deliver
from mailboxes.delivery.resolve import resolve_for_relay
from mailboxes.outbound.attempt import Reach
from mailboxes.outbound.enqueue import Outgoing, enqueue, enqueue_notice
from mailboxes.outbound.ports import RelayPorts
from mailboxes.outbound.relay import RelayService
from mailboxes.store.blobs import read_blob
from tests.dns_server import DnsServer
from tests.factories import make_message

HOSTNAME = "mail.acme.example"
OWN = ("127.0.0.9", 2525)


def make_relay(server: DnsServer, port: int, **changes: Any) -> RelayService:
    """A relay that calls remotes at ``port``; ``changes`` replace its ports."""
    ports: dict[str, Any] = {
        "resolver": NetworkResolver([(server.address, server.port)]),
        "read_blob": read_blob,
        "resolve": resolve_for_relay,
        "deliver": deliver,
        "enqueue": enqueue_notice,
        "subscribe": subscribe,
        "hostname": HOSTNAME,
    }
    reach = Reach(HOSTNAME, frozenset({HOSTNAME}), frozenset({OWN}), port, [ip_network("127.0.0.0/8")])
    return RelayService(RelayPorts(**(ports | changes)), reach)


@asynccontextmanager
async def running(relay: RelayService) -> AsyncIterator[RelayService]:
    """Run the relay for the block."""
    await relay.start()
    try:
        yield relay
    finally:
        await relay.stop(0.2)


async def submit(
    *recipients: str, mail_from: str = "alice@acme.example", content: bytes = b"", **fields: Any
) -> tuple[str, list[str]]:
    """Queue a message; returns its trace id and the entries' ids."""
    trace = MessageTrace("out", mail_from=mail_from, recipients=list(recipients), outcome="queued")
    outgoing = Outgoing(trace.id, mail_from, recipients, "acme.example", **fields)
    async with database() as connection, connection.transaction():
        await connection.execute(TRACE_INSERT, trace.as_row())
        return trace.id, await enqueue(connection, outgoing, content or make_message())


async def rows(statement: str, *values: Any) -> list[Any]:
    """Ask the database."""
    async with database() as connection:
        return await (await connection.execute(statement, values or None)).fetchall()


async def queue() -> list[tuple[str, list[str], str, int, str]]:
    """(next hop, recipients, state, attempts, last reply) of every entry."""
    return await rows(
        "SELECT next_hop, recipients, state, attempts, last_reply FROM mailboxes_queueentry ORDER BY next_hop, id"
    )


async def outcome(trace_id: str) -> str:
    """The trace's word."""
    return str((await rows("SELECT outcome FROM domains_trace WHERE id = %s", trace_id))[0][0])


async def stored(address: str) -> list[bytes]:
    """The messages of an account, oldest first."""
    statement = """SELECT b.data, b.path FROM mailboxes_message m JOIN mailboxes_blob b ON b.id = m.blob_id
        JOIN mailboxes_mailbox f ON f.id = m.mailbox_id JOIN mailboxes_account a ON a.id = f.account_id
        JOIN domains_domain d ON d.id = a.domain_id WHERE a.local_part || '@' || d.name = %s ORDER BY m.id"""
    return [bytes(row[0] or b"") for row in await rows(statement, address)]


async def until(done: Callable[[], Any], seconds: float = 20) -> Any:
    """Return what ``done`` returns once it is true."""
    end = asyncio.get_running_loop().time() + seconds
    while not (found := await done()):
        assert asyncio.get_running_loop().time() < end, "it did not come true"
        await asyncio.sleep(0.05)
    return found


async def nothing_due() -> bool:
    """True once no entry is due or being sent."""
    due = "state = 'sending' OR (state = 'waiting' AND next_attempt_at <= now())"
    return not await rows(f"SELECT 1 FROM mailboxes_queueentry WHERE {due}")


async def relay_all(relay: RelayService) -> None:
    """Let the relay work until nothing is due."""
    async with running(relay):
        await until(nothing_due)


async def make_due(shift: timedelta = timedelta()) -> None:
    """Make every entry due; ``expires_at`` moves by ``shift``."""
    statement = "UPDATE mailboxes_queueentry SET next_attempt_at = now(), expires_at = expires_at + %s RETURNING 1"
    await rows(statement, shift)
