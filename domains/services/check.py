"""Looks a domain's records up, keeps what was seen, and draws the conclusions: keys become active, domains too.

The network is asked outside any transaction. What a sighting makes of a DKIM key is decided in ``dkim.lifecycle``; it
is seen when its exact text stands at every authoritative server and at every resolver that answered. A pending domain
becomes active when its ownership text was. Where no
authoritative server can be asked, all resolvers stand for them.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from domains.audit import Act, record, system_act
from domains.dns.port import Answer, DnsStatus
from domains.dns.resolver import NetworkResolver, Server, ask_server, authoritative_servers, default_resolver
from domains.models import (
    DkimKey,
    Domain,
    DomainKind,
    DomainState,
    KeyState,
    RecordObservation,
    RecordStatus,
    Trouble,
)
from domains.reach import refuse_address
from domains.services import drift
from domains.services.compare import Comparison, compare
from domains.services.hosted_keys import publish_hosted
from domains.services.key_life import advance_keys, sightings_of
from domains.services.provision import get_domain_for
from domains.services.publication import DesiredRecord, desired_records
from domains.times import instant

CONCURRENCY = 20
DOMAINS_AT_ONCE = 8
STALE = timedelta(minutes=50)
DOUBT = timedelta(minutes=10)  # after which what may be a passing fault is looked at again
Seen = list[tuple[DesiredRecord, Comparison]]


@dataclass(frozen=True, slots=True)
class RecordState:
    """One desired record with its last observation; ``checked_at`` None while unchecked."""

    record: DesiredRecord
    status: str = RecordStatus.UNCHECKED
    found: tuple[str, ...] = ()
    checked_at: datetime | None = None
    right_since: datetime | None = None

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
    since = seen.right_since if seen.status == RecordStatus.RIGHT else None
    return RecordState(row, seen.status, tuple(seen.found), seen.checked_at, since)


def health_of(domain: Domain) -> Health:
    """Return how the domain stands by its last check; needs keys and observations prefetched in lists."""
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


# ---- Asking -----------------------------------------------------------------------------------------------------


async def observe(
    domain: Domain, records: Sequence[DesiredRecord], resolver: NetworkResolver
) -> list[tuple[DesiredRecord, Comparison]]:
    """Ask every server for every record; never raises for a remote fault."""
    answers = await answers_for(domain, records, resolver)
    return [(row, compare(row, answers[row.name, row.type])) for row in records]


async def answers_for(
    domain: Domain, records: Sequence[DesiredRecord], resolver: NetworkResolver
) -> dict[tuple[str, str], list[Answer]]:
    """Return what every server answers about these records, by name and type; never raises for a remote fault."""
    servers = await _servers(domain.name, resolver)
    limit = asyncio.Semaphore(CONCURRENCY)
    questions = list(dict.fromkeys((row.name, row.type, row.zone == domain.name) for row in records))
    answers = await asyncio.gather(
        *(_ask(name, rdtype, own, servers, resolver, limit) for name, rdtype, own in questions)
    )
    return {(name, rdtype): found for (name, rdtype, _own), found in zip(questions, answers, strict=True)}


async def _servers(name: str, resolver: NetworkResolver) -> list[Server]:
    """Return the zone's authoritative servers that we may ask; none when the settings say so."""
    config = settings.MAILADMIN
    if not config.authoritative:
        return []
    _zone, servers = await authoritative_servers(name, resolver)
    return [server for server in servers if not refuse_address(*server, frozenset(), config.private_networks)]


async def _ask(
    name: str, rdtype: str, own: bool, servers: Sequence[Server], resolver: NetworkResolver, limit: asyncio.Semaphore
) -> list[Answer]:
    async def at(server: Server, recursive: bool) -> Answer:
        async with limit:
            return await ask_server(server, name, rdtype, recursive)

    asked = list(servers) if own else []
    questions = [*(at(server, True) for server in resolver.servers), *(at(server, False) for server in asked)]
    answers = await asyncio.gather(*questions)
    count = len(resolver.servers)
    if not asked:
        return answers
    # Resolvers serve in turn, so one of them may rest; authoritative servers may not.
    return [answer for answer in answers[:count] if answer.status is not DnsStatus.TEMPFAIL] + answers[count:]


# ---- Keeping ----------------------------------------------------------------------------------------------------


@transaction.atomic
def keep(act: Act, domain: Domain, seen: Iterable[tuple[DesiredRecord, Comparison]]) -> None:
    """Store what was seen and draw the conclusions; a domain deleted meanwhile changes nothing."""
    locked = Domain.objects.select_for_update().filter(pk=domain.pk).first()
    if locked is None:
        return
    now = timezone.now()
    comparisons = list(seen)
    drift.note(locked, comparisons, now)
    _store(locked, comparisons, now)
    _activate_domain(act, locked, comparisons)
    advance_keys(act, locked, sightings_of(comparisons), now)
    Domain.objects.filter(pk=locked.pk).update(checked_at=now)


def _store(domain: Domain, seen: Sequence[tuple[DesiredRecord, Comparison]], now: datetime) -> None:
    before = {(row.name, row.type, row.expected): row for row in domain.observations.all()}
    rows = [_observation(domain, row, comparison, before, now) for row, comparison in seen]
    kept = {(row.name, row.type, row.expected) for row in rows}
    RecordObservation.objects.filter(pk__in=[row.pk for key, row in before.items() if key not in kept]).delete()
    RecordObservation.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["domain", "name", "type", "expected"],
        update_fields=["purpose", "status", "found", "checked_at", "right_since"],
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
        found=[text[:4000].replace("\0", "\ufffd") for text in comparison.found[:20]],
        checked_at=now,
        right_since=right_since,
    )


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
    publish_hosted(domain)
    records = desired_records(domain)

    async def look() -> list[tuple[DesiredRecord, Comparison]]:
        return await observe(domain, records, default_resolver())

    keep(act, domain, asyncio.run(look()))
    return record_states(get_domain_for(act, name))


def due_domains(now: datetime | None = None) -> QuerySet[Domain]:
    """Return the domains to look at, oldest first: the last look is old, a key's wait is over, or there is doubt."""
    moment = now or timezone.now()
    rows = Domain.objects.exclude(state=DomainState.SUSPENDED).prefetch_related("dkim_keys", "observations")
    keys = DkimKey.objects.filter(domain=OuterRef("pk"), wait_until__lte=moment)
    doubts = Trouble.objects.filter(domain=OuterRef("pk"), told_at=None, since__lte=moment - DOUBT)
    due = Q(checked_at__isnull=True) | Q(checked_at__lt=moment - STALE) | Q(Exists(keys)) | Q(Exists(doubts))
    return rows.filter(due).order_by("checked_at")


def check_due_domains(most: int = 500) -> int:
    """Check what is due, several domains side by side; returns how many."""
    domains = list(due_domains()[:most])
    act = system_act()
    for start in range(0, len(domains), DOMAINS_AT_ONCE):
        for domain in domains[start : start + DOMAINS_AT_ONCE]:
            publish_hosted(domain)
        batch = [(domain, desired_records(domain)) for domain in domains[start : start + DOMAINS_AT_ONCE]]

        async def look(batch: list[tuple[Domain, list[DesiredRecord]]] = batch) -> list[Seen]:
            resolver = default_resolver()
            return list(await asyncio.gather(*(observe(*one, resolver) for one in batch)))

        for (domain, _records), seen in zip(batch, asyncio.run(look()), strict=True):
            keep(act, domain, seen)
    return len(domains)
