"""What the stored DMARC reports say about a domain: volume by day, sources; a fixed number of SQL queries each.

Days are UTC. A message passed DMARC when SPF or DKIM was aligned (RFC 9989 section 5.3).
"""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

from django.db import connection

from domains.models import Domain
from domains.services.senders import catalogue_of
from domains.spf.sources import source_of

MAXIMUM_DAYS = 3660
MAXIMUM_SOURCES = 10_000
MAXIMUM_EVIDENCE = 10_000

VOLUME = """
SELECT day, disposition, sum(messages), coalesce(sum(messages) FILTER (WHERE dkim_aligned OR spf_aligned), 0)
FROM domains_dmarcrecord WHERE domain_id = %s AND day BETWEEN %s AND %s
GROUP BY day, disposition ORDER BY day, disposition
"""

SOURCES = """
WITH part AS (
    SELECT source_ip, disposition, sum(messages) AS messages, min(day) AS first_day, max(day) AS last_day,
           coalesce(sum(messages) FILTER (WHERE dkim_aligned OR spf_aligned), 0) AS dmarc_pass,
           coalesce(sum(messages) FILTER (WHERE spf_aligned), 0) AS spf_aligned,
           coalesce(sum(messages) FILTER (WHERE dkim_aligned), 0) AS dkim_aligned
    FROM domains_dmarcrecord WHERE domain_id = %s AND day BETWEEN %s AND %s GROUP BY source_ip, disposition
)
SELECT host(source_ip), sum(messages), sum(dmarc_pass), sum(spf_aligned), sum(dkim_aligned),
       json_object_agg(disposition, messages ORDER BY disposition)::text, min(first_day), max(last_day)
FROM part GROUP BY source_ip ORDER BY sum(messages) DESC, source_ip LIMIT %s
"""

# What was proven of each address: domains and selectors of signatures and envelopes that passed.
EVIDENCE = """
WITH mine AS (
    SELECT source_ip, messages, dkim, spf FROM domains_dmarcrecord WHERE domain_id = %s AND day BETWEEN %s AND %s
), proven AS (
    SELECT source_ip, messages, '' AS spf, result->>'domain' AS dkim, result->>'selector' AS selector
    FROM mine, jsonb_array_elements(dkim) AS result WHERE result->>'result' = 'pass'
    UNION ALL
    SELECT source_ip, messages, result->>'domain', '', ''
    FROM mine, jsonb_array_elements(spf) AS result WHERE result->>'result' = 'pass'
)
SELECT host(source_ip), spf, dkim, selector FROM proven
GROUP BY source_ip, spf, dkim, selector ORDER BY sum(messages) DESC, 1, 2, 3, 4 LIMIT %s
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
    """One address that sent in the domain's name.

    ``class_`` says no more than the figures do: ``aligned`` when every message passed DMARC, ``failing`` when none
    did, ``unknown`` otherwise. ``name`` is that of the sender or service behind it, empty while
    nothing names it.
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
    rows = _rows(SOURCES, [domain.pk, first_day, last_day, MAXIMUM_SOURCES])
    names = _names(domain, first_day, last_day, [row[0] for row in rows])
    return [
        Source(
            source_ip=row[0],
            name=names.get(row[0], ""),
            class_=_class(int(row[1]), int(row[2])),
            messages=int(row[1]),
            dmarc_pass=int(row[2]),
            spf_aligned=int(row[3]),
            dkim_aligned=int(row[4]),
            dispositions=json.loads(row[5]),
            first_day=row[6],
            last_day=row[7],
        )
        for row in rows
    ]


def _names(domain: Domain, first_day: date, last_day: date, addresses: list[str]) -> dict[str, str]:
    """Return the names of the addresses that are known: by the address, else by what most of its messages prove."""
    catalogue = catalogue_of(domain)
    by_address = [one for one in catalogue if one.networks]
    found = {address: source_of(address, "", "", "", "", by_address) for address in addresses}
    behind = cache(lambda spf, dkim, selector: source_of("", spf, dkim, selector, "", catalogue))
    for address, *proven in _rows(EVIDENCE, [domain.pk, first_day, last_day, MAXIMUM_EVIDENCE]):
        if found.get(address) is None:
            found[address] = behind(*(text or "" for text in proven))
    return {address: sender.name for address, sender in found.items() if sender is not None}


def _class(messages: int, passed: int) -> str:
    if messages and passed == messages:
        return "aligned"
    return "failing" if messages and not passed else "unknown"


def _rows(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
