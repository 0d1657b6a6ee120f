"""The months of the facts: partitions made before they are needed, and dropped when they are too old.

A month is made as a table of its own and attached: that waits for no reader and no writer. There is no default
partition, so nothing can lie in a month's way.
"""

import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import OperationalError, connection, transaction
from psycopg import sql

from domains.locks import lock_key

log = logging.getLogger(__name__)

TABLE = "domains_dmarcrecord"
AHEAD = 2
LOCK_TIMEOUT = "2s"

MONTHS = """
SELECT to_date(right(c.relname, 6), 'YYYYMM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = %s::regclass ORDER BY 1
"""


def month_of(day: date) -> date:
    """Return the first day of the month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """Return the first day of the month after."""
    return (month + timedelta(days=32)).replace(day=1)


def months() -> list[date]:
    """Return the months that there are, in order."""
    with connection.cursor() as cursor:
        cursor.execute(MONTHS, [TABLE])
        return [row[0] for row in cursor.fetchall()]


def ensure_months(days: Iterable[date]) -> None:
    """Make the months of these days that are missing, one process after the other."""
    wanted = {month_of(day) for day in days}
    if not wanted - set(months()):
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("report months")])
        for month in sorted(wanted - set(months())):
            _make(month)


def make_months(now: datetime | None = None) -> None:
    """Make this month and the ``AHEAD`` after it."""
    month = month_of((now or datetime.now(UTC)).date())
    wanted = [month]
    while len(wanted) <= AHEAD:
        wanted.append(next_month(wanted[-1]))
    ensure_months(wanted)


def remove_months(before: date) -> int:
    """Drop the months that end before the day, with their patterns; returns how many. A busy one waits for later."""
    dropped = 0
    for month in months():
        if next_month(month) > before:
            break
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
                cursor.execute(sql.SQL("DROP TABLE {}").format(_name(month)))
                cursor.execute("DELETE FROM domains_authpattern WHERE month = %s", [month])
            dropped += 1
        except OperationalError as fault:
            log.info("the reports' month %s waits to be dropped: %s", month, fault)
    return dropped


def _name(month: date) -> sql.Identifier:
    return sql.Identifier(f"{TABLE}_{month:%Y%m}")


def _make(month: date) -> None:
    bounds = {"begin": sql.Literal(month.isoformat()), "end": sql.Literal(next_month(month).isoformat())}
    names = {"table": sql.Identifier(TABLE), "name": _name(month)}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS)").format(**names))
        cursor.execute(
            sql.SQL("ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({begin}) TO ({end})").format(
                **names, **bounds
            )
        )
