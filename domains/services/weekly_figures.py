"""A week of reports for many domains at once: three SQL queries, and the alerts by a fourth.

The figures are those of the pages. What asks somebody to act rests on believed reports alone: else anybody could make
anybody act.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from django.db.models import Q

from domains.models import DmarcReport, Domain, ReportAlert
from domains.queries import fetch_all
from domains.reports.weeks import DomainWeek, Mistake, NewSource, Week

DAYS = """
SELECT domain_id, day, kind, sum(messages)::bigint,
       coalesce(sum(messages) FILTER (WHERE dkim_aligned OR spf_aligned), 0)::bigint,
       coalesce(sum(messages) FILTER (WHERE believed AND disposition IN ('quarantine', 'reject')), 0)::bigint,
       coalesce(sum(messages) FILTER (WHERE NOT believed), 0)::bigint
FROM domains_dmarcday WHERE domain_id = ANY(%s) AND day BETWEEN %s AND %s GROUP BY domain_id, day, kind
"""
MISTAKES = """
SELECT d.domain_id, d.sender, CASE WHEN d.sender = '' THEN host(min(d.source_ip)) ELSE '' END,
       sum(d.messages)::bigint, (SELECT s.fix FROM domains_dmarcsource s
           WHERE s.domain_id = d.domain_id AND s.kind = 'service-misaligned' AND s.sender = d.sender
           AND s.fix IS NOT NULL ORDER BY s.last_day DESC, s.id DESC LIMIT 1)::text
FROM domains_dmarcdaily d WHERE d.domain_id = ANY(%s) AND d.day BETWEEN %s AND %s AND d.kind = 'service-misaligned'
    AND d.believed
GROUP BY d.domain_id, d.sender ORDER BY 4 DESC, 2
"""
# Impostors are told by their number. Of a domain whose first reports are in the week, everybody would be new.
FRESH = """
WITH fresh AS MATERIALIZED (
    SELECT DISTINCT s.domain_id, s.source_ip FROM domains_dmarcsource s
    WHERE s.domain_id = ANY(%(domains)s) AND s.first_day BETWEEN %(first)s AND %(last)s
        AND NOT EXISTS (SELECT 1 FROM domains_dmarcsource o WHERE o.domain_id = s.domain_id
                        AND o.source_ip = s.source_ip AND o.first_day < %(first)s)
)
SELECT d.domain_id, d.sender, CASE WHEN d.sender = '' THEN host(d.source_ip) ELSE '' END AS address, min(d.kind),
       sum(d.messages)::bigint, count(DISTINCT d.source_ip)
FROM fresh JOIN domains_dmarcdaily d USING (domain_id, source_ip)
WHERE d.day BETWEEN %(first)s AND %(last)s AND d.kind <> 'impostor' AND d.believed
    AND EXISTS (SELECT 1 FROM domains_dmarcday b WHERE b.domain_id = d.domain_id AND b.day < %(first)s)
GROUP BY d.domain_id, d.sender, address ORDER BY 5 DESC, 2, 3
"""


@dataclass(slots=True)
class Told:
    """One domain with what its summary is made of; ``alerts`` are those open, and those opened in the week."""

    domain: Domain
    week: DomainWeek
    alerts: list[ReportAlert] = field(default_factory=list)


def ever_reported(domains: Iterable[Domain]) -> bool:
    """True when a report ever came about one of the domains."""
    return DmarcReport.objects.filter(domain__in=[domain.pk for domain in domains]).exists()


def weeks_of(domains: Sequence[Domain], week: Week) -> list[Told]:
    """Return what the week was for each domain, first who needs somebody."""
    told = {domain.pk: Told(domain, DomainWeek(domain.name)) for domain in domains}
    _add_days(told, week)
    _add_senders(told, week)
    for alert in _alerts(list(told), week):
        told[alert.domain_id].alerts.append(alert)
        told[alert.domain_id].week.alerts += alert.closed_at is None
    return sorted(told.values(), key=lambda one: one.week.urgency)


def _add_days(told: dict[int, Told], week: Week) -> None:
    for domain_id, day, kind, messages, *counts in fetch_all(DAYS, [list(told), week.month_begin, week.last_day]):
        one = told[domain_id].week
        one.days.setdefault(day, Counter())[kind] += messages
        if day >= week.first_day:
            one.count.add(kind, messages, *counts)
        elif day >= week.before.first_day:
            one.before.add(kind, messages, *counts)


def _add_senders(told: dict[int, Told], week: Week) -> None:
    for domain_id, sender, address, messages, fix in fetch_all(MISTAKES, [list(told), week.first_day, week.last_day]):
        mistake = Mistake(sender, address, messages, json.loads(fix) if fix else None)
        told[domain_id].week.mistakes.append(mistake)
    values = {"domains": list(told), "first": week.first_day, "last": week.last_day}
    for domain_id, sender, address, kind, messages, addresses in fetch_all(FRESH, values):
        told[domain_id].week.fresh.append(NewSource(sender, address, kind, messages, addresses))


def _alerts(domains: list[int], week: Week) -> Iterable[ReportAlert]:
    """Return the alerts that nobody muted: open ones first, then those that were opened in the week and are over."""
    begin = datetime.combine(week.first_day, time(), UTC)
    rows = ReportAlert.objects.filter(domain__in=domains, muted_by="")
    rows = rows.filter(Q(closed_at=None) | Q(opened_at__gte=begin, opened_at__lt=begin + timedelta(days=7)))
    return rows.order_by("-closed_at", "-opened_at", "-id")
