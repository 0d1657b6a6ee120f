"""Writing reports: heads, patterns and facts of many reports in one transaction, each report once (decision 0019).

A report is known by (domain, org_name, report_id, period). The same content again, by any road and from anybody, is
*known*. Different content replaces what counts only when an administrator brings it, or the same authenticated
submitter, or an authenticated one where the stored report was not; the old one is kept, uncounted. Anything else is
stored as disputed and does not count either.
Invariants: advisory locks by identity, taken in order, make "once" true however many arrive together; a day is marked
for its roll-up in the transaction that changes it.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from typing import IO, Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from domains.dmarc.report import MAXIMUM_MESSAGES, AuthPattern, BadReport, Outcome, ReportHead, ReportRow
from domains.failpoints import fail_point
from domains.locks import lock_key
from domains.models import DmarcReport, Domain, ReportStanding
from domains.services.report_months import ensure_months, month_of
from domains.services.report_rollup import mark_dirty

SPILL_OCTETS = 4 * 1024 * 1024
CHUNK = 256 * 1024
ROWS = 5_000
OUTCOMES = 100_000
TRUSTED_ROADS = ("upload", "api", "folder", "command")

COPY = """
COPY domains_dmarcrecord
    (day, domain_id, report_id, source_ip, messages, pattern_id, disposition, dkim_aligned, spf_aligned) FROM STDIN
"""
PATTERNS = """
INSERT INTO domains_authpattern (month, pattern_id, header_from, envelope_from, envelope_to, dkim, spf, reasons)
SELECT month, pattern_id, header_from, envelope_from, envelope_to, dkim, spf, reasons
FROM jsonb_to_recordset(%s::jsonb) AS r(month date, pattern_id uuid, header_from text, envelope_from text,
    envelope_to text, dkim jsonb, spf jsonb, reasons jsonb)
ON CONFLICT (pattern_id, month) DO NOTHING
"""
HEADS = """
INSERT INTO domains_dmarcreport (domain_id, road, standing, submitter, authenticated, believed, org_name, org_email,
    report_id, begin_at, end_at, day, schema, policy, digest, records_count, messages_count, received_at, trace_id)
SELECT domain_id, road, standing, submitter, authenticated, believed, org_name, org_email,
    report_id, begin_at, end_at, day, schema, policy, decode(digest, 'hex'), records_count, messages_count,
    received_at, trace_id
FROM ROWS FROM (jsonb_to_recordset(%s::jsonb) AS (domain_id bigint, road text, standing text, submitter text,
    authenticated boolean, believed boolean, org_name text, org_email text, report_id text, begin_at timestamptz,
    end_at timestamptz, day date, schema text, policy jsonb, digest text, records_count int, messages_count bigint,
    received_at timestamptz, trace_id text)) WITH ORDINALITY ORDER BY ordinality RETURNING id
"""
_AS_THEY_ARE = (
    *("domain_id", "road", "standing", "submitter", "authenticated", "believed", "org_name", "org_email"),
    *("report_id", "schema", "policy", "records_count", "messages_count", "trace_id"),
)
LOCK = "SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key"


class Content:
    """The rows of one report, ready to be stored: their lines, patterns and digest, never all in memory."""

    def __init__(self, rows: Iterable[ReportRow], identity: str) -> None:
        self.patterns: dict[UUID, AuthPattern] = {}
        self.records = self.messages = 0
        self._tails: dict[int, str] = {}
        self._outcomes: list[Outcome] = []  # kept, so that no other object gets an id that is known
        self._digest = sha256(identity.encode("utf-8", "replace"))
        self._lines: IO[bytes] = tempfile.SpooledTemporaryFile(SPILL_OCTETS)  # noqa: SIM115 - closed by ``close``
        iterator = iter(rows)
        while batch := list(islice(iterator, ROWS)):
            self._write(batch)
        self.digest = self._digest.digest()

    def _write(self, batch: Sequence[ReportRow]) -> None:
        tails, buffer = self._tails, []
        for address, count, outcome in batch:
            tail = tails.get(id(outcome)) or self._tail(outcome)
            buffer.append(f"{address}\t{count}{tail}")
            self.messages += count
        if self.messages > MAXIMUM_MESSAGES:
            raise BadReport("The report counts more messages than can be.")
        self.records += len(batch)
        octets = "".join(buffer).encode()
        self._digest.update(octets)
        self._lines.write(octets)

    def _tail(self, outcome: Outcome) -> str:
        """Return how the lines of an outcome end."""
        identity, tail = _line_end(outcome)
        self.patterns[identity] = outcome.pattern
        if len(self._outcomes) < OUTCOMES:
            self._outcomes.append(outcome)
            self._tails[id(outcome)] = tail
        return tail

    def lines(self, head: str) -> Iterator[bytes]:
        """Yield the lines of COPY, each beginning with ``head``."""
        if not self.records:
            return
        self._lines.seek(0)
        start = head.encode()
        yield start
        while chunk := self._lines.read(CHUNK):
            last = self._lines.tell() == self._end
            body = chunk[:-1] if last else chunk
            yield body.replace(b"\n", b"\n" + start) + (b"\n" if last else b"")

    @property
    def _end(self) -> int:
        place = self._lines.tell()
        end = self._lines.seek(0, 2)
        self._lines.seek(place)
        return end

    def close(self) -> None:
        """Give back what the lines take."""
        self._lines.close()


@dataclass(slots=True)
class Incoming:
    """One report on its way into the store: what it says, on which domain of ours, and who brings it."""

    report: ReportHead
    content: Content
    domain: Domain
    road: str
    submitter: str = ""
    authenticated: bool = False
    trace_id: str = ""
    by_administrator: bool = False
    patterns_written: bool = False

    @property
    def identity(self) -> tuple[Any, ...]:
        """What a report is known by."""
        said = self.report
        return (self.domain.pk, said.org_name, said.report_id, said.begin, said.end)

    @property
    def day(self) -> date:
        """The day of the period's middle: a report of another time zone's day counts where most of it lies."""
        return (self.report.begin + (self.report.end - self.report.begin) / 2).date()


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one report: its row, and whether it is new; ``replaced`` is the one that counted before."""

    report: DmarcReport
    created: bool
    replaced: DmarcReport | None = None


