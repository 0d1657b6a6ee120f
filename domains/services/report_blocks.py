"""Blocks of days: sums by address of 64 and of 8 days, so that a page over a year reads no year of days.

A block stands while its sums are those of its days: whoever changes a day takes its blocks back in the same
transaction, under the domain's lock. What reads them takes the largest blocks that stand, then smaller ones, and days
for the rest, so the figures are those of the days at any moment (decision 0029).
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from domains.locks import lock_key
from domains.queries import fetch_all

LENGTHS = (64, 8)  # the largest first, each a multiple of the next
AT_ONCE = 8

LOCK = "SELECT pg_advisory_xact_lock(%s)"
TAKE_BACK = """
INSERT INTO domains_dmarcblock (domain_id, days, first_day, stands, changed_at)
SELECT %s, days, first_day, false, now() FROM unnest(%s::smallint[], %s::date[]) AS b (days, first_day)
ON CONFLICT (domain_id, days, first_day) DO UPDATE SET stands = false, changed_at = excluded.changed_at
WHERE domains_dmarcblock.stands
"""
# A block that is over waits as many minutes as it has days: late reports come one after the other.
DUE = """
NOT b.stands AND b.first_day + b.days <= %(today)s AND b.changed_at <= %(now)s - b.days * interval '1 minute'
"""
DOMAINS = f"""
SELECT DISTINCT domain_id FROM domains_dmarcblock b WHERE {DUE}
    AND NOT EXISTS (SELECT 1 FROM domains_dmarcdirtyday d WHERE d.domain_id = b.domain_id)
"""  # noqa: S608 - put together from constants
TAKE = f"""
SELECT id FROM domains_dmarcblock b WHERE domain_id = %(domain)s AND {DUE}
ORDER BY first_day LIMIT {AT_ONCE} FOR UPDATE
"""  # noqa: S608 - put together from constants
CLEAR = "DELETE FROM domains_dmarcblocksource WHERE block_id = ANY(%s)"
ADD_UP = """
INSERT INTO domains_dmarcblocksource (block_id, source_ip, kind, sender, messages, passed, spf, dkim, with_none,
    with_pass, with_quarantine, with_reject, with_unknown, first_day, last_day)
SELECT b.id, d.source_ip, d.kind, d.sender, sum(d.messages),
    coalesce(sum(d.messages) FILTER (WHERE d.dkim_aligned OR d.spf_aligned), 0),
    coalesce(sum(d.messages) FILTER (WHERE d.spf_aligned), 0),
    coalesce(sum(d.messages) FILTER (WHERE d.dkim_aligned), 0),
    sum(d.messages) FILTER (WHERE d.disposition = 'none'), sum(d.messages) FILTER (WHERE d.disposition = 'pass'),
    sum(d.messages) FILTER (WHERE d.disposition = 'quarantine'),
    sum(d.messages) FILTER (WHERE d.disposition = 'reject'),
    sum(d.messages) FILTER (WHERE d.disposition NOT IN ('none', 'pass', 'quarantine', 'reject')),
    min(d.day), max(d.day)
FROM domains_dmarcblock b JOIN domains_dmarcdaily d ON d.domain_id = b.domain_id
    AND d.day BETWEEN b.first_day AND b.first_day + b.days - 1
WHERE b.id = ANY(%s) GROUP BY b.id, d.source_ip, d.kind, d.sender
"""
STAND = "UPDATE domains_dmarcblock SET stands = true WHERE id = ANY(%s)"
REMOVE = "DELETE FROM domains_dmarcblock WHERE first_day < %s RETURNING id"
STANDING = """
SELECT id, first_day, days FROM domains_dmarcblock
WHERE domain_id = %s AND stands AND first_day >= %s AND first_day + days - 1 <= %s ORDER BY days DESC, first_day
"""
# Rows that may be many of one address, class and sender; whoever reads them adds them up.
SUMS = """
SELECT source_ip, kind, sender, messages, passed, spf, dkim, with_none, with_pass, with_quarantine, with_reject,
    with_unknown, first_day, last_day
