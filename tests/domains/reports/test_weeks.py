"""Which week a summary is about, when it is due, and which domain comes first."""

from datetime import UTC, date, datetime

import pytest

from domains.reports.weeks import Count, DomainWeek, Mistake, Week, last_week

MONDAY = date(2026, 11, 16)


@pytest.mark.parametrize(
    ("today", "first_day"),
    [
        (date(2026, 11, 23), MONDAY),  # on Monday the week that ended yesterday
        (date(2026, 11, 29), MONDAY),  # on Sunday still: the week of that Sunday is not over
        (date(2026, 11, 30), date(2026, 11, 23)),
        (date(2027, 1, 1), date(2026, 12, 21)),
    ],
)
def test_the_last_week_is_the_last_one_that_is_over(today: date, first_day: date) -> None:
    assert last_week(today) == Week(first_day)


def test_a_week_is_due_on_the_monday_after_it() -> None:
    week = Week(MONDAY)
    assert week.last_day == date(2026, 11, 22)
    assert week.due_at == datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert week.before == Week(date(2026, 11, 9))
    assert (week.last_day - week.month_begin).days == 29


def test_only_mail_of_ones_own_is_held_and_a_hundred_per_cent_means_all() -> None:
    count = Count()
    assert count.share is None
    count.add("own", 1000, 999, 1, 0)
    count.add("impostor", 10, 0, 10, 3)
    assert (count.messages, count.held, count.unbelieved, count.share) == (1010, 1, 3, 99)
    count = Count()
    count.add("own", 1000, 999, 0, 0)
    assert count.share == 99


def _week(name: str, messages: int = 0, held: int = 0, wrong: int = 0, alerts: int = 0) -> DomainWeek:
    count = Count(messages=messages, held=held)
    return DomainWeek(name, count, alerts=alerts, mistakes=[Mistake("Some", "", wrong, None)] if wrong else [])


def test_who_needs_somebody_comes_first() -> None:
    weeks = [
        _week("b.example", 5),
        _week("a.example", 5),
        _week("large.example", 1000),
        _week("held.example", 10, held=2),
        _week("wrong.example", 10, wrong=3),
        _week("worse.example", 10, wrong=4),
        _week("alert.example", 1, alerts=1),
        _week("none.example"),
    ]
    ordered = [week.name.partition(".")[0] for week in sorted(weeks, key=lambda week: week.urgency)]
    assert ordered == ["alert", "worse", "wrong", "held", "large", "a", "b", "none"]
    assert [week.needs_somebody for week in weeks] == [False, False, False, True, True, True, True, False]
    assert [week.is_quiet for week in weeks] == [False] * 7 + [True]
