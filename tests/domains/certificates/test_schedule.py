"""When certificates are renewed and tried again, as tables."""

from datetime import UTC, datetime, timedelta

import pytest

from domains.certificates.schedule import is_near_its_end, renewal_at, renewal_with_advice, retry_at

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
NINETY = BEGIN + timedelta(days=90)
SIX = BEGIN + timedelta(days=6)


def test_two_thirds_of_the_life():
    assert renewal_at(BEGIN, NINETY) == BEGIN + timedelta(days=60)
    assert renewal_at(BEGIN, SIX) == BEGIN + timedelta(days=4)


@pytest.mark.parametrize(
    ("advised", "days"),
    [
        (None, 60),
        (3, 3),  # a mass revocation is coming
        (-1, -1),  # now
        (62, 62),
        (89, 75),  # too late to be believed
    ],
)
def test_the_authoritys_advice(advised, days):
    moment = None if advised is None else BEGIN + timedelta(days=advised)
    assert renewal_with_advice(BEGIN, NINETY, moment) == BEGIN + timedelta(days=days)


@pytest.mark.parametrize(
    ("failures", "after", "hours"),
    [(1, None, 1), (2, None, 6), (3, None, 24), (40, None, 24), (1, 7200, 2), (3, 60, 24)],
)
def test_the_pause_after_failures(failures, after, hours):
    asked = None if after is None else timedelta(seconds=after)
    assert retry_at(failures, BEGIN, asked) == BEGIN + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("end", "day", "near"),
    [(NINETY, 60, False), (NINETY, 75, False), (NINETY, 77, True), (SIX, 4, False), (SIX, 5.1, True)],
)
def test_near_the_end(end, day, near):
    assert is_near_its_end(end, BEGIN, BEGIN + timedelta(days=day)) == near
    assert not is_near_its_end(None, None, BEGIN)
