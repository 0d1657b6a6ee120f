"""Single records of the reports of a domain: found by filters, paged by a cursor; some three SQL queries a page.

The newest day first. The roll-ups tell which days hold what is asked for, or the heads of reports when it is a
reporter's, and the facts of those alone are looked at, so that a page costs what it shows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from domains.errors import Refused
from domains.models import AuthPattern, DmarcRecord, Domain
from domains.queries import fetch_all
from domains.reports.kinds import KINDS
from domains.reports.span import plain_address
from domains.services.report_months import month_of

DISPOSITIONS = ("none", "pass", "quarantine", "reject", "unknown")
BATCH = 2_000
FEW_DAYS = 2

# Names and patterns are looked up for what is shown alone.
RECORDS = """
SELECT r.id, r.day, host(r.source_ip), r.messages, r.disposition, r.dkim_aligned, r.spf_aligned, r.report_id,
       r.org_name, r.believed, s.kind, s.sender, a.header_from, a.envelope_from, a.dkim::text, a.spf::text,
       a.reasons::text
FROM (
    SELECT r.*, p.org_name, p.believed
    FROM domains_dmarcreport p JOIN domains_dmarcrecord r ON r.report_id = p.id AND r.day = p.day
    WHERE p.domain_id = %(domain)s AND p.standing = 'counted' AND r.domain_id = %(domain)s
        AND p.day = ANY(%(days)s) AND r.day = ANY(%(days)s){filters}
    ORDER BY r.day DESC, p.id DESC, r.id DESC LIMIT %(limit)s
) AS r
LEFT JOIN domains_dmarcsource s ON s.domain_id = r.domain_id AND s.source_ip = r.source_ip
    AND s.dkim_aligned = r.dkim_aligned AND s.spf_aligned = r.spf_aligned
LEFT JOIN domains_authpattern a ON a.pattern_id = r.pattern_id AND a.month = r.day - extract(day FROM r.day)::int + 1
ORDER BY r.day DESC, r.report_id DESC, r.id DESC
"""
# Days that wait to be added up are looked through too, whatever they hold.
DAYS = """
SELECT day, false FROM domains_dmarcday WHERE domain_id = %(domain)s AND day BETWEEN %(first)s AND %(last)s{filters}
UNION
SELECT day, true FROM domains_dmarcdirtyday WHERE domain_id = %(domain)s AND day BETWEEN %(first)s AND %(last)s
ORDER BY 1 DESC
"""
REPORTED = """
SELECT DISTINCT p.day FROM domains_dmarcreport p WHERE p.domain_id = %(domain)s AND p.standing = 'counted'
    AND p.day BETWEEN %(first)s AND %(last)s{filters}
