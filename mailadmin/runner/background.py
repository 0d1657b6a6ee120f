"""A service without sockets, such as the relay: an object that works on the event loop between start and stop."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from mailadmin.runner.listener import ServiceState, ServiceStatus

logger = logging.getLogger("mailadmin.runner")

RETRY_SECONDS = 3.0


class Background(Protocol):
    """What such a service is made of."""

    async def start(self) -> None:
        """Begin to work; returns at once."""
        ...

    async def stop(self, grace_seconds: float = ...) -> None:
        """Take nothing new; what runs has so many seconds to end."""
        ...

    def status(self) -> Mapping[str, object]:
        """Return its own figures."""
        ...


class BackgroundService:
    """Makes a fresh object for each start; one that cannot start is tried again after ``RETRY_SECONDS``."""

    def __init__(self, name: str, make: Callable[[], Background]) -> None:
        self.name = name
        self._make = make
        self._working: Background | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._retrying: asyncio.Task[None] | None = None
        self._state = ServiceState.STOPPED
        self._error = ""
        self._since = ""

    async def start(self) -> None:
        """Begin, unless it works already."""
        self._forget_retry()
        if self._working is not None:
            return
        try:
            working = self._make()
            await working.start()
        except Exception as fault:
            logger.exception("service %s cannot start", self.name)
            self._state, self._error = ServiceState.FAILED, f"{type(fault).__name__}: {fault}"
            self._retry = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._start_again)
            return
        self._working = working
        self._state, self._error = ServiceState.RUNNING, ""
        self._since = datetime.now(UTC).isoformat(timespec="seconds")

    def _start_again(self) -> None:
        self._retry = None
        self._retrying = asyncio.get_running_loop().create_task(self.start())

    def _forget_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    async def drain(self, seconds: float) -> None:
        """Let what runs end within so many seconds."""
        self._forget_retry()
        working, self._working = self._working, None
        if working is not None:
            self._state = ServiceState.DRAINING
            await working.stop(seconds)
        self._state, self._since = ServiceState.STOPPED, ""

    async def stop(self) -> None:
        """End at once."""
        await self.drain(0.0)

    def status(self) -> ServiceStatus:
        """How it stands, with its own figures."""
        detail: dict[str, Any] = {"since": self._since}
        if self._working is not None:
            figures = {key: value for key, value in self._working.status().items() if key != "since"}
            detail |= {
                key: value if isinstance(value, (int, str, dict)) else str(value) for key, value in figures.items()
            }
        return ServiceStatus(self.name, self._state, (), self._error, detail)
