"""A real Celery worker and a real Redis of their own, for tests that start, stop and starve them."""

import json
import os
import shutil
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
ASK = """
import json, sys
import django
django.setup()
from dataclasses import asdict
from mailadmin.runner import status
for line in sys.stdin:
    print(json.dumps(eval(line), default=str), flush=True)
"""


def wait_for(what: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return the first true answer; fails after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := what():
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not come about in time")


class RedisServer:
    """A redis-server on a Unix socket, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "r.sock"
        self.url = f"unix://{self.path}?db=0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            pytest.skip("redis-server is missing")
        self._process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", str(self.path), "--save", "", "--dir", str(self.path.parent)],
            stdout=subprocess.DEVNULL,
        )
        wait_for(self.path.exists)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.path.unlink(missing_ok=True)


class WorkerProcess:
    """One worker with the stub services, on a port of loopback."""

    def __init__(self, folder: Path, redis: RedisServer, call: str = "run_worker('mail', 0)") -> None:
        self.folder = folder
        self.port = free_port()
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "mailadmin.settings",
            "MAILADMIN_DATA": str(folder),
            "MAILADMIN_SECRETS": str(folder / "secrets"),
            "MAILADMIN_SERVICE_BUILDER": "tests.mailadmin.stub_services.build_services",
            "STUB_PORT": str(self.port),
            "REDIS_URL": redis.url,
            "PYTHONPATH": str(ROOT),
        }
        self.log = folder / "worker.log"
        self._asked: subprocess.Popen[str] | None = None
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    f"import sys; from mailadmin.runner.worker import run_beat, run_worker; sys.exit({call})",
                ],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def ask(self, expression: str) -> Any:
        """Return the JSON value of an expression over ``status`` in a process like the web server's."""
        if self._asked is None:
            self._asked = subprocess.Popen(
                [sys.executable, "-c", ASK],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._asked.stdin is not None
        assert self._asked.stdout is not None
        self._asked.stdin.write(f"{expression}\n")
        self._asked.stdin.flush()
        return json.loads(self._asked.stdout.readline())

    def list_workers(self) -> dict[str, Any]:
        """Return what the page *Services* shows."""
        return self.ask("asdict(status.list_workers())")

    def answers(self) -> bool:
        """True when the worker answers remote control."""
        listed = self.list_workers()
        return bool(listed["workers"]) and not listed["reason"]

    def end(self) -> None:
        """End what this object started, by force if need be."""
        for process in (self.process, self._asked):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    def heartbeat(self) -> dict[str, Any] | None:
        """Return the heartbeat's file as it is, if it is."""
        for path in (self.folder / "run" / "heartbeats").glob("*.json"):
            return json.loads(path.read_text())
        return None

    def connect(self) -> smtplib.SMTP:
        """Return a client that read the banner."""
        return smtplib.SMTP("127.0.0.1", self.port, timeout=10)

    def accepts(self) -> bool:
        """True when the listener answers."""
        try:
            with self.connect() as client:
                return client.noop()[0] == 250
        except OSError:
            return False

    def stop(self) -> float:
        """Send SIGTERM and return the seconds to the end; kills after 15."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - begin


@contextmanager
def worker(folder: Path, redis: RedisServer, call: str = "run_worker('mail', 0)") -> Iterator[WorkerProcess]:
    """Start a worker and end it, whatever happens."""
    running = WorkerProcess(folder, redis, call)
    try:
        yield running
    finally:
        running.end()
        sys.stdout.write(running.log.read_text()[-4000:])
