"""Stacked columns and lines by day as numbers to draw: pure, the templates write the SVG."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

WIDTH, HEIGHT = 880, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 20, 20, 24
STEPS = (1, 2, 5)
GAP = 0.28
LABELS = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a column, in SVG units."""

    series: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """One day: its hit area, its parts, and the counts for the read-out."""

    day: date
    x: float
    width: float
    bars: tuple[Bar, ...]
    counts: Mapping[str, int]
    label: bool
    middle: float
    anchor: str
    href: str = ""
    last_day: date | None = None  # of a column that stands for several days

    @property
    def told(self) -> dict[str, int]:
        """What the read-out says: the parts that are not empty."""
        return {name: count for name, count in self.counts.items() if count}

    @property
    def total(self) -> int:
        """All messages of the day."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across with its number."""

    y: float
    value: int


@dataclass(frozen=True, slots=True)
class Chart:
    """All there is to draw."""

    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    series: tuple[str, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    top: int = TOP
    base: int = HEIGHT - BOTTOM


def nice_step(most: int, parts: int = 4) -> int:
    """Return a round step (1, 2 or 5 times a power of ten) so that about ``parts`` of them reach ``most``."""
    wanted = max(1, -(-most // parts))
    power = 1
    while True:
        for step in STEPS:
            if step * power >= wanted:
                return step * power
        power *= 10


def by_weeks(days: Sequence[tuple[date, Mapping[str, int]]], most: int = 120) -> list[tuple[date, dict[str, int]]]:
    """Return the days, added up by weeks that end with the last one when they are more than ``most``."""
    if len(days) <= most:
        return [(day, dict(counts)) for day, counts in days]
    weeks: dict[date, Counter[str]] = {}
    last = days[-1][0]
    for day, counts in days:
        start = last - timedelta(days=(last - day).days // 7 * 7 + 6)
        weeks.setdefault(start, Counter()).update(counts)
    return [(day, dict(counts)) for day, counts in sorted(weeks.items())]


@dataclass(frozen=True, slots=True)
class Line:
    """One series as the points of a polyline, in pieces where a day has no value."""

    series: str
    pieces: tuple[str, ...]
    latest: float


@dataclass(frozen=True, slots=True)
class Lines:
    """Shares from 0 to 1 over the days."""

    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    labels: tuple[tuple[float, date], ...]
    width: int = WIDTH
    height: int = 160
    left: int = LEFT


def shares(days: Sequence[tuple[date, Mapping[str, int]]], series: Sequence[str], whole: str) -> Lines:
    """Return lines of each day's share of ``whole``; a day without messages interrupts them."""
    height, slot = 160, (WIDTH - LEFT - RIGHT) / max(1, len(days))
    usable = height - TOP - BOTTOM

    def at(number: int, share: float) -> str:
        return f"{LEFT + (number + 0.5) * slot:.1f},{TOP + usable * (1 - share):.1f}"

    lines = []
    for name in series:
        pieces: list[list[str]] = [[]]
        latest = 0.0
        for number, (_day, counts) in enumerate(days):
            if counts.get(whole):
                latest = counts.get(name, 0) / counts[whole]
                pieces[-1].append(at(number, latest))
            elif pieces[-1]:
                pieces.append([])
        lines.append(Line(name, tuple(" ".join(piece) for piece in pieces if piece), latest))
    ticks = tuple(Tick(round(TOP + usable * (1 - part / 100), 2), part) for part in (0, 50, 100))
    every = max(1, -(-len(days) // LABELS))
    labels = tuple(
        (round(LEFT + (number + 0.5) * slot, 1), day)
        for number, (day, _counts) in enumerate(days)
        if (len(days) - 1 - number) % every == 0
    )
    return Lines(tuple(lines), ticks, labels)


def stacked(
    days: Sequence[tuple[date, Mapping[str, int]]],
    series: Sequence[str],
    href: Callable[[date, date], str] | None = None,
) -> Chart:
    """Return the chart of these days; each day's counts are stacked in the order of ``series``.

    ``href`` gives where the column from one day to another leads.
    """
    most = max((sum(counts.values()) for _day, counts in days), default=0)
    step = nice_step(most)
    top_value = step * max(1, -(-most // step))
    usable = HEIGHT - TOP - BOTTOM
    ticks = [
        Tick(round(HEIGHT - BOTTOM - usable * n * step / top_value, 2), n * step)
        for n in range(top_value // step + 1)
    ]
    slot = (WIDTH - LEFT - RIGHT) / max(1, len(days))
    every = max(1, -(-len(days) // LABELS))
    columns = [
        _column(number, day, counts, series, slot, usable / top_value, (len(days) - 1 - number) % every == 0)
        for number, (day, counts) in enumerate(days)
    ]
    if len(days) > 1 and (length := (days[1][0] - days[0][0]).days) > 1:
        columns = [replace(column, last_day=column.day + timedelta(days=length - 1)) for column in columns]
    if href is not None:
        columns = [replace(column, href=href(column.day, column.last_day or column.day)) for column in columns]
    return Chart(tuple(columns), tuple(ticks), tuple(series))


def _column(
    number: int, day: date, counts: Mapping[str, int], series: Sequence[str], slot: float, scale: float, label: bool
) -> Column:
    left = LEFT + number * slot
    bars: list[Bar] = []
    y = float(HEIGHT - BOTTOM)
    for name in series:
        height = counts.get(name, 0) * scale
        if height > 0:
            y -= height
            bars.append(
                Bar(name, round(left + slot * GAP / 2, 2), round(y, 2), round(slot * (1 - GAP), 2), round(height, 2))
            )
    middle = left + slot / 2
    anchor = "start" if middle < WIDTH * 0.25 else "end" if middle > WIDTH * 0.75 else "middle"
    shown = {name: counts.get(name, 0) for name in series}
    return Column(day, round(left, 2), round(slot, 2), tuple(bars), shown, label, round(middle, 2), anchor)
