"""Wake-ups between processes over Redis: fire and forget, never needed for correctness; and counts of a while.

Every reader also polls PostgreSQL, so a lost notice costs time only. Publishing never raises; a batch that takes
longer than ``PUBLISH_SECONDS`` is given up, and after a fault nothing is tried again for ``PAUSE_SECONDS``. One
connection for each event loop carries all its subscriptions. Channels carry the prefix ``mailadmin.``.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncGenerator
from typing import Any
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError

PREFIX = "mailadmin."
PUBLISH_SECONDS = 0.05
PAUSE_SECONDS = 1.0
COUNT_SECONDS = 1.0
HELD_NOTICES = 64

_log = logging.getLogger(__name__)
_FAULTS = (RedisError, OSError, TimeoutError)


class _Breaker:
    """Remembers a fault for a moment, so that an absent Redis costs nobody the time limit again and again."""

    def __init__(self) -> None:
        self.until = 0.0

    @property
    def open(self) -> bool:
        """True while nothing should be tried."""
        return time.monotonic() < self.until

    def trip(self, fault: BaseException) -> None:
        """Note a fault."""
        self.until = time.monotonic() + PAUSE_SECONDS
        _log.debug("Redis is away: %s", type(fault).__name__)


def _url() -> str:
    return str(settings.MAILADMIN.redis_url)


# --- publishing --------------------------------------------------------------------------------------------------

_publishers: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Publisher]" = WeakKeyDictionary()
_local = threading.local()


def publish(channel: str, payload: bytes = b"") -> None:
    """Tell the channel's readers in every process, a moment later; nothing is raised and nobody waits.

    To be called in an event loop. What comes while a batch is on its way goes with the next one, each notice once.
    """
    loop = asyncio.get_running_loop()
    publisher = _publishers.get(loop)
    if publisher is None:
        publisher = _publishers[loop] = _Publisher()
    publisher.add(channel, payload)


class _Publisher:
    """One event loop's notices on their way."""

    def __init__(self) -> None:
        self.client = redis.asyncio.Redis.from_url(_url(), socket_connect_timeout=PUBLISH_SECONDS)
        self.breaker = _Breaker()
        self.waiting: dict[tuple[str, bytes], None] = {}
        self.task: asyncio.Task[None] | None = None

    def add(self, channel: str, payload: bytes) -> None:
        """Send the notice with the next batch; while Redis is away it is forgotten."""
        if self.breaker.open:
            return
        self.waiting[channel, payload] = None
        if self.task is None:
            self.task = asyncio.create_task(self._send(), name="redis notices")

    async def _send(self) -> None:
        """Send what waits until nothing does."""
        try:
            while self.waiting:
                batch, self.waiting = self.waiting, {}
                pipeline = self.client.pipeline(transaction=False)
                for channel, payload in batch:
                    pipeline.publish(PREFIX + channel, payload)
                async with asyncio.timeout(PUBLISH_SECONDS):
                    await pipeline.execute()
        except _FAULTS as fault:
            self.waiting.clear()
            self.breaker.trip(fault)
        finally:
            self.task = None

    async def close(self) -> None:
        """Let the last batch go and close the connection."""
        if self.task is not None:
            await asyncio.wait([self.task], timeout=PUBLISH_SECONDS)
        with contextlib.suppress(*_FAULTS):
            await self.client.aclose()


def _of_this_thread(use: str, seconds: float) -> tuple[Any, _Breaker]:
    """Return this thread's client for a use, which waits so long at most, and what remembers its faults."""
    found: tuple[Any, _Breaker] | None = getattr(_local, use, None)
    if found is None:
        client = redis.Redis.from_url(_url(), socket_timeout=seconds, socket_connect_timeout=seconds, retry=None)
        found = (client, _Breaker())
        setattr(_local, use, found)
    return found


def publish_now(channel: str, payload: bytes = b"") -> None:
    """``publish`` for synchronous code."""
    client, breaker = _of_this_thread("publisher", PUBLISH_SECONDS / 2)
    if breaker.open:
        return
    try:
        client.publish(PREFIX + channel, payload)
    except _FAULTS as fault:
        breaker.trip(fault)


# --- counting ----------------------------------------------------------------------------------------------------


