"""Looks a domain's records up, keeps what was seen, and draws the conclusions: keys become active, domains too.

The network is asked outside any transaction. What a sighting makes of a DKIM key is decided in ``dkim.lifecycle``; it
is seen when its exact text stands at every authoritative server and at every resolver that answered. A pending domain
becomes active when its ownership text was. Where no
authoritative server can be asked, all resolvers stand for them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import uvloop
from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from domains.audit import Act, record, system_act
from domains.dns.difference import Difference, difference
from domains.dns.port import Answer, DnsStatus
from domains.dns.remark import Cause, Remark
from domains.dns.resolver import default_resolver
from domains.models import (
    CLOSED,
    DkimKey,
    Domain,
    DomainKind,
    DomainState,
    KeyState,
    RecordObservation,
    RecordStatus,
    Trouble,
    ZoneObservation,
)
from domains.services import drift
from domains.services.asking import Asker, Look, Observed, Observer
from domains.services.asking import answers_for as answers_for
from domains.services.compare import Comparison
from domains.services.desired import DesiredRecord
from domains.services.hosted_keys import publish_hosted
from domains.services.key_life import advance_keys, sightings_of
from domains.services.provision import get_domain_for
from domains.services.publication import desired_records
from domains.times import instant

DOMAINS_AT_ONCE = 200
STALE = timedelta(minutes=50)
DOUBT = timedelta(minutes=10)  # after which what may be a passing fault is looked at again
MOST_SERVERS = 24


@dataclass(frozen=True, slots=True)
class RecordState:
    """One desired record with its last observation; ``checked_at`` None while unchecked."""

    record: DesiredRecord
    status: str = RecordStatus.UNCHECKED
    found: tuple[str, ...] = ()
    checked_at: datetime | None = None
    right_since: datetime | None = None
    seen: tuple[dict[str, Any], ...] = ()
    remark: Remark | None = None

    @property
    def difference(self) -> Difference:
        """What the texts seen have too many and what they lack."""
        if self.status in (RecordStatus.RIGHT, RecordStatus.UNCHECKED):
            return Difference()
        return difference(self.record.purpose, self.record.type, self.record.value, self.found)

    def as_json(self) -> dict[str, Any]:
        """Return the record as the API shows it."""
        row = self.record
        return {
            "name": row.name,
            "zone": row.zone,
            "type": row.type,
            "ttl": row.ttl,
            "value": row.value,
            "purpose": row.purpose,
            "about": row.about,
            "required": row.required,
            "status": str(self.status),
            "found": list(self.found),
            "checked_at": instant(self.checked_at),
            "right_since": instant(self.right_since),
            "seen": list(self.seen),
            "difference": {"missing": list(self.difference.missing), "extra": list(self.difference.extra)},
            "cause": self.remark.cause if self.remark else "",
        }


@dataclass(frozen=True, slots=True)
class Health:
    """A domain in one word (``good attention bad unchecked pending suspended``) and one sentence: what to do next."""

    word: str
    advice: str


def record_states(domain: Domain) -> list[RecordState]:
    """Return every desired record with what was last seen; one whose value changed since is unchecked."""
    seen = {(row.name, row.type, row.expected): row for row in domain.observations.all()}
    return [_state(row, seen.get((row.name, row.type, row.value))) for row in desired_records(domain)]


def _state(row: DesiredRecord, seen: RecordObservation | None) -> RecordState:
    if seen is None:
        return RecordState(row)
    remark = Remark(Cause(seen.remark[0]), seen.remark[1]) if seen.remark else None
    since = seen.right_since if seen.status == RecordStatus.RIGHT else None
    return RecordState(row, seen.status, tuple(seen.found), seen.checked_at, since, tuple(seen.seen), remark)


def zone_seen(act: Act, name: str) -> ZoneObservation:
    """Return what the last check saw of a domain's zone, an empty row before the first; raises NotFound."""
    domain = get_domain_for(act, name)
    return ZoneObservation.objects.filter(domain=domain).first() or ZoneObservation(domain=domain)


