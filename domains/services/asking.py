"""Asks the DNS about records: every server of the zone and every resolver, a bounded number of questions at once.

Nothing is remembered between checks but what NS sets and addresses the resolver keeps for their TTL; what several
domains share (the mail host's own records) is asked once a run. An authority that hands on, by a delegation or an
alias, is followed to the servers that know.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from django.conf import settings

from domains.dns.port import Answer, DnsStatus, Fault
from domains.dns.resolver import NetworkResolver, Server, Zone, ask_server, zone_of
from domains.dns.slips import is_slip, probes_for
from domains.models import Domain, RecordStatus
from domains.reach import refuse_address
from domains.services.compare import Comparison, compare, with_probes
from domains.services.desired import DesiredRecord
from domains.services.publication import desired_records

CONCURRENCY = 200
PATIENCE = 3  # silences of one server in a row, after which it is left alone for a while
REST_SECONDS = 30.0
HANDED_ON = 3
_SLIPPED = frozenset({RecordStatus.MISSING, RecordStatus.WRONG})
_BELOW_APEX = frozenset({"TXT", "SRV", "CNAME"})

Observed = tuple[DesiredRecord, Comparison]


@dataclass(frozen=True, slots=True)
class Look:
    """What one check of a domain saw beside its records: the names of the zone's servers, what a wildcard answers."""

    hosts: tuple[str, ...] = ()
    wildcard: tuple[str, ...] = ()  # types


class _Patience:
    """Which servers were silent too often to be asked again just now: a dead one holds nobody else up."""

    def __init__(self) -> None:
        self._silences: Counter[Server] = Counter()
        self._until: dict[Server, float] = {}

    def rests(self, server: Server) -> bool:
        return self._until.get(server, 0.0) > time.monotonic()

    def note(self, server: Server, silent: bool) -> None:
        self._silences[server] = self._silences[server] + 1 if silent else 0
        if self._silences[server] >= PATIENCE:
            self._until[server] = time.monotonic() + REST_SECONDS


class Asker:
    """One run of checks over any number of domains."""

    def __init__(self, resolver: NetworkResolver) -> None:
        self._resolver = resolver
        self._free = asyncio.Semaphore(CONCURRENCY)
        self._patience = _Patience()
        self._shared: dict[tuple[str, str], asyncio.Task[list[Answer]]] = {}

    async def zone(self, name: str) -> Zone:
        """Return the zone with the servers that we may ask; none when the settings say so."""
        config = settings.MAILADMIN
        zone = await zone_of(name, self._resolver, config.authoritative)
        private = config.private_networks
        allowed = [one for one in zone.servers if not refuse_address(*one.server, frozenset(), private)]
        return replace(zone, servers=tuple(allowed))

    async def answers(self, record: DesiredRecord, zone: Zone, own: bool) -> list[Answer]:
        """Return what the resolvers, then the zone's servers answer; other zones' are asked at resolvers only."""
        if not own:
            key = (record.name, record.type)
            if key not in self._shared:
                self._shared[key] = asyncio.create_task(self._resolved(*key))
            return await asyncio.shield(self._shared[key])
        resolved, asked = await asyncio.gather(
            self._resolved(record.name, record.type), self._authorities(record.name, record.type, zone, HANDED_ON)
        )
        if not asked:
            return resolved
        # Resolvers serve in turn, so one of them may rest; authoritative servers may not.
        return [answer for answer in resolved if answer.status is not DnsStatus.TEMPFAIL] + asked

    async def once(self, name: str, rdtype: str) -> Answer:
        """Return the first certain answer of a resolver."""
        answer = Answer(name, rdtype, DnsStatus.TEMPFAIL)
        for server in self._resolver.servers:
            answer = await self._ask(server, name, rdtype)
            if answer.status is not DnsStatus.TEMPFAIL:
                break
        return answer

    async def _resolved(self, name: str, rdtype: str) -> list[Answer]:
        return list(await asyncio.gather(*(self._ask(server, name, rdtype) for server in self._resolver.servers)))

    async def _ask(self, server: Server, name: str, rdtype: str, host: str = "") -> Answer:
        """Return one server's answer; ``host`` is its name when it is asked as an authority."""
        async with self._free:
            if self._patience.rests(server) and (host or not all(map(self._patience.rests, self._resolver.servers))):
                return _silence(server, name, rdtype, host)
            if host:
                answer = replace(await ask_server(server, name, rdtype, recursive=False), host=host)
            else:
                answer = await self._resolver.ask(server, name, rdtype)
        self._patience.note(server, answer.fault is Fault.SILENT)
        return answer

    async def _authorities(self, name: str, rdtype: str, zone: Zone, handed_on: int) -> list[Answer]:
        answers = await asyncio.gather(*(self._ask(one.server, name, rdtype, one.host) for one in zone.servers))
        known = [answer for answer in answers if not _elsewhere(answer, name, zone.name)]
        others = dict.fromkeys(_elsewhere(answer, name, zone.name) for answer in answers)
        for target, owner in filter(None, others):
            known += await self._handed_on(name, rdtype, target, owner, handed_on)
        return known

    async def _handed_on(self, name: str, rdtype: str, target: str, owner: str, handed_on: int) -> list[Answer]:
        """Return what the servers of ``owner`` say of ``target``, as answers to the question about ``name``."""
        if not handed_on:
            reason = f"{name}: a chain of aliases without end"
            return [Answer(name, rdtype, DnsStatus.TEMPFAIL, reason=reason, fault=Fault.LOOP, server=owner)]
        zone = await self.zone(owner)
        answers = await self._authorities(target, rdtype, zone, handed_on - 1) or await self._resolved(target, rdtype)
        return [replace(answer, name=name, canonical_name=answer.canonical_name or target) for answer in answers]


