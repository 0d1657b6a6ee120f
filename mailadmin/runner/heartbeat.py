"""The sign of life of every process of this host: a small file in ``$MAILADMIN_DATA/run/heartbeats``, kept fresh.

Neither database nor Redis is needed to write or read it, so health stays right without them. A file is written
beside and renamed, so a reader never sees half of one.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

logger = logging.getLogger("mailadmin.runner")

BEAT_SECONDS = 2.0
STALE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One process: ``role`` is mail, jobs or beat; ``services`` as ``ServiceStatus.as_json`` gave them."""

    worker: str
    role: str
    pid: int
    since: str
    at: float
    services: tuple[Mapping[str, Any], ...] = ()

    @property
    def fresh(self) -> bool:
        """True when the file is young and its process lives."""
        return abs(time.time() - self.at) < STALE_SECONDS and _lives(self.pid)


def heartbeat_folder() -> Path:
    """Return the folder, made when absent."""
    folder = Path(settings.MAILADMIN.data) / "run" / "heartbeats"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read_heartbeats(folder: Path) -> list[Heartbeat]:
    """Return the fresh ones by worker name; files of dead processes are removed."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            beat = Heartbeat(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            continue
        if beat.fresh:
            found.append(beat)
        elif not _lives(beat.pid):
            with suppress(OSError):
                path.unlink()
    return found


class Pulse:
    """Writes this process's heartbeat from a thread, until stopped."""

    def __init__(self, folder: Path, worker: str, role: str, services: Callable[[], list[dict[str, Any]]]) -> None:
        self._path = folder / f"{worker.replace('/', '_')}.json"
        self._worker = worker
        self._role = role
        self._services = services
        self.since = datetime.now(UTC).isoformat(timespec="seconds")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Write at once, then every ``BEAT_SECONDS``."""
        self.beat()
        self._thread.start()

    def stop(self) -> None:
        """Stop and remove the file."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(BEAT_SECONDS)
        with suppress(OSError):
            self._path.unlink()

    def beat(self) -> None:
        """Write the file; a fault is logged, the next beat tries again."""
        try:
            write_heartbeat(self._path, self._worker, self._role, self.since, self._services())
        except Exception:
            logger.exception("heartbeat not written")

    def _run(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            self.beat()


def write_heartbeat(path: Path, worker: str, role: str, since: str, services: list[dict[str, Any]]) -> None:
    """Replace the file; raises OSError."""
    text = json.dumps(
        {"worker": worker, "role": role, "pid": os.getpid(), "since": since, "at": time.time(), "services": services}
    )
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.write_text(text)
    fresh.replace(path)


def _lives(pid: int) -> bool:
    """True when the process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
