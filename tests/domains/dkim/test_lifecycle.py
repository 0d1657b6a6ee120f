"""The life of a key: each edge of the machine with its reason, and what never moves it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domains.dkim.lifecycle import (
    LONGEST_WAIT,
    RETIRING,
    REVOKED,
    Event,
    Key,
    Sight,
    Sighting,
    State,
    after_sighting,
    after_time,
    due_keys,
    is_overdue,
    superseded,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FRESH = Key("r1", "rsa2048", State.AWAITING_DNS, NOW - HOUR)
SIGNS = replace(FRESH, state=State.ACTIVE, activated_at=NOW - HOUR)
LOST = replace(SIGNS, state=State.AWAITING_DNS, stale_seconds=900)

SIGHTINGS = [
    (FRESH, Sight.EVERYWHERE, Event.ACTIVATE, State.ACTIVE, "nobody has asked for a selector that never signed"),
    (FRESH, Sight.LACKING, None, None, "not published yet"),
    (FRESH, Sight.UNKNOWN, None, None, "silence makes no key active"),
    (SIGNS, Sight.EVERYWHERE, None, None, "all is well"),
    (SIGNS, Sight.UNKNOWN, None, None, "silence takes no key away"),
    (SIGNS, Sight.LACKING, Event.LOST, State.AWAITING_DNS, "its record went away: it must not sign"),
    (LOST, Sight.EVERYWHERE, Event.SEEN, State.AWAITING_DNS, "verifiers may remember its absence"),
    (replace(LOST, wait_until=NOW + HOUR), Sight.EVERYWHERE, None, None, "the old TTL has not passed"),
    (replace(LOST, wait_until=NOW), Sight.EVERYWHERE, Event.ACTIVATE, State.ACTIVE, "the old TTL has passed"),
    (replace(LOST, wait_until=NOW + HOUR), Sight.LACKING, Event.MISSED, State.AWAITING_DNS, "gone again: wait anew"),
    (replace(SIGNS, state=State.RETIRING), Sight.LACKING, None, None, "it signs no more"),
    (replace(SIGNS, state=State.REVOKED), Sight.EVERYWHERE, None, None, "a revoked key never comes back"),
    (replace(SIGNS, state=State.REMOVED), Sight.EVERYWHERE, None, None, "nor does a removed one"),
]


@pytest.mark.parametrize(("key", "sight", "event", "state", "why"), SIGHTINGS, ids=[row[-1] for row in SIGHTINGS])
def test_what_a_sighting_does(key, sight, event, state, why):
    change = after_sighting(key, Sighting(sight, 900), NOW)
    assert (change and change.event, change and change.key.state) == (event, state)


def test_the_wait_is_the_old_ttl_but_a_day_at_most():
    change = after_sighting(LOST, Sighting(Sight.EVERYWHERE), NOW)
    assert change.key.wait_until == NOW + timedelta(seconds=900)
    change = after_sighting(replace(LOST, stale_seconds=10**9), Sighting(Sight.EVERYWHERE), NOW)
    assert change.key.wait_until == NOW + LONGEST_WAIT


TIMES = [
    (State.RETIRING, "retired_at", RETIRING, State.REVOKED),
    (State.REVOKED, "revoked_at", REVOKED, State.REMOVED),
]


@pytest.mark.parametrize(("state", "field", "period", "then"), TIMES)
def test_what_the_time_does(state, field, period, then):
    key = replace(SIGNS, state=state, **{field: NOW - period})
    assert after_time(key, NOW).key.state is then
    assert after_time(replace(key, **{field: NOW - period + HOUR}), NOW) is None


def test_a_key_stays_published_longer_than_any_queue():
    assert timedelta(days=5) < RETIRING


def test_only_the_key_that_was_replaced_retires():
    new = replace(SIGNS, selector="r2", replaces="r1")
    beside = replace(SIGNS, selector="own")
    (change,) = superseded([SIGNS, new, beside], NOW)
    assert (change.key.selector, change.key.state, change.key.retired_at) == ("r1", State.RETIRING, NOW)
    assert superseded([SIGNS, replace(new, state=State.AWAITING_DNS)], NOW) == []
    (change,) = superseded([LOST, new], NOW)
    assert change.key.state is State.RETIRING


def test_a_key_is_due_once():
    old = replace(SIGNS, created_at=NOW - timedelta(days=90))
    assert due_keys([old], NOW, 90) == [old]
    assert due_keys([old], NOW, 91) == []
    assert due_keys([old], NOW, 0) == []
    assert due_keys([old, replace(FRESH, selector="r2", replaces="r1")], NOW, 90) == []


def test_a_key_that_waits_for_a_week_is_overdue():
    assert not is_overdue(FRESH, NOW)
    assert is_overdue(FRESH, NOW + timedelta(days=7))
