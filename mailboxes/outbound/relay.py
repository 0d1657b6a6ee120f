"""The relay: claims due queue entries, attempts them, records what became of them (a service of the mail worker).

It wakes on the Redis channel ``queue.wake`` and looks at least every ``POLL_SECONDS`` by itself, so a lost wake or a
lost Redis only delays. Attempts at other hosts run side by side up to ``CONCURRENCY``, about ``PER_HOP`` towards one
next hop, so a slow destination never stops the others; recipients of ours have a lane of their own, which no remote
can fill. A fault of our own pushes the entry to a later attempt before it is logged. An attempt whose lease is lost,
or could not be renewed in time, is cut off: another relay may have it.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Mapping, Set
from datetime import UTC, datetime

from domains.database import database
from domains.failpoints import fail_point
from domains.octets import Octets, whole
from domains.trace import EVENT_INSERT, Event
from mailboxes.outbound.attempt import Attempt, Reach, attempt_delivery
from mailboxes.outbound.dsn_request import restored_request
from mailboxes.outbound.local import deliver_locally
from mailboxes.outbound.notice import send_notice
from mailboxes.outbound.outcome import Outcome, RecipientResult, no_reply
from mailboxes.outbound.ports import RelayPorts
from mailboxes.outbound.queue import (
    LeaseLost,
    QueueItem,
    claim,
    expire,
    expire_leases,
    finish,
    lock_own,
    release,
    renew,
)
from mailboxes.outbound.schedule import LEASE
from mailboxes.outbound.transact import Envelope

log = logging.getLogger(__name__)

CONCURRENCY = 40
LOCAL_CONCURRENCY = 8
PER_HOP = 5
POLL_SECONDS = 5.0
SWEEP_SECONDS = 15.0
RENEW_SECONDS = 5.0
RENEW_DEADLINE_SECONDS = 4.0
RELEASE_SECONDS = 2.0
FAULT_SECONDS = 5.0
WAKE_CHANNEL = "queue.wake"
LOCAL = "local"


class RelayService:
    """Runs inside a mail worker's event loop; ``start`` returns at once, ``stop`` lets running attempts end."""

    name = "relay"

    def __init__(self, ports: RelayPorts, reach: Reach) -> None:
        self._ports = ports
        self._reach = reach
        self._wake = asyncio.Event()
        self._stopping = False
        self._running: dict[asyncio.Task[None], QueueItem] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._totals: Counter[str] = Counter()
        self._since: datetime | None = None

    async def start(self) -> None:
        """Start claiming."""
        self._stopping = False
        self._since = datetime.now(UTC)
        steps = (
            self._claim_for_ever(),
            self._listen_for_wakes(),
            self._sweep_for_ever(),
            self._renew_for_ever(),
        )
        self._loops = [asyncio.create_task(step) for step in steps]

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Claim no more, give running attempts ``grace_seconds``; what is cut off is given back at once."""
        self._stopping = True
        for task in self._loops:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=grace_seconds)
        unfinished = dict(self._running)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*self._loops, *unfinished, return_exceptions=True)
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await release(list(unfinished.values()))
        except Exception:
            log.exception("unfinished attempts wait for the end of their leases")

    def status(self) -> dict[str, object]:
        """Return what the Services page shows: running attempts, totals by outcome, since when."""
        return {"running": len(self._running), "totals": dict(self._totals), "since": self._since}

    def wake(self) -> None:
        """Look for due entries now."""
        self._wake.set()

    async def _claim_for_ever(self) -> None:
        while not self._stopping:
            self._wake.clear()  # before looking, so that a wake during the look is not lost
            try:
                claimed = await self._claim_once()
            except Exception:
                log.exception("the queue could not be read")
                await asyncio.sleep(FAULT_SECONDS)
                continue
            if not claimed:
                await self._wait()

    async def _claim_once(self) -> int:
        hops = Counter(item.next_hop for item in self._running.values())
        busy = [hop for hop, count in hops.items() if count >= (LOCAL_CONCURRENCY if hop == LOCAL else PER_HOP)]
        remote = hops.total() - hops[LOCAL] < CONCURRENCY
        if not remote and LOCAL in busy:
            return 0
        items = await claim(PER_HOP, busy, remote)
        for item in items:
            task = asyncio.create_task(self._work(item))
            self._running[task] = item
            task.add_done_callback(self._ended)
        return len(items)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._wake.set()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _listen_for_wakes(self) -> None:
        async for _ in self._ports.subscribe(WAKE_CHANNEL):
            self._wake.set()

    async def _renew_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        renewed_at = loop.time()
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            began, running = loop.time(), dict(self._running)
            try:
                async with asyncio.timeout(RENEW_DEADLINE_SECONDS):
                    kept = await renew(list(running.values()))
                renewed_at = began
            except Exception:
                log.exception("leases of running attempts could not be renewed")
                following = loop.time() + RENEW_SECONDS + RENEW_DEADLINE_SECONDS
                kept = set() if following - renewed_at > LEASE.total_seconds() else {i.id for i in running.values()}
            self._cut_off(running, kept)

    def _cut_off(self, running: Mapping[asyncio.Task[None], QueueItem], kept: Set[str]) -> None:
        """End the attempts at other hosts that are ours no more; a local one notices in its transaction."""
        for task, item in running.items():
            if item.id not in kept and item.next_hop != LOCAL and not task.done():
                log.warning("the attempt at queue entry %s is cut off: its lease is lost", item.id)
                task.cancel()

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311
            try:
                await self.sweep()
            except Exception:
                log.exception("expired leases could not be freed")

    async def sweep(self) -> None:
        """Free entries whose worker died."""
        if await expire_leases():
            self._wake.set()

    async def _work(self, item: QueueItem) -> None:
        try:
            await self._attempt(item)
        except LeaseLost:
            log.warning("queue entry %s was taken over or deleted during its attempt", item.id)
        except Exception:
            log.exception("attempt at queue entry %s failed by a fault of our own", item.id)
            await self._push_later(item)

    async def _push_later(self, item: QueueItem) -> None:
        reply = no_reply("4.3.0", "A fault in this server; it is logged.")
        results = [RecipientResult(recipient, Outcome.DEFERRED, reply) for recipient in item.recipients]
        try:
            await self._record(item, Attempt(expire(item, results)), b"")
        except Exception:
            log.exception("queue entry %s stays leased until its lease runs out", item.id)

    async def _attempt(self, item: QueueItem) -> None:
        async with database() as connection:
            content = await self._ports.read_blob(connection, item.blob_id)
        fail_point("relay.claimed")
        if item.next_hop == LOCAL:
            await deliver_locally(item, content, self._ports, random.random())  # noqa: S311
            self._totals["local"] += 1
            return
        asked = restored_request(item.parameters.get("dsn"))
        octets = content if isinstance(content, bytes) else await asyncio.to_thread(whole, content)
        envelope = Envelope(item.mail_from, item.recipients, octets, item.smtputf8, asked)
        attempt = await attempt_delivery(item.next_hop, envelope, self._ports.resolver, self._reach)
        attempt.results = expire(item, attempt.results)
        fail_point("relay.attempted")
        await self._record(item, attempt, content)

    async def _record(self, item: QueueItem, attempt: Attempt, content: Octets) -> None:
        async with database() as connection, connection.transaction():
            await lock_own(connection, item)
            if attempt.answers:
                event = Event(
                    "route", "found", "", {"next_hop": item.next_hop}, [a.as_trace() for a in attempt.answers]
                )
                await connection.execute(EVENT_INSERT, event.as_row(item.trace_id))
            await finish(connection, item, attempt.results, random.random())  # noqa: S311
            await send_notice(connection, item, attempt.results, content, self._ports)
            fail_point("relay.before-commit")
        fail_point("relay.after-commit")
        for result in attempt.results:
            self._totals[result.outcome.value] += 1