def _silence(server: Server, name: str, rdtype: str, host: str) -> Answer:
    label = f"{server[0]}:{server[1]}"
    reason = f"{label}: no answer in time"
    return Answer(name, rdtype, DnsStatus.TEMPFAIL, reason=reason, server=label, fault=Fault.SILENT, host=host)


def _elsewhere(answer: Answer, name: str, zone: str) -> tuple[str, str] | None:
    """Return the name to ask about and the name whose servers to ask, when an authority only hands on."""
    if answer.fault is Fault.LAME:
        return (name, answer.canonical_name) if answer.canonical_name.endswith(f".{zone}") else None
    if answer.absent and answer.canonical_name not in ("", name) and not _within(answer.canonical_name, zone):
        return answer.canonical_name, answer.canonical_name
    return None


def _within(name: str, zone: str) -> bool:
    return name == zone or name.endswith(f".{zone}")


async def answers_for(
    domain: Domain, records: Sequence[DesiredRecord], resolver: NetworkResolver
) -> dict[tuple[str, str], list[Answer]]:
    """Return what every server answers about these records, by name and type; never raises for a remote fault."""
    asker = Asker(resolver)
    zone = await asker.zone(domain.name)
    rows = list({(row.name, row.type): row for row in records}.values())
    answers = await asyncio.gather(*(asker.answers(row, zone, row.zone == domain.name) for row in rows))
    return {(row.name, row.type): found for row, found in zip(rows, answers, strict=True)}


class Observer:
    """Looks once at the records of one domain, read beforehand; ``look`` is complete when all were seen."""

    def __init__(self, domain: Domain) -> None:
        self._name = domain.name
        self._probed: dict[tuple[str, str], asyncio.Task[Answer]] = {}
        self._stray = f"mailadmin-{secrets.token_hex(6)}.{domain.name}"
        self.records = desired_records(domain)
        self.look = Look()

    async def all(self, asker: Asker) -> list[Observed]:
        """Return every record in order; never raises for a remote fault."""
        seen = {row: comparison async for row, comparison in self.each(asker)}
        return [(row, seen[row]) for row in self.records]

    async def each(self, asker: Asker) -> AsyncIterator[Observed]:
        """Give every record as soon as it is judged; never raises for a remote fault."""
        self._asker = asker
        zone = await asker.zone(self._name)
        tasks = [asyncio.create_task(self._observe(row, zone)) for row in self.records]
        try:
            for done in asyncio.as_completed(tasks):
                yield await done
        finally:
            for task in [*tasks, *self._probed.values()]:
                task.cancel()
        fakes = [key[1] for key, task in self._probed.items() if key[0] == self._stray and task.result().found]
        self.look = Look(zone.hosts if zone.name == self._name else (), tuple(sorted(fakes)))

    async def _observe(self, row: DesiredRecord, zone: Zone) -> Observed:
        own = row.zone == self._name
        below = own and row.name != row.zone and row.type in _BELOW_APEX
        holding = await self._asker.zone(row.zone) if row.managed else zone
        answers, stray = await asyncio.gather(
            self._asker.answers(row, holding, own or row.managed),
            self._stray_texts(row.type) if below else _nothing(),
        )
        comparison = compare(row, answers, stray)
        if own and comparison.status in _SLIPPED and not is_slip(comparison.remark):
            comparison = await self._with_slips(row, comparison)
        return row, comparison

    async def _stray_texts(self, rdtype: str) -> tuple[str, ...]:
        """Return what a name that nobody made answers, asked once a type and check."""
        return (await self._once(self._stray, rdtype)).records

    async def _with_slips(self, row: DesiredRecord, comparison: Comparison) -> Comparison:
        probes = probes_for(row.name, row.zone, row.type, row.purpose)
        doubled = await self._once(f"{row.zone}.{row.zone}", "TXT")
        if doubled.status is DnsStatus.NXDOMAIN:  # then nothing is below it either (RFC 8020)
            probes = [probe for probe in probes if not _within(probe.name, doubled.name)]
        answers = await asyncio.gather(*(self._once(probe.name, probe.rdtype) for probe in probes))
        hits = [(probe, answer) for probe, answer in zip(probes, answers, strict=True) if answer.found]
        stray = [await self._stray_texts(probe.rdtype) for probe, _ in hits]
        return with_probes(row, comparison, [(*hit, texts) for hit, texts in zip(hits, stray, strict=True)])

    async def _once(self, name: str, rdtype: str) -> Answer:
        key = (name, rdtype)
        if key not in self._probed:
            self._probed[key] = asyncio.create_task(self._asker.once(*key))
        return await self._probed[key]


async def _nothing() -> tuple[str, ...]:
    return ()
