"""Adding up: the roll-ups of days that changed, made anew from the facts, and who stands behind each stream.

A change of the facts marks its day in the same transaction; the roll-up of a day is made from nothing each time, so
it is right however often it runs and wherever a process dies. Marks are only inserted and taken away: one that is
written while its day is being added up stays for the next run. Senders mark their domain in the same way when they
change. One run a domain at a time; who is known is read inside it, so nobody is judged by what was known before.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from domains.locks import lock_key
from domains.models import Domain
from domains.networks import network_of
from domains.queries import fetch_all
from domains.reports.classify import Catalogue, Judgement, PatternFacts, Stream, classify
from domains.services.report_blocks import take_back
from domains.services.report_naming import catalogue_for

DAYS = 31  # added up in one transaction
JUDGED = 2_000  # streams judged and written at once: a report may name a million addresses
PATTERNS_KEPT = 16

MARK = "INSERT INTO domains_dmarcdirtyday (domain_id, day) SELECT * FROM unnest(%s::bigint[], %s::date[])"
WAITING = "SELECT DISTINCT domain_id FROM domains_dmarcdirtyday"
LOCK = "SELECT pg_advisory_xact_lock(%s)"
MARKED = "SELECT DISTINCT domain_id FROM domains_dmarcdirtysources"
UNMARK = "DELETE FROM domains_dmarcdirtysources WHERE domain_id = %s"
TAKE = "SELECT DISTINCT day FROM domains_dmarcdirtyday WHERE domain_id = %s ORDER BY day LIMIT %s"
TAKEN = "DELETE FROM domains_dmarcdirtyday WHERE domain_id = %s AND day = ANY(%s)"

FACTS = """
SELECT r.day, r.source_ip, r.pattern_id, r.messages, r.disposition, r.dkim_aligned, r.spf_aligned, p.believed
FROM domains_dmarcreport p JOIN domains_dmarcrecord r ON r.report_id = p.id AND r.day = ANY(%(days)s)
WHERE p.domain_id = %(domain)s AND p.day = ANY(%(days)s) AND p.standing = 'counted'
"""
# Sorted by what no index gives, so that all is found before the first is kept: the cursor would look through the new
# ones for each that follows.
# Who is believed decides alone: a forged report changes no judgement that rests on better ones.
STREAMS = f"""
WITH found AS (
    SELECT source_ip, dkim_aligned, spf_aligned, bool_or(believed) AS believed,
           CASE WHEN bool_or(believed) THEN array_agg(DISTINCT pattern_id) FILTER (WHERE believed)
                ELSE array_agg(DISTINCT pattern_id) END AS patterns,
           sum(messages) AS messages, min(day) AS first_day, max(day) AS last_day
    FROM ({FACTS}) AS facts GROUP BY source_ip, dkim_aligned, spf_aligned
)
SELECT host(f.source_ip), f.dkim_aligned, f.spf_aligned, f.messages, f.patterns, s.pattern_ids, f.first_day,
    f.last_day, f.believed, coalesce(s.believed, false)
FROM found f LEFT JOIN domains_dmarcsource s ON s.domain_id = %(domain)s AND s.source_ip = f.source_ip
    AND s.dkim_aligned = f.dkim_aligned AND s.spf_aligned = f.spf_aligned
WHERE s.id IS NULL OR (f.believed AND NOT s.believed)
    OR (f.believed = s.believed AND NOT f.patterns <@ s.pattern_ids)
ORDER BY f.messages
"""  # noqa: S608 - put together from constants
KNOWN_STREAMS = """
SELECT host(source_ip), dkim_aligned, spf_aligned, 0, '{}'::uuid[], pattern_ids, first_day, last_day, false, believed
FROM domains_dmarcsource WHERE domain_id = %(domain)s
    AND (%(addresses)s::inet[] IS NULL OR source_ip = ANY(%(addresses)s::inet[]))
    AND (%(network)s::inet IS NULL OR source_ip <<= %(network)s::inet)