def health_of(domain: Domain) -> Health:
    """Return how the domain stands by its last check; needs keys and observations prefetched in lists."""
    if domain.state == DomainState.DELETED:
        return Health("deleted", _("It takes no mail and is removed for good after seven days, unless restored."))
    if domain.state == DomainState.SUSPENDED:
        return Health("suspended", _("The domain is suspended: no mail is accepted or signed."))
    if domain.state == DomainState.PENDING:
        return Health("pending", _("Publish the ownership record, then check."))
    states = record_states(domain)
    if all(state.status == RecordStatus.UNCHECKED for state in states):
        return Health("unchecked", _("Publish the DNS records, then check."))
    bad = [state for state in states if state.status not in (RecordStatus.RIGHT, RecordStatus.UNCHECKED)]
    if any(state.record.required for state in bad):
        count = sum(state.record.required for state in bad)
        text = ngettext("%(count)d required record is not right.", "%(count)d required records are not right.", count)
        return Health("bad", text % {"count": count})
    if domain.kind != DomainKind.PARKED and not any(key.state == KeyState.ACTIVE for key in domain.dkim_keys.all()):
        return Health("attention", _("No DKIM key is active: mail leaves unsigned."))
    if bad or any(state.status == RecordStatus.UNCHECKED for state in states):
        return Health("attention", _("Some recommended records are not right."))
    return Health("good", _("Everything is right."))


# ---- Keeping ----------------------------------------------------------------------------------------------------


@transaction.atomic
def keep(act: Act, domain: Domain, seen: Iterable[Observed], look: Look | None = None) -> None:
    """Store what was seen and draw the conclusions; a domain deleted meanwhile changes nothing."""
    locked = Domain.objects.select_for_update().filter(pk=domain.pk).exclude(state=DomainState.DELETED).first()
    if locked is None:
        return
    now = timezone.now()
    comparisons = list(seen)
    drift.note(locked, comparisons, now)
    _store(locked, comparisons, now)
    if look is not None:
        zone = ZoneObservation(domain=locked, hosts=list(look.hosts), wildcard=list(look.wildcard))
        ZoneObservation.objects.bulk_create(
            [zone], update_conflicts=True, unique_fields=["domain"], update_fields=["hosts", "wildcard"]
        )
    _activate_domain(act, locked, comparisons)
    advance_keys(act, locked, sightings_of(comparisons), now)
    Domain.objects.filter(pk=locked.pk).update(checked_at=now)


def _store(domain: Domain, seen: Sequence[tuple[DesiredRecord, Comparison]], now: datetime) -> None:
    rows_before = domain.observations.defer("found", "seen", "remark")
    before = {(row.name, row.type, row.expected): row for row in rows_before}
    rows = [_observation(domain, row, comparison, before, now) for row, comparison in seen]
    kept = {(row.name, row.type, row.expected) for row in rows}
    RecordObservation.objects.filter(pk__in=[row.pk for key, row in before.items() if key not in kept]).delete()
    RecordObservation.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["domain", "name", "type", "expected"],
        update_fields=["purpose", "status", "found", "seen", "remark", "checked_at", "right_since"],
    )


def _observation(
    domain: Domain,
    row: DesiredRecord,
    comparison: Comparison,
    before: dict[tuple[str, str, str], RecordObservation],
    now: datetime,
) -> RecordObservation:
    last = before.get((row.name, row.type, row.value))
    right_since = None
    if comparison.status in (RecordStatus.RIGHT, RecordStatus.UNREACHABLE):  # silence is no change
        right_since = last.right_since if last is not None else None
    if comparison.status == RecordStatus.RIGHT:
        right_since = right_since or now
    return RecordObservation(
        domain=domain,
        purpose=row.purpose,
        name=row.name,
        type=row.type,
        expected=row.value,
        status=comparison.status,
        found=_bounded(comparison.found),
        seen=[_seen(answer, status) for answer, status in comparison.judged[:MOST_SERVERS]],
        remark=_remark(comparison.remark),
        checked_at=now,
        right_since=right_since,
    )


def _bounded(texts: Sequence[str]) -> list[str]:
    """Return hostile texts as the database can hold them."""
    return [text[:4000].replace("\0", "\ufffd") for text in texts[:20]]


