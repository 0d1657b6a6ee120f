"""The supervisor: starts everything of this host in order, keeps it running, and stops it in order.

Invariants: it never opens a database connection and never has a second thread, since it forks for as long as it
lives; signals are blocked and taken one by one in ``Signals.wait``, so nothing happens between two lines of code.
Database and Redis start first and stop last; what dies is started again after a pause that doubles.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mailadmin.runner.child import Identity, identify, signal_group
from mailadmin.runner.leftovers import RunFolder

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
SETTLED_SECONDS = 20.0  # after living this long, the next pause is the first one again
STOP_SECONDS = 10.0
SERVICES_STOP_SECONDS = 7.5
STORES_STOP_SECONDS = 9.0
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopAsked(Exception):
    """A signal asked for the end during the start."""


class Signals:
    """The signals of this process, blocked and waited for."""

    def __init__(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        self.ending = False

    def wait(self, seconds: float) -> bool:
        """Sleep until a signal or the time is over; True when the end was asked for, now or before."""
        with suppress(InterruptedError):
            got = signal.sigtimedwait(HANDLED, max(seconds, 0.0))
            if got is not None and got.si_signo in ENDING:
                self.ending = True
        return self.ending

    def tick(self, seconds: float) -> None:
        """Sleep during the start; raises StopAsked."""
        if self.wait(seconds):
            raise StopAsked


@dataclass(slots=True)
class Child:
    """One process that is kept running; ``stop_signal`` asks it to end."""

    name: str
    begin: Callable[[], int]
    stop_signal: signal.Signals = signal.SIGTERM
    store: bool = False  # database or Redis: started before, stopped after the others
    running: Identity | None = None
    since: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS
    due: float = 0.0
    starts: int = 0


@dataclass(slots=True)
class Supervisor:
    """The children of one data folder, by name."""

    folder: RunFolder
    signals: Signals
    say: Callable[[str], None]
    children: dict[str, Child] = field(default_factory=dict)
    finished: dict[int, int] = field(default_factory=dict)  # exit statuses of processes that are no child's

    def add(self, child: Child) -> None:
        """Keep this child running from now on, and start it."""
        self.children[child.name] = child
        self._start(child)

    def _start(self, child: Child) -> None:
        try:
            pid = child.begin()
        except OSError as fault:  # no memory or no process number for a moment
            self.say(f"{child.name} cannot be started: {fault.strerror or fault}")
            self._rest(child)
            return
        child.running = identify(pid) or Identity(pid, 0)
        child.since = time.monotonic()
        child.starts += 1
        self._record()

    def _record(self) -> None:
        running = {name: child.running for name, child in self.children.items()}
        self.folder.write_processes({name: who for name, who in running.items() if who is not None})

    def reap(self) -> None:
        """Take note of what ended; a child gets the moment of its next start."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            code = os.waitstatus_to_exitcode(status)
            child = next((one for one in self.children.values() if one.running and one.running.pid == pid), None)
            if child is None:
                self.finished[pid] = code
            else:
                self._ended(child, code)

    def _ended(self, child: Child, code: int) -> None:
        """Clear the child's group and plan its next start."""
        assert child.running is not None
        signal_group(child.running.pid, signal.SIGKILL)
        child.running = None
        now = time.monotonic()
        if now - child.since >= SETTLED_SECONDS:
            child.pause = FIRST_PAUSE_SECONDS
        if not self.signals.ending:
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
            self.say(f"{child.name} ended {how}; it starts again in {child.pause:.1f} s")
        self._rest(child)

    def _rest(self, child: Child) -> None:
        """Plan the next start, and a longer pause after it."""
        child.due = time.monotonic() + child.pause
        child.pause = min(child.pause * 2, LONGEST_PAUSE_SECONDS)

    def finish_of(self, pid: int) -> int:
        """Wait for a process that is no child's and return its exit status; raises StopAsked."""
        while pid not in self.finished:
            self.reap()
            if pid not in self.finished:
                self.signals.tick(0.5)
        return self.finished.pop(pid)

    def turn(self) -> None:
        """Do what is due, wait for the next event, and take note of it."""
        now = time.monotonic()
        resting = [child for child in self.children.values() if child.running is None]
        for child in resting:
            if child.due <= now:
                self._start(child)
        next_due = min((child.due for child in resting if child.running is None), default=now + 5.0)
        self.signals.wait(min(next_due - now, 5.0))
        self.reap()

    def run(self, each_turn: Callable[[], None]) -> None:
        """Keep everything running until the end is asked for."""
        while not self.signals.ending:
            self.turn()
            each_turn()

    def stop(self) -> None:
        """End the services, then Redis, then the database, within ``STOP_SECONDS``; leaves no process."""
        self.signals.ending = True
        begin = time.monotonic()
        for pid in self._others():
            signal_group(pid, signal.SIGTERM)
        self._end([child for child in self.children.values() if not child.store], begin + SERVICES_STOP_SECONDS)
        stores = [child for child in self.children.values() if child.store]
        for child in reversed(stores):
            self._end([child], begin + STORES_STOP_SECONDS)
        self.folder.clear()

    def _others(self) -> list[int]:
        """Return the processes that we started and that no child stands for, such as the one that migrates."""
        known = {child.running.pid for child in self.children.values() if child.running}
        try:
            text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        except OSError:
            return []
        return [int(pid) for pid in text.split() if int(pid) not in known]

    def _end(self, children: list[Child], deadline: float) -> None:
        """Ask, wait until the deadline, then force; whole process groups."""
        for child in children:
            if child.running is not None:
                with suppress(ProcessLookupError):
                    os.kill(child.running.pid, child.stop_signal)
        while any(child.running for child in children):
            left = deadline - time.monotonic()
            if left <= 0:
                self._force(children)
                return
            self.signals.wait(min(left, 0.5))
            self.reap()

    def _force(self, children: list[Child]) -> None:
        """Kill what did not end in time."""
        for child in children:
            if child.running is not None:
                self.say(f"{child.name} did not end in time and is killed")
                signal_group(child.running.pid, signal.SIGKILL)
        end = time.monotonic() + 1.0
        while any(child.running for child in children) and time.monotonic() < end:
            self.signals.wait(0.05)
            self.reap()


def say_line(text: str) -> None:
    """Write one line to the console, at once."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"mailadmin: {text}\n")
        sys.stderr.flush()
