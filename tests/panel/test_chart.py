"""The chart's geometry: round steps, columns stacked from the base, nothing outside the drawing."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.views.chart import nice_step, stacked


@pytest.mark.parametrize(
    ("most", "step"), [(0, 1), (1, 1), (4, 1), (5, 2), (40, 10), (41, 20), (999, 500), (10**9, 500_000_000)]
)
def test_steps_are_round(most: int, step: int) -> None:
    assert nice_step(most) == step


@given(st.lists(st.integers(0, 10**9), max_size=40))
def test_columns_stay_inside_and_stand_on_each_other(counts: list[int]) -> None:
    first = date(2026, 1, 1)
    days = [(first + timedelta(days=n), {"none": count, "reject": count // 2}) for n, count in enumerate(counts)]
    chart = stacked(days, ("none", "quarantine", "reject"))
    assert len(chart.columns) == len(days)
    for column in chart.columns:
        floor = float(chart.base)
        for bar in column.bars:
            assert bar.y + bar.height == pytest.approx(floor, abs=0.05)
            assert bar.y >= chart.top - 0.05
            assert chart.left <= bar.x <= bar.x + bar.width <= chart.width + 0.05
            floor = bar.y