ORDER BY 1 DESC
"""
COUNTS = """
SELECT day, sum(records)::bigint FROM domains_dmarcdaily
WHERE domain_id = %(domain)s AND day = ANY(%(days)s){filters} GROUP BY day
"""
STREAM = (
    "EXISTS (SELECT 1 FROM domains_dmarcsource s WHERE s.domain_id = r.domain_id AND s.source_ip = r.source_ip"
    " AND s.dkim_aligned = r.dkim_aligned AND s.spf_aligned = r.spf_aligned AND s.{name} = %({name})s)"
)
# The addresses of a sender that is seldom are found by an index, not by looking through all.
SUMMED = {
    "source": "source_ip = %(source)s::inet",
    "sender": "sender = %(sender)s AND source_ip IN (SELECT source_ip FROM domains_dmarcsource"
    " WHERE domain_id = %(domain)s AND sender = %(sender)s)",
}
SUMMED_BY_DAY = {
    "kind": "kind = %(kind)s",
    "disposition": "disposition = %(disposition)s",
    "spf": "spf_aligned = %(spf)s",
    "dkim": "dkim_aligned = %(dkim)s",
    "passed": "(spf_aligned OR dkim_aligned) = %(passed)s",
    "held": "(disposition IN ('quarantine', 'reject')) = %(held)s",
}
FILTERS = {
    "source": "r.source_ip = %(source)s::inet",
    "kind": STREAM.format(name="kind"),
    "sender": STREAM.format(name="sender"),
    "disposition": "r.disposition = %(disposition)s",
    "spf": "r.spf_aligned = %(spf)s",
    "dkim": "r.dkim_aligned = %(dkim)s",
    "passed": "(r.spf_aligned OR r.dkim_aligned) = %(passed)s",
    "held": "(r.disposition IN ('quarantine', 'reject')) = %(held)s",
    "after": "(r.day, p.id, r.id) < (%(after_day)s, %(after_report)s, %(after_id)s)",
}
REPORT_FILTERS = {
    "reporter": "p.org_name = %(reporter)s",
    "report": "p.id = %(report)s",
}


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """What records are wanted; None asks for all."""

    first_day: date
    last_day: date
    source: str | None = None
    kind: str | None = None
    sender: str | None = None
    disposition: str | None = None
    spf: bool | None = None
    dkim: bool | None = None
    reporter: str | None = None
    report: int | None = None
    passed: bool | None = None  # DMARC: by SPF or DKIM
    held: bool | None = None  # put into junk or refused


@dataclass(frozen=True, slots=True)
class Record:
    """One record as people see it; the last three are JSON texts."""

    id: int
    day: date
    source_ip: str
    messages: int
    disposition: str
    dkim_aligned: bool
    spf_aligned: bool
    report: int
    reporter: str
    believed: bool
    kind: str | None
    sender: str | None
    header_from: str | None
    envelope_from: str | None
    dkim: str | None
    spf: str | None
    reasons: str | None

    @property
    def cursor(self) -> str:
        """Where the next page begins after this record."""
        return f"{self.day:%Y%m%d}-{self.report}-{self.id}"


def records_page(domain: Domain, query: RecordQuery, limit: int, cursor: str = "") -> tuple[list[Record], str]:
    """Return a page of records and where the next one begins, empty at the end; raises Refused."""
    found = _read(domain, query, limit + 1, cursor)
    return found[:limit], found[limit - 1].cursor if len(found) > limit else ""


def all_records(domain: Domain, query: RecordQuery) -> Iterator[Record]:
    """Yield every record, a batch a query."""
    cursor = ""
    while True:
        found, cursor = records_page(domain, query, BATCH, cursor)
        yield from found
        if not cursor:
            return


def checked(query: RecordQuery) -> RecordQuery:
    """Return the query; raises Refused for a word or an address that cannot be."""
    if query.source is not None:
        try:
            plain_address(query.source)
        except ValueError as error:
            raise Refused({"source": _("This is not an address.")}) from error
    for field, value, allowed in (
        ("kind", query.kind, KINDS),
        ("disposition", query.disposition, DISPOSITIONS),
    ):
        if value is not None and value not in allowed:
            raise Refused({field: _("Allowed are %(words)s.") % {"words": ", ".join(allowed)}})
    return query


def _read(domain: Domain, query: RecordQuery, limit: int, cursor: str) -> list[Record]:
    checked(query)
    values: dict[str, Any] = {field.name: getattr(query, field.name) for field in fields(query)}
    values |= {"domain": domain.pk, "first": query.first_day, "last": query.last_day, "limit": limit}
    if cursor:
        values |= _after(cursor)
        values["last"] = min(values["last"], values["after_day"])
    statement = RECORDS.format(filters=_wanted(values, FILTERS | REPORT_FILTERS))
    found: list[Record] = []
    for days in _days(values, limit):
        rows = fetch_all(statement, values | {"days": days, "limit": limit - len(found)})
        found += [Record(*row) for row in rows]
        if len(found) >= limit:
            break
    return found


def _wanted(values: dict[str, Any], texts: Mapping[str, str]) -> str:
    return "".join(f" AND {text}" for name, text in texts.items() if values.get(name) is not None)


def _days(values: dict[str, Any], limit: int) -> Iterator[list[date]]:
    """Yield the days to look through, the newest first."""
    if values["reporter"] is None and values["report"] is None:
        yield _days_with(values, limit)
    else:
        rows = fetch_all(REPORTED.format(filters=_wanted(values, REPORT_FILTERS)), values)
        yield from _growing([row[0] for row in rows])


def _days_with(values: dict[str, Any], limit: int) -> list[date]:
    """Return the newest days that hold so many records, by the roll-ups; with a cursor those from its day on back."""
    rows = fetch_all(DAYS.format(filters=_wanted(values, SUMMED_BY_DAY)), values)
    waiting = {day for day, waits in rows if waits}
    counts = COUNTS.format(filters=_wanted(values, SUMMED | SUMMED_BY_DAY))
    days: list[date] = []
    found = 0
    for some in _growing(list(dict.fromkeys(day for day, _waits in rows))):
        held: dict[date, int] = dict(fetch_all(counts, values | {"days": some}))
        for day in some:
            if day in held or day in waiting:
                days.append(day)
            found += 0 if day == values.get("after_day") else held.get(day, 0)
            if found >= limit:
                return days
    return days


def _growing(days: Sequence[date]) -> Iterator[list[date]]:
    """Yield the days in their order: few, then ever more, for what is asked for is mostly near."""
    begin, count = 0, FEW_DAYS
    while begin < len(days):
        yield list(days[begin : begin + count])
        begin, count = begin + count, count * 4


def _after(cursor: str) -> dict[str, Any]:
    try:
        day, report, identifier = cursor.split("-")
        after_day = date(int(day[:4]), int(day[4:6]), int(day[6:8]))
        numbers = {"after_report": int(report), "after_id": int(identifier)}
        if max(numbers.values()) >= 2**63:
            raise ValueError
    except ValueError as error:
        raise Refused({"cursor": _("This cursor was not given out here.")}) from error
    return {"after": True, "after_day": after_day, **numbers}


def add_patterns(records: Sequence[DmarcRecord], day: date) -> None:
    """Give each of these records of one day its ``pattern``; one query."""
    wanted = {record.pattern_id for record in records}
    found = AuthPattern.objects.filter(pattern_id__in=wanted, month=month_of(day))
    patterns = {pattern.pattern_id: pattern for pattern in found}
    for record in records:
        record.pattern = patterns.get(record.pattern_id)
