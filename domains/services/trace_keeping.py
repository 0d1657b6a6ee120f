"""How long traces are kept, by setting: days made and dropped, persons taken out of old days, one address forgotten.

A day is redacted once, when all of it is old enough: its rows are changed (``domains.redaction``), then its tables
are rewritten with their indexes, so that nothing of it stays in a page or as a key. Which tables are to be
rewritten is written down before their rows are changed, and crossed out afterwards: a table that is being read
then, or a process that dies, only puts it off to the next run. What is added to a day later, as the last attempt of
the queue, is redacted by the next run and its old pages are left to autovacuum. With 0 days the expansion redacts
at once, after the packages above were told, and the rewriting follows when the day is over, as it does for an
address that is forgotten. Backups keep what they hold.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import Forbidden, Refused
from domains.identifiers import identifier_at
from domains.models import Domain, Trace, TraceKeeping
from domains.redaction import kept_terms, redact_address, redact_client, redact_text, redact_value
from domains.services import trace_days
from domains.trace_terms import address_term, findable, trace_terms

log = logging.getLogger(__name__)

MOST_DAYS = 3650
BATCH = 500
HEAD_TABLE = "domains_trace"
LATE = timedelta(days=8)  # longer than a message may wait in the queue

HEADS = """
SELECT id, mail_from, recipients, host(client_address), terms FROM domains_trace
WHERE id = ANY(%s) FOR UPDATE
"""
HEADS_UPDATE = """
UPDATE domains_trace t SET mail_from = r.mail_from, recipients = r.recipients, terms = r.terms,
    client_address = r.client_address::inet
