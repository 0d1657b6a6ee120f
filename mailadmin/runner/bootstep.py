"""The Celery worker boot step that runs the mail services, and the remote control commands that reach them.

The step hangs on the worker's own blueprint: it starts once, before the consumer looks for the broker, and stops
once. A lost broker restarts the consumer's blueprint only, so it never touches a listener. The worker's role is in
``MAILADMIN_ROLE``: ``mail`` runs services, any other only writes its heartbeat.
"""

import logging
import os
from collections.abc import Callable
from typing import Any

from celery import bootsteps
from celery.worker.control import control_command, inspect_command
from django.utils.module_loading import import_string

from mailadmin.runner.heartbeat import Pulse, heartbeat_folder
from mailadmin.runner.host import ServiceHost
from mailadmin.runner.listener import ServiceBuilder

logger = logging.getLogger("mailadmin.runner")

BUILDER = "mailadmin.runner.wiring.build_services"


class WorkerServices:
    """What the step holds for one worker process: the host of the services, if any, and the heartbeat."""

    def __init__(self, worker: str) -> None:
        self.role = os.environ.get("MAILADMIN_ROLE", "jobs")
        build: ServiceBuilder = import_string(os.environ.get("MAILADMIN_SERVICE_BUILDER", BUILDER))
        self.host = ServiceHost(build) if self.role == "mail" else None
        self.pulse = Pulse(heartbeat_folder(), worker, self.role, self.services)

    def services(self) -> list[dict[str, Any]]:
        """Return the services' status as JSON values."""
        return [status.as_json() for status in self.host.status()] if self.host else []

    def start(self) -> None:
        """Start the services, then tell that this process lives."""
        if self.host:
            self.host.start()
        self.pulse.start()

    def stop(self) -> None:
        """Drain and stop."""
        self.pulse.stop()
        if self.host:
            self.host.stop()

    def terminate(self) -> None:
        """Stop at once."""
        self.pulse.stop()
        if self.host:
            self.host.terminate()


class MailServices(bootsteps.StartStopStep):
    """Starts after the pool (which forks), before the consumer (which waits for the broker)."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        parent.mail_services = None

    def create(self, parent: Any) -> Any:
        """Return what ``start`` and ``stop`` are called on."""
        parent.mail_services = WorkerServices(parent.hostname)
        return parent.mail_services

    def info(self, parent: Any) -> Any:
        """Part of ``inspect stats``."""
        held = parent.mail_services
        return {"services": held.services() if held else []}


def _report(state: Any, change: Callable[[ServiceHost], object] | None = None) -> dict[str, Any]:
    """Apply a change to this worker's services and return how they stand; a fault becomes its words."""
    held: WorkerServices | None = getattr(state.consumer.controller, "mail_services", None)
    if held is None:
        return {"error": "this worker has no services"}
    try:
        if change is not None:
            if held.host is None:
                return {"error": "this worker runs no mail services"}
            change(held.host)
    except KeyError as fault:
        return {"error": f"this worker does not run {fault.args[0]}"}
    except Exception as fault:
        logger.exception("remote control failed")
        return {"error": f"{type(fault).__name__}: {fault}"}
    held.pulse.beat()
    return {"role": held.role, "pid": os.getpid(), "since": held.pulse.since, "services": held.services()}


@inspect_command()
def mail_status(state: Any, **_: Any) -> dict[str, Any]:
    """How this worker's services stand."""
    return _report(state)


@control_command(args=[("service", str)], signature="[service]")
def mail_start(state: Any, service: str | None = None, **_: Any) -> dict[str, Any]:
    """Start one service of this worker, or all."""
    return _report(state, lambda host: host.act("start", service))


@control_command(args=[("service", str)], signature="[service]")
def mail_stop(state: Any, service: str | None = None, **_: Any) -> dict[str, Any]:
    """End one service of this worker, or all, at once."""
    return _report(state, lambda host: host.act("stop", service))


@control_command(args=[("service", str)], signature="[service]")
def mail_drain(state: Any, service: str | None = None, **_: Any) -> dict[str, Any]:
    """Take no new connections and let running transactions end."""
    return _report(state, lambda host: host.act("drain", service))


@control_command()
def mail_reload_certificates(state: Any, service: str | None = None, **_: Any) -> dict[str, Any]:
    """Use the certificate now on disk for handshakes to come."""
    from mailadmin.runner.wiring import reload_certificates

    return _report(state, lambda host: reload_certificates())
