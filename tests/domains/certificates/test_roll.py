"""A key that the DNS pins is replaced so that nobody finds a key without its pin: tables, and a simulated life."""

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domains.certificates.roll import Roll, Sight, Stage, after_sighting, begun, gone_at, sight_of, stage_of, used
from domains.dns.port import Answer, DnsStatus

NOW = datetime(2026, 11, 24, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(number):
    return NOW + number * HOUR


WAITING = begun(Roll(), "n" * 64, NOW)
SEEN = after_sighting(WAITING, Sight.EVERYWHERE, 3600, NOW)
LEAVING = used(SEEN, "o" * 64, NOW)


@pytest.mark.parametrize(
    ("roll", "sight", "ttl", "at", "stage"),
    [
        (Roll(), Sight.EVERYWHERE, 3600, 0, Stage.STEADY),
        (WAITING, Sight.UNKNOWN, 0, 100, Stage.ANNOUNCED),
        (WAITING, Sight.LACKING, 3600, 100, Stage.ANNOUNCED),
        (WAITING, Sight.EVERYWHERE, 3600, 0, Stage.AGEING),
        (WAITING, Sight.UNPINNED, 0, 0, Stage.READY),
        (SEEN, Sight.EVERYWHERE, 3600, 1.9, Stage.AGEING),
        (SEEN, Sight.EVERYWHERE, 3600, 2, Stage.READY),
        (SEEN, Sight.UNKNOWN, 0, 2, Stage.READY),
        (SEEN, Sight.EVERYWHERE, 7200, 2, Stage.AGEING),  # a longer TTL came to light
        (SEEN, Sight.LACKING, 3600, 2, Stage.ANNOUNCED),  # the record went away
        (SEEN, Sight.EVERYWHERE, 10**9, 48, Stage.READY),  # a day is the longest that counts
        (LEAVING, Sight.EVERYWHERE, 3600, 1.9, Stage.LEAVING),
        (LEAVING, Sight.EVERYWHERE, 3600, 2, Stage.STEADY),
        (LEAVING, Sight.UNKNOWN, 0, 99, Stage.LEAVING),
        (replace(LEAVING, seen_seconds=10), Sight.EVERYWHERE, 10, 0.5, Stage.LEAVING),  # other hosts follow later
        (LEAVING, Sight.UNPINNED, 0, 0, Stage.STEADY),
    ],
)
def test_a_look_at_the_dns(roll, sight, ttl, at, stage):
    assert stage_of(after_sighting(roll, sight, ttl, hours(at)), hours(at)) is stage


def test_a_record_that_came_back_ages_again():
    lost = after_sighting(SEEN, Sight.LACKING, 3600, hours(1))
    again = after_sighting(lost, Sight.EVERYWHERE, 3600, hours(3))
    assert stage_of(again, hours(4.9)) is Stage.AGEING
    assert stage_of(again, hours(5)) is Stage.READY


def test_nothing_pinned_then_the_old_key_alone_waits_again():
    free = after_sighting(WAITING, Sight.UNPINNED, 0, NOW)
    assert stage_of(after_sighting(free, Sight.LACKING, 3600, NOW), hours(9)) is Stage.ANNOUNCED


def test_the_last_pin_stays_two_ttls():
    assert gone_at(LEAVING) == hours(2)
    assert gone_at(replace(LEAVING, last_digest="")) is None


def found(*digests, ttl=300, status=DnsStatus.FOUND):
    return Answer("_25._tcp.mail.acme.example", "TLSA", status, tuple(f"3 1 1 {one}" for one in digests), ttl)


NONE, SILENT = found(status=DnsStatus.NXDOMAIN), found(status=DnsStatus.TEMPFAIL)


@pytest.mark.parametrize(
    ("answers", "sight"),
    [
        ([], Sight.UNKNOWN),
        ([found("old", "new")], Sight.EVERYWHERE),
        ([found("NEW")], Sight.EVERYWHERE),
        ([found("old", "new"), found("old")], Sight.LACKING),
        ([found("old", "new"), NONE], Sight.LACKING),
        ([found("old"), SILENT], Sight.LACKING),
        ([found("old", "new"), SILENT], Sight.UNKNOWN),
        ([NONE, found(status=DnsStatus.NODATA)], Sight.UNPINNED),
        ([NONE, SILENT], Sight.UNKNOWN),
        ([found(status=DnsStatus.BOGUS)], Sight.UNKNOWN),
    ],
)
def test_what_the_answers_say(answers, sight):
    assert sight_of(answers, "new")[0] is sight


def test_the_longest_ttl_counts():
    assert sight_of([found("new", ttl=60), found("new", ttl=900)], "new")[1] == 900


class World:
    """Two servers, the second a while behind; a slow, careless human; a resolver that remembers for a whole TTL."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.ttl = self.chance.choice([300, 3600, 14400, 86400])
        self.published = [(NOW, ("k0",))]  # what the human published, and when
        self.lag = timedelta(seconds=self.chance.choice([0, 60, 7200]))
        self.roll, self.key, self.made = Roll(), "k0", 0
        self.shown = {"k0": NOW}  # by some listener of some host, until when
        self.task = None

    def at(self, moment, lag):
        return next(pins for when, pins in reversed(self.published) if when + lag <= moment or when == NOW)

    def remembered(self, now):
        """Every set that some sender may still believe."""
        spans = [*self.published, (now + HOUR * 99999, ())]
        return {
            pins
            for (begin, pins), (end, _) in itertools.pairwise(spans)
            if end + self.lag + timedelta(seconds=self.ttl) >= now and begin <= now
        }

    def desired(self):
        return tuple(filter(None, (self.key, self.roll.next_digest, self.roll.last_digest)))

    def human(self, now):
        if self.task is None and set(self.desired()) != set(self.published[-1][1]):
            self.task = now + timedelta(hours=self.chance.choice([0, 1, 30, 400]))
        if self.task is not None and now >= self.task:
            self.published.append((now, self.desired()))
            self.task = None
        elif self.roll.next_digest and self.roll.seen_at is None and self.chance.random() < 0.01:
            self.published.append((now, (self.key,)))  # undoes it again

    def panel(self, now):
        if not self.roll.next_digest and not self.roll.last_digest and self.chance.random() < 0.02:
            self.made += 1
            self.roll = begun(self.roll, f"k{self.made}", now)
        asleep = self.chance.random() < 0.1
        sets = [self.at(now, timedelta(0)), self.at(now, self.lag)]
        answers = [SILENT] if asleep else [found(*pins, ttl=self.chance.randint(1, self.ttl)) for pins in sets]
        answers = answers if asleep else [*answers, found(*sets[0], ttl=self.ttl)]
        self.roll = after_sighting(self.roll, *sight_of(answers, self.roll.next_digest or self.key), now)
        if stage_of(self.roll, now) is Stage.READY:
            self.shown = {self.key: now + timedelta(minutes=40)}
            self.roll, self.key = used(self.roll, self.key, now), self.roll.next_digest


@pytest.mark.parametrize("seed", range(12))
def test_whoever_remembers_any_pins_finds_the_key_in_use_among_them(seed):
    world, now, keys = World(seed), NOW, set()
    for _ in range(6000):
        now += timedelta(minutes=20)
        world.human(now)
        world.panel(now)
        for pins in world.remembered(now):
            assert world.key in pins, (now, world.key, pins)
            assert all(key in pins for key, until in world.shown.items() if until >= now)
        keys.add(world.key)
    assert len(keys) > 1
