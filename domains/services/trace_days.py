"""The days of the trace: partitions made ahead, and dropped when they are too old.

Both tables are partitioned by day over the trace's id. An insert never waits for a partition to be made: what has no
day of its own goes into the default partition – after weeks without the jobs worker, at a clock that jumped, before
the first start – and ages out there row by row. A day of which rows lie there already is not made any more.

Every change of the tables asks for its locks with ``LOCK_TIMEOUT`` and comes again later, so that no delivery and no
search queues up behind it. Making a day locks only the default partition, which is empty as a rule: deliveries do not
touch it. ``DETACH … CONCURRENTLY`` is refused beside a default partition: a drop asks for the whole table, briefly.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from django.db import Error, IntegrityError, OperationalError, connection, transaction
from psycopg import sql

from domains.identifiers import identifier_at

log = logging.getLogger(__name__)

TABLES = {"domains_trace": "id", "domains_traceevent": "trace_id"}
DAYS_AHEAD = 7
LOCK_TIMEOUT = "300ms"
STATEMENT_TIMEOUT = "10s"
TRIES = 5
PAUSE_SECONDS = 0.5
BATCH = 5_000

PARTITIONS = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = %s::regclass AND c.relname ~ '_[0-9]{8}$' ORDER BY c.relname
"""


def day_of(name: str) -> date:
    """Return the day that a partition's name ends with."""
    return datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC).date()


def days_of(table: str) -> list[date]:
    """Return the days of which the table has a partition, in order."""
    with connection.cursor() as cursor:
        cursor.execute(PARTITIONS, [table])
        return [day_of(name) for (name,) in cursor.fetchall()]


def make_days(now: datetime | None = None, ahead: int = DAYS_AHEAD) -> int:
    """Make the partitions of today and the days ahead that are missing; returns how many. Never raises for one."""
    today = (now or datetime.now(UTC)).date()
    wanted = [today + timedelta(days=number) for number in range(ahead + 1)]
    made = 0
    for table in TABLES:
        known = set(days_of(table))
        made += sum(_patiently(_make, table, day) for day in wanted if day not in known)
    return made


def remove_old_days(table: str, before: date) -> int:
    """Drop the table's days before ``before``, and rows as old in the default partition; returns how many days."""
    dropped = sum(_patiently(_drop, table, day) for day in days_of(table) if day < before)
    _remove_old_rows(table, before)
    return dropped


def partition_name(table: str, day: date) -> str:
    """Return the name of the day's partition."""
    return f"{table}_{day:%Y%m%d}"


def _bound(day: date) -> str:
    return identifier_at(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _make(table: str, day: date) -> None:
    """Make a table as the others are and attach it: that locks less than CREATE TABLE … PARTITION OF."""
    names = {"name": sql.Identifier(partition_name(table, day)), "table": sql.Identifier(table)}
    bounds = {"low": sql.Literal(_bound(day)), "high": sql.Literal(_bound(day + timedelta(days=1)))}
    create = sql.SQL("CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS)")
    attach = sql.SQL("ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})")
    _run(create.format(**names), attach.format(**names, **bounds))


def _drop(table: str, day: date) -> None:
    _run(sql.SQL("DROP TABLE {name}").format(name=sql.Identifier(partition_name(table, day))))


def _run(*statements: sql.Composed) -> None:
    """Run statements in one transaction that waits for no lock longer than ``LOCK_TIMEOUT``."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"
        )
        for statement in statements:
            cursor.execute(statement.as_string())


def _patiently(change: Callable[[str, date], None], table: str, day: date) -> bool:
    """Try a change a few times; False when it has to wait for the next run."""
    for number in range(TRIES):
        try:
            change(table, day)
        except OperationalError as fault:
            log.info("%s of %s waits: %s", table, day, fault)
            if number + 1 < TRIES:
                time.sleep(PAUSE_SECONDS)
        except IntegrityError:
            log.info("%s of %s stays in the default partition: it has rows already", table, day)
            return False
        except Error as fault:
            log.warning("%s of %s could not be changed: %s", table, day, fault)
            return False
        else:
            return True
    return False


def _remove_old_rows(table: str, before: date) -> None:
    """Delete in the default partition what is older, a batch a transaction."""
    default, key = f"{table}_default", TABLES[table]
    statement = f"DELETE FROM {default} WHERE ctid IN (SELECT ctid FROM {default} WHERE {key} < %s LIMIT %s)"  # noqa: S608
    count = BATCH
    while count == BATCH:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [_bound(before), BATCH])
            count = cursor.rowcount