FROM domains_dmarcblocksource WHERE block_id = ANY(%(blocks)s)
UNION ALL
SELECT source_ip, kind, sender, messages, CASE WHEN dkim_aligned OR spf_aligned THEN messages ELSE 0 END,
    CASE WHEN spf_aligned THEN messages ELSE 0 END, CASE WHEN dkim_aligned THEN messages ELSE 0 END,
    CASE WHEN disposition = 'none' THEN messages END, CASE WHEN disposition = 'pass' THEN messages END,
    CASE WHEN disposition = 'quarantine' THEN messages END, CASE WHEN disposition = 'reject' THEN messages END,
    CASE WHEN disposition NOT IN ('none', 'pass', 'quarantine', 'reject') THEN messages END, day, day
FROM domains_dmarcdaily WHERE domain_id = %(domain)s AND ({gaps})
"""


def take_back(domain_id: int, days: Iterable[date]) -> None:
    """Let no block with one of these days stand; call it in the transaction that changes them, under its lock."""
    wanted = sorted({(length, _first_day(day, length)) for day in days for length in LENGTHS})
    if wanted:
        with connection.cursor() as cursor:
            cursor.execute(TAKE_BACK, [domain_id, [one[0] for one in wanted], [one[1] for one in wanted]])


def add_up_blocks(now: datetime | None = None) -> int:
    """Add up the blocks that are over and have waited, of domains of which no day waits; returns how many."""
    now = now or datetime.now(UTC)
    values = {"now": now, "today": now.astimezone(UTC).date()}
    return sum(_add_up_domain(domain_id, values) for (domain_id,) in fetch_all(DOMAINS, values))


def remove_blocks(before: date) -> None:
    """Remove the blocks that begin before the day; their later days are still there."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(REMOVE, [before])
        cursor.execute(CLEAR, [[row[0] for row in cursor.fetchall()]])


def sums_of(domain_id: int, first_day: date, last_day: date) -> tuple[str, dict[str, Any]]:
    """Return a subquery for what these days come to by address, with the values that it needs (``SUMS``)."""
    blocks, gaps = _parts(fetch_all(STANDING, [domain_id, first_day, last_day]), first_day, last_day)
    values: dict[str, Any] = {"domain": domain_id, "blocks": blocks}
    told = []
    for number, (begin, end) in enumerate(gaps):
        values |= {f"begin{number}": begin, f"end{number}": end}
        told.append(f"day BETWEEN %(begin{number})s AND %(end{number})s")
    return SUMS.format(gaps=" OR ".join(told) or "false"), values


def _first_day(day: date, length: int) -> date:
    return date.fromordinal(day.toordinal() // length * length)


def _parts(
    standing: Iterable[tuple[int, date, int]], first_day: date, last_day: date
) -> tuple[list[int], list[tuple[date, date]]]:
    """Return the blocks to read, the largest that do, and the spans of days that none of them has."""
    taken: dict[date, tuple[int, int]] = {}
    inside: set[date] = set()  # where smaller blocks begin that a larger one has
    for identifier, begin, days in standing:
        if begin not in inside:
            taken[begin] = (identifier, days)
            inside |= {begin + timedelta(days=number) for number in range(0, days, LENGTHS[-1])}
    gaps, day = [], first_day
    for begin in sorted(taken):
        if day < begin:
            gaps.append((day, begin - timedelta(days=1)))
        day = begin + timedelta(days=taken[begin][1])
    if day <= last_day:
        gaps.append((day, last_day))
    return [identifier for identifier, _days in taken.values()], gaps


def _add_up_domain(domain_id: int, values: dict[str, Any]) -> int:
    """Add up what is due of one domain, ``AT_ONCE`` blocks a transaction."""
    done = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(LOCK, [lock_key(f"roll-up {domain_id}")])
            cursor.execute(TAKE, values | {"domain": domain_id})
            blocks = [row[0] for row in cursor.fetchall()]
            if not blocks:
                return done
            for statement in (CLEAR, ADD_UP, STAND):
                cursor.execute(statement, [blocks])
        done += len(blocks)
