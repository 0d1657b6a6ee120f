"""The picture of a month: its size, its columns by class and height, its band, and labels that fit."""

import io
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageColor

from domains.reports.kinds import KINDS
from domains.views.picture import BAND, BASE, HEIGHT, SCALE, WIDTH, Labels, draw_month
from domains.views.weekly_summary import COLOURS

LAST = date(2026, 11, 22)  # a Sunday
FIRST = LAST - timedelta(days=29)
LABELS = Labels(lambda day: f"{day.day}/{day.month}", lambda value: f"{value:,}")
STYLES = Path(__file__).resolve().parents[2] / "templates" / "static" / "panel.css"


def drawn(days: dict[date, dict[str, int]], number: Callable[[int], str] = LABELS.number) -> Image.Image:
    octets = draw_month(FIRST, LAST, days, COLOURS, Labels(LABELS.day, number))
    assert len(octets) < 30_000
    image = Image.open(io.BytesIO(octets))
    image.load()
    assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (WIDTH * SCALE, HEIGHT * SCALE))
    return image


def area(image: Image.Image, kind: str) -> int:
    wanted = (*ImageColor.getrgb(COLOURS[kind]), 255)
    return sum(count for count, colour in image.getcolors(1 << 20) or [] if colour == wanted)


def test_columns_are_as_high_as_their_counts() -> None:
    days = {FIRST + timedelta(days=number): {"own": 300, "impostor": 100} for number in range(30)}
    image = drawn(days)
    assert area(image, "own") / area(image, "impostor") == pytest.approx(3, rel=0.05)
    assert area(image, "unknown") == 0
    seen = {colour for _count, colour in image.getcolors(1 << 20) or []}
    assert {BAND, BASE} <= seen
    assert image.getpixel((image.width - 1, 0))[3] == 0  # type: ignore[index]


def test_one_message_beside_many_is_seen() -> None:
    image = drawn({LAST: {"own": 100_000, "impostor": 1}, FIRST: {"unknown": 1}})
    assert area(image, "impostor") > 20
    assert area(image, "unknown") > 20


@pytest.mark.parametrize("most", [0, 1, 999, 12_345_678, 9_999_999_999])
def test_no_label_is_cut(most: int) -> None:
    image = drawn({LAST: {"own": most}})
    assert image.crop((0, 0, 1, image.height)).getextrema()[3] == (0, 0)
    assert area(image, "own") > 0 or not most


def test_a_busy_month_stays_small() -> None:
    days: Any = {
        FIRST + timedelta(days=number): {
            kind: (number * 7919 + place * 104729) % 997 for place, kind in enumerate(KINDS)
        }
        for number in range(30)
    }
    drawn(days)


def test_its_colours_are_those_of_the_pages() -> None:
    light = STYLES.read_text().partition("@media (prefers-color-scheme: dark)")[0]
    named = dict(re.findall(r"--kind-(\w+): (#\w+);", light))
    assert {kind.removeprefix("service-"): colour for kind, colour in COLOURS.items()} == named
    assert list(COLOURS) == list(KINDS)