"""
READ_PATTERNS = """
SELECT DISTINCT ON (pattern_id) pattern_id, header_from, envelope_from, dkim::text, spf::text, reasons::text
FROM domains_authpattern WHERE pattern_id = ANY(%s)
"""
NAMES = "SELECT host(address), name, verified FROM domains_addressname WHERE address = ANY(%s::inet[])"
KEEP = """
INSERT INTO domains_dmarcsource (domain_id, source_ip, dkim_aligned, spf_aligned, kind, sender, sender_slug, evidence,
    fix, pattern_ids, believed, first_day, last_day)
SELECT %s, source_ip, dkim_aligned, spf_aligned, kind, sender, sender_slug, evidence, fix, pattern_ids, believed,
    first_day, last_day
FROM jsonb_to_recordset(%s::jsonb) AS r(source_ip inet, dkim_aligned boolean, spf_aligned boolean, kind text,
    sender text, sender_slug text, evidence jsonb, fix jsonb, pattern_ids uuid[], believed boolean,
    first_day date, last_day date)
ON CONFLICT (domain_id, source_ip, dkim_aligned, spf_aligned) DO UPDATE SET kind = excluded.kind,
    sender = excluded.sender, sender_slug = excluded.sender_slug, evidence = excluded.evidence, fix = excluded.fix,
    pattern_ids = excluded.pattern_ids, believed = excluded.believed,
    first_day = least(domains_dmarcsource.first_day, excluded.first_day),
    last_day = greatest(domains_dmarcsource.last_day, excluded.last_day)
"""
# A stream that is judged otherwise than before: its other days say so too.
RENAME = """
UPDATE domains_dmarcdaily d SET kind = s.kind, sender = s.sender
FROM domains_dmarcsource s WHERE s.domain_id = %(domain)s AND s.source_ip = ANY(%(sources)s::inet[])
    AND d.domain_id = s.domain_id AND d.source_ip = s.source_ip AND d.dkim_aligned = s.dkim_aligned
    AND d.spf_aligned = s.spf_aligned AND (d.kind, d.sender) <> (s.kind, s.sender)
RETURNING d.day
"""
CLEAR_DAILY = "DELETE FROM domains_dmarcdaily WHERE domain_id = %(domain)s AND day = ANY(%(days)s)"
# Looked up row by row on purpose: before the first ANALYZE the planner takes the tables for empty.
DAILY = f"""
INSERT INTO domains_dmarcdaily (domain_id, day, source_ip, header_from, disposition, dkim_aligned, spf_aligned,
    believed, kind, sender, messages, records)
SELECT %(domain)s, f.day, f.source_ip, coalesce(a.header_from, ''), f.disposition, f.dkim_aligned, f.spf_aligned,
    f.believed, s.kind, s.sender, sum(f.messages), sum(f.records)
FROM (
    SELECT day, source_ip, pattern_id, disposition, dkim_aligned, spf_aligned, believed, sum(messages) AS messages,
           count(*) AS records
    FROM ({FACTS}) AS facts GROUP BY 1, 2, 3, 4, 5, 6, 7
) AS f
CROSS JOIN LATERAL (
    SELECT kind, sender FROM domains_dmarcsource WHERE domain_id = %(domain)s AND source_ip = f.source_ip
        AND dkim_aligned = f.dkim_aligned AND spf_aligned = f.spf_aligned LIMIT 1
) AS s
LEFT JOIN LATERAL (
    SELECT header_from FROM domains_authpattern WHERE pattern_id = f.pattern_id
        AND month = (f.day - extract(day FROM f.day)::int + 1) LIMIT 1
) AS a ON true
GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 10
"""  # noqa: S608 - put together from constants
# Those that needed no judgement; the others were kept with their days.
SEEN = """
UPDATE domains_dmarcsource s SET first_day = least(s.first_day, f.first_day),
    last_day = greatest(s.last_day, f.last_day)
