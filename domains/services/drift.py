"""What a look at a domain's records means: its history, and who has to be told that something is no longer right.

Called by ``services.check`` for every look, in its transaction, under the lock of the domain's row: two workers that
look at once tell once.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from domains import drift
from domains.audit import Act
from domains.dkim.lifecycle import is_overdue
from domains.drift import Look, Spot, by_spot
from domains.models import DkimKey, Domain, DomainState, RecordHistory, RecordStatus, Trouble, TroubleKind
from domains.notify import declare, notify
from domains.services.compare import Comparison
from domains.services.history import note_look, states_of
from domains.services.key_life import facts_of
from domains.services.provision import domains_for
from domains.services.publication import DesiredRecord


def _label(status: str) -> str:
    return str(RecordStatus(status).label) if status in RecordStatus.values else status


def _of_record(text: str, data: Mapping[str, Any]) -> str:
    return text % {
        "name": data.get("name"),
        "type": data.get("type"),
        "status": _label(str(data.get("status"))).lower(),
    }


def _silent(data: Mapping[str, Any]) -> str:
    count = int(data.get("records", 0))
    text = ngettext(
        "The DNS gave no answer for %(count)d record at two checks in a row. Look at the name servers.",
        "The DNS gave no answer for %(count)d records at two checks in a row. Look at the name servers.",
        count,
    )
    return text % {"count": count}


def _of_key(text: str, data: Mapping[str, Any]) -> str:
    return text % {"selector": data.get("selector")}


RECORD_WRONG = declare(
    "record.wrong",
    "bad",
    lambda data: _of_record(_("The %(type)s record at %(name)s was right and is not any more: %(status)s."), data),
)
RECORD_RIGHT = declare(
    "record.right", "good", lambda data: _of_record(_("The %(type)s record at %(name)s is right again."), data)
)
DNS_SILENT = declare("dns.silent", "warn", _silent)
DNS_ANSWERS = declare("dns.answers", "good", lambda _data: _("The DNS answers again."))
KEY_OVERDUE = declare(
    "key.overdue",
    "warn",
    lambda data: _of_key(_("The key %(selector)s has waited for its record for more than a week. Publish it."), data),
)
KEY_SEEN = declare(
    "key.seen", "good", lambda data: _of_key(_("The key %(selector)s waits for its record no longer."), data)
)
DOMAIN_BAD = declare(
    "domain.bad", "bad", lambda _data: _("A record that mail needs is not right: mail may be lost."), mailed=False
)
DOMAIN_GOOD = declare(
    "domain.good", "good", lambda _data: _("All records that mail needs are as they were."), mailed=False
)


def looks_of(seen: Iterable[tuple[DesiredRecord, Comparison]]) -> dict[Spot, Look]:
    """Return what was seen, by record."""
    rows = (
        (
            Spot(row.purpose, row.name, row.type),
            _look(row, found),
        )
        for row, found in seen
    )
    return dict(by_spot(rows))


def _look(row: DesiredRecord, found: Comparison) -> Look:
    lacking = sum(verdict != RecordStatus.RIGHT for _answer, verdict in found.judged)
    servers = lacking, len(found.judged)
    return Look(str(found.status), (row.value,), tuple(found.found), row.required, found.certain, *servers)


def note(domain: Domain, seen: Iterable[tuple[DesiredRecord, Comparison]], now: datetime) -> None:
    """Write what a look changes and tells; call it before the observations are stored."""
    looks = looks_of(seen)
    states = states_of(domain)
    note_look(domain, states, looks, now)
    if domain.state == DomainState.ACTIVE:
        _note_troubles(domain, states, looks, now)


def _note_troubles(
    domain: Domain, states: Mapping[Spot, RecordHistory], looks: Mapping[Spot, Look], now: datetime
) -> None:
    troubles = {_key(row): row for row in Trouble.objects.filter(domain=domain).select_for_update()}
    before = [_told(row) for row in troubles.values() if row.kind == TroubleKind.RECORD]
    right = _right_before(domain)
    after = _records(domain, looks, states, troubles, right, now)
    _silence(domain, looks, troubles, right, now)
    _keys(domain, looks, troubles, now)
    turned = drift.turned(before, after)
    if turned:
        notify(DOMAIN_BAD if turned == "bad" else DOMAIN_GOOD, domain, {}, now)


def _key(row: Trouble) -> tuple[str, Spot]:
    return row.kind, Spot(row.purpose, row.name, row.type)


def _told(row: Trouble) -> drift.Trouble:
    return drift.Trouble(row.since, row.status, row.required, row.looks, row.told_at is not None)


def _records(
    domain: Domain,
    looks: Mapping[Spot, Look],
    states: Mapping[Spot, RecordHistory],
    troubles: Mapping[tuple[str, Spot], Trouble],
    right: Collection[Spot],
    now: datetime,
) -> list[drift.Trouble]:
    """Weigh each record; returns the troubles that are left."""
    left = []
    for spot, look in looks.items():
        row = troubles.get((TroubleKind.RECORD, spot))
        state = states.get(spot)
        rewritten = state is not None and tuple(state.wanted) != look.wanted
        if rewritten and row is not None and row.told_at is None:
            row.delete()
            row = None
        known = _told(row) if row else None
        weighed = drift.weigh(known, look, not rewritten and spot in right, now)
        if weighed.trouble != known:
            _keep(domain, spot, row, weighed.trouble, now)
        if weighed.tell:
            _tell(domain, spot, look, weighed.trouble or known, now)
        if weighed.trouble is not None:
            left.append(weighed.trouble)
    for (kind, spot), row in troubles.items():
        if kind == TroubleKind.RECORD and spot not in looks:  # nothing is wanted there any more
            row.delete()
    return left


def _right_before(domain: Domain) -> set[Spot]:
    """Return the records whose every value was right when it was last seen."""
    rows = domain.observations.values_list("purpose", "name", "type", "right_since")
    spots = {Spot(*row[:3]): True for row in rows}
    for *spot, since in rows:
        spots[Spot(*spot)] &= since is not None
    return {spot for spot, right in spots.items() if right}


def _keep(domain: Domain, spot: Spot, row: Trouble | None, trouble: drift.Trouble | None, now: datetime) -> None:
    if trouble is None:
        if row is not None:
            row.delete()
        return
    row = row or Trouble(domain=domain, kind=TroubleKind.RECORD, purpose=spot.purpose, name=spot.name, type=spot.type)
    row.since, row.status, row.required, row.looks = trouble.since, trouble.status, trouble.required, trouble.looks
    row.told_at = (row.told_at or now) if trouble.told else None
    row.save()


def _tell(domain: Domain, spot: Spot, look: Look, trouble: drift.Trouble | None, now: datetime) -> None:
    data = {
        "purpose": spot.purpose,
        "name": spot.name,
        "type": spot.type,
        "status": look.status,
        "required": look.required,
        "wanted": list(look.wanted),
        "found": list(look.found),
        "since": trouble.since.isoformat() if trouble else None,
    }
    notify(RECORD_RIGHT if look.status == drift.RIGHT else RECORD_WRONG, domain, data, now)


def _silence(
    domain: Domain,
    looks: Mapping[Spot, Look],
    troubles: Mapping[tuple[str, Spot], Trouble],
    right: Collection[Spot],
    now: datetime,
) -> None:
    """Tell that the DNS is silent on what was right, once two looks in a row met silence."""
    count = sum(look.status == drift.SILENT and spot in right for spot, look in looks.items())
    row = troubles.get((TroubleKind.SILENCE, Spot("", "", "")))
    if row is not None and not any(look.status == drift.SILENT for look in looks.values()):
        row.delete()
        if row.told_at is not None:
            notify(DNS_ANSWERS, domain, {}, now)
    elif row is not None:
        row.looks += 1
        if row.told_at is None and count and drift.lasts(row.looks, row.since, now):
            row.told_at = now
            notify(DNS_SILENT, domain, {"records": count}, now)
        row.save()
    elif count:
        Trouble.objects.create(domain=domain, kind=TroubleKind.SILENCE, status=drift.SILENT, since=now)


def _keys(
    domain: Domain, looks: Mapping[Spot, Look], troubles: Mapping[tuple[str, Spot], Trouble], now: datetime
) -> None:
    """Tell of keys that have waited too long for their record, and when they do no longer."""
    right = {spot.name for spot, look in looks.items() if look.status == drift.RIGHT}
    overdue = set()
    for key in DkimKey.objects.filter(domain=domain):
        waits = f"{key.selector}._domainkey.{domain.name}" not in right
        if waits and is_overdue(facts_of(key), now):
            overdue.add(key.selector)
    known = {spot.name: row for (kind, spot), row in troubles.items() if kind == TroubleKind.KEY}
    for selector in sorted(overdue - set(known)):
        Trouble.objects.create(domain=domain, kind=TroubleKind.KEY, name=selector, since=now, told_at=now)
        notify(KEY_OVERDUE, domain, {"selector": selector}, now)
    for selector in sorted(set(known) - overdue):
        known[selector].delete()
        notify(KEY_SEEN, domain, {"selector": selector}, now)


def troubles_for(act: Act) -> QuerySet[Trouble]:
    """Return the troubles in the actor's reach that were told, the oldest first."""
    reach = domains_for(act).prefetch_related(None).order_by()
    return Trouble.objects.filter(~Q(told_at=None), domain__in=reach).select_related("domain").order_by("since", "pk")
