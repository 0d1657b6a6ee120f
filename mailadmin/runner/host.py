"""The services of one mail worker on one event loop in a thread of its own, and their control from other threads.

The thread needs no broker: it starts when the worker starts and ends when the worker ends.
"""

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

import uvloop

from domains.database import close_pool
from mailadmin.runner.listener import Service, ServiceBuilder, ServiceState, ServiceStatus

logger = logging.getLogger("mailadmin.runner")
T = TypeVar("T")

DRAIN_SECONDS = 6.0
CALL_SECONDS = 15.0


class ServiceHost:
    """Starts, reports, drains and stops; every public method may be called from any thread."""

    def __init__(self, build: ServiceBuilder, drain_seconds: float = DRAIN_SECONDS) -> None:
        self._build = build
        self._drain_seconds = drain_seconds
        self._services: dict[str, Service] = {}
        self._wanted: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._fault = ""

    def start(self) -> None:
        """Start the thread and all services; returns when each runs or has failed for now."""
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._run, name="services", daemon=True)
        self._thread.start()
        self._ready.wait(CALL_SECONDS)

    def stop(self) -> None:
        """Drain all services for a few seconds, stop them, end the thread."""
        thread, loop = self._thread, self._loop
        if thread is None or loop is None:
            return
        try:
            self._call(self._finish(), self._drain_seconds + 3)
        except Exception:
            logger.exception("services did not stop in order")
        loop.call_soon_threadsafe(loop.stop)
        thread.join(3)
        self._thread = None

    def terminate(self) -> None:
        """Stop all services at once."""
        self._drain_seconds = 0.0
        self.stop()

    def status(self) -> list[ServiceStatus]:
        """Return every service's status."""
        if self._fault:
            return [ServiceStatus("services", ServiceState.FAILED, error=self._fault)]
        return self._call(self._status(), CALL_SECONDS)

    def act(self, action: str, service: str | None = None) -> list[ServiceStatus]:
        """Start, drain or stop one service or all; raises KeyError for a name this worker does not run."""
        return self._call(self._act(action, service), self._drain_seconds + CALL_SECONDS)

    def _call(self, coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
        """Run on the loop and wait; raises what it raises, or TimeoutError."""
        if self._loop is None or not self._loop.is_running():
            coroutine.close()
            raise RuntimeError("the services' event loop does not run")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(seconds)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise

    # In the thread

    def _run(self) -> None:
        """Own the loop from its making to its end."""
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        self._loop = loop
        loop.call_soon(lambda: setattr(self, "_begun", loop.create_task(self._begin())))
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(_settle(loop))
            loop.close()

    async def _begin(self) -> None:
        """Build and start; a fault in building is reported as the status, not lost in a thread."""
        try:
            self._services = {service.name: service for service in self._build()}
            self._wanted = set(self._services)
            await asyncio.gather(*(self._start(service) for service in self._services.values()))
        except Exception as fault:
            logger.exception("services cannot start")
            self._fault = f"{type(fault).__name__}: {fault}"
        finally:
            self._ready.set()

    async def _start(self, service: Service) -> None:
        """Start one; its fault stops no other."""
        try:
            await service.start()
        except Exception:
            logger.exception("service %s cannot start", service.name)

    async def _finish(self) -> None:
        """Drain, then stop, all side by side."""
        services = list(self._services.values())
        await asyncio.gather(*(service.drain(self._drain_seconds) for service in services), return_exceptions=True)
        await asyncio.gather(*(service.stop() for service in services), return_exceptions=True)
        await asyncio.sleep(0.05)

    async def _status(self) -> list[ServiceStatus]:
        return [service.status() for service in self._services.values()]

    async def _act(self, action: str, name: str | None) -> list[ServiceStatus]:
        """Apply the action side by side."""
        chosen = self._chosen(name)
        if action == "start":
            await asyncio.gather(*(self._start(service) for service in chosen))
        elif action == "drain":
            await asyncio.gather(*(service.drain(self._drain_seconds) for service in chosen))
        elif action == "stop":
            await asyncio.gather(*(service.stop() for service in chosen))
        else:
            raise ValueError(f"action {action} is not one of start, drain, stop")
        return [service.status() for service in chosen]

    def _chosen(self, name: str | None) -> Iterable[Service]:
        return list(self._services.values()) if name is None else [self._services[name]]


async def _settle(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is left and close the database pool."""
    await close_pool()
    tasks = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
