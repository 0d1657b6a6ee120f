"""The two roads from async code to PostgreSQL: psycopg's async pool, and the ORM in a bounded thread pool.

Every event loop has its own pool, opened at the first use and closed by ``close_pool``. Connections are in
autocommit mode; a transaction is opened with ``async with connection.transaction()``.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from django.db import close_old_connections, connections
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

P = ParamSpec("P")
R = TypeVar("R")

POOL_SIZE = 10
POOL_WAIT_SECONDS = 20.0

Pool = AsyncConnectionPool[AsyncConnection[TupleRow]]
_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = WeakKeyDictionary()
_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="orm")


def connection_arguments() -> dict[str, Any]:
    """Return the psycopg arguments of Django's default database, so that both roads meet in one place."""
    settings = connections["default"].settings_dict
    named = {
        "dbname": settings["NAME"],
        "host": settings["HOST"],
        "port": settings["PORT"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
    }
    options = {
        key: value for key, value in settings.get("OPTIONS", {}).items() if key not in ("pool", "server_side_binding")
    }
    return {key: value for key, value in named.items() if value not in ("", None)} | options


async def _configure(connection: AsyncConnection[TupleRow]) -> None:
    """Plan each prepared statement once: planning anew took 0.17 of the 0.21 ms of CPU of a look-up at RCPT."""
    await connection.execute("SET plan_cache_mode = force_generic_plan")


async def get_pool() -> Pool:
    """Return this event loop's pool, opened."""
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = AsyncConnectionPool(
            kwargs=connection_arguments() | {"autocommit": True},
            min_size=1,
            max_size=POOL_SIZE,
            timeout=POOL_WAIT_SECONDS,
            open=False,
            configure=_configure,
            check=None,
            name="mailadmin",
        )
        _pools[loop] = pool
        await pool.open(wait=False)
    return pool


async def close_pool() -> None:
    """Close this event loop's pool, if one was opened."""
    pool = _pools.pop(asyncio.get_running_loop(), None)
    if pool is not None:
        await pool.close()


@asynccontextmanager
async def database() -> AsyncIterator[AsyncConnection[TupleRow]]:
    """Lend a connection in autocommit mode; waits at most ``POOL_WAIT_SECONDS``, then raises PoolTimeout."""
    pool = await get_pool()
    async with pool.connection() as connection:
        yield connection


async def run_orm(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function that uses the ORM in the bounded thread pool; stale connections are closed around it."""

    def call() -> R:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_threads, functools.partial(call))
