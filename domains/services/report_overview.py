"""All domains of an actor by their reports, for the page of all and for programs; two SQL queries in all."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from domains.audit import Act
from domains.models import Domain
from domains.queries import fetch_all
from domains.services.provision import domains_for, require_administrator
from domains.services.report_volume import Volume, counted

DAYS = 30

VOLUME = """
SELECT domain_id, day, kind, disposition, dkim_aligned, spf_aligned, believed, messages
FROM domains_dmarcday WHERE domain_id = ANY(%s) AND day BETWEEN %s AND %s
"""
LATEST = """
SELECT id, (SELECT max(day) FROM domains_dmarcreport WHERE domain_id = d.id AND standing = 'counted')
FROM domains_domain d WHERE id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class DomainReports:
    """One domain: what was counted in the last days, and the day of its latest report."""

    domain: Domain
    volume: Volume
    latest: date | None

    @property
    def mistakes(self) -> int:
        """Messages of senders that are set up wrong."""
        return self.volume.total.kinds["service-misaligned"]

    @property
    def strangers(self) -> int:
        """Messages that are unknown or an impostor's."""
        return self.volume.total.kinds["unknown"] + self.volume.total.kinds["impostor"]


def overview_of(act: Act, today: date, days: int = DAYS) -> list[DomainReports]:
    """Return the actor's domains: those with mistakes first, then by messages, then by name; raises Forbidden."""
    require_administrator(act)
    domains = list(domains_for(act).prefetch_related(None))
    first_day = today - timedelta(days=days - 1)
    rows: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for domain_id, *values in fetch_all(VOLUME, [[domain.pk for domain in domains], first_day, today]):
        rows[domain_id].append(tuple(values))
    latest = dict(fetch_all(LATEST, [[domain.pk for domain in domains]]))
    found = [
        DomainReports(domain, counted(rows[domain.pk], first_day, today), latest.get(domain.pk)) for domain in domains
    ]
    return sorted(found, key=lambda one: (-one.mistakes, -one.volume.total.messages, one.domain.name))
