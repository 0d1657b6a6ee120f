"""A month of mail by day and class as a PNG, for mail programs, which draw no SVG. Pure.

Drawn for a screen of two pixels a point. The ground is transparent and the axis grey, so it is read on light and dark
alike. The font that the drawing library brings has ASCII alone: labels must keep to it.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from PIL import Image, ImageColor, ImageDraw, ImageFont

from domains.views.chart import nice_step

WIDTH, HEIGHT = 560, 170  # as it is shown
SCALE = 2
RIGHT, TOP, BOTTOM, BESIDE = 4, 24, 54, 12  # pixels, as all below
FONT_SIZE = 26
GAP = 0.26
LEAST = 3  # what is there is seen
GREY = (125, 124, 117)
GRID, BASE, BAND = (*GREY, 70), (*GREY, 200), (*GREY, 30)
MONDAY = 0


@dataclass(frozen=True, slots=True)
class Labels:
    """How days and numbers are written beside the axes, in ASCII."""

    day: Callable[[date], str]
    number: Callable[[int], str]


def draw_month(
    first_day: date,
    last_day: date,
    days: Mapping[date, Mapping[str, int]],
    colours: Mapping[str, str],
    labels: Labels,
) -> bytes:
    """Return the PNG: a column a day, stacked in the order of ``colours``; the last seven days stand on a band."""
    return _Month(first_day, last_day, days, colours, labels).png()


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(FONT_SIZE)


class _Month:
    def __init__(
        self,
        first_day: date,
        last_day: date,
        days: Mapping[date, Mapping[str, int]],
        colours: Mapping[str, str],
        labels: Labels,
    ) -> None:
        self._span = [first_day + timedelta(days=number) for number in range((last_day - first_day).days + 1)]
        self._days, self._labels = days, labels
        self._colours = {kind: (*ImageColor.getrgb(colour)[:3], 255) for kind, colour in colours.items()}
        self._image = Image.new("RGBA", (WIDTH * SCALE, HEIGHT * SCALE), (*GREY, 0))
        self._draw = ImageDraw.Draw(self._image)
        self._base = self._image.height - BOTTOM
        most = max((sum(days.get(day, {}).values()) for day in self._span), default=0)
        self._step = nice_step(most, 3)
        self._top = self._step * max(1, -(-most // self._step))
        widest = max(self._draw.textlength(labels.number(value), _font()) for value in self._values)
        self._left = round(widest) + BESIDE
        self._slot = (self._image.width - self._left - RIGHT) / len(self._span)

    def png(self) -> bytes:
        """Draw everything from back to front."""
        self._band()
        self._grid()
        for number, day in enumerate(self._span):
            self._column(number, self._days.get(day, {}))
            if day.weekday() == MONDAY:
                self._label(self._x(number + 0.5), self._base + 34, self._labels.day(day), "mm")
        stream = io.BytesIO()
        self._image.save(stream, "PNG", optimize=True)
        return stream.getvalue()

    @property
    def _values(self) -> range:
        return range(0, self._top + 1, self._step)

    def _x(self, number: float) -> int:
        return round(self._left + number * self._slot)

    def _y(self, value: float) -> int:
        return round(self._base - (self._base - TOP) * value / self._top)

    def _band(self) -> None:
        left = self._x(max(0, len(self._span) - 7))
        self._draw.rectangle((left, TOP, self._x(len(self._span)) - 1, self._base), fill=BAND)

    def _grid(self) -> None:
        for value in self._values:
            y = self._y(value)
            self._draw.rectangle((self._left, y - 1, self._image.width - RIGHT, y), fill=GRID if value else BASE)
            self._label(self._left - BESIDE, y, self._labels.number(value), "rm")

    def _column(self, number: int, counts: Mapping[str, int]) -> None:
        left, right = self._x(number + GAP / 2), self._x(number + 1 - GAP / 2) - 1
        bottom, so_far = self._base - 1, 0
        for kind, colour in self._colours.items():
            if not counts.get(kind):
                continue
            so_far += counts[kind]
            top = min(self._y(so_far), bottom - LEAST)
            self._draw.rectangle((left, top, right, bottom - 1), fill=colour)
            bottom = top

    def _label(self, x: int, y: int, text: str, anchor: str) -> None:
        self._draw.text((x, y), text, font=_font(), fill=(*GREY, 255), anchor=anchor)
