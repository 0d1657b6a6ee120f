"""The relay: claims due queue entries, attempts them, records what became of them (a service of the mail worker).

It wakes on the Redis channel ``queue.wake`` and looks at least every ``POLL_SECONDS`` by itself, so a lost wake or a
lost Redis only delays. Attempts run side by side up to ``CONCURRENCY``, at most ``PER_HOP`` towards one next hop, so
a slow destination never stops the others. A fault of our own pushes the entry to a later attempt before it is logged.
"""

import asyncio
import logging
import random
from collections import Counter
from datetime import UTC, datetime

from domains.database import database
from domains.failpoints import fail_point
from domains.trace import EVENT_INSERT, Event
from mailboxes.outbound.attempt import Attempt, Reach, attempt_delivery
from mailboxes.outbound.local import deliver_locally
from mailboxes.outbound.notice import send_notice
from mailboxes.outbound.outcome import Outcome, RecipientResult, no_reply
from mailboxes.outbound.ports import RelayPorts
from mailboxes.outbound.queue import LeaseLost, QueueItem, claim, expire, expire_leases, finish, lock_own, renew
from mailboxes.outbound.transact import Envelope

log = logging.getLogger(__name__)

CONCURRENCY = 40
PER_HOP = 5
POLL_SECONDS = 5.0
SWEEP_SECONDS = 15.0
RENEW_SECONDS = 8.0
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
        """Claim no more, give running attempts ``grace_seconds``; what is cut off is tried again after its lease."""
        self._stopping = True
        for task in self._loops:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=grace_seconds)
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._loops, *self._running, return_exceptions=True)

    def status(self) -> dict[str, object]:
        """Return what the Services page shows: running attempts, totals by outcome, since when."""
        return {"running": len(self._running), "totals": dict(self._totals), "since": self._since}

    def wake(self) -> None:
        """Look for due entries now."""
        self._wake.set()

    async def _claim_for_ever(self) -> None:
        while not self._stopping:
            try:
                claimed = await self._claim_once()
            except Exception:
                log.exception("the queue could not be read")
                await asyncio.sleep(FAULT_SECONDS)
                continue
            if not claimed:
                await self._wait()

    async def _claim_once(self) -> int:
        free = CONCURRENCY - len(self._running)
        if free <= 0:
            return 0
        hops = Counter(item.next_hop for item in self._running.values())
        busy = [hop for hop, count in hops.items() if count >= PER_HOP and hop != LOCAL]
        items = await claim(min(free, PER_HOP), busy)
        for item in items:
            task = asyncio.create_task(self._work(item))
            self._running[task] = item
            task.add_done_callback(self._ended)
        return len(items)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._wake.set()

    async def _wait(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _listen_for_wakes(self) -> None:
        async for _ in self._ports.subscribe(WAKE_CHANNEL):
            self._wake.set()

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await renew(list(self._running.values()))
            except Exception:
                log.exception("leases of running attempts could not be renewed")

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311
            try:
                await self.sweep()
            except Exception:
                log.exception("expired leases could not be freed")

    async def sweep(self) -> None:
        """Free entries whose worker died; an entry put aside as dead is an alarm."""
        for identifier, trace_id, state in await expire_leases():
            level = logging.ERROR if state == "dead" else logging.WARNING
            log.log(level, "queue entry %s of trace %s lost its worker and is now %s", identifier, trace_id, state)
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
        if item.next_hop == LOCAL:
            await deliver_locally(item, content, self._ports, random.random())  # noqa: S311
            self._totals["local"] += 1
            return
        envelope = Envelope(item.mail_from, item.recipients, content, item.smtputf8)
        attempt = await attempt_delivery(item.next_hop, envelope, self._ports.resolver, self._reach)
        attempt.results = expire(item, attempt.results)
        await self._record(item, attempt, content)

    async def _record(self, item: QueueItem, attempt: Attempt, content: bytes) -> None:
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
