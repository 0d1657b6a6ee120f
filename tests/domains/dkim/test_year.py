"""A year of rotations with a slow, forgetful, mistyping human, lagging servers and stale caches.

Every message is signed by the keys that the machine says are active, and verified with dkimpy at once by resolvers
that remember what they have once seen, absence too. Not one signature may lack its key. Messages that waited in a
queue for up to five days must still verify when they arrive, unless the human took the record away against the
advice. While the zone's servers are silent (a week now and then) nobody can verify, so nobody is asked.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dkim
import pytest

from domains.dkim.keys import KeyPair, generate_key, load_key
from domains.dkim.lifecycle import (
    Event,
    Key,
    Sight,
    Sighting,
    State,
    after_sighting,
    after_time,
    due_keys,
    superseded,
)
from domains.dkim.record import serialise_key_record
from domains.dkim.sign import LoadedKey, sign

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TTL, NEGATIVE_TTL = 4, 2  # hours
MESSAGE = b"From: alice@acme.example\r\nTo: bob@bee.example\r\nSubject: One of a year\r\n\r\nHello.\r\n"


@dataclass
class Cache:
    """A resolver: what it was told once, it says until the TTL is over."""

    zone: dict[str, str]
    held: dict[str, tuple[int, str | None]] = field(default_factory=dict)

    def ask(self, selector: str, hour: int) -> tuple[str | None, int]:
        """Return the text, None for none, and the hours for which it may still be remembered."""
        until, text = self.held.get(selector, (-1, None))
        if until <= hour:
            text = self.zone.get(selector)
            until = hour + (TTL if text is not None else NEGATIVE_TTL)
            self.held[selector] = (until, text)
        return text, until - hour


class World:
    """Two authoritative servers (the second an hour behind), two resolvers of ours, three of verifiers, a human."""

    def __init__(self, seed: int, rotation_days: int) -> None:
        self.chance = random.Random(seed)
        self.rotation_days = rotation_days
        self.first: dict[str, str] = {}
        self.second: dict[str, str] = {}
        self.resolvers = [Cache(self.first), Cache(self.second)]
        self.verifiers = [Cache(self.first), Cache(self.second), Cache(self.first)]
        self.keys: dict[str, Key] = {}
        self.pairs: dict[str, KeyPair] = {}
        self.loaded: dict[str, LoadedKey] = {}
        self.plans: dict[str, tuple[int, str | None]] = {}  # selector: (hour, text that the human will set)
        self.used: set[str] = set()
        self.taken_early: set[str] = set()
        self.silent_until = 0
        self.queue: list[tuple[int, bytes, tuple[str, ...]]] = []
        self.counts: Counter[str] = Counter()
        for algorithm in ("rsa2048", "ed25519"):
            self.make_key(algorithm, 0)

    def now(self, hour: int) -> datetime:
        return BEGIN + hour * HOUR

    def make_key(self, algorithm: str, hour: int, replaces: str = "") -> None:
        selector = f"{algorithm[0]}{hour}"
        pair = self.pairs[selector] = generate_key(algorithm)
        self.loaded[selector] = LoadedKey(selector, algorithm, load_key(pair.private_der))
        self.keys[selector] = Key(selector, algorithm, State.AWAITING_DNS, self.now(hour), replaces)
        self.counts["made"] += 1

    def text_of(self, key: Key) -> str | None:
        """What the panel asks the human to publish."""
        if key.state is State.REMOVED:
            return None
        public = "" if key.state is State.REVOKED else self.pairs[key.selector].public_key
        return serialise_key_record(key.algorithm, public)

    # The human

    def live(self, hour: int) -> None:
        """Let the human notice differences some day, and do what was planned, right or wrong."""
        for selector, key in self.keys.items():
            wanted = self.text_of(key)
            if self.first.get(selector) != wanted and selector not in self.plans:
                days = self.chance.choice([0, 0, 1, 3, 10, 60])  # at once, soon, or forgotten for two months
                text = wanted
                if wanted and self.chance.random() < 0.3:
                    text = wanted.replace("p=", "p= ", 1)[:-1]  # a slip: not the exact text
                self.plans[selector] = (hour + days * 24 + self.chance.randrange(12), text)
        for selector, key in self.keys.items():
            mishap = {State.RETIRING: 0.002, State.ACTIVE: 0.001}.get(key.state, 0.0)
            if selector in self.first and self.chance.random() < mishap:
                self.plans[selector] = (hour, None)  # cleans up too early, or deletes the wrong one
                self.taken_early.add(selector)
        self.second.clear()
        self.second.update(self.first)
        for selector in [selector for selector, (due, _) in self.plans.items() if due <= hour]:
            text = self.plans.pop(selector)[1]
            self.counts["edits"] += 1
            if text is None:
                self.first.pop(selector, None)
            else:
                self.first[selector] = text
        if self.chance.random() < 0.0003:
            self.silent_until = hour + 7 * 24
            self.counts["outages"] += 1

    # The product

    def look(self, key: Key, hour: int) -> Sighting:
        if hour < self.silent_until:
            return Sighting(Sight.UNKNOWN)
        answers = [(zone.get(key.selector), TTL) for zone in (self.first, self.second)]
        answers += [resolver.ask(key.selector, hour) for resolver in self.resolvers]
        wrong = [hours for text, hours in answers if text != self.text_of(key)]
        if not wrong:
            return Sighting(Sight.EVERYWHERE)
        return Sighting(Sight.LACKING, TTL * 3600)

    def check(self, hour: int) -> None:
        now = self.now(hour)
        for key in list(self.keys.values()):
            for change in (after_sighting(key, self.look(key, hour), now), after_time(key, now)):
                self.take(change)
        for change in superseded(self.keys.values(), now):
            self.take(change)
        for key in due_keys(self.keys.values(), now, self.rotation_days):
            self.make_key(key.algorithm, hour, key.selector)

    def take(self, change) -> None:
        if change is not None:
            self.keys[change.key.selector] = change.key
            self.counts[change.event] += 1

    # The mail

    def send(self, hour: int) -> None:
        """Sign one message as it would be signed now; each verifier looks at it at once, one of them in days."""
        active = [key for key in self.keys.values() if key.state is State.ACTIVE]
        self.counts["signed" if active else "unsigned"] += 1
        if not active:
            return
        signed = sign(MESSAGE, "acme.example", [self.loaded[key.selector] for key in active]) + MESSAGE
        selectors = tuple(key.selector for key in active)
        self.used |= set(selectors)
        for verifier in self.verifiers:
            self.verify(verifier, signed, selectors, hour)
        self.queue.append((hour + self.chance.randrange(5 * 24), signed, selectors))

    def arrive(self, hour: int) -> None:
        """Verify what waited in queues until now; a verifier also asks now and then for no reason of ours."""
        for entry in [entry for entry in self.queue if entry[0] <= hour]:
            self.queue.remove(entry)
            if not set(entry[2]) & self.taken_early:
                self.verify(self.chance.choice(self.verifiers), entry[1], entry[2], hour)
                self.counts["late"] += 1
        for selector in self.used if hour >= self.silent_until else ():
            if self.chance.random() < 0.5:
                self.chance.choice(self.verifiers).ask(selector, hour)

    def verify(self, verifier: Cache, signed: bytes, selectors: tuple[str, ...], hour: int) -> None:
        if hour < self.silent_until:
            return

        def text(name: bytes, timeout: int = 5) -> bytes | None:
            found = verifier.ask(name.decode().partition(".")[0], hour)[0]
            return found.encode() if found else None

        for index, selector in enumerate(selectors):
            assert dkim.DKIM(signed).verify(index, dnsfunc=text), f"hour {hour}: {selector} {self.keys[selector]}"
            self.counts["verified"] += 1


def live_a_year(seed: int, rotation_days: int, hours: int = 365 * 24) -> Counter[str]:
    world = World(seed, rotation_days)
    for hour in range(hours):
        world.live(hour)
        before = dict(world.keys)
        world.check(hour)
        if hour % 12 == 0 or before != world.keys:
            world.send(hour)
        world.arrive(hour)
    return world.counts


@pytest.mark.parametrize(("seed", "rotation_days"), [(1, 90), (2, 30)])
def test_in_a_year_no_message_is_signed_with_a_key_that_nobody_can_find(seed, rotation_days):
    counts = live_a_year(seed, rotation_days)
    assert counts[Event.ACTIVATE] >= 4
    assert counts[Event.RETIRE] >= 2
    assert counts["signed"] > 500
    assert counts["late"] > 100


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 40))
def test_thirty_more_years(seed):
    counts = live_a_year(seed, random.Random(seed).choice([30, 90, 365]))
    assert counts["verified"] > 1000
