"""The counts of all mail workers, on all hosts, put together in Redis: in batches, behind the dialogue's back.

Nobody waits for Redis: a decision is taken by what this worker knows, and what it counted goes out with the next
batch, at most half a second later, whose answer brings the totals. While Redis is away each worker counts alone.
Who is a regular comes with the batches too, a piece at a time; only one that is not known yet is asked for at once,
with all who come meanwhile, which falls into the greeting delay and is left out while a worker has no time for it.
"""

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import redis.asyncio
from redis.exceptions import RedisError

from antispam.limits.counts import Counts, Place
from antispam.limits.figures import FIGURES, Excess, Kind
from domains.combine import Combined
from domains.redis import PREFIX

log = logging.getLogger(__name__)

DELAY_SECONDS = 0.5
ANSWER_SECONDS = 1.0
ASK_SECONDS = 1.0
PAUSE_SECONDS = 5.0
REFRESH_SECONDS = 5.0
STALE_SECONDS = 30.0
REGULAR_SECONDS = 30 * 86_400
BATCH = 2_000
REGULARS = 50_000
PIECE = 1_000
LIMITED = f"{PREFIX}in.limited"
LET_IN = f"{PREFIX}in.let-in"
REGULAR = f"{PREFIX}in.regulars"  # a sorted set: address → since when it is one
_FAULTS = (RedisError, OSError, TimeoutError)


def count_key(place: Place) -> str:
    """Return the name of one count."""
    return f"{PREFIX}in.count.{place[0]}.{place[2]}.{place[1]}"


def told(excess: Excess, now: float) -> str:
    """Return an excess as it stands in Redis."""
    return json.dumps({"kind": excess.kind, "limit": excess.limit, "at": now, "until": excess.until})


