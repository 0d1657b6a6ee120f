"""How the workers stand, for the page *Services* and for health; and what an administrator may do to them.

Remote control goes through Redis. Without it ``list_workers`` still tells this host's workers, from their heartbeats,
and gives the reason why no action is possible.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings
from kombu.exceptions import KombuError

from mailadmin.celery import app
from mailadmin.runner.heartbeat import Heartbeat, heartbeat_folder, read_heartbeats

logger = logging.getLogger("mailadmin.runner")

ANSWER_SECONDS = 0.7  # spent in full, for nobody knows how many workers there are
ACTION_SECONDS = 12.0
ACTIONS = {
    "start": "mail_start",
    "stop": "mail_stop",
    "drain": "mail_drain",
    "reload_certificates": "mail_reload_certificates",
}


class ControlFault(Exception):
    """The action did not reach its worker or was refused by it; ``str()`` is one sentence."""


@dataclass(frozen=True, slots=True)
class ListenerRow:
    """One socket, or one service without sockets (then ``port`` is 0, and attempts count); ``since`` is ISO 8601."""

    service: str
    address: str
    port: int
    tls: str
    state: str
    open: int
    total: int
    since: str
    error: str


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker process and its listeners."""

    worker: str
    role: str
    pid: int
    since: str
    listeners: tuple[ListenerRow, ...]


@dataclass(frozen=True, slots=True)
class WorkerList:
    """The workers by name; with a ``reason`` Redis is away: only this host's are listed, and no action works."""

    workers: tuple[WorkerStatus, ...]
    reason: str = ""


def list_workers() -> WorkerList:
    """Return all workers that answer, or this host's by their heartbeats; within about a second."""
    reason = _broker_fault()
    if not reason:
        try:
            answers: Any = app.control.inspect(timeout=ANSWER_SECONDS)._request("mail_status") or {}
            found = [_worker(name, answer) for name, answer in answers.items() if "services" in answer]
            return WorkerList(tuple(sorted(found, key=lambda row: row.worker)))
        except (OSError, redis.RedisError, KombuError) as fault:
            reason = _words(fault)
    beats = [beat for beat in worker_heartbeats() if beat.role != "beat"]
    return WorkerList(tuple(_from_heartbeat(beat) for beat in beats), reason)


def act_on(worker: str, action: str, service: str | None = None) -> WorkerStatus:
    """Start, stop, drain or reload_certificates at one worker; raises ControlFault."""
    command = ACTIONS.get(action)
    if command is None:
        raise ControlFault(f"{action} is not one of {', '.join(ACTIONS)}")
    if reason := _broker_fault():
        raise ControlFault(f"Redis is away, so the worker cannot be reached: {reason}")
    arguments = {"service": service} if service else {}
    try:
        replies = app.control.broadcast(
            command, arguments=arguments, destination=[worker], reply=True, timeout=ACTION_SECONDS, limit=1
        )
    except (OSError, redis.RedisError, KombuError) as fault:
        raise ControlFault(f"The worker cannot be reached: {_words(fault)}") from fault
    answer = next((reply[worker] for reply in replies or [] if worker in reply), None)
    if answer is None:
        raise ControlFault(f"The worker {worker} did not answer")
    if "error" in answer:
        raise ControlFault(str(answer["error"]))
    return _worker(worker, answer)


def worker_heartbeats() -> list[Heartbeat]:
    """Return the processes of this host that are alive (roles mail, jobs, beat); needs no Redis and no database."""
    return read_heartbeats(heartbeat_folder())


def service_states(beats: Iterable[Heartbeat]) -> dict[str, str]:
    """Return for each service name ``ok`` when it runs in every mail worker, else the first reason it does not."""
    states: dict[str, str] = {}
    for beat in beats:
        for service in beat.services:
            good = service["state"] == "running"
            words = "ok" if good else service["error"] or str(service["state"])
            if states.get(str(service["name"]), "ok") == "ok":
                states[str(service["name"])] = str(words)
    return states


def _worker(name: str, answer: Mapping[str, Any]) -> WorkerStatus:
    rows = tuple(row for service in answer["services"] for row in _rows(service))
    return WorkerStatus(name, str(answer["role"]), int(answer["pid"]), str(answer["since"]), rows)


def _from_heartbeat(beat: Heartbeat) -> WorkerStatus:
    rows = tuple(row for service in beat.services for row in _rows(service))
    return WorkerStatus(beat.worker, beat.role, beat.pid, beat.since, rows)


def _rows(service: Mapping[str, Any]) -> list[ListenerRow]:
    """Return a row for each socket; for a service without any, one row of its own."""
    name = str(service["name"])
    rows = [
        ListenerRow(
            name, row["address"], row["port"], row["tls"], row["state"],
            row["open"], row["total"], row["since"], row["error"],
        )
        for row in service["listeners"]
    ]  # fmt: skip
    if rows:
        return rows
    detail = service["detail"]
    done = sum(int(count) for count in detail.get("totals", {}).values())
    return [
        ListenerRow(
            name, "", 0, "", service["state"],
            int(detail.get("running", 0)), done, str(detail.get("since", "")), service["error"],
        )
    ]  # fmt: skip


def _broker_fault() -> str:
    """Return why Redis cannot be used, or an empty text; answers within a second."""
    try:
        client = redis.Redis.from_url(settings.MAILADMIN.redis_url, socket_connect_timeout=1, socket_timeout=1)
        try:
            client.ping()
        finally:
            client.close()
    except (OSError, redis.RedisError, ValueError) as fault:
        return _words(fault)
    return ""


def _words(fault: Exception) -> str:
    return str(fault) or type(fault).__name__
