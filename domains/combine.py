"""Work for several callers at once: those who come while some is under way wait for it and then go together.

Alone, a caller waits for nobody. Under load one statement, and one commit, serves many. What takes longer than
``PATIENCE`` (a lock that somebody holds) keeps nobody waiting: the next go on beside it. What nobody waits for any
more is cancelled. Pure.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
R = TypeVar("R")

MOST = 20
PATIENCE = 0.05


class Combined(Generic[T, R]):
    """``work`` gets the items of up to ``MOST`` callers and returns for each its result, or the fault to raise."""

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R | BaseException]]]) -> None:
        self._work = work
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue[T, R]] = WeakKeyDictionary()

    async def __call__(self, item: T) -> R:
        """Return the item's result; raises what the work gave for it, or failed with."""
        loop = asyncio.get_running_loop()
        queue = self._loops.get(loop)
        if queue is None:
            queue = self._loops[loop] = _Queue(self._work)
        return await queue.add(item, loop.create_future())


class _Queue(Generic[T, R]):
    """Those of one event loop who wait. A caller who gave up is left out when his turn comes."""

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R | BaseException]]]) -> None:
        self._work = work
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_served = False

    def add(self, item: T, future: "asyncio.Future[R]") -> "asyncio.Future[R]":
        """Return the future of the item's result."""
        self._waiting.append((item, future))
        if not self._is_served:
            self._is_served = True
            self._begin(self._serve())
        return future

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _serve(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                wanted = [(item, future) for item, future in some if not future.done()]
                if wanted:
                    await asyncio.wait({self._begin_run(wanted)}, timeout=PATIENCE)
        finally:
            self._is_served = False

    def _begin_run(self, wanted: "list[tuple[T, asyncio.Future[R]]]") -> "asyncio.Task[None]":
        """Begin the work for some; it is cancelled when all of them gave up."""
        task = self._begin(self._run(wanted))

        def end_unwanted(given_up: "asyncio.Future[R]") -> None:
            if given_up.cancelled() and all(future.cancelled() for _, future in wanted):
                task.cancel()

        for _, future in wanted:
            future.add_done_callback(end_unwanted)
        return task

    async def _run(self, wanted: "list[tuple[T, asyncio.Future[R]]]") -> None:
        results: Sequence[R | BaseException]
        try:
            results = await self._work([item for item, _ in wanted])
        except Exception as fault:  # told to each of those who wait
            results = [fault] * len(wanted)
        for (_, future), result in zip(wanted, results, strict=True):
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
