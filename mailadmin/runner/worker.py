"""How the processes under the supervisor begin: call one of these in a fresh child; it returns the exit status.

``run_worker("mail", index)`` is one mail worker (a single process: pool solo, services on a thread's event loop);
``run_worker("jobs", 0)`` runs the tasks in two child processes; ``run_beat()`` schedules. SIGTERM drains and stops.
The children of a forking supervisor must not have opened database connections before the fork.
"""

import os
import socket
import tempfile
from pathlib import Path
from typing import Any

JOBS_PROCESSES = 2


def worker_name(role: str, index: int) -> str:
    """Return the worker's name in remote control and heartbeats, such as ``mail0@host``."""
    return f"{role}{index}@{socket.gethostname()}"


def run_worker(role: str, index: int = 0) -> int:
    """Run a Celery worker in this process until SIGTERM; ``role`` is ``mail`` or ``jobs``."""
    if role not in ("mail", "jobs"):
        raise ValueError(f"role {role} is not mail or jobs")
    os.environ["MAILADMIN_ROLE"] = role
    os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # the supervisor has run them
    from django.conf import settings

    from mailadmin.celery import app

    _spool_in(settings.MAILADMIN.data / "spool")
    pool: dict[str, Any] = {"pool": "solo", "concurrency": 1}
    if role == "jobs":
        pool = {"pool": "prefork", "concurrency": JOBS_PROCESSES}
    worker = app.Worker(
        hostname=worker_name(role, index),
        queues=[role],
        loglevel="INFO",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        **pool,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _spool_in(folder: Path) -> None:
    """Have large messages wait in the data folder: what the system has for temporary files may be memory."""
    folder.mkdir(mode=0o700, exist_ok=True)
    tempfile.tempdir = str(folder)


def run_beat() -> int:
    """Run the scheduler in this process until SIGTERM; its heartbeat is ``beat``."""
    import django
    from django.conf import settings

    django.setup()
    from mailadmin.celery import app
    from mailadmin.runner.heartbeat import Pulse, heartbeat_folder

    pulse = Pulse(heartbeat_folder(), worker_name("beat", 0), "beat", list)
    pulse.start()
    try:
        app.Beat(schedule=str(settings.MAILADMIN.data / "run" / "beat-schedule"), loglevel="INFO", quiet=True).run()
    finally:
        pulse.stop()
    return 0
