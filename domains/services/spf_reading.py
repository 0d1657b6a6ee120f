"""What a domain's SPF record costs those who check it: as it stands, and as it is to be; read when asked, then kept.

The DNS is asked outside any transaction. What each sender was seen to cost is kept beside it, so that the record and
the pages are made without asking.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from domains.audit import Act
from domains.dns.port import Answer
from domains.dns.resolver import BudgetedResolver, default_resolver
from domains.models import Domain, Sender, SpfReading
from domains.services.provision import get_domain_for
from domains.services.publication_parked import NO_SENDERS
from domains.services.publication_spf import light_value, spf_value, term_of
from domains.spf.budget import QUESTIONS, Budget, Lookup, Trouble, measure
from domains.spf.merge import CannotMerge, fitted
from domains.spf.record import is_spf_record

SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the DNS said; ``desired`` comes of the senders alone and costs ``ours``; ``text`` is to be published."""

    answer: Answer
    desired: str
    text: str
    after: Budget
    before: Budget
    ours: Budget
    obstacle: str
    detail: str


def read_spf(act: Act, name: str) -> dict[str, Any]:
    """Ask the DNS about the record and all that it leads to, keep the answer and return it; raises NotFound."""
    domain = get_domain_for(act, name)
    seen = asyncio.run(_look(domain.name, spf_value(domain)))
    moment = timezone.now()
    content = _content(seen)
    _keep(domain, content, _costs(domain, seen.ours.tree), moment)
    return content | {"read_at": moment}


def last_reading(domain: Domain) -> dict[str, Any] | None:
    """Return what was last read, None before the first time."""
    row = SpfReading.objects.filter(domain=domain).first()
    return None if row is None else row.content | {"read_at": row.read_at}


async def _look(name: str, value: str) -> _Seen:
    network = default_resolver()
    resolver = BudgetedResolver(network, QUESTIONS, SECONDS)
    answer = await network.lookup_uncached(name, "TXT")
    records = [text for text in answer.records if is_spf_record(text)]
    ours = await measure(resolver, name, value)
    before = await measure(resolver, name, records[0]) if len(records) == 1 else Budget()
    kept = [] if value == NO_SENDERS else records  # what a parked domain let send is replaced
    try:
        fit = await fitted(resolver, name, kept, value, light_value(value))
    except CannotMerge as error:
        return _Seen(answer, value, value, ours, before, ours, error.obstacle.value, error.detail)
    return _Seen(answer, value, fit.text, fit.cost, before, ours, "", "")


def _costs(domain: Domain, tree: Sequence[Lookup]) -> list[Sender]:
    """Return the senders whose cost was seen to be another; one that could not be asked about keeps its own."""
    nodes = {node.term: node for node in tree}
    changed = []
    for sender in domain.senders.all():
        node = nodes.get(term_of(sender))
        if node is not None and node.trouble is not Trouble.SILENT and node.lookups != sender.lookups:
            sender.lookups = node.lookups
            changed.append(sender)
    return changed


@transaction.atomic
def _keep(domain: Domain, content: dict[str, Any], changed: Sequence[Sender], moment: datetime) -> None:
    """Store a reading; a domain or a sender deleted meanwhile changes nothing."""
    if not Domain.objects.select_for_update().filter(pk=domain.pk).exists():
        return
    SpfReading.objects.update_or_create(domain=domain, defaults={"content": content, "read_at": moment})
    for sender in changed:
        Sender.objects.filter(pk=sender.pk).update(lookups=sender.lookups)


def _content(seen: _Seen) -> dict[str, Any]:
    records = [text[:4000].replace("\0", "\ufffd") for text in seen.answer.records if is_spf_record(text)]
    silent = not seen.answer.found and not seen.answer.absent
    return {
        "published_texts": records[:20],
        "published": _budget(records[0], seen.before) if len(records) == 1 else None,
        "desired": seen.desired,
        "silent": silent,
        "record": _budget(seen.text, seen.after),
        "obstacle": seen.obstacle,
        "detail": seen.detail[:500].replace("\0", "\ufffd"),
    }


def _budget(text: str, budget: Budget) -> dict[str, Any]:
    return {
        "text": text,
        "lookups": budget.lookups,
        "voids": budget.voids,
        "within": budget.within,
        "trouble": budget.trouble.value,
        "overlapping": list(budget.overlapping),
        "terms": [_node(node) for node in budget.tree],
    }


def _node(node: Lookup) -> dict[str, Any]:
    return {
        "term": node.term,
        "target": node.target,
        "lookups": node.lookups,
        "voids": max(node.voids4, node.voids6),
        "trouble": node.trouble.value,
        "terms": [_node(below) for below in node.below],
    }
