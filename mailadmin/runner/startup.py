"""The order of a start: folders, leftovers, ports, certificate, database, Redis, migrations, then the services."""

import errno
import gc
import logging
import os
import shutil
import signal
import socket
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module

from django.conf import settings
from django.db import Error as DatabaseError

from mailadmin.access.first_run import forget_setup_token, make_setup_token
from mailadmin.runner.certificate import ensure_certificate
from mailadmin.runner.child import die_with_parent, fork_child
from mailadmin.runner.config import WEB_PORTS, Config, Socket, without_password
from mailadmin.runner.environment import forget_secrets
from mailadmin.runner.faults import StartFault
from mailadmin.runner.health import find_parts, is_up, mail_services, redis_fault, web_sockets
from mailadmin.runner.leftovers import AlreadyRunning, RunFolder
from mailadmin.runner.places import (
    UnsafePlace,
    embedded_database_url,
    embedded_redis_url,
    make_socket_folder,
    socket_folder,
)
from mailadmin.runner.postgres import EmbeddedPostgres
from mailadmin.runner.redis_server import EmbeddedRedis
from mailadmin.runner.supervisor import Child, Signals, StopAsked, Supervisor, say_line
from mailadmin.runner.tls import CertificateFault, make_context
from mailadmin.runner.worker import run_beat, run_worker

logger = logging.getLogger("mailadmin.runner")

REFUSED = 2
NO_SUPERADMIN = 10
POLL_SECONDS = 0.1
EAGER_SECONDS = 20.0
PATIENCE_SECONDS = 5.0
PRELOADED = (
    "mailadmin.asgi",
    "mailadmin.runner.web",
    "mailadmin.runner.wiring",
    "mailadmin.runner.worker",
    "celery.apps.beat",
    "celery.apps.worker",
    "antispam.listeners",
    "mailboxes.listeners",
    "mailboxes.outbound.relay",
)


def run_host(config: Config, parent: int | None) -> int:
    """Run this host's services until a signal asks for the end; returns the exit status.

    ``parent`` is the process whose end is ours too, such as ``make``.
    """
    forget_secrets()
    signals = Signals()
    if parent is not None:
        die_with_parent(signal.SIGTERM, parent)
    supervisor: Supervisor | None = None
    try:
        folder, ended = _folders(config)
        supervisor = Supervisor(folder, signals, say_line)
        _host_checks(config, PATIENCE_SECONDS if ended else 0.0)
        return _Start(config, supervisor).run()
    except StopAsked:
        return 0
    except (StartFault, AlreadyRunning, UnsafePlace) as fault:
        say_line(str(fault))
        return REFUSED
    finally:
        if supervisor is not None:
            supervisor.stop()
            shutil.rmtree(socket_folder(config.data), ignore_errors=True)


def _folders(config: Config) -> tuple[RunFolder, int]:
    """Make the data folder, take its lock, end what a killed supervisor left; returns how many that were."""
    try:
        config.data.mkdir(mode=0o750, parents=True, exist_ok=True)
        for name in ("log", "static"):
            (config.data / name).mkdir(mode=0o750, exist_ok=True)
        folder = RunFolder(config.data)
        folder.acquire()
    except OSError as fault:
        raise StartFault(f"MAILADMIN_DATA={config.data} cannot be used: {fault.strerror or fault}") from fault
    if count := folder.end_leftovers():
        say_line(f"{count} processes of an earlier run were ended")
    return folder, count


def _host_checks(config: Config, patience_seconds: float) -> None:
    """Refuse occupied ports and certificates that cannot be used; raises StartFault.

    The threads of a killed process may hold its ports for a moment longer: such a start has patience.
    """
    end = time.monotonic() + patience_seconds
    if config.ca_file is not None and not os.access(config.ca_file, os.R_OK):
        raise StartFault(f"MAILADMIN_CA_FILE={config.ca_file} cannot be read")
    for place in config.sockets():
        _check_port(place, end)
    try:
        if not config.tls_given:
            ensure_certificate(config.tls_cert, config.tls_key, config.hostname)
        make_context(config.tls_cert, config.tls_key)
    except CertificateFault as fault:
        raise StartFault(f"MAILADMIN_TLS_CERT, MAILADMIN_TLS_KEY: {fault}") from fault
    except OSError as fault:
        raise StartFault(f"the certificate cannot be made: {fault}") from fault


def _check_port(place: Socket, end: float) -> None:
    """Raise StartFault when the port cannot be opened, not before ``end`` on the monotonic clock."""
    while fault := _port_fault(place.address, place.port):
        if time.monotonic() >= end:
            reason = fault.strerror or str(fault)
            where = f"{place.variable}={place.port} cannot be opened at {place.address}"
            raise StartFault(f"{where}: {reason}; {_remedy(fault, place)}")
        time.sleep(0.05)


def _remedy(fault: OSError, place: Socket) -> str:
    if fault.errno == errno.EADDRNOTAVAIL:
        return f"{'MAILADMIN_HTTP_BIND' if place.name in WEB_PORTS else 'MAILADMIN_BIND'} takes this host's addresses"
    return "choose another port"


