"""The week that a summary is about, what was counted in it, and which domain needs somebody first. Pure.

Weeks go from Monday to Sunday, in UTC as the days of reports do. A picture shows the month that ends with the week.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from domains.reports.kinds import Kind

MONTH_DAYS = 30
SEND_HOUR = 6  # on Monday, in UTC: receivers report a day a few hours after its end
OURS = (Kind.OWN, Kind.ALIGNED, Kind.MISALIGNED)


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days from a Monday on."""

    first_day: date

    @property
    def last_day(self) -> date:
        """Its Sunday."""
        return self.first_day + timedelta(days=6)

    @property
    def before(self) -> "Week":
        """The week before."""
        return Week(self.first_day - timedelta(days=7))

    @property
    def month_begin(self) -> date:
        """The first day of the month that ends with the week."""
        return self.last_day - timedelta(days=MONTH_DAYS - 1)

    @property
    def due_at(self) -> datetime:
        """When its summary is sent: on the Monday after it."""
        return datetime.combine(self.first_day + timedelta(days=7), time(SEND_HOUR), UTC)


def last_week(today: date) -> Week:
    """Return the last week that is over."""
    return Week(today - timedelta(days=today.weekday() + 7))


@dataclass(slots=True)
class Count:
    """Messages of a span; ``held`` are those of our own senders that believed reports call junk or refused."""

    messages: int = 0
    passed: int = 0
    held: int = 0
    unbelieved: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, messages: int, passed: int, held: int, unbelieved: int) -> None:
        """Count messages of one class."""
        self.messages += messages
        self.passed += passed
        self.held += held if kind in OURS else 0
        self.unbelieved += unbelieved
        self.kinds[kind] += messages

    @property
    def share(self) -> int | None:
        """How many in a hundred passed DMARC, None without messages; never 100 while one failed."""
        if not self.messages:
            return None
        return min(round(100 * self.passed / self.messages), 100 if self.passed == self.messages else 99)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A sender of the domain that is set up wrong: its messages, and what to mend (``domains.reports.classify``)."""

    sender: str
    address: str
    messages: int
    fix: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class NewSource:
    """Who was seen for the first time: a named sender, or an address that nothing names."""

    sender: str
    address: str
    kind: str
    messages: int
    addresses: int


@dataclass(slots=True)
class DomainWeek:
    """What is known of one domain; ``days`` are those of the month, by class, empty ones left out."""

    name: str
    count: Count = field(default_factory=Count)
    before: Count = field(default_factory=Count)
    days: dict[date, Counter[str]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    fresh: list[NewSource] = field(default_factory=list)
    alerts: int = 0

    @property
    def is_quiet(self) -> bool:
        """True when there is nothing to tell: no mail and no alert."""
        return not self.count.messages and not self.alerts

    @property
    def needs_somebody(self) -> bool:
        """True when something is to be done or looked at."""
        return bool(self.alerts or self.mistakes or self.count.held)

    @property
    def urgency(self) -> tuple[object, ...]:
        """What domains are ordered by: alerts, mistakes, mail of one's own that was held, then size and name."""
        wrong = sum(one.messages for one in self.mistakes)
        return (-self.alerts, -wrong, -self.count.held, -self.count.messages, self.name)
