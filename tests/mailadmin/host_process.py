"""``manage.py up`` as a process of its own, on free ports and a data folder of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("HTTP", "HTTPS", "MX", "SUBMISSION", "SUBMISSIONS", "IMAP", "IMAPS", "POP3", "POP3S")


def wait_until(what: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return the first true answer; fails after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := what():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"it did not come about within {seconds} s")


class Host:
    """One installation under test; ``command`` starts it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.data = folder / "data"
        self.log = folder / "up.log"
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILADMIN_")}
        for name in ("DATABASE_URL", "REDIS_URL"):
            kept.pop(name, None)
        self.environment = kept | {
            "DJANGO_SETTINGS_MODULE": "mailadmin.settings",
            "MAILADMIN_DATA": str(self.data),
            "MAILADMIN_URL": f"http://localhost:{self.ports['HTTP']}",
            "MAILADMIN_WORKERS": "1",
            "MAILADMIN_SERVICE_BUILDER": "tests.mailadmin.host_services.build_services",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        self.environment |= {f"MAILADMIN_{name}_PORT": str(port) for name, port in self.ports.items()}
        self.environment |= variables
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *command: str) -> None:
        """Start it; the log begins anew."""
        arguments = command or (sys.executable, "manage.py", "up")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                arguments,
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def output(self) -> str:
        """Return what the console shows."""
        return self.log.read_text(errors="replace")

    def await_ready(self, seconds: float = 40.0) -> str:
        """Return the ready line."""
        assert self.process is not None

        def look() -> str:
            found = re.search(r"^mailadmin ready.*$", self.output(), re.MULTILINE)
            if found is None and self.process is not None and self.process.poll() is not None:
                raise AssertionError(self.output())
            return found[0] if found else ""

        try:
            return str(wait_until(look, seconds))
        except AssertionError as fault:
            raise AssertionError(f"{fault}\n{self.output()[-6000:]}") from fault

    def health(self) -> tuple[int, dict[str, Any]]:
        """Return the status code and the answer of /healthz; (0, {}) when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['HTTP']}/healthz", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)
        except OSError:
            return 0, {}

    def pids(self) -> dict[str, int]:
        """Return the children by name."""
        try:
            held = json.loads((self.data / "run" / "processes.json").read_text())
        except (OSError, ValueError):
            return {}
        return {row["name"]: row["pid"] for row in held["processes"]}

    def group_pids(self) -> set[int]:
        """Return every living process in the children's groups."""
        groups = {str(pid) for pid in self.pids().values()}
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                fields = _status(int(entry.name))
                if fields and fields[2] in groups and fields[0] not in "ZX":
                    found.add(int(entry.name))
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send a signal to what was started; returns the seconds to its end."""
        assert self.process is not None
        begin = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(20)
        return time.monotonic() - begin

    def run_refused(self, *command: str, **variables: str) -> tuple[int, str]:
        """Run a start that ends by itself; returns its status and console."""
        arguments = command or (sys.executable, "manage.py", "up")
        done = subprocess.run(
            arguments, cwd=ROOT, env=self.environment | variables, capture_output=True, text=True, timeout=60
        )
        return done.returncode, done.stdout + done.stderr

    def clean(self) -> None:
        """End what still runs."""
        left = self.group_pids()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _status(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def lives(pid: int) -> bool:
    """True when the process exists and is no zombie."""
    fields = _status(pid)
    return bool(fields) and fields[0] not in "ZX"