def count_in_window(name: str, seconds: int) -> int:
    """Count one more of this name and return the number since its window began; 0 while Redis is away.

    A window begins with its first one and ends after so many seconds, whatever comes within.
    """
    client, breaker = _of_this_thread("counter", COUNT_SECONDS)
    if breaker.open:
        return 0
    key = f"{PREFIX}count.{name}"
    try:
        pipeline = client.pipeline(transaction=True)
        pipeline.set(key, 0, ex=seconds, nx=True)
        pipeline.incr(key)
        return int(pipeline.execute()[1])
    except _FAULTS as fault:
        breaker.trip(fault)
        return 0


# --- subscribing -------------------------------------------------------------------------------------------------


class _Hub:
    """All subscriptions of one event loop over one connection, made again for ever when it breaks."""

    def __init__(self) -> None:
        self.queues: dict[str, set[asyncio.Queue[bytes]]] = {}
        self.task: asyncio.Task[None] | None = None
        self.pubsub: Any = None

    async def add(self, channel: str, queue: asyncio.Queue[bytes]) -> None:
        """Begin to put the channel's notices into the queue."""
        new = channel not in self.queues
        self.queues.setdefault(channel, set()).add(queue)
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._run(), name="redis subscriptions")
        elif new:
            await self._tell("subscribe", channel)

    async def remove(self, channel: str, queue: asyncio.Queue[bytes]) -> None:
        """End it; the connection closes with the last one."""
        held = self.queues.get(channel, set())
        held.discard(queue)
        if held:
            return
        self.queues.pop(channel, None)
        if not self.queues and self.task is not None:
            self.task.cancel()
            self.task = None
        else:
            await self._tell("unsubscribe", channel)

    async def _tell(self, verb: str, channel: str) -> None:
        """Change the live connection's subscriptions; a fault is left to the reading side to mend."""
        pubsub = self.pubsub
        if pubsub is not None:
            with contextlib.suppress(*_FAULTS):
                async with asyncio.timeout(PUBLISH_SECONDS):
                    await getattr(pubsub, verb)(PREFIX + channel)

    async def _run(self) -> None:
        """Read for ever; after a fault wait a moment and subscribe to everything again."""
        while True:
            client = redis.asyncio.Redis.from_url(_url(), health_check_interval=30)
            try:
                await self._read(client)
            except _FAULTS as fault:
                _log.debug("Redis subscriptions broke: %s", type(fault).__name__)
            finally:
                self.pubsub = None
                with contextlib.suppress(*_FAULTS):
                    await client.aclose()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _read(self, client: Any) -> None:
        """Subscribe and spread what comes; raises when the connection breaks."""
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        try:
            await pubsub.subscribe(*(PREFIX + channel for channel in self.queues))
            self.pubsub = pubsub
            missed = set(self.queues)
            await pubsub.subscribe(*(PREFIX + channel for channel in missed))
            while True:
                message = await pubsub.get_message(timeout=None)
                if message is not None and message.get("type") == "message":
                    self._spread(message["channel"].decode().removeprefix(PREFIX), message["data"])
        finally:
            with contextlib.suppress(*_FAULTS):
                await pubsub.aclose()

    def _spread(self, channel: str, payload: bytes) -> None:
        """Hand a notice to every reader; a full queue already wakes its reader."""
        for queue in self.queues.get(channel, ()):
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(payload)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, _Hub] = WeakKeyDictionary()


async def subscribe(channel: str) -> AsyncGenerator[bytes, None]:
    """Yield the payload of each notice on the channel, for ever; never raises when Redis is away.

    Notices may be lost and come twice. Close the generator (``aclose``) to end the subscription.
    """
    hub = _hubs.setdefault(asyncio.get_running_loop(), _Hub())
    queue: asyncio.Queue[bytes] = asyncio.Queue(HELD_NOTICES)
    await hub.add(channel, queue)
    try:
        while True:
            yield await queue.get()
    finally:
        await hub.remove(channel, queue)


async def close_redis() -> None:
    """End this event loop's connections."""
    loop = asyncio.get_running_loop()
    hub = _hubs.pop(loop, None)
    if hub is not None and hub.task is not None:
        hub.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hub.task
    publisher = _publishers.pop(loop, None)
    if publisher is not None:
        await publisher.close()