FROM (
    SELECT source_ip, dkim_aligned, spf_aligned, min(day) AS first_day, max(day) AS last_day
    FROM domains_dmarcdaily WHERE domain_id = %(domain)s AND day = ANY(%(days)s) GROUP BY 1, 2, 3
) AS f
WHERE s.domain_id = %(domain)s AND s.source_ip = f.source_ip AND s.dkim_aligned = f.dkim_aligned
    AND s.spf_aligned = f.spf_aligned AND (s.first_day > f.first_day OR s.last_day < f.last_day)
"""
WHOLE = "SET LOCAL cursor_tuple_fraction = 1"  # the plan of a cursor that is read to its end
CLEAR_DAY = "DELETE FROM domains_dmarcday WHERE domain_id = %(domain)s AND day = ANY(%(days)s)"
DAY = """
INSERT INTO domains_dmarcday (domain_id, day, kind, disposition, dkim_aligned, spf_aligned, believed, messages)
SELECT domain_id, day, kind, disposition, dkim_aligned, spf_aligned, believed, sum(messages)
FROM domains_dmarcdaily WHERE domain_id = %(domain)s AND day = ANY(%(days)s)
GROUP BY domain_id, day, kind, disposition, dkim_aligned, spf_aligned, believed
"""


@dataclass(frozen=True, slots=True)
class _Found:
    """A stream to be judged: what the days show of it, the patterns it was known by, and whether each is believed."""

    source_ip: str
    dkim_aligned: bool
    spf_aligned: bool
    messages: int
    patterns: Sequence[UUID]
    known: Sequence[UUID] | None
    first_day: date
    last_day: date
    believed: bool
    known_believed: bool

    @property
    def pattern_ids(self) -> list[UUID]:
        """The patterns of these days, then those known before, at most ``PATTERNS_KEPT``; the believed ones alone."""
        known = () if self.believed and not self.known_believed else self.known or ()
        fresh = () if self.known_believed and not self.believed else self.patterns[:PATTERNS_KEPT]
        return list(dict.fromkeys([*fresh, *known]))[:PATTERNS_KEPT]


def mark_dirty(days: Iterable[tuple[int, date]]) -> None:
    """Have these days of these domains added up again; call it inside the transaction that changes their facts."""
    pairs = sorted(set(days))
    if pairs:
        with connection.cursor() as cursor:
            cursor.execute(MARK, [[domain for domain, _day in pairs], [day for _domain, day in pairs]])


def waiting_domains() -> list[int]:
    """Return the domains of which days wait to be added up."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return sorted(row[0] for row in cursor.fetchall())


def roll_up(domain_ids: Collection[int] | None = None) -> int:
    """Add up the days that wait, of these domains or of all; returns how many days."""
    waiting = [domain_id for domain_id in waiting_domains() if domain_ids is None or domain_id in domain_ids]
    domains = Domain.objects.in_bulk(waiting)
    return sum(_roll_up_domain(domain_id, domains.get(domain_id)) for domain_id in waiting)


def judge_marked(domain_id: int | None = None) -> int:
    """Judge the sources of the domains that are marked for it, of one or of all; returns how many streams."""
    marked = [row[0] for row in fetch_all(MARKED)]
    return sum(_judge_marked(each) for each in marked if domain_id in (None, each))


@transaction.atomic
def _judge_marked(domain_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [lock_key(f"roll-up {domain_id}")])
        cursor.execute(UNMARK, [domain_id])
    return reclassify(domain_id)


def reclassify(domain_id: int, addresses: Collection[str] | None = None, network: str | None = None) -> int:
    """Judge streams of a domain again: all, those of these addresses, or those in a network; returns how many."""
    domain = Domain.objects.filter(pk=domain_id).first()
    if domain is None:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK, [lock_key(f"roll-up {domain_id}")])
        catalogue = catalogue_for(domain)
        wanted = {"domain": domain_id, "addresses": list(addresses) if addresses is not None else None}
        cursor.execute(KNOWN_STREAMS, {**wanted, "network": network})
        judged = 0
        while rows := cursor.fetchmany(JUDGED):
            found = [_Found(*row) for row in rows]
            _judge(domain, found, catalogue)
            _rename(domain_id, [one.source_ip for one in found], skip=())
            judged += len(found)
    return judged


