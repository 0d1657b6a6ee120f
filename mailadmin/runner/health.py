"""How this host stands, part by part, for ``/healthz`` and the ready line; answers within two seconds.

A part is a service of ``MAILADMIN_SERVICES``, the database or Redis; its value is ``ok`` or the reason. Connections
are made for the question and closed.
"""

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from domains.database import connection_arguments
from mailadmin.runner.config import MAIL_SERVICES, WEB_PORTS, Config
from mailadmin.runner.heartbeat import Heartbeat
from mailadmin.runner.status import service_states, worker_heartbeats

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 1.6
OK = "ok"


def mail_services(config: Config) -> list[str]:
    """Return the services that this host's mail workers run."""
    return [
        name
        for name, ports in MAIL_SERVICES.items()
        if name in config.services and (not ports or any(getattr(config, port) is not None for port in ports))
    ]


def find_parts(config: Config, *, inside_web: bool = False) -> dict[str, str]:
    """Return every part with ``ok`` or its reason; ``inside_web``: the asking process is the web server."""
    parts = _ask_both(config)
    if web_sockets(config):
        parts["web"] = OK if inside_web else _web_fault(config) or OK
    beats = worker_heartbeats()
    for role in ("jobs", "beat"):
        if role in config.services:
            parts[role] = OK if any(beat.role == role for beat in beats) else "does not run"
    return parts | _mail_parts(config, beats)


def _ask_both(config: Config) -> dict[str, str]:
    """Ask database and Redis side by side; one that keeps silent is down when the time is over."""
    threads = ThreadPoolExecutor(max_workers=2)
    asked = {"database": threads.submit(database_fault), "redis": threads.submit(redis_fault, config.redis_url)}
    wait(asked.values(), timeout=ANSWER_SECONDS)
    threads.shutdown(wait=False, cancel_futures=True)
    return {name: (found.result() or OK) if found.done() else "does not answer" for name, found in asked.items()}


def is_up(parts: Mapping[str, str]) -> bool:
    """True when every part is ok."""
    return all(value == OK for value in parts.values())


def _mail_parts(config: Config, beats: list[Heartbeat]) -> dict[str, str]:
    """Return a part for each mail service; a worker that is missing is every service's reason."""
    workers = [beat for beat in beats if beat.role == "mail"]
    states = service_states(workers)
    missing = config.workers - len(workers)
    parts = {}
    for name in mail_services(config):
        parts[name] = states.get(name) or states.get("services", "does not run")
        if missing > 0 and parts[name] == OK:
            parts[name] = f"{len(workers)} of {config.workers} workers run"
    return parts


def database_fault() -> str:
    """Return why PostgreSQL cannot be used, or an empty text."""
    arguments = connection_arguments() | {"connect_timeout": 2, "options": "-c statement_timeout=1500"}
    try:
        with psycopg.connect(**arguments, autocommit=True) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as fault:
        return _first_line(str(fault)) or type(fault).__name__
    return ""


def redis_fault(url: str) -> str:
    """Return why Redis cannot be used, or an empty text."""
    try:
        client = redis.Redis.from_url(
            url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS, retry=Retry(NoBackoff(), 0)
        )
        try:
            client.ping()
        finally:
            client.close()
    except (redis.RedisError, OSError, ValueError) as fault:
        return _first_line(str(fault)) or type(fault).__name__
    return ""


def web_sockets(config: Config) -> list[tuple[str, int, bool]]:
    """Return (address, port, TLS) of every socket of the web server; without any it does not run."""
    found = [place for place in config.sockets() if place.name in WEB_PORTS]
    return [(place.address, place.port, place.name == "https_port") for place in found]


def _web_fault(config: Config) -> str:
    """Return which web socket does not accept, or an empty text."""
    for address, port, _tls in web_sockets(config):
        here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
        try:
            socket.create_connection((here, port), CONNECT_SECONDS).close()
        except OSError as fault:
            return f"port {port} at {address}: {fault.strerror or fault}"
    return ""


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
