"""What the supervisor knows of itself on disk: its lock, its processes, and how those of a killed one are ended.

``$MAILADMIN_DATA/run/supervisor.pid`` is locked as long as its supervisor lives; the kernel gives the lock free when
it dies, however that happens. ``processes.json`` names every child with its start time: only what is proven to be
one of them is ever ended.
"""

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mailadmin.runner.child import Identity, boot_identity, group_members, identify

GRACE_SECONDS = 4.0
FORCE_SECONDS = 4.0


class AlreadyRunning(Exception):
    """Another supervisor holds the data folder; ``str()`` is one line."""


class RunFolder:
    """``$MAILADMIN_DATA/run`` of one supervisor."""

    def __init__(self, data: Path) -> None:
        self.path = data / "run"
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = -1

    def acquire(self) -> None:
        """Take the data folder for this process; raises AlreadyRunning. Children do not inherit the lock."""
        path = self.path / "supervisor.pid"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            held = os.pread(descriptor, 64, 0).decode("ascii", "replace").split()
            os.close(descriptor)
            holder = f"process {held[0]}" if held else "another process"
            raise AlreadyRunning(f"{self.path.parent} is in use: mailadmin runs already as {holder}") from fault
        us = identify(os.getpid())
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {us.started if us else 0}\n".encode(), 0)
        self._lock = descriptor

    def write_processes(self, processes: Mapping[str, Identity]) -> None:
        """Record the children that run now."""
        rows = [{"name": name, "pid": who.pid, "started": who.started} for name, who in processes.items()]
        fresh = self.path / "processes.new"
        fresh.write_text(json.dumps({"boot": boot_identity(), "processes": rows}))
        fresh.replace(self.path / "processes.json")

    def _recorded(self) -> list[tuple[str, Identity]]:
        """Return the children that the last supervisor recorded in this run of the machine."""
        try:
            held: Any = json.loads((self.path / "processes.json").read_text())
            if held["boot"] != boot_identity():
                return []
            return [(str(row["name"]), Identity(int(row["pid"]), int(row["started"]))) for row in held["processes"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def end_leftovers(self) -> int:
        """End what a killed supervisor left, its database last; returns how many processes that were."""
        recorded = self._recorded()
        groups = [self._members(who) for name, who in recorded if name not in ("postgres", "redis")]
        count = end_processes([who for group in groups for who in group], signal.SIGTERM)
        for name, number in (("redis", signal.SIGTERM), ("postgres", signal.SIGINT)):
            count += end_processes([who for known, who in recorded if known == name and who.lives], number)
        self.clear()
        return count

    def _members(self, leader: Identity) -> list[Identity]:
        """Return the leader and the processes that it started, as long as they are surely its own."""
        if identify(leader.pid) not in (None, leader):
            return []  # somebody else's number by now
        return [who for who in group_members(leader.pid) if who.started >= leader.started]

    def clear(self) -> None:
        """Forget the children and their signs of life."""
        (self.path / "processes.json").unlink(missing_ok=True)
        for beat in (self.path / "heartbeats").glob("*.json"):
            beat.unlink(missing_ok=True)


def end_processes(processes: Iterable[Identity], number: signal.Signals) -> int:
    """Ask, wait, then force; returns how many there were."""
    living = [who for who in processes if who.lives]
    count = len(living)
    for ask, seconds in ((number, GRACE_SECONDS), (signal.SIGKILL, FORCE_SECONDS)):
        for who in living:
            _signal(who, ask)
        end = time.monotonic() + seconds
        while living and time.monotonic() < end:
            time.sleep(0.02)
            living = [who for who in living if who.lives]
    return count


def _signal(who: Identity, number: signal.Signals) -> None:
    """Signal this very process, through a descriptor that cannot come to mean another where the kernel has them."""
    with suppress(ProcessLookupError):
        try:
            descriptor = os.pidfd_open(who.pid)
        except ProcessLookupError:
            return
        except OSError:
            if who.lives:
                os.kill(who.pid, number)
            return
        try:
            if who.lives:
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)
