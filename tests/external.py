"""Debian's PostgreSQL and Redis on TCP ports of loopback, as an operator would run them; with passwords.

``python -m tests.external COMMAND…`` runs a command with ``DATABASE_URL`` and ``REDIS_URL`` naming them.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from mailadmin.runner.unprivileged import become, database_user, give
from tests.ports import free_port

PASSWORD = "secret-of-the-test"
POSTGRES = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Servers:
    """Where they are, and their processes."""

    database_url: str
    redis_url: str
    database: "subprocess.Popen[bytes]"
    broker: "subprocess.Popen[bytes]"


def postgres_programs() -> Path | None:
    """Return the folder of the lowest release that we support and that is installed."""
    found = [
        (int(path.name), path / "bin")
        for path in POSTGRES.glob("*")
        if re.fullmatch(r"\d+", path.name) and int(path.name) >= 15 and (path / "bin" / "postgres").exists()
    ]
    return min(found)[1] if found else None


def missing() -> str:
    """Return what is not installed, or an empty text."""
    absent = [] if postgres_programs() else ["postgresql"]
    if shutil.which("redis-server") is None:
        absent.append("redis-server")
    return ", ".join(absent)


@contextmanager
def external_servers() -> Iterator[Servers]:
    """Run both until the end; everything of theirs is removed."""
    programs = postgres_programs()
    assert programs is not None
    with tempfile.TemporaryDirectory(prefix="mailadmin-external-") as folder:
        place, user = Path(folder), database_user()
        cluster, words = place / "cluster", place / "password"
        cluster.mkdir(mode=0o700)
        words.write_text(PASSWORD)
        place.chmod(0o755)
        give(cluster, user)
        more: dict[str, Any] = {"preexec_fn": partial(become, user)} if user else {}
        more |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
        made = [f"--pwfile={words}", "--auth=scram-sha-256", "-U", "mail", "--encoding=UTF8", "--no-sync"]
        subprocess.run([programs / "initdb", "-D", cluster, *made], check=True, **more)
        ports = free_port(), free_port()
        options = ("listen_addresses=127.0.0.1", f"port={ports[0]}", "fsync=off", "max_connections=200")
        settings = [part for option in options for part in ("-c", option)]
        command = [programs / "postgres", "-D", cluster, *settings, "-c", f"unix_socket_directories={cluster}"]
        database = subprocess.Popen(command, **more)
        broker = subprocess.Popen(
            ["redis-server", "--port", str(ports[1]), "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD],
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )
        database_url = f"postgresql://mail:{PASSWORD}@127.0.0.1:{ports[0]}/mailadmin"
        try:
            _make_database(database_url)
            yield Servers(database_url, f"redis://:{PASSWORD}@127.0.0.1:{ports[1]}/0", database, broker)
        finally:
            for process, number in ((broker, signal.SIGTERM), (database, signal.SIGINT)):
                process.send_signal(number)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                process.kill()
                process.wait()


def _make_database(url: str) -> None:
    """Create the database once the server takes connections."""
    end = time.monotonic() + 30
    while True:
        try:
            with psycopg.connect(url.replace("/mailadmin", "/postgres"), autocommit=True) as connection:
                connection.execute("CREATE DATABASE mailadmin")
                return
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    if absent := missing():
        print(f"{absent} is missing: nothing runs on external servers", file=sys.stderr)
        sys.exit(1 if os.environ.get("MAILADMIN_TEST_STRICT") == "1" else 0)
    with external_servers() as running:
        urls = {"DATABASE_URL": running.database_url, "REDIS_URL": running.redis_url}
        status = subprocess.run(sys.argv[1:], env=os.environ | urls, check=False).returncode
    sys.exit(status)
