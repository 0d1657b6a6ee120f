"""Which days a page of reports is about: the last so many, or from one day to another."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from django.http import HttpRequest

from domains.reports.span import day_before

SPANS = (7, 30, 90, 365)
DEFAULT = 30
MOST_DAYS = 3660
EARLIEST = date(2010, 1, 1)


@dataclass(frozen=True, slots=True)
class Span:
    """The days of a page; ``days`` is 0 when they were chosen one by one."""

    first_day: date
    last_day: date
    days: int

    @property
    def query(self) -> str:
        """What keeps the days in a link."""
        return urlencode({"from": self.first_day.isoformat(), "to": self.last_day.isoformat()})


def span_of(request: HttpRequest, default: int = DEFAULT) -> Span:
    """Return the days that the address asks for, at most the last ``MOST_DAYS`` of them; else the default."""
    today = datetime.now(UTC).date()
    first, last = _day(request.GET.get("from", "")), _day(request.GET.get("to", ""))
    if first is not None and (last is None or first <= last):
        last = last or first
        return Span(max(first, day_before(last, MOST_DAYS - 1)), last, 0)
    text = request.GET.get("days", "")
    days = int(text) if text in map(str, SPANS) else default
    return Span(today - timedelta(days=days - 1), today, days)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if EARLIEST <= found <= date(2200, 1, 1) else None