def _roll_up_domain(domain_id: int, domain: Domain | None) -> int:
    """Add up all that waits of one domain, ``DAYS`` a transaction."""
    done = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(LOCK, [lock_key(f"roll-up {domain_id}")])
            cursor.execute(TAKE, [domain_id, DAYS])
            days = [row[0] for row in cursor.fetchall()]
            if not days:
                return done
            cursor.execute(TAKEN, [domain_id, days])
            if domain is not None:
                _add_up(domain, catalogue_for(domain), days)
        done += len(days)


def _add_up(domain: Domain, catalogue: Catalogue, days: list[date]) -> None:
    values: dict[str, Any] = {"domain": domain.pk, "days": days}
    known: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute(WHOLE)
        with connection.chunked_cursor() as streams:
            streams.execute(STREAMS, values)
            while rows := streams.fetchmany(JUDGED):
                found = [_Found(*row) for row in rows]
                _judge(domain, found, catalogue)
                known += [one.source_ip for one in found if one.known is not None]
        cursor.execute(CLEAR_DAILY, values)
        cursor.execute(DAILY, values)
        cursor.execute(SEEN, values)
        cursor.execute(CLEAR_DAY, values)
        cursor.execute(DAY, values)
    take_back(domain.pk, days)
    if known:
        _rename(domain.pk, known, skip=days)


def _judge(domain: Domain, found: Sequence[_Found], catalogue: Catalogue) -> None:
    patterns = _patterns({identity for one in found for identity in one.pattern_ids})
    names = _reverse_names([one.source_ip for one in found])
    rows = [_row(one, classify(_stream(one, patterns, names), catalogue)) for one in found]
    with connection.cursor() as cursor:
        cursor.execute(KEEP, [domain.pk, json.dumps(rows)])


def _stream(found: _Found, patterns: Mapping[UUID, PatternFacts], names: Mapping[str, tuple[str, bool]]) -> Stream:
    shown = tuple(patterns[identity] for identity in found.pattern_ids if identity in patterns)
    name, verified = names.get(found.source_ip, ("", False))
    return Stream(
        found.source_ip,
        found.dkim_aligned,
        found.spf_aligned,
        int(found.messages),
        shown,
        name,
        verified,
        network_of(found.source_ip).label,
    )


def _row(found: _Found, judgement: Judgement) -> dict[str, Any]:
    return {
        "source_ip": found.source_ip,
        "dkim_aligned": found.dkim_aligned,
        "spf_aligned": found.spf_aligned,
        "kind": judgement.kind.value,
        "sender": judgement.sender[:300],
        "sender_slug": judgement.sender_slug,
        "evidence": [one.as_json() for one in judgement.evidence],
        "fix": judgement.fix.as_json() if judgement.fix else None,
        "pattern_ids": [identity.hex for identity in found.pattern_ids],
        "believed": found.believed or found.known_believed,
        "first_day": found.first_day.isoformat(),
        "last_day": found.last_day.isoformat(),
    }


def _rename(domain_id: int, sources: list[str], skip: Collection[date]) -> None:
    """Bring the other days of these sources in line with what they are judged to be now."""
    with connection.cursor() as cursor:
        cursor.execute(RENAME, {"domain": domain_id, "sources": sources})
        days = sorted({row[0] for row in cursor.fetchall()} - set(skip))
        if days:
            values: dict[str, Any] = {"domain": domain_id, "days": days}
            cursor.execute(CLEAR_DAY, values)
            cursor.execute(DAY, values)
            take_back(domain_id, days)


def _patterns(identities: Collection[UUID]) -> dict[UUID, PatternFacts]:
    with connection.cursor() as cursor:
        cursor.execute(READ_PATTERNS, [list(identities)])
        return {
            row[0]: PatternFacts(row[1], row[2], *(tuple(json.loads(text)) for text in row[3:]))
            for row in cursor.fetchall()
        }


def _reverse_names(addresses: list[str]) -> dict[str, tuple[str, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(NAMES, [addresses])
        return {row[0]: (row[1], row[2]) for row in cursor.fetchall()}
