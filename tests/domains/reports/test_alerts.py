"""When reports call somebody: a table of figures, each with what is told and why."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.reports.alerts import DayFigures, Figures, alerts_of

T = date(2026, 11, 20)


def days(count: int = 30, first: int = 1, **figures: int) -> dict[date, DayFigures]:
    return {T - timedelta(days=first + age): DayFigures(**figures) for age in range(count)}


def spoken(count: int, first: int = 1) -> frozenset[date]:
    return frozenset(T - timedelta(days=first + age) for age in range(count))


STEADY = days(ours=100, passed=99, impostor=10)
TABLE = [
    ({}, [], "nothing known"),
    ({"days": STEADY, "reported": spoken(30)}, [], "all as ever"),
    ({"fresh": {"192.0.2.1": 49}}, [], "a new source, too little"),
    ({"fresh": {"192.0.2.1": 50}}, ["new-source"], "a new source, just enough"),
    ({"fresh": {"192.0.2.1": 90, "192.0.2.2": 60, "192.0.2.3": 1}}, ["new-source"] * 2, "two of three"),
    ({"days": STEADY | days(2, ours=100, passed=40)}, ["pass-rate"], "two days of failures"),
    ({"days": STEADY | days(3, ours=100, passed=95)}, [], "four points are no fall"),
    ({"days": STEADY | days(3, ours=100, passed=88)}, ["pass-rate"], "eleven points are"),
    ({"days": days(ours=100, passed=60) | days(3, ours=10, passed=1)}, [], "too few messages to say"),
    ({"days": days(ours=4, passed=4) | days(3, ours=1, passed=0)}, [], "two of three messages"),
    ({"days": days(3, ours=500, passed=10)}, [], "no past to compare with"),
    ({"days": days(ours=100, passed=10)}, [], "always bad is no news"),
    ({"days": days(30, ours=100, passed=50) | days(3, ours=40, passed=13)}, [], "a third where half is usual"),
    ({"days": days(30, ours=100, passed=50) | days(3, ours=300, passed=90)}, ["pass-rate"], "no chance any more"),
    ({"days": STEADY | days(3, ours=600, passed=590, held=6)}, [], "eighteen of ours held"),
    ({"days": STEADY | days(3, ours=600, passed=590, held=7)}, ["own-held"], "twenty-one, over a hundredth"),
    ({"days": STEADY | days(3, ours=6000, passed=5990, held=10)}, [], "thirty of many thousand"),
    ({"days": STEADY | days(2, ours=100, passed=99, impostor=99)}, [], "impostors, under a hundred a day"),
    ({"days": STEADY | days(2, ours=100, passed=99, impostor=100)}, ["impostor-wave"], "ten times the usual"),
    ({"days": days(impostor=300) | days(2, impostor=1400)}, [], "not five times the usual"),
    ({"days": days(impostor=300) | days(2, impostor=1500)}, ["impostor-wave"], "five times"),
    ({"days": days(2, impostor=9000)}, [], "the first days of a domain"),
    ({"days": days(30, first=3, impostor=0) | days(1, first=1, impostor=250)}, ["impostor-wave"], "one day"),
    ({"fresh": {f"192.0.2.{number}": 50 + number for number in range(30)}}, ["new-source"] * 10, "a wave of them"),
    ({"unheard": 49}, [], "asked for reports, sent little"),
    ({"unheard": 50}, ["no-reports"], "asked for reports, sent mail, heard nothing"),
    ({"unheard": 50, "reported": spoken(1)}, [], "heard for the first time"),
    ({"reported": spoken(30, first=3)}, [], "three days: they come late"),
    ({"reported": spoken(30, first=4)}, ["silence"], "four days"),
    ({"reported": spoken(9, first=4)}, [], "they never came daily"),
    ({"reported": spoken(10, first=4)}, ["silence"], "just often enough"),
    ({"reported": spoken(14, first=20)}, ["silence"], "long silent"),
    ({"reported": spoken(14, first=90)}, ["silence"], "silent for months"),
    ({"reported": frozenset()}, [], "none ever came"),
    ({"selectors": {"s1": (100, 19)}}, [], "a key, too few failures"),
    ({"selectors": {"s1": (100, 20)}}, ["key-failures"], "a fifth"),
    ({"selectors": {"s1": (1000, 190)}}, [], "under a fifth"),
    ({"selectors": {"s1": (100, 0), "s2": (20, 20)}}, ["key-failures"], "the new key alone"),
    ({"tls": None}, [], "not enforced"),
    ({"tls": (0, 0)}, [], "enforced, nobody says anything"),
    ({"tls": (1000, 4)}, [], "four sessions"),
    ({"tls": (500, 5)}, ["tls-failures"], "one in a hundred"),
    ({"tls": (501, 5)}, [], "just under"),
    ({"tls": (5, 5)}, ["tls-failures"], "all of them"),
    (
        {"tls": (9, 9), "selectors": {"a": (50, 50)}, "fresh": {"192.0.2.1": 500}, "reported": spoken(20, first=5)},
        ["new-source", "silence", "key-failures", "tls-failures"], "everything at once",
    ),
    ({"days": {T - timedelta(days=400): DayFigures(900, 0, 9000)}}, [], "days of a backfill"),
    ({"days": STEADY | {T: DayFigures(10, 0, 900)}}, [], "today is not over"),
    ({"days": STEADY | days(2, ours=100, passed=0, impostor=500)}, ["pass-rate", "impostor-wave"], "both"),
]  # fmt: skip


@pytest.mark.parametrize(("known", "codes", "why"), TABLE, ids=[row[-1] for row in TABLE])
def test_what_calls_somebody_and_what_does_not(known, codes, why):
    assert [one.code for one in alerts_of(Figures(T, **known))] == codes, why


@given(
    st.dictionaries(
        st.integers(0, 40).map(lambda age: T - timedelta(days=age)),
        st.builds(lambda ours, part, impostor: DayFigures(ours, ours * part // 100, impostor),
                  st.integers(0, 5000), st.integers(0, 100), st.integers(0, 5000)),
    ),
    st.sets(st.integers(0, 40).map(lambda age: T - timedelta(days=age))),
)  # fmt: skip
def test_any_figures_give_alerts_with_keys_of_their_own(known, reported):
    found = alerts_of(Figures(T, known, frozenset(reported)))
    assert len({(one.code, one.key) for one in found}) == len(found)
