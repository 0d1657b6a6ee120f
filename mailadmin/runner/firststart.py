"""What must be true of the database before anything serves: reachable, new enough, migrated, sealed with our key.

Runs in a child of its own, so that the supervisor never holds a database connection when it forks.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from domains.errors import ServiceError
from mailadmin.runner import waits
from mailadmin.runner.config import Config, without_password
from mailadmin.runner.faults import StartFault
from mailadmin.runner.health import database_fault

logger = logging.getLogger("mailadmin.runner")

LOWEST_VERSION = 15
MIGRATION_LOCK = 0x6D61_696C  # "mail"


def prepare_database(config: Config, *, embedded: bool) -> bool:
    """Bring the database to where services can start; True when a superadministrator exists. Raises StartFault."""
    if not embedded:
        _await_database(config.database_url)
    _check_version()
    with _alone():
        _migrate()
        _make_trace_days()
        _check_key()
        _first_actors(config)
    found = _superadmin_exists()
    connection.close()
    return found


def _await_database(url: str) -> None:
    """Return when the database answers; raises StartFault after ``waits.DATABASE_SECONDS``."""
    end = time.monotonic() + waits.DATABASE_SECONDS
    while fault := database_fault():
        if time.monotonic() > end:
            raise StartFault(f"DATABASE_URL={without_password(url)} cannot be reached: {fault}")
        time.sleep(0.3)


def _check_version() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        major = int(cursor.fetchone()[0]) // 10_000
    if major < LOWEST_VERSION:
        raise StartFault(f"the database is PostgreSQL {major}: {LOWEST_VERSION} or newer is needed")


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock under which one host at a time prepares the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


def _migrate() -> None:
    """Apply what is missing; nothing is asked and nothing printed."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)


def _make_trace_days() -> None:
    """Have partitions for the traces of today and tomorrow; the jobs worker makes those further ahead."""
    from domains.services.trace_days import make_days

    make_days(ahead=1)


def _check_key() -> None:
    """Remember the master key's fingerprint at the first start; refuse another key from then on."""
    from domains.models import Installation
    from domains.services.sealing import key_fingerprint

    ours = key_fingerprint()
    known, _made = Installation.objects.get_or_create(id=1, defaults={"key_fingerprint": ours})
    if known.key_fingerprint != ours:
        raise StartFault(
            f"this database was sealed with the master key {known.key_fingerprint[:8]}…, "
            f"MAILADMIN_SECRETS holds {ours[:8]}…: restore the folder that belongs to it"
        )


def _first_actors(config: Config) -> None:
    """Make the first superadministrator and the token that the environment names, when they do not exist."""
    from domains.services.actors import ensure_api_token, ensure_first_admin

    try:
        if config.admin_email and config.admin_password:
            ensure_first_admin(config.admin_email, config.admin_password)
    except ServiceError as fault:
        raise StartFault(f"MAILADMIN_ADMIN_EMAIL, MAILADMIN_ADMIN_PASSWORD: {fault}") from fault
    try:
        if config.api_token:
            ensure_api_token(config.api_token)
    except ServiceError as fault:
        raise StartFault(f"MAILADMIN_API_TOKEN: {fault}") from fault


def _superadmin_exists() -> bool:
    from domains.models import Actor, Role

    actors: Any = Actor.objects
    return bool(actors.filter(role=Role.SUPERADMIN).exists())
