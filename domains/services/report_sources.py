"""Who sends in a domain's name, by the roll-ups: by sender, by address, what is new.

One SQL query each, and before those over many addresses one that tells which blocks of days to read.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from domains.models import DmarcSource, Domain
from domains.queries import fetch_all
from domains.services.report_blocks import sums_of

MAXIMUM_SENDERS = 500
MAXIMUM_ADDRESSES = 10_000
NEW = 20

# Those of a class that nothing names stand together, by their address when there is only one.
# In two steps: to count addresses while adding up would sort every row.
SENDERS = """
WITH one AS (
    SELECT kind, sender, source_ip, sum(messages) AS messages, sum(passed) AS passed, sum(spf) AS spf,
           sum(dkim) AS dkim, coalesce(sum(with_quarantine), 0) + coalesce(sum(with_reject), 0) AS held,
           min(first_day) AS first_day, max(last_day) AS last_day
    FROM ({sums}) AS sums GROUP BY kind, sender, source_ip
)
SELECT kind, sender, CASE WHEN sender = '' AND count(*) = 1 THEN host(min(source_ip)) ELSE '' END,
       sum(messages)::bigint, sum(passed)::bigint, sum(spf)::bigint, sum(dkim)::bigint, sum(held)::bigint, count(*),
       min(first_day), max(last_day)
FROM one GROUP BY kind, sender ORDER BY array_position(%(urgency)s::text[], kind::text), 4 DESC, 2 LIMIT %(limit)s
"""
ADDRESSES = """
SELECT host(source_ip), kind, sender, sum(messages)::bigint, sum(passed)::bigint, sum(spf)::bigint,
       sum(dkim)::bigint, (coalesce(sum(with_quarantine), 0) + coalesce(sum(with_reject), 0))::bigint,
       min(first_day), max(last_day)
FROM ({sums}) AS sums
WHERE (%(kind)s = '' OR kind = %(kind)s) AND (%(sender)s::text IS NULL OR sender = %(sender)s)
GROUP BY source_ip, kind, sender ORDER BY 4 DESC, source_ip LIMIT %(limit)s
"""
FRESH = """
SELECT host(s.source_ip), s.kind, s.sender, s.first_day,
       (SELECT coalesce(sum(messages), 0)::bigint FROM domains_dmarcdaily d WHERE d.domain_id = s.domain_id
        AND d.source_ip = s.source_ip AND d.dkim_aligned = s.dkim_aligned AND d.spf_aligned = s.spf_aligned
        AND d.day >= %(since)s) AS messages
FROM domains_dmarcsource s
WHERE s.domain_id = %(domain)s AND s.first_day >= %(since)s AND NOT EXISTS (
    SELECT 1 FROM domains_dmarcsource o WHERE o.domain_id = s.domain_id AND o.source_ip = s.source_ip
    AND o.first_day < %(since)s)
ORDER BY messages DESC, s.source_ip LIMIT %(limit)s
"""
STREAMS = """
SELECT s.id, coalesce(sum(d.messages), 0) FROM domains_dmarcsource s
LEFT JOIN domains_dmarcdaily d ON d.domain_id = s.domain_id AND d.source_ip = s.source_ip
    AND d.dkim_aligned = s.dkim_aligned AND d.spf_aligned = s.spf_aligned AND d.day BETWEEN %s AND %s
WHERE s.domain_id = %s AND s.source_ip = %s::inet GROUP BY s.id
"""
DAYS = """
SELECT day, kind, disposition, dkim_aligned, spf_aligned, believed, sum(messages) FROM domains_dmarcdaily
WHERE domain_id = %s AND source_ip = %s::inet AND day BETWEEN %s AND %s
GROUP BY day, kind, disposition, dkim_aligned, spf_aligned, believed
"""
# The class and the name of most of an address's messages stand for it.
SOURCES = """
WITH part AS (
    SELECT source_ip, kind, sender, sum(messages) AS messages, sum(passed) AS passed, sum(spf) AS spf,
           sum(dkim) AS dkim, sum(with_none) AS with_none, sum(with_pass) AS with_pass,
           sum(with_quarantine) AS with_quarantine, sum(with_reject) AS with_reject,
           sum(with_unknown) AS with_unknown, min(first_day) AS first_day, max(last_day) AS last_day
    FROM ({sums}) AS sums GROUP BY source_ip, kind, sender
)
SELECT host(source_ip), (array_agg(sender ORDER BY messages DESC, sender))[1],
       (array_agg(kind ORDER BY messages DESC, kind))[1], sum(messages), sum(passed), sum(spf), sum(dkim),
       ARRAY[sum(with_none), sum(with_pass), sum(with_quarantine), sum(with_reject), sum(with_unknown)]::bigint[],
       min(first_day), max(last_day)