def _remark(why: Remark | None) -> list[Any]:
    if why is None:
        return []
    return [why.cause, {name: text[:1000].replace("\0", "\ufffd") for name, text in why.values.items()}]


def _seen(answer: Answer, status: RecordStatus) -> dict[str, Any]:
    known = answer.status not in (DnsStatus.TEMPFAIL, DnsStatus.BOGUS)
    return {
        "server": answer.server,
        "host": answer.host,
        "authoritative": bool(answer.host),
        "status": str(status),
        "texts": _bounded(answer.records),
        "ttl": answer.ttl if known else None,
        "dnssec": str(answer.dnssec),
        "reason": str(answer.fault),
    }


def _activate_domain(act: Act, domain: Domain, seen: Sequence[tuple[DesiredRecord, Comparison]]) -> None:
    proven = any(row.purpose == "ownership" and found.status == RecordStatus.RIGHT for row, found in seen)
    if domain.state == DomainState.PENDING and proven:
        domain.state = DomainState.ACTIVE
        domain.save(update_fields=["state"])
        record(act, "domain.proven", "domain", domain.name, domain.name, {"state": ["pending", "active"]})


# ---- Use cases --------------------------------------------------------------------------------------------------


def check_now(act: Act, name: str) -> list[RecordState]:
    """Look everything up now and return the states; raises NotFound."""
    domain = get_domain_for(act, name)
    [(seen, look)] = look_at([domain])
    keep(act, domain, seen, look)
    return record_states(get_domain_for(act, name))


def look_at(domains: Sequence[Domain]) -> list[tuple[list[Observed], Look]]:
    """Return what every record of these domains is now; nothing is kept."""
    observers = [_prepared(domain) for domain in domains]
    seen = uvloop.run(_seen_by(observers))
    return [(rows, observer.look) for rows, observer in zip(seen, observers, strict=True)]


def _prepared(domain: Domain) -> Observer:
    """Return what is to be asked, once the records that the panel publishes itself are published."""
    publish_hosted(domain)
    return Observer(domain)


async def _seen_by(observers: Sequence[Observer]) -> list[list[Observed]]:
    asker = Asker(default_resolver())
    return list(await asyncio.gather(*(observer.all(asker) for observer in observers)))


async def check_live(act: Act, domain: Domain) -> AsyncIterator[RecordState]:
    """Look everything up now and give each state as soon as it is known; what was seen is kept before the end."""
    observer = await sync_to_async(_prepared)(domain)
    seen: dict[DesiredRecord, Comparison] = {}
    async for row, comparison in observer.each(Asker(default_resolver())):
        seen[row] = comparison
        yield _state(row, _observation(domain, row, comparison, {}, timezone.now()))
    rows = [(row, seen[row]) for row in observer.records]
    await sync_to_async(keep)(act, domain, rows, observer.look)


def due_domains(now: datetime | None = None) -> QuerySet[Domain]:
    """Return the domains to look at, oldest first: the last look is old, a key's wait is over, or there is doubt."""
    moment = now or timezone.now()
    rows = Domain.objects.exclude(state__in=CLOSED).prefetch_related("dkim_keys", "senders")
    keys = DkimKey.objects.filter(domain=OuterRef("pk"), wait_until__lte=moment)
    doubts = Trouble.objects.filter(domain=OuterRef("pk"), told_at=None, since__lte=moment - DOUBT)
    due = Q(checked_at__isnull=True) | Q(checked_at__lt=moment - STALE) | Q(Exists(keys)) | Q(Exists(doubts))
    return rows.filter(due).order_by("checked_at")


def check_due_domains(most: int = 2000) -> int:
    """Check what is due, several domains side by side; returns how many.

    Asking and keeping take turns: side by side, threads would wait for the interpreter's lock at every statement.
    """
    domains = list(due_domains()[:most])
    act = system_act()
    for start in range(0, len(domains), DOMAINS_AT_ONCE):
        batch = domains[start : start + DOMAINS_AT_ONCE]
        observers = [_prepared(domain) for domain in batch]
        for domain, observer, seen in zip(batch, observers, uvloop.run(_seen_by(observers)), strict=True):
            keep(act, domain, seen, observer.look)
    return len(domains)