def content_of(head: ReportHead, rows: Iterable[ReportRow]) -> Content:
    """Return what a report says, ready to be stored; raises BadReport as the rows do."""
    return Content(rows, json.dumps([head.domain, head.policy, head.org_email], sort_keys=True))


@lru_cache(maxsize=20_000)
def _line_end(outcome: Outcome) -> tuple[UUID, str]:
    """Return the name of the outcome's pattern, and how the lines of the outcome end."""
    identity = pattern_id(outcome.pattern)
    dkim, spf = "t" if outcome.dkim == "pass" else "f", "t" if outcome.spf == "pass" else "f"
    return identity, f"\t{identity.hex}\t{outcome.disposition}\t{dkim}\t{spf}\n"


def pattern_id(pattern: AuthPattern) -> UUID:
    """Return the name of a pattern: equal ones have the same in every process and every month."""
    return UUID(bytes=pattern.digest[:16])


def store_all(batch: Sequence[Incoming]) -> list[Stored]:
    """Store these reports in the caller's transaction; returns what became of each, in their order."""
    ensure_months(incoming.day for incoming in batch)
    _lock(batch)
    counted, others = _stored_before(batch)
    results: list[Stored] = []
    fresh: list[tuple[DmarcReport, Incoming]] = []
    replaced: list[DmarcReport] = []
    for incoming in batch:
        before = counted.get(incoming.identity)
        same = _same([before, *others.get(incoming.identity, [])], incoming)
        if same is not None:
            _believe(same, incoming)
            results.append(Stored(same, created=False))
            continue
        head = _head(incoming)
        if before is None or _may_replace(before, incoming):
            counted[incoming.identity] = head
            if before is not None:
                before.standing = ReportStanding.REPLACED
                replaced.append(before)
                others.setdefault(incoming.identity, []).append(before)
        else:
            head.standing = ReportStanding.DISPUTED
            others.setdefault(incoming.identity, []).append(head)
        fresh.append((head, incoming))
        results.append(Stored(head, created=True, replaced=before if head.standing != "disputed" else None))
    _write(fresh, replaced)
    return results


def _lock(batch: Sequence[Incoming]) -> None:
    """Wait for whoever stores one of these reports now; freed with the transaction."""
    keys = sorted({lock_key(f"report {incoming.identity!r}") for incoming in batch})
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [keys])


def _stored_before(
    batch: Sequence[Incoming],
) -> tuple[dict[tuple[Any, ...], DmarcReport], dict[tuple[Any, ...], list[DmarcReport]]]:
    """Return what is stored under these identities: the ones that count, and the others."""
    known = DmarcReport.objects.filter(
        domain__in={incoming.domain.pk for incoming in batch},
        org_name__in={incoming.report.org_name for incoming in batch},
        report_id__in={incoming.report.report_id for incoming in batch},
    ).order_by("id")
    counted: dict[tuple[Any, ...], DmarcReport] = {}
    others: dict[tuple[Any, ...], list[DmarcReport]] = {}
    for row in known:
        identity = (row.domain_id, row.org_name, row.report_id, row.begin_at, row.end_at)
        if row.standing == ReportStanding.COUNTED:
            counted[identity] = row
        else:
            others.setdefault(identity, []).append(row)
    return counted, others


def _same(stored: Sequence[DmarcReport | None], incoming: Incoming) -> DmarcReport | None:
    """Return the stored report of the same content, the one that counts first."""
    content = incoming.content
    for known in stored:
        if known is None:
            continue
        digest = bytes(known.digest)
        counts = (known.records_count, known.messages_count) == (content.records, content.messages)
        if digest == content.digest or (not digest and counts):
            return known
    return None


