"""Replacing a key that the DNS pins (TLSA 3 1 1, RFC 7671 section 8.1): when the next is used, when the last goes.

    steady → announced → ageing → ready → (a certificate with it) → leaving → steady

Pure. What must stay true: whoever remembers the pins for as long as their TTL allows finds the key in use among them.
So the next key is used only when its pin has been seen everywhere for two TTLs, and the pin of the last one stays two
TTLs longer. Nothing is concluded from a DNS that does not answer; where nothing is pinned, nothing waits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domains.dns.port import Answer

LONGEST_TTL = 24 * 3600
SHORTEST_LEAVE = timedelta(hours=1)  # other hosts take the new certificate up a moment later


class Stage(StrEnum):
    """Where the replacement of a key stands."""

    STEADY = "steady"  # one key, one pin
    ANNOUNCED = "announced"  # the next key's pin is to be published
    AGEING = "ageing"  # it is everywhere; what resolvers remember without it has to age
    READY = "ready"  # a certificate with the next key may be used
    LEAVING = "leaving"  # the next key is in use; the last one's pin still stays


class Sight(StrEnum):
    """What the DNS shows at the name of the pins."""

    UNPINNED = "unpinned"  # no pin at all, nowhere
    EVERYWHERE = "everywhere"  # the next key's pin at every server
    LACKING = "lacking"  # some server has pins without it
    UNKNOWN = "unknown"  # no certain answer


@dataclass(frozen=True, slots=True)
class Roll:
    """``next_digest`` is the key to come, ``last_digest`` the one before, empty: none.

    ``rolled_at`` is when this began or, once the next key is in use, when that happened; ``seen_seconds`` the longest
    TTL seen meanwhile.
    """

    next_digest: str = ""
    last_digest: str = ""
    rolled_at: datetime | None = None
    seen_at: datetime | None = None
    seen_seconds: int = 0


def stage_of(roll: Roll, now: datetime) -> Stage:
    """Return where a replacement stands."""
    if roll.next_digest:
        ready = ready_at(roll)
        if ready is None:
            return Stage.ANNOUNCED
        return Stage.READY if now >= ready else Stage.AGEING
    return Stage.LEAVING if roll.last_digest else Stage.STEADY


def ready_at(roll: Roll) -> datetime | None:
    """Return when the next key may be used; None until its pin was seen."""
    return None if roll.seen_at is None else roll.seen_at + _two(roll)


def gone_at(roll: Roll) -> datetime | None:
    """Return when the last key's pin may go; None when there is none."""
    if roll.rolled_at is None or not roll.last_digest:
        return None
    return roll.rolled_at + max(_two(roll), SHORTEST_LEAVE)


def _two(roll: Roll) -> timedelta:
    return timedelta(seconds=2 * min(roll.seen_seconds, LONGEST_TTL))


def begun(roll: Roll, next_digest: str, now: datetime) -> Roll:
    """Return the roll with a key to come; a pin that is still leaving goes on to stay."""
    return replace(roll, next_digest=next_digest, rolled_at=now, seen_at=None, seen_seconds=0)


def after_sighting(roll: Roll, sight: Sight, ttl: int, now: datetime) -> Roll:
    """Return what a look at the DNS makes of a roll; ``ttl`` is the longest one seen."""
    if sight is Sight.UNKNOWN:
        return roll
    roll = replace(roll, seen_seconds=max(roll.seen_seconds, ttl))
    if not roll.next_digest:
        return _after_leaving(roll, sight, now)
    if sight is Sight.LACKING:
        return replace(roll, seen_at=None)
    if sight is Sight.UNPINNED:
        return replace(roll, seen_at=now, seen_seconds=0) if roll.seen_at is None else roll
    return replace(roll, seen_at=now) if roll.seen_at is None else roll


def _after_leaving(roll: Roll, sight: Sight, now: datetime) -> Roll:
    """Return the roll at its end once nobody can remember pins without the key in use."""
    gone = gone_at(roll)
    if sight is Sight.UNPINNED or (gone is not None and now >= gone):
        return Roll()
    return roll


def used(roll: Roll, digest: str, now: datetime) -> Roll:
    """Return the roll once a certificate with the next key is in use; ``digest`` is that of the key before."""
    return Roll(last_digest=digest, rolled_at=now, seen_seconds=roll.seen_seconds)


def sight_of(answers: Iterable[Answer], digest: str) -> tuple[Sight, int]:
    """Return what the answers of all servers say of a key's pin, and the longest TTL among them."""
    wanted = f"3 1 1 {digest}"
    judged, ttl = [], 0
    for answer in answers:
        if answer.found:
            ttl = max(ttl, answer.ttl)
            texts = {" ".join(text.lower().split()) for text in answer.records}
            judged.append(Sight.EVERYWHERE if wanted in texts else Sight.LACKING)
        else:
            judged.append(Sight.UNPINNED if answer.absent else Sight.UNKNOWN)
    if not judged or (Sight.UNKNOWN in judged and Sight.LACKING not in judged):
        return Sight.UNKNOWN, ttl
    if len(set(judged)) == 1:
        return judged[0], ttl
    return Sight.LACKING, ttl