def _port_fault(address: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
    except OSError as fault:
        return fault
    return None


class _Start:
    """One start of one host."""

    def __init__(self, config: Config, supervisor: Supervisor) -> None:
        self._config = config
        self._supervisor = supervisor
        self._began = time.monotonic()
        self._database = EmbeddedPostgres(config.data) if _embedded_database(config) else None
        self._broker = EmbeddedRedis(config.data) if config.redis_url == embedded_redis_url(config.data) else None
        self._has_superadmin = False
        self._watcher = 0

    def run(self) -> int:
        """Start all, say so when all is ready, keep it running."""
        self._start_stores()
        preparing = fork_child(self._prepare)
        _preload()
        status = self._supervisor.finish_of(preparing)
        if status not in (0, NO_SUPERADMIN):
            return REFUSED  # the child has said why
        self._has_superadmin = status == 0
        # what was needed once stands nowhere in the processes that serve
        self._config = replace(self._config, admin_password="", api_token="")
        settings.MAILADMIN = self._config
        gc.collect()
        gc.freeze()
        for child in self._services():
            self._supervisor.add(child)
        self._watcher = fork_child(self._await_ready)
        self._supervisor.run(self._look_for_ready)
        return 0

    def _start_stores(self) -> None:
        """Start the embedded Redis and database."""
        if self._broker is not None or self._database is not None:
            make_socket_folder(self._config.data)
        if self._broker is not None:
            self._supervisor.add(Child("redis", self._broker.start, store=True))
        if self._database is not None:
            self._database.prepare(self._supervisor.signals.tick)
            self._supervisor.add(Child("postgres", self._database.start, signal.SIGINT, store=True))

    def _prepare(self) -> int:
        """In a child: wait for the stores, bring the database up to date; the value is the exit status."""
        from mailadmin.runner.firststart import prepare_database

        try:
            self._await_stores()
            found = prepare_database(self._config, embedded=self._database is not None)
        except StartFault as fault:
            say_line(str(fault))
            return REFUSED
        except DatabaseError as fault:
            say_line(f"the database cannot be prepared: {str(fault).strip().partition(chr(10))[0]}")
            return REFUSED
        return 0 if found else NO_SUPERADMIN

    def _await_stores(self) -> None:
        """Return when the embedded ones answer; tell of an external Redis that does not."""
        if self._database is not None:
            self._database.wait_ready(self._pid("postgres"))
        if self._broker is not None:
            self._broker.wait_ready(self._pid("redis"))
        elif fault := redis_fault(self._config.redis_url):
            shown = without_password(self._config.redis_url)
            say_line(f"REDIS_URL={shown} cannot be reached: {fault}; mail goes on without it, background work waits")

    def _pid(self, name: str) -> int:
        running = self._supervisor.children[name].running
        return running.pid if running else 0

    def _services(self) -> list[Child]:
        """Return what this host runs besides the stores."""
        config, children = self._config, []
        if web_sockets(config):
            from mailadmin.runner.web import run_web

            children.append(Child("web", _forked(partial(run_web, config))))
        if mail_services(config):
            workers = range(config.workers)
            children += [Child(f"mail{index}", _forked(partial(run_worker, "mail", index))) for index in workers]
        if "jobs" in config.services:
            children.append(Child("jobs", _forked(partial(run_worker, "jobs", 0))))
        if "beat" in config.services:
            children.append(Child("beat", _forked(run_beat)))
        return children

    def _await_ready(self) -> int:
        """In a child: return when every part is ok."""
        begin = time.monotonic()
        while not is_up(find_parts(self._config)):
            time.sleep(POLL_SECONDS if time.monotonic() - begin < EAGER_SECONDS else 1.0)
        return 0

    def _look_for_ready(self) -> None:
        """Print the ready line once, and the set-up link while there is nobody who could sign in."""
        status = self._supervisor.finished.pop(self._watcher, None) if self._watcher else None
        if status is None:
            return
        if status != 0:
            self._watcher = fork_child(self._await_ready)
            return
        self._watcher = 0
        print(ready_line(self._config, time.monotonic() - self._began), flush=True)
        if self._has_superadmin:
            forget_setup_token()
        elif web_sockets(self._config):
            print(f"mailadmin set-up link (once): {self._config.url}/setup/{make_setup_token()}", flush=True)


def _embedded_database(config: Config) -> bool:
    return config.database_url == embedded_database_url(config.data)


def _forked(run: Callable[[], int]) -> Callable[[], int]:
    return lambda: fork_child(run)


def _preload() -> None:
    """Import what the children need, so that they share it; a module that fails fails again in its child, aloud."""
    from celery.exceptions import SecurityWarning

    warnings.filterwarnings("ignore", category=SecurityWarning)  # root is the operator's choice, said once is enough
    for name in PRELOADED:
        try:
            import_module(name)
        except Exception:
            logger.exception("%s cannot be loaded", name)


def ready_line(config: Config, seconds: float) -> str:
    """Return the line that tells scripts that every listener accepts."""
    places = [config.url] if web_sockets(config) else []
    mail = [place for place in config.sockets() if place.name not in WEB_PORTS]
    places += dict.fromkeys(f"{place.name.removesuffix('_port')} {place.port}" for place in mail)
    return f"mailadmin ready after {seconds:.1f} s: {', '.join(places)}"
