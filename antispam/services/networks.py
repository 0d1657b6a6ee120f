"""Networks from which good mail came: remembered where traces are expanded, asked while a message waits.

The question is asked only of mail that would otherwise be refused; ordinary mail costs nothing here.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

from django.db import connection

from antispam.disposition.networks import KEPT, is_known, network_of
from antispam.models import KnownNetwork
from domains.database import database
from domains.services.expansion import ExpandedTrace

# A day counts once; one that comes late, after a later one, is not counted.
REMEMBER = """
INSERT INTO antispam_knownnetwork AS k (network, first_day, last_day, days, messages) VALUES (%s, %s, %s, 1, %s)
ON CONFLICT (network) DO UPDATE SET
    days = k.days + (excluded.last_day > k.last_day)::int,
    last_day = greatest(k.last_day, excluded.last_day),
    messages = k.messages + excluded.messages
"""
STANDING = "SELECT first_day, last_day, days FROM antispam_knownnetwork WHERE network = %s"


def remember_good_mail(batch: Sequence[ExpandedTrace]) -> None:
    """Count the good mail of a batch by network and day, inside the caller's transaction."""
    good: defaultdict[tuple[str, date], int] = defaultdict(int)
    for trace in batch:
        if trace.client_address and _is_good(trace):
            network = network_of(trace.client_address)
            good[network, trace.received_at.astimezone(UTC).date()] += 1
    rows = [(network, day, day, messages) for (network, day), messages in sorted(good.items())]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(REMEMBER, rows)


def _is_good(trace: ExpandedTrace) -> bool:
    """True for mail from outside that passed DMARC and reached an inbox."""
    if trace.direction != "in" or trace.outcome != "delivered":
        return False
    dmarc, verdict = trace.event("dmarc"), trace.event("verdict")
    return bool(dmarc and verdict and dmarc["outcome"] == "pass" and verdict["outcome"] == "inbox")


async def is_known_network(address: str) -> bool:
    """Return whether enough good mail came from the address's network before; database errors are raised."""
    async with database() as pooled:
        row = await (await pooled.execute(STANDING, (network_of(address),))).fetchone()
    return row is not None and is_known(row[0], row[1], row[2], datetime.now(UTC).date())


def known_networks(addresses: Iterable[str], today: date | None = None) -> frozenset[str]:
    """Return the networks of these addresses from which enough good mail has come so far."""
    networks = {network_of(address) for address in addresses}
    rows = KnownNetwork.objects.filter(network__in=networks).values_list("network", "first_day", "last_day", "days")
    now = today or datetime.now(UTC).date()
    return frozenset(network for network, first, last, days in rows if is_known(first, last, days, now))


def forget_networks(today: date | None = None) -> int:
    """Remove networks from which nothing good came for long; returns how many."""
    before = (today or datetime.now(UTC).date()) - KEPT
    return KnownNetwork.objects.filter(last_day__lt=before).delete()[0]
