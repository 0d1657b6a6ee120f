"""What the small roll-up says of a domain: messages by day, class, disposition and alignment; one SQL query in all.

Days are UTC. A message passed DMARC when SPF or DKIM was aligned (RFC 9989 section 5.3).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from domains.models import Domain
from domains.queries import fetch_all
from domains.reports.kinds import KINDS
from domains.reports.span import day_before

MAXIMUM_DAYS = 3660

VOLUME = """
SELECT day, kind, disposition, dkim_aligned, spf_aligned, believed, messages
FROM domains_dmarcday WHERE domain_id = %s AND day BETWEEN %s AND %s ORDER BY day
"""


@dataclass(slots=True)
class Tally:
    """Messages counted along every line that the pages draw."""

    messages: int = 0
    passed: int = 0
    spf: int = 0
    dkim: int = 0
    unbelieved: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    dispositions: Counter[str] = field(default_factory=Counter)
    matrix: Counter[tuple[bool, bool]] = field(default_factory=Counter)  # (SPF aligned, DKIM aligned)

    @property
    def told_kinds(self) -> list[tuple[str, int]]:
        """The classes that have messages, in the order of the charts."""
        return [(kind, self.kinds[kind]) for kind in KINDS if self.kinds[kind]]

    @property
    def told_dispositions(self) -> list[tuple[str, int]]:
        """What was done with messages, most first."""
        return [(name, count) for name, count in self.dispositions.most_common() if count]

    def add(self, kind: str, disposition: str, dkim: bool, spf: bool, believed: bool, messages: int) -> None:
        """Count so many messages that were judged alike."""
        self.messages += messages
        self.passed += messages if dkim or spf else 0
        self.spf += messages if spf else 0
        self.dkim += messages if dkim else 0
        self.unbelieved += 0 if believed else messages
        self.kinds[kind] += messages
        self.dispositions[disposition] += messages
        self.matrix[spf, dkim] += messages


@dataclass(frozen=True, slots=True)
class Volume:
    """A span of days: what was counted on each, empty days too, and over all."""

    first_day: date
    last_day: date
    days: dict[date, Tally]
    total: Tally


def volume_of(domain: Domain, first_day: date, last_day: date) -> Volume:
    """Return what was counted from ``first_day`` to ``last_day``, at most the last ``MAXIMUM_DAYS``."""
    first_day = max(first_day, day_before(last_day, MAXIMUM_DAYS - 1))
    return counted(fetch_all(VOLUME, [domain.pk, first_day, last_day]), first_day, last_day)


def counted(rows: Iterable[tuple[Any, ...]], first_day: date, last_day: date) -> Volume:
    """Return rows of (day, kind, disposition, DKIM aligned, SPF aligned, believed, messages) as a volume."""
    span = (last_day - first_day).days + 1
    days = {first_day + timedelta(days=number): Tally() for number in range(span)}
    total = Tally()
    for day, kind, disposition, dkim, spf, believed, messages in rows:
        for tally in (days[day], total):
            tally.add(kind, disposition, dkim, spf, believed, int(messages))
    return Volume(first_day, last_day, days, total)