FROM jsonb_to_recordset(%s::jsonb) AS r(id text, mail_from text, recipients text[], client_address text, terms text[])
WHERE t.id = r.id
"""
EVENTS = "SELECT trace_id, id, reason, detail::text, dns <> '[]' FROM domains_traceevent WHERE trace_id = ANY(%s)"
EVENTS_UPDATE = """
UPDATE domains_traceevent e SET reason = r.reason, detail = r.detail, dns = '[]'
FROM jsonb_to_recordset(%s::jsonb) AS r(trace_id text, id bigint, reason text, detail jsonb)
WHERE e.trace_id = r.trace_id AND e.id = r.id
"""
DUE = """
SELECT id FROM domains_trace WHERE id > %s AND id < %s AND pending_events IS NULL ORDER BY id LIMIT %s
"""
LATER = """
SELECT DISTINCT trace_id FROM domains_traceevent WHERE trace_id >= %s AND trace_id < %s AND at > %s
"""
FORGET = """
WITH gone AS (
    DELETE FROM domains_trace WHERE id IN (SELECT id FROM domains_trace WHERE terms @> %s::text[] LIMIT %s)
    RETURNING id, tableoid::regclass::text AS name
), events AS (DELETE FROM domains_traceevent USING gone WHERE trace_id = gone.id)
SELECT count(*), coalesce(array_agg(DISTINCT name), '{}') FROM gone
"""


def keeping() -> TraceKeeping:
    """Return what holds; its row is made when something is first set."""
    return TraceKeeping.objects.first() or TraceKeeping()


@transaction.atomic
def change_keeping(act: Act, head_days: int, event_days: int, redact_days: int | None) -> TraceKeeping:
    """Set how long heads and events are kept and when they are redacted; superadministrators only."""
    _require_superadmin(act)
    for field, days in (("head_days", head_days), ("event_days", event_days)):
        if not 1 <= days <= MOST_DAYS:
            raise Refused({field: _("From 1 to %(most)d days.") % {"most": MOST_DAYS}})
    if event_days > head_days:
        raise Refused({"event_days": _("Details cannot outlive their message.")})
    if redact_days is not None and not 0 <= redact_days <= MOST_DAYS:
        raise Refused({"redact_days": _("From 0 to %(most)d days.") % {"most": MOST_DAYS}})
    row, _made = TraceKeeping.objects.select_for_update().get_or_create(id=1)
    wanted = {"head_days": head_days, "event_days": event_days, "redact_days": redact_days}
    changes = {name: [getattr(row, name), value] for name, value in wanted.items() if getattr(row, name) != value}
    if changes:
        for name, value in wanted.items():
            setattr(row, name, value)
        row.save()
        record(act, "trace.keeping", "installation", "", "", changes)
    return row


def forget_address(act: Act, address: str) -> int:
    """Remove every trace that has to do with an address, whole; returns how many. The record does not name it."""
    _require_superadmin(act)
    name = findable(address.strip().lower())
    domain = name.rpartition("@")[2]
    if not name.rpartition("@")[0] or "\0" in name:
        raise Refused({"address": _("An address such as alice@example.org is expected.")})
    removed, count = 0, BATCH
    while count == BATCH:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(FORGET, [[address_term(name)], BATCH])
            count, tables = cursor.fetchone()
            if tables:
                _note(name.replace(HEAD_TABLE, table, 1) for name in tables for table in trace_days.TABLES)
        removed += count
    with transaction.atomic():
        record(act, "trace.forget", "installation", "", "", {"domain": domain, "removed": removed})
    return removed


def _require_superadmin(act: Act) -> None:
    if not act.is_superadmin:
        raise Forbidden(_("Only a superadministrator sets how long traces are kept."))


def keep_traces(now: datetime | None = None) -> None:
    """Make the days ahead, drop those past their time, redact those old enough."""
    now = now or datetime.now(UTC)
    kept = keeping()
    trace_days.make_days(now)
    days = {"domains_trace": kept.head_days, "domains_traceevent": kept.event_days}
    for table, count in days.items():
        trace_days.remove_old_days(table, now.date() - timedelta(days=count))
    if kept.redact_days is not None:
        redact_old(kept, now)
    rewrite_noted(now.date())


def redact_old(kept: TraceKeeping, now: datetime) -> None:
    """Redact the days that are old enough, and what was added since the last run to those redacted before."""
    assert kept.redact_days is not None
    ours = our_domains()
    if kept.redacted_until is not None and kept.redacted_at is not None:
        high = _bound(kept.redacted_until)
        low = _bound(kept.redacted_until - LATE)
        for identifiers in _pages(LATER, [low, high, kept.redacted_at - timedelta(hours=1)]):
            redact(identifiers, ours)
    end = now.date() - timedelta(days=kept.redact_days)
    begin = kept.redacted_until
    if (begin is None or begin < end) and not _unexpanded(end):
        days = {(table, day) for table in trace_days.TABLES for day in trace_days.days_of(table)}
        due = [(table, day) for table, day in days if (begin is None or begin <= day) and day < end]
        _note([trace_days.partition_name(*one) for one in due] + [f"{table}_default" for table in trace_days.TABLES])
        _redact_between(_bound(begin) if begin else "", _bound(end), ours)
        kept.redacted_until = end
    kept.redacted_at = now
    TraceKeeping.objects.filter(pk=1).update(redacted_until=kept.redacted_until, redacted_at=now)


def _unexpanded(end: date) -> bool:
    """True while traces before a day still wait to be expanded: the packages above are told of whole ones first."""
    return Trace.objects.filter(pk__lt=_bound(end), pending_events__isnull=False).exists()


def our_domains() -> frozenset[str]:
    """Return the domains whose addresses stay: all of ours, and the host's."""
    return frozenset([*Domain.objects.values_list("name", flat=True), settings.MAILADMIN.hostname])


