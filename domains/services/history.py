"""The history of a domain's records: written at every look and whenever we publish, read by record.

What was seen changes by others unless we published it shortly before. What is wanted changes by an act of ours, found
in the audit log, or by the settings of the installation.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from domains.audit import Act
from domains.dns.texts import plain_text
from domains.drift import Change, Entry, Look, Spot, changes_of, texts
from domains.models import AuditRecord, Domain, HistoryKind, RecordHistory, ZoneChange
from domains.services.provision import get_domain_for

HISTORY_DAYS = 730
ENTRIES_PER_RECORD = 200

# The newest entry of a record is its present state, however old it is.
OLD = """
DELETE FROM domains_recordhistory WHERE id IN (
    SELECT id FROM (
        SELECT id, until, row_number() OVER (PARTITION BY domain_id, purpose, name, type ORDER BY id DESC) AS place
        FROM domains_recordhistory
    ) AS placed WHERE place > 1 AND (until < %s OR place > %s)
)
"""
# Which acts change what is wanted, by the record's purpose; a change of the domain's kind may change all of it.
_ACTS: dict[str, Q] = {
    "ownership": Q(action="domain.proven"),
    "spf": Q(action__startswith="sender."),
    "dkim": Q(changes__has_key="key_zone"),
    "dmarc": Q(changes__has_key="dmarc"),
    "dmarc-report": Q(changes__has_key="dmarc"),
    "mta-sts": Q(action="domain.mta_sts"),
    "bimi": Q(changes__has_key="bimi"),
}
_ANY = Q(action="domain.kind")


def states_of(domain: Domain) -> dict[Spot, RecordHistory]:
    """Return the newest entry of each record."""
    rows = domain.history.order_by("purpose", "name", "type", "-id").distinct("purpose", "name", "type")
    return {_spot(row): row for row in rows}


def _spot(row: RecordHistory) -> Spot:
    return Spot(row.purpose, row.name, row.type)


def _entry(row: RecordHistory) -> Entry:
    return Entry(
        row.kind,
        row.until,
        row.status_before,
        row.status,
        tuple(row.wanted),
        tuple(row.found),
        tuple(row.before),
        row.here,
    )


def note_look(
    domain: Domain, states: Mapping[Spot, RecordHistory], looks: Mapping[Spot, Look], now: datetime
) -> None:
    """Write what a look changes; ``states`` are those before it. The domain's row is locked."""
    fresh: list[RecordHistory] = []
    for spot in {**looks, **states}:
        row = states.get(spot)
        for change in changes_of(_entry(row) if row else None, looks.get(spot), now):
            if change.folds and row is not None:
                _fold(row, change, now)
            else:
                fresh.append(_row(domain, spot, change, now))
    _name_causes(domain, [row for row in fresh if row.kind == HistoryKind.WANTED])
    RecordHistory.objects.bulk_create(fresh)


def _fold(row: RecordHistory, change: Change, now: datetime) -> None:
    row.status, row.after, row.found = change.status, list(change.after), list(change.found)
    row.lacking, row.asked = change.lacking, change.asked
    row.until, row.times = now, row.times + 1
    row.save(update_fields=["status", "after", "found", "lacking", "asked", "until", "times"])


def _row(domain: Domain, spot: Spot, change: Change, now: datetime) -> RecordHistory:
    return RecordHistory(
        domain=domain,
        at=now,
        until=now,
        purpose=spot.purpose,
        name=spot.name,
        type=spot.type,
        kind=change.kind,
        here=change.here,
        status_before=change.status_before,
        status=change.status,
        before=list(change.before),
        after=list(change.after),
        lacking=change.lacking,
        asked=change.asked,
        wanted=list(change.wanted),
        found=list(change.found),
    )


def _name_causes(domain: Domain, rows: Sequence[RecordHistory]) -> None:
    """Give each change of what is wanted its act, if there was one since the last look."""
    if not rows:
        return
    acts = AuditRecord.objects.filter(domain=domain.name)
    if domain.checked_at is not None:
        acts = acts.filter(at__gte=domain.checked_at - timedelta(seconds=1))
    for row in rows:
        named = Q(object_type="dkim_key", object_name=row.name)
        act = acts.filter(named | _ANY | _ACTS.get(row.purpose, Q(pk=None))).first()
        if act is not None:
            row.audit, row.actor_name, row.at = act, act.actor_name, act.at


def note_applied(change: ZoneChange) -> None:
    """Write what was published from here; call it in the transaction that records the success.

    The next change seen in each of these records counts as ours.
    """
    now = timezone.now()
    states = states_of(change.domain)
    places = {(one["name"], one["type"]): one for one in change.changes}
    RecordHistory.objects.bulk_create(
        _applied(change, row, places[spot.name, spot.type], now)
        for spot, row in states.items()
        if (spot.name, spot.type) in places
    )


def _applied(change: ZoneChange, row: RecordHistory, one: Mapping[str, Any], now: datetime) -> RecordHistory:
    gone, come = ([plain_text(row.type, text) for text in one[way]] for way in ("removes", "adds"))
    return RecordHistory(
        domain=change.domain,
        at=now,
        until=now,
        purpose=row.purpose,
        name=row.name,
        type=row.type,
        kind=HistoryKind.APPLIED,
        here=True,
        status_before=row.status,
        status=row.status,
        before=list(texts(gone)),
        after=list(texts(come)),
        wanted=row.wanted,
        found=row.found,
        actor_name=change.actor_name,
    )


def history_for(act: Act, name: str, record_name: str = "", record_type: str = "") -> QuerySet[RecordHistory]:
    """Return a domain's history, newest first, of one record if asked; raises NotFound."""
    rows = get_domain_for(act, name).history.order_by("-id")
    if record_name:
        rows = rows.filter(name=record_name)
    return rows.filter(type=record_type) if record_type else rows


def remove_old_history(now: datetime | None = None, days: int = HISTORY_DAYS) -> int:
    """Remove entries past their time and beyond a record's share; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(OLD, [(now or timezone.now()) - timedelta(days=days), ENTRIES_PER_RECORD])
        return int(cursor.rowcount)
