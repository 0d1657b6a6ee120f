"""The life of a DKIM key as one state machine: what a sighting or the time makes of it, and why.

    generated → awaiting_dns → active → retiring → revoked → removed
                     ↑___________|  its record went away

Pure: facts in, at most one change out. What must stay true: a key signs (``active``) only while its exact text is
seen everywhere; the record of a key that signed stays until the last message it signed has left every queue; nothing
is concluded from a DNS that does not answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

QUEUE_LIFE = timedelta(days=5)  # RFC 5321 section 4.5.4.1; ours and other servers' alike
RETIRING = QUEUE_LIFE + timedelta(days=2)  # and a day each for resolvers' caches and slow forwarders
REVOKED = timedelta(days=30)
OVERDUE = timedelta(days=7)
LONGEST_WAIT = timedelta(days=1)


class State(StrEnum):
    """Where a key stands; only an active one signs."""

    GENERATED = "generated"  # made, its record not yet asked for
    AWAITING_DNS = "awaiting_dns"  # to be published
    ACTIVE = "active"  # signs
    RETIRING = "retiring"  # signs no more, its record must stay
    REVOKED = "revoked"  # its record is an empty p=
    REMOVED = "removed"  # its record may go


class Sight(StrEnum):
    """What the DNS shows of a key's exact text."""

    EVERYWHERE = "everywhere"  # at every authoritative server and resolver
    LACKING = "lacking"  # some server certainly has no text, another one, or two
    UNKNOWN = "unknown"  # no certain answer: nothing follows


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look at a key's record; ``ttl_seconds`` is how long what is not the exact text may still be remembered."""

    sight: Sight
    ttl_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Key:
    """What the machine knows of a key.

    ``replaces`` is the selector whose successor it is. ``stale_seconds`` is the TTL of the last wrong or absent
    answer, ``wait_until`` when that is past everywhere.
    """

    selector: str
    algorithm: str
    state: State
    created_at: datetime
    replaces: str = ""
    activated_at: datetime | None = None
    retired_at: datetime | None = None
    revoked_at: datetime | None = None
    stale_seconds: int = 0
    wait_until: datetime | None = None

    @property
    def signed_before(self) -> bool:
        """True when verifiers may have asked for its record already."""
        return self.activated_at is not None


class Event(StrEnum):
    """Why a key changed; each is one audit action ``key.EVENT``."""

    SEEN = "seen"  # its text is everywhere, old answers have to age
    ACTIVATE = "activate"
    LOST = "lost"  # its record went away while it signed
    MISSED = "missed"  # still not there
    RETIRE = "retire"
    REVOKE = "revoke"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """The key as it is from now on, and why."""

    key: Key
    event: Event

    @property
    def alarm(self) -> bool:
        """True when a person must act."""
        return self.event is Event.LOST


def after_sighting(key: Key, sighting: Sighting, now: datetime) -> Change | None:
    """Return what a look at the DNS makes of a key that waits or signs."""
    if sighting.sight is Sight.UNKNOWN:
        return None
    if key.state is State.AWAITING_DNS:
        return _waiting(key, sighting, now)
    if key.state is State.ACTIVE and sighting.sight is Sight.LACKING:
        lost = replace(key, state=State.AWAITING_DNS, stale_seconds=sighting.ttl_seconds, wait_until=None)
        return Change(lost, Event.LOST)
    return None


def _waiting(key: Key, sighting: Sighting, now: datetime) -> Change | None:
    if sighting.sight is Sight.LACKING:
        missed = replace(key, stale_seconds=sighting.ttl_seconds, wait_until=None)
        return Change(missed, Event.MISSED) if key.signed_before and missed != key else None
    # Nobody but us has asked for a selector that never signed, so only one that did has stale answers to wait for.
    if key.signed_before and key.wait_until is None and key.stale_seconds:
        wait = min(timedelta(seconds=key.stale_seconds), LONGEST_WAIT)
        return Change(replace(key, wait_until=now + wait), Event.SEEN)
    if key.wait_until is not None and now < key.wait_until:
        return None
    activated = replace(key, state=State.ACTIVE, activated_at=now, stale_seconds=0, wait_until=None)
    return Change(activated, Event.ACTIVATE)


def after_time(key: Key, now: datetime) -> Change | None:
    """Return what the time makes of a key that signs no more."""
    if key.state is State.RETIRING and key.retired_at is not None and now >= key.retired_at + RETIRING:
        return Change(revoked(key, now), Event.REVOKE)
    if key.state is State.REVOKED and key.revoked_at is not None and now >= key.revoked_at + REVOKED:
        return Change(replace(key, state=State.REMOVED), Event.REMOVE)
    return None


def revoked(key: Key, now: datetime) -> Key:
    """Return the key revoked, at the end of its life or in an emergency."""
    return replace(key, state=State.REVOKED, revoked_at=now, wait_until=None)


def superseded(keys: Iterable[Key], now: datetime) -> list[Change]:
    """Return the keys that retire, because the successor made for them signs."""
    known = list(keys)
    replaced = {key.replaces for key in known if key.state is State.ACTIVE and key.replaces}
    old = [key for key in known if key.selector in replaced and _may_retire(key)]
    return [Change(replace(key, state=State.RETIRING, retired_at=now, wait_until=None), Event.RETIRE) for key in old]


def _may_retire(key: Key) -> bool:
    return key.state is State.ACTIVE or (key.state is State.AWAITING_DNS and key.signed_before)


def due_keys(keys: Iterable[Key], now: datetime, rotation_days: int) -> list[Key]:
    """Return the signing keys that are as old as the period allows and have no successor in the making."""
    if rotation_days <= 0:
        return []
    known = list(keys)
    have_successor = {key.replaces for key in known if key.state is not State.REMOVED}
    period = timedelta(days=rotation_days)
    active = (key for key in known if key.state is State.ACTIVE and key.created_at + period <= now)
    return [key for key in active if key.selector not in have_successor]


def is_overdue(key: Key, now: datetime) -> bool:
    """True for a key that has waited so long for its record that a person should be asked again."""
    return key.state is State.AWAITING_DNS and now >= key.created_at + OVERDUE
