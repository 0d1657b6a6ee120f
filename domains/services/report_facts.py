"""What the roll-ups of DMARC reports say about a domain: volume by day, sources; one SQL query each.

Days are UTC. A message passed DMARC when SPF or DKIM was aligned (RFC 9989 section 5.3).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection

from domains.models import AuthPattern, DmarcRecord, Domain
from domains.services.report_months import month_of

MAXIMUM_DAYS = 3660
MAXIMUM_SOURCES = 10_000

VOLUME = """
SELECT day, disposition, sum(messages), coalesce(sum(messages) FILTER (WHERE dkim_aligned OR spf_aligned), 0)
FROM domains_dmarcday WHERE domain_id = %s AND day BETWEEN %s AND %s
GROUP BY day, disposition ORDER BY day, disposition
"""

# The class and the name of most of an address's messages stand for it.
SOURCES = """
WITH part AS (
    SELECT source_ip, disposition, kind, sender, sum(messages) AS messages, min(day) AS first_day,
           max(day) AS last_day,
           coalesce(sum(messages) FILTER (WHERE dkim_aligned OR spf_aligned), 0) AS dmarc_pass,
           coalesce(sum(messages) FILTER (WHERE spf_aligned), 0) AS spf_aligned,
           coalesce(sum(messages) FILTER (WHERE dkim_aligned), 0) AS dkim_aligned
    FROM domains_dmarcdaily WHERE domain_id = %s AND day BETWEEN %s AND %s
    GROUP BY source_ip, disposition, kind, sender
), named AS (
    SELECT source_ip, disposition, sum(messages) AS messages FROM part GROUP BY source_ip, disposition
), done AS (
    SELECT source_ip, json_object_agg(disposition, messages ORDER BY disposition)::text AS dispositions
    FROM named GROUP BY source_ip
)
SELECT host(source_ip), (array_agg(sender ORDER BY messages DESC, sender))[1],
       (array_agg(kind ORDER BY messages DESC, kind))[1], sum(messages), sum(dmarc_pass), sum(spf_aligned),
       sum(dkim_aligned), min(dispositions), min(first_day), max(last_day)
FROM part JOIN done USING (source_ip) GROUP BY source_ip ORDER BY sum(messages) DESC, source_ip LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class DayVolume:
    """One day: messages by disposition, and how many passed and failed DMARC."""

    day: date
    dispositions: dict[str, int]
    passed: int
    failed: int

    @property
    def messages(self) -> int:
        """How many messages in all."""
        return self.passed + self.failed


@dataclass(frozen=True, slots=True)
class Source:
    """One address that sent in the domain's name; ``class_`` is a word of ``domains.reports.kinds``.

    ``name`` is that of the sender or service behind most of its mail, empty while nothing names it.
    """

    source_ip: str
    name: str
    class_: str
    messages: int
    dmarc_pass: int
    spf_aligned: int
    dkim_aligned: int
    dispositions: dict[str, int]
    first_day: date
    last_day: date


def volume_by_day(domain: Domain, first_day: date, last_day: date) -> list[DayVolume]:
    """Return every day from ``first_day`` to ``last_day``, empty ones too, at most the last ``MAXIMUM_DAYS``."""
    first_day = max(first_day, last_day - timedelta(days=MAXIMUM_DAYS - 1))
    days: dict[date, DayVolume] = {}
    for day, disposition, messages, passed in _rows(VOLUME, [domain.pk, first_day, last_day]):
        before = days.get(day) or DayVolume(day, {}, 0, 0)
        dispositions = before.dispositions | {disposition: int(messages)}
        failed = before.failed + int(messages) - int(passed)
        days[day] = DayVolume(day, dispositions, before.passed + int(passed), failed)
    span = [first_day + timedelta(days=step) for step in range((last_day - first_day).days + 1)]
    return [days.get(day) or DayVolume(day, {}, 0, 0) for day in span]


def sources_of(domain: Domain, first_day: date, last_day: date) -> list[Source]:
    """Return the sources of these days, most messages first, at most ``MAXIMUM_SOURCES``."""
    return [
        Source(
            source_ip=row[0],
            name=row[1],
            class_=row[2],
            messages=int(row[3]),
            dmarc_pass=int(row[4]),
            spf_aligned=int(row[5]),
            dkim_aligned=int(row[6]),
            dispositions=json.loads(row[7]),
            first_day=row[8],
            last_day=row[9],
        )
        for row in _rows(SOURCES, [domain.pk, first_day, last_day, MAXIMUM_SOURCES])
    ]


def add_patterns(records: Sequence[DmarcRecord], day: date) -> None:
    """Give each of these records of one day its ``pattern``; one query."""
    wanted = {record.pattern_id for record in records}
    found = AuthPattern.objects.filter(pattern_id__in=wanted, month=month_of(day))
    patterns = {pattern.pattern_id: pattern for pattern in found}
    for record in records:
        record.pattern = patterns.get(record.pattern_id)


def _rows(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
