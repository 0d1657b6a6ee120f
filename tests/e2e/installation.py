"""A whole installation for the tests: ``manage.py up`` in a folder of its own, with its own ports and address."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-tests-of-forty-characters-00"
ADMIN = ("root@panel.example", "correct horse battery 1")
PORTS = ("http", "https", "mx", "submission", "submissions", "imap", "imaps", "pop3", "pop3s")
T = TypeVar("T")


def eventually(look: Callable[[], T], seconds: float = 15.0) -> T:
    """Return the first true value that ``look`` gives; fail with the last one after ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        value = look()
        if value:
            return value
        assert time.monotonic() < end, f"still {value!r} after {seconds} s"
        time.sleep(0.1)


def _ours(variable: str) -> bool:
    """True for what would reach into the installation from outside."""
    return variable.startswith("MAILADMIN_") or variable in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")


class ApiError(AssertionError):
    """The API answered with an error; ``status`` and ``problem`` tell which."""

    def __init__(self, status: int, problem: Any) -> None:
        super().__init__(f"{status}: {problem}")
        self.status = status
        self.problem = problem


@dataclass
class Installation:
    """One installation on one loopback address."""

    folder: Path
    address: str
    hostname: str
    settings: Mapping[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.ports = dict(zip(PORTS, free_ports(len(PORTS), self.address), strict=True)) | self.ports
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def log(self) -> Path:
        """What the supervisor and its children wrote."""
        return self.folder / "up.log"

    @property
    def url(self) -> str:
        """The panel's base."""
        return f"http://{self.address}:{self.ports['http']}"

    def environment(self) -> dict[str, str]:
        """Return the environment of ``manage.py up``."""
        kept = {key: value for key, value in os.environ.items() if not _ours(key)}
        named = {f"MAILADMIN_{name.upper()}_PORT": str(port) for name, port in self.ports.items()}
        own = {
            "MAILADMIN_DATA": str(self.folder / "data"),
            "MAILADMIN_BIND": self.address,
            "MAILADMIN_HTTP_BIND": self.address,
            "MAILADMIN_URL": self.url,
            "MAILADMIN_HOSTNAME": self.hostname,
            "MAILADMIN_PUBLIC_ADDRESSES": self.address,
            "MAILADMIN_WORKERS": "2",
            "MAILADMIN_ADMIN_EMAIL": ADMIN[0],
            "MAILADMIN_ADMIN_PASSWORD": ADMIN[1],
            "MAILADMIN_API_TOKEN": TOKEN,
            "MAILADMIN_AUTHORITATIVE": "off",
            "MAILADMIN_PRIVATE_NETWORKS": "127.0.0.0/8",
            "MAILADMIN_UNLIMITED_NETWORKS": "127.0.0.0/8",
            "PYTHONUNBUFFERED": "1",
        }
        return kept | named | own | dict(self.settings)

    def start(self, seconds: float = 60.0) -> None:
        """Start and wait for the ready line."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = self.process

        def ready() -> bool:
            text = self.log.read_bytes()[begin:].decode("utf-8", "replace")
            assert process.poll() is None, f"manage.py up ended with {process.returncode}:\n{text[-4000:]}"
            return "mailadmin ready" in text

        eventually(ready, seconds)

    def stop(self) -> float:
        """Stop by SIGTERM; returns the seconds it took."""
        if self.process is None or self.process.poll() is not None:
            return 0.0
        begin = time.monotonic()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        if self.process.poll() is None:
            self.process.kill()
            raise AssertionError("the supervisor did not end in 20 s")
        return time.monotonic() - begin

    def processes(self) -> dict[str, int]:
        """Return the pids of the supervisor's children by name."""
        data = json.loads((self.folder / "data" / "run" / "processes.json").read_text())
        return {row["name"]: int(row["pid"]) for row in data["processes"]}

    def kill(self, name: str) -> bool:
        """End one child with SIGKILL, as a crash would; False when it is not running at the moment."""
        with suppress(ProcessLookupError, KeyError, OSError, ValueError):
            os.kill(self.processes()[name], signal.SIGKILL)
            return True
        return False

    def api(self, method: str, path: str, body: Any = None, token: str = TOKEN) -> Any:
        """Call the REST API; returns the decoded answer, raises ApiError from 400 on."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}",
            data=data,
            method=method,
            headers={"Authorization": f"Bearer {token}", "Content-Type": kind},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as fault:
            text = fault.read().decode("utf-8", "replace")
            try:
                raise ApiError(fault.code, json.loads(text)) from None
            except ValueError:
                raise ApiError(fault.code, text) from None
        try:
            return json.loads(text) if text else None
        except ValueError:
            return text

    def health(self) -> dict[str, Any]:
        """Return ``/healthz``, whatever its status."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as fault:
            return dict(json.load(fault))

    def events(self, trace_id: str) -> list[dict[str, Any]]:
        """Return the stages of one message."""
        return list(self.api("GET", f"/messages/{trace_id}")["events"])