def _bound(day: date) -> str:
    return identifier_at(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _redact_between(low: str, high: str, ours: frozenset[str]) -> None:
    """Redact the expanded traces of a span, a batch a transaction."""
    after = low
    while True:
        with connection.cursor() as cursor:
            cursor.execute(DUE, [after, high, BATCH])
            identifiers = [row[0] for row in cursor.fetchall()]
        if not identifiers:
            return
        redact(identifiers, ours)
        after = identifiers[-1]


def _pages(statement: str, values: list[Any]) -> Iterator[list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        identifiers = [row[0] for row in cursor.fetchall()]
    for place in range(0, len(identifiers), BATCH):
        yield identifiers[place : place + BATCH]


@transaction.atomic
def redact(identifiers: Sequence[str], ours: frozenset[str]) -> int:
    """Redact heads and events of these traces; returns how many rows changed. A second time changes none."""
    with connection.cursor() as cursor:
        cursor.execute(HEADS, [list(identifiers)])
        heads = [head for row in cursor.fetchall() if (head := _redacted_head(row, ours)) is not None]
        cursor.execute(EVENTS, [list(identifiers)])
        events = [event for row in cursor.fetchall() if (event := _redacted_event(row, ours)) is not None]
        if heads:
            cursor.execute(HEADS_UPDATE, [json.dumps(heads)])
        if events:
            cursor.execute(EVENTS_UPDATE, [json.dumps(events)])
    return len(heads) + len(events)


def _redacted_head(row: tuple[Any, ...], ours: frozenset[str]) -> dict[str, Any] | None:
    """Return the head as it is to be, None when it is so already."""
    identifier, mail_from, recipients, client, terms = row
    sender = redact_address(mail_from, ours)
    others = [redact_address(recipient, ours) for recipient in recipients]
    ours_in = [term for term in terms if "@" in term[1:] and term[0] not in "@~<=" and _is_ours(term, ours)]
    named = [address for address in [sender, *others, *ours_in] if not address.startswith("…")]
    kept = sorted({*kept_terms(terms), *trace_terms("", named, (), ())})
    network = redact_client(client)
    if (sender, others, network, kept) == (mail_from, recipients, client, sorted(terms)):
        return None
    return {"id": identifier, "mail_from": sender, "recipients": others, "client_address": network, "terms": kept}


def _is_ours(address: str, ours: frozenset[str]) -> bool:
    return redact_address(address, ours) == address


def _redacted_event(row: tuple[Any, ...], ours: frozenset[str]) -> dict[str, Any] | None:
    trace_id, number, reason, text, has_dns = row
    detail = json.loads(text)
    said, left = redact_text(reason, ours), redact_value(detail, ours)
    if (said, left) == (reason, detail) and not has_dns:
        return None
    return {"trace_id": trace_id, "id": number, "reason": said, "detail": left}


@transaction.atomic
def _note(tables: Iterable[str]) -> None:
    """Write down tables that are to be rewritten."""
    row, _made = TraceKeeping.objects.select_for_update().get_or_create(id=1)
    row.to_rewrite = sorted({*row.to_rewrite, *tables})
    row.save(update_fields=["to_rewrite"])


@transaction.atomic
def _cross_out(table: str) -> None:
    """A table is rewritten, or gone."""
    row = TraceKeeping.objects.select_for_update().get(id=1)
    row.to_rewrite = [name for name in row.to_rewrite if name != table]
    row.save(update_fields=["to_rewrite"])


def rewrite_noted(today: date) -> None:
    """Rewrite the tables written down whose day is over; one that is being read waits for the next run."""
    noted = keeping().to_rewrite
    known = {
        trace_days.partition_name(table, day): day for table in trace_days.TABLES for day in trace_days.days_of(table)
    }
    for table in noted:
        is_gone = table not in known and not table.endswith("_default")
        if is_gone or (known.get(table, date.min) < today and _rewrite(table)):
            _cross_out(table)


def _rewrite(table: str) -> bool:
    """Write a table and its indexes anew; False when others read it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{trace_days.LOCK_TIMEOUT}'")
        try:
            cursor.execute(f"VACUUM (FULL) {connection.ops.quote_name(table)}")
        except OperationalError as fault:
            log.info("%s is not rewritten yet: %s", table, fault)
            return False
        finally:
            cursor.execute("RESET lock_timeout")
    return True
