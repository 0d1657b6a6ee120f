"""The names of addresses that reports show: asked in the background, the busiest first, for those who name sources.

A name counts only when it leads back to its address. What is known is asked again after a month, silence after a day.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from antispam.iprev import IprevOutcome, IprevResult, evaluate_iprev
from domains.dns.resolver import BudgetedResolver, default_resolver
from domains.models import AddressName
from domains.services.report_rollup import reclassify

ADDRESSES = 500  # of one run
AT_ONCE = 20
QUESTIONS, SECONDS = 4, 10.0
KNOWN = timedelta(days=30)
SILENT = timedelta(days=1)
LOOKED_AT = timedelta(days=30)

DUE = """
SELECT host(d.source_ip) FROM domains_dmarcdaily d LEFT JOIN domains_addressname n ON n.address = d.source_ip
WHERE d.day >= %s AND (n.address IS NULL OR n.asked_at < %s)
GROUP BY d.source_ip ORDER BY sum(d.messages) DESC, d.source_ip LIMIT %s
"""
CONCERNED = """
SELECT domain_id, array_agg(DISTINCT host(source_ip)) FROM domains_dmarcsource
WHERE source_ip = ANY(%s::inet[]) GROUP BY domain_id
"""


def name_sources(now: datetime | None = None) -> int:
    """Ask for the names of addresses that are due, and judge the streams whose name changed; returns how many."""
    now = now or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(DUE, [(now - LOOKED_AT).date(), now - KNOWN, ADDRESSES])
        addresses = [row[0] for row in cursor.fetchall()]
    if not addresses:
        return 0
    before = dict(AddressName.objects.filter(address__in=addresses, verified=True).values_list("address", "name"))
    found = asyncio.run(_ask(addresses))
    _keep(found, now)
    changed = [address for address, one in found.items() if _answered(one) and before.get(address, "") != one.name]
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(CONCERNED, [changed])
            concerned = cursor.fetchall()
        for domain_id, sources in concerned:
            reclassify(domain_id, sources)
    return len(found)


def _answered(result: IprevResult) -> bool:
    return result.result is not IprevOutcome.TEMPERROR


def _keep(found: dict[str, IprevResult], now: datetime) -> None:
    """Store the answers; an address about which the DNS was silent keeps its name and is asked again tomorrow."""
    rows = [
        AddressName(address=address, name=one.name[:255], verified=bool(one.name), asked_at=now)
        for address, one in found.items()
        if _answered(one)
    ]
    AddressName.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["address"], update_fields=["name", "verified", "asked_at"]
    )
    silent = [
        AddressName(address=address, asked_at=now - KNOWN + SILENT)
        for address, one in found.items()
        if not _answered(one)
    ]
    AddressName.objects.bulk_create(
        silent, update_conflicts=True, unique_fields=["address"], update_fields=["asked_at"]
    )


async def _ask(addresses: Sequence[str]) -> dict[str, IprevResult]:
    resolver, room = default_resolver(), asyncio.Semaphore(AT_ONCE)

    async def one(address: str) -> IprevResult:
        async with room:
            return await evaluate_iprev(BudgetedResolver(resolver, QUESTIONS, SECONDS), address)

    return dict(zip(addresses, await asyncio.gather(*map(one, addresses)), strict=True))