class SharedCounts:
    """The limits as one event loop applies them."""

    def __init__(self, url: str) -> None:
        self.counts = Counts()
        self._url = url
        self._name = f"{os.getpid()}.{uuid4().hex[:12]}"
        self._task: asyncio.Task[None] | None = None
        self._client: Any = None
        self._away_until = 0.0
        self._regulars: dict[str, float] = {}  # since when each is one
        self._new_regulars: dict[str, float] = {}
        self._cursor, self._read_all, self._heard_at = 0, False, 0.0
        self._asked: Combined[str, float | None] = Combined(self._ask)
        self._said: dict[str, int] = {}  # the open connections that stand in Redis under our name

    # What the handler asks; none of these waits, but for ``regular_since``

    def enter(self, address: str) -> Excess | None:
        """Count a connection that begins; when it is one too many it must not ``leave``."""
        now = time.time()
        self.counts.watch(Kind.UNKNOWN, address, now)
        excess = self.counts.add(Kind.CONNECTIONS, address, now) or self.counts.over(Kind.UNKNOWN, address, now)
        excess = excess or self.counts.enter(address, now)
        self._wake()
        return excess

    def leave(self, address: str) -> None:
        """Count a connection that ended."""
        self.counts.leave(address)
        self._wake()

    def add(self, kind: Kind, address: str) -> Excess | None:
        """Count one more message, recipient or unknown recipient."""
        self._wake()
        return self.counts.add(kind, address, time.time())

    def over(self, kind: Kind, address: str) -> Excess | None:
        """Return the limit that is reached already."""
        return self.counts.over(kind, address, time.time())

    def became_regular(self, address: str) -> None:
        """Remember that a message of this address was accepted."""
        now, since = time.time(), self._since(address)
        if since > now - REGULAR_SECONDS / 2:
            return
        # One that stays a regular keeps its seniority, as far as it is needed.
        since = now - REGULAR_SECONDS / 2 if since else now
        self._remember(address, since)
        if len(self._new_regulars) < REGULARS:
            self._new_regulars[address] = since
        self._wake()

    async def regular_since(self, address: str, ask: bool = True) -> float:
        """Return since when messages of this address are accepted; 0 when it is no regular, or nothing is known.

        Without ``ask`` only by what this worker knows, at once.
        """
        since = self._since(address)
        if since or not ask or time.time() < self._away_until:
            return since
        try:
            async with asyncio.timeout(ASK_SECONDS):
                found = await self._asked(address)
        except _FAULTS as fault:
            self._give_up(fault)
            return 0.0
        if found is not None:
            self._remember(address, float(found))
        return self._since(address)

    async def _ask(self, addresses: Sequence[str]) -> Sequence[float | None]:
        """Return since when each is a regular, by one question: a connection for each would be too many for Redis."""
        found: Sequence[float | None] = await self._connected().zmscore(REGULAR, list(addresses))
        return found

    def _since(self, address: str) -> float:
        since = self._regulars.get(address, 0.0)
        return since if since > time.time() - REGULAR_SECONDS else 0.0

    def _remember(self, address: str, since: float) -> None:
        if address not in self._regulars and len(self._regulars) >= REGULARS:
            del self._regulars[next(reversed(self._regulars))]
        self._regulars[address] = since

    # Batches

    def _connected(self) -> Any:
        if self._client is None:
            self._client = redis.asyncio.Redis.from_url(self._url, socket_connect_timeout=ANSWER_SECONDS)
        return self._client

    def _wake(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="incoming limits")

    async def _run(self) -> None:
        """Exchange counts while there is something to tell or somebody connected or limited; then disconnect."""
        refreshed = 0.0
        try:
            while True:
                await asyncio.sleep(DELAY_SECONDS)
                now = time.time()
                self.counts.forget(now)
                refresh = now - refreshed >= REFRESH_SECONDS
                if now >= self._away_until:
                    await self._exchange(now, refresh)
                    refreshed = now if refresh else refreshed
                if not self._busy(now):
                    return
        finally:
            self._task = None
            client, self._client = self._client, None
            if client is not None:
                with contextlib.suppress(*_FAULTS):
                    await client.aclose()

    def _busy(self, now: float) -> bool:
        if now < self.counts.limiting_until:
            return True
        return bool(self.counts.unsent or self.counts.held() or self._said or self._new_regulars)

    async def _exchange(self, now: float, refresh: bool) -> None:
        """Send what is new and take in the totals."""
        places, held = self.counts.take_unsent(BATCH), self.counts.held()
        known = self._said.keys() | held.keys()
        changed = [client for client in known if refresh or self._said.get(client) != held.get(client)][:BATCH]
        excesses, self.counts.excesses = self.counts.excesses, {}
        regulars, self._new_regulars = self._new_regulars, {}
        if not (places or changed or excesses or regulars or refresh or not self._read_all):
            return
        pipeline = self._connected().pipeline(transaction=False)
        pipeline.hgetall(LET_IN)
        for place, more in places.items():
            if more:
                pipeline.incrby(count_key(place), more)
            else:
                pipeline.get(count_key(place))
        opened = [client for client in changed if client in held]
        for client in opened:
            pipeline.hgetall(self._open_key(client))
        for place in (place for place, more in places.items() if more):
            pipeline.expire(count_key(place), FIGURES[place[0]].seconds * 2)
        for client in changed:
            self._say_open(pipeline, client, held.get(client, 0), now)
        if regulars:
            pipeline.zadd(REGULAR, regulars)
        if excesses:
            pipeline.hset(LIMITED, mapping={f"{k}:{c}": told(e, now) for (k, c), e in excesses.items()})
            pipeline.expire(LIMITED, 3600)
        reads = refresh or not self._read_all
        if reads:
            pipeline.zremrangebyscore(REGULAR, "-inf", now - REGULAR_SECONDS)
            pipeline.zremrangebyrank(REGULAR, REGULARS, -1)
            pipeline.zrangebyscore(REGULAR, self._heard_at - ANSWER_SECONDS, "+inf", 0, PIECE, withscores=True)
            pipeline.zscan(REGULAR, self._cursor, count=PIECE)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answers = await pipeline.execute()
        except _FAULTS as fault:
            self._give_up(fault)
            return
        for client in changed:
            self._note_said(client, held.get(client, 0))
        self._take_in(answers, list(places), opened, now)
        if reads:
            cursor, piece = answers[-1]
            self._hear_regulars(answers[-2], cursor, piece, now)

    def _hear_regulars(
        self, fresh: list[tuple[bytes, float]], cursor: int, piece: list[tuple[bytes, float]], now: float
    ) -> None:
        """Remember the newest regulars and the next piece of all."""
        self._cursor, self._heard_at = cursor, now
        self._read_all = self._read_all or cursor == 0
        for address, since in (*fresh, *piece):
            self._remember(address.decode(), since)

    def _say_open(self, pipeline: Any, client: str, held: int, now: float) -> None:
        key = self._open_key(client)
        if held:
            pipeline.hset(key, self._name, f"{held}:{now:.0f}")
            pipeline.expire(key, int(STALE_SECONDS))
        else:
            pipeline.hdel(key, self._name)

    def _note_said(self, client: str, held: int) -> None:
        if held:
            self._said[client] = held
        else:
            self._said.pop(client, None)

    @staticmethod
    def _open_key(client: str) -> str:
        return f"{PREFIX}in.open.{client}"

    def _take_in(self, answers: list[Any], places: list[Place], opened: list[str], now: float) -> None:
        self.counts.let_in = {client.decode(): float(until) for client, until in answers[0].items()}
        for place, total in zip(places, answers[1:], strict=False):
            self.counts.hear(place, int(total or 0))
        for client, workers in zip(opened, answers[1 + len(places) :], strict=False):
            self.counts.hear_open(client, self._others(workers, now))

    def _others(self, workers: dict[bytes, bytes], now: float) -> int:
        """Return what other living workers hold open of a client."""
        total = 0
        for name, value in workers.items():
            held, _, at = value.partition(b":")
            if name.decode() != self._name and float(at) > now - STALE_SECONDS:
                total += int(held)
        return total

    def _give_up(self, fault: BaseException) -> None:
        """Count alone for a while."""
        if time.time() >= self._away_until:
            log.info("incoming limits: Redis is away (%s); this worker counts alone", type(fault).__name__)
        self._away_until = time.time() + PAUSE_SECONDS
        self._said.clear()
        self.counts.alone()