def _believe(known: DmarcReport, incoming: Incoming) -> None:
    """Believe a stored report when the same content came again from one who is believed."""
    changed = []
    if incoming.authenticated and not known.authenticated:
        known.submitter, known.authenticated = incoming.submitter, True
        changed += ["submitter", "authenticated"]
    if _believed(incoming) and not known.believed:
        known.believed = True
        changed.append("believed")
        mark_dirty([(known.domain_id, known.day)])
    if changed and known.pk is not None:
        known.save(update_fields=changed)


def _believed(incoming: Incoming) -> bool:
    return incoming.authenticated or incoming.by_administrator or incoming.road in TRUSTED_ROADS


def _may_replace(known: DmarcReport, incoming: Incoming) -> bool:
    if incoming.by_administrator or incoming.road in TRUSTED_ROADS:
        return True
    return incoming.authenticated and (not known.believed or known.submitter == incoming.submitter)


def _head(incoming: Incoming) -> DmarcReport:
    said, content = incoming.report, incoming.content
    return DmarcReport(
        domain=incoming.domain,
        road=incoming.road,
        submitter=incoming.submitter,
        authenticated=incoming.authenticated,
        believed=_believed(incoming),
        org_name=said.org_name,
        org_email=said.org_email,
        report_id=said.report_id,
        begin_at=said.begin,
        end_at=said.end,
        day=incoming.day,
        schema=said.schema,
        policy={"domain": said.domain, **said.policy},
        digest=content.digest,
        records_count=content.records,
        messages_count=content.messages,
        received_at=timezone.now(),
        trace_id=incoming.trace_id,
    )


def _write(fresh: Sequence[tuple[DmarcReport, Incoming]], replaced: Sequence[DmarcReport]) -> None:
    if not fresh:
        return
    stored_before = [row.pk for row in replaced if row.pk is not None]
    DmarcReport.objects.filter(pk__in=stored_before).update(standing=ReportStanding.REPLACED)
    _insert([head for head, _incoming in fresh])
    write_patterns([incoming for _head, incoming in fresh if not incoming.patterns_written])
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for head, incoming in fresh:
            for octets in incoming.content.lines(f"{head.day}\t{head.domain_id}\t{head.pk}\t"):
                copy.write(octets)
    mark_dirty({(head.domain_id, head.day) for head, _incoming in fresh})
    fail_point("report.before-commit")


def _insert(heads: Sequence[DmarcReport]) -> None:
    """Store new heads by one statement and give them their ids; the ORM takes three times as long to write it."""
    with connection.cursor() as cursor:
        cursor.execute(HEADS, [json.dumps([_head_row(head) for head in heads])])
        for head, (identifier,) in zip(heads, cursor.fetchall(), strict=True):
            head.pk = identifier


def _head_row(head: DmarcReport) -> dict[str, Any]:
    values = vars(head)
    return {name: values[name] for name in _AS_THEY_ARE} | {
        "begin_at": head.begin_at.isoformat(),
        "end_at": head.end_at.isoformat(),
        "day": head.day.isoformat(),
        "digest": head.digest.hex(),
        "received_at": head.received_at.isoformat(),
    }


def write_patterns(batch: Sequence[Incoming], known: set[tuple[date, UUID]] | None = None) -> None:
    """Write the patterns that are new in their month, in order; those in ``known`` are there, what is written joins.

    Outside a transaction they are there at once: two processes that store much then never wait for each other's
    commit. Those of a report that is not stored in the end harm nobody.
    """
    found: dict[tuple[date, UUID], AuthPattern] = {}
    for incoming in batch:
        month = month_of(incoming.day)
        found |= {(month, identity): pattern for identity, pattern in incoming.content.patterns.items()}
        incoming.patterns_written = True
    wanted = sorted(found.keys() - known if known else found)
    if wanted:
        rows = [_pattern_row(month, identity, found[month, identity]) for month, identity in wanted]
        with connection.cursor() as cursor:
            cursor.execute(PATTERNS, [json.dumps(rows)])
    if known is not None:
        known.update(wanted)


def _pattern_row(month: date, identity: UUID, pattern: AuthPattern) -> dict[str, Any]:
    return {
        "month": month.isoformat(),
        "pattern_id": identity.hex,
        "header_from": pattern.header_from,
        "envelope_from": pattern.envelope_from,
        "envelope_to": pattern.envelope_to,
        "dkim": [
            {"domain": r.domain, "selector": r.selector, "result": r.result, "human_result": r.human_result}
            for r in pattern.dkim_results
        ],
        "spf": [
            {"domain": r.domain, "scope": r.scope, "result": r.result, "human_result": r.human_result}
            for r in pattern.spf_results
        ],
        "reasons": [{"type": r.type, "comment": r.comment} for r in pattern.reasons],
    }
