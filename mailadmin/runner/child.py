"""Processes of the supervisor: how they are begun, known again, and ended.

Every child leads a process group of its own and ends when the supervisor does (PR_SET_PDEATHSIG). A process is known
by its number together with its start time in the kernel's clock ticks, so a number used again is never mistaken.
"""

import ctypes
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger("mailadmin.runner")

PR_SET_PDEATHSIG = 1
CRASHED = 70  # sysexits.h EX_SOFTWARE
CANNOT_EXECUTE = 127
LOG_OCTETS = 8 * 1024 * 1024
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Identity:
    """One process: its number, and when it started in clock ticks since the machine did."""

    pid: int
    started: int

    @property
    def lives(self) -> bool:
        """True while this very process exists and is no zombie."""
        return identify(self.pid) == self


def _status_fields(pid: int) -> list[str]:
    """Return /proc/PID/stat from field 3 (state) on; empty when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def identify(pid: int) -> Identity | None:
    """Return who runs under this number; None for nobody and for a zombie."""
    fields = _status_fields(pid)
    if len(fields) < 20 or fields[0] in "ZX":
        return None
    return Identity(pid, int(fields[19]))


def group_members(group: int) -> list[Identity]:
    """Return the living processes of a process group."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            fields = _status_fields(int(entry))
            if len(fields) >= 20 and fields[2] == str(group) and fields[0] not in "ZX":
                found.append(Identity(int(entry), int(fields[19])))
    return found


def boot_identity() -> str:
    """Return what names this run of the kernel; start times of another run mean nothing."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def die_with_parent(number: signal.Signals, parent: int) -> None:
    """Let the kernel send this signal to us when the parent ends; if it ended already, end now."""
    _libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to the child's whole process group; one that is gone is no fault."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def fork_child(run: Callable[[], int], death_signal: signal.Signals = signal.SIGTERM) -> int:
    """Run a function in a new process and return its number; the function's value is the exit status."""
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        with suppress(OSError):
            os.setpgid(pid, pid)  # here as well, so that the group exists when we return
        return pid
    status = CRASHED
    try:
        _become_child(death_signal, parent)
        status = run()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # the child has no caller above: whatever happens is told and ends here
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _become_child(death_signal: signal.Signals, parent: int) -> None:
    """Leave the supervisor's group, signal mask and handlers."""
    with suppress(OSError):
        os.setpgid(0, 0)
    die_with_parent(death_signal, parent)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def spawn_program(
    arguments: Sequence[str],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    before: Callable[[], None] | None = None,
) -> int:
    """Execute a program as a child, its output appended to the log; ``before`` runs in the child, before it."""
    parent = os.getpid()

    def run() -> int:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if before is not None:
            before()
            die_with_parent(death_signal, parent)  # a change of user forgets it
        try:
            os.execve(arguments[0], list(arguments), dict(os.environ if environment is None else environment))  # noqa: S606
        except OSError as fault:
            os.write(2, f"{arguments[0]}: {fault.strerror}\n".encode())
        return CANNOT_EXECUTE

    return fork_child(run, death_signal)


def turn_log(log: Path) -> None:
    """Set a log that has grown large aside; one older is kept."""
    with suppress(OSError):
        if log.stat().st_size > LOG_OCTETS:
            log.replace(log.with_suffix(".old"))


def last_line(log: Path) -> str:
    """Return the last line of a log, or an empty text."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