FROM part GROUP BY source_ip ORDER BY sum(messages) DESC, source_ip LIMIT %(limit)s
"""
DISPOSITIONS = ("none", "pass", "quarantine", "reject", "unknown")  # in the order of SOURCES
URGENCY = ("service-misaligned", "impostor", "unknown", "forwarder", "service-aligned", "own")


@dataclass(frozen=True, slots=True)
class SenderLine:
    """One sender, or all of a class that nothing names: ``address`` is theirs when it is only one."""

    kind: str
    sender: str
    address: str
    messages: int
    passed: int
    spf: int
    dkim: int
    held: int  # put into junk or refused
    addresses: int
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class AddressLine:
    """One address, as far as it is of one class and sender."""

    address: str
    kind: str
    sender: str
    messages: int
    passed: int
    spf: int
    dkim: int
    held: int
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class FreshSource:
    """An address that was never seen before."""

    address: str
    kind: str
    sender: str
    first_day: date
    messages: int


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


def senders_in_reports(domain: Domain, first_day: date, last_day: date) -> list[SenderLine]:
    """Return who sent on these days, what its owner can mend first; at most ``MAXIMUM_SENDERS``."""
    sums, values = sums_of(domain.pk, first_day, last_day)
    values |= {"urgency": list(URGENCY), "limit": MAXIMUM_SENDERS}
    return [SenderLine(*row) for row in fetch_all(SENDERS.format(sums=sums), values)]


def addresses_in_reports(
    domain: Domain, first_day: date, last_day: date, kind: str = "", sender: str | None = None
) -> list[AddressLine]:
    """Return the addresses of a class, of a sender, or all, most messages first; at most ``MAXIMUM_ADDRESSES``."""
    sums, values = sums_of(domain.pk, first_day, last_day)
    values |= {"kind": kind, "sender": sender, "limit": MAXIMUM_ADDRESSES}
    return [AddressLine(*row) for row in fetch_all(ADDRESSES.format(sums=sums), values)]


def fresh_sources(domain: Domain, since: date) -> list[FreshSource]:
    """Return the addresses first seen since that day, most messages first."""
    return [FreshSource(*row) for row in fetch_all(FRESH, {"domain": domain.pk, "since": since, "limit": NEW})]


def streams_of(domain: Domain, address: str, first_day: date, last_day: date) -> list[tuple[DmarcSource, int]]:
    """Return the streams of one address with their messages on these days; empty when it was never seen."""
    counts = dict(fetch_all(STREAMS, [first_day, last_day, domain.pk, address]))
    rows = DmarcSource.objects.filter(pk__in=counts)
    return sorted(((row, int(counts[row.pk])) for row in rows), key=lambda pair: -pair[1])


def days_of_source(domain: Domain, address: str, first_day: date, last_day: date) -> list[tuple[Any, ...]]:
    """Return what one address sent by day, as ``report_volume.counted`` takes it."""
    return fetch_all(DAYS, [domain.pk, address, first_day, last_day])


def sources_of(domain: Domain, first_day: date, last_day: date) -> list[Source]:
    """Return the sources of these days, most messages first, at most ``MAXIMUM_ADDRESSES``."""
    sums, values = sums_of(domain.pk, first_day, last_day)
    return [
        Source(
            source_ip=row[0],
            name=row[1],
            class_=row[2],
            messages=int(row[3]),
            dmarc_pass=int(row[4]),
            spf_aligned=int(row[5]),
            dkim_aligned=int(row[6]),
            dispositions={name: count for name, count in zip(DISPOSITIONS, row[7], strict=True) if count is not None},
            first_day=row[8],
            last_day=row[9],
        )
        for row in fetch_all(SOURCES.format(sums=sums), values | {"limit": MAXIMUM_ADDRESSES})
    ]
