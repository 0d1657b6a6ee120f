"""Traces of refusals, written together at most half a second later; what was accepted never comes this way.

One buffer an event loop. A fault of the database is logged and the traces kept for the next try, up to ``LIMIT``.
"""

import asyncio
import logging
from weakref import WeakKeyDictionary

from psycopg import DataError, Error, IntegrityError
from psycopg_pool import PoolTimeout

from domains.database import database
from domains.trace import TRACE_INSERT, MessageTrace

log = logging.getLogger(__name__)

DELAY_SECONDS = 0.5
LIMIT = 10_000


class TraceBuffer:
    """Gathers traces of one event loop."""

    def __init__(self) -> None:
        self._waiting: list[MessageTrace] = []
        self._flushing: asyncio.Task[None] | None = None

    def add(self, trace: MessageTrace) -> None:
        """Keep a trace; beyond ``LIMIT`` the oldest are dropped."""
        self._waiting.append(trace)
        if len(self._waiting) > LIMIT:
            del self._waiting[: LIMIT // 10]
            log.error("traces of refusals were dropped: the database takes none")
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.get_running_loop().create_task(self._later())

    async def _later(self) -> None:
        while self._waiting:
            await asyncio.sleep(DELAY_SECONDS)
            if not await self.flush():
                await asyncio.sleep(5.0)

    async def flush(self) -> bool:
        """Write what waits; False when the database could not take it."""
        batch, self._waiting = self._waiting, []
        if not batch:  # the pool may be closed already: nothing is opened again for nothing
            return True
        try:
            async with database() as connection, connection.transaction(), connection.cursor() as cursor:
                await cursor.executemany(TRACE_INSERT, [trace.as_row() for trace in batch])
        except (DataError, IntegrityError, UnicodeError) as fault:
            log.error("a trace of a refusal cannot be stored: %s", fault)
            return await self._one_by_one(batch)
        except (Error, PoolTimeout, OSError) as fault:
            log.warning("traces of refusals wait: %s", fault)
            self._waiting = batch + self._waiting
            return False
        return True

    async def _one_by_one(self, batch: list[MessageTrace]) -> bool:
        """Write each alone, so that one which the database never takes holds no other up; that one is dropped."""
        for position, trace in enumerate(batch):
            try:
                async with database() as connection:
                    await connection.execute(TRACE_INSERT, trace.as_row())
            except (DataError, IntegrityError, UnicodeError) as fault:
                log.error("the trace %s is dropped: %s", trace.id, fault)
            except (Error, PoolTimeout, OSError) as fault:
                log.warning("traces of refusals wait: %s", fault)
                self._waiting = batch[position:] + self._waiting
                return False
        return True


_buffers: WeakKeyDictionary[asyncio.AbstractEventLoop, TraceBuffer] = WeakKeyDictionary()


def trace_buffer() -> TraceBuffer:
    """Return this event loop's buffer."""
    return _buffers.setdefault(asyncio.get_running_loop(), TraceBuffer())
