"""Applies ``dkim.lifecycle`` to the keys of a domain: sightings, time, rotation, replacement, emergency.

Every change happens under the lock of the domain's row and leaves one audit record. Once a key is revoked its private
part is gone.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.dkim import lifecycle
from domains.dkim.lifecycle import Change, Event, Sight, Sighting, State
from domains.errors import Refused, Taken
from domains.models import DkimKey, Domain, DomainState, KeyState, RecordStatus
from domains.services.hosted_keys import check_soon
from domains.services.keys import add_key, get_key_for
from domains.services.provision import get_domain_for
from domains.services.publication import hosted_name, key_record_name, key_record_value

SHORTEST_ROTATION = 30
LONGEST_ROTATION = 1825
_QUIET = (Event.SEEN, Event.MISSED)


class Seen(Protocol):
    """What a comparison says of one record."""

    @property
    def status(self) -> RecordStatus: ...

    @property
    def lacking(self) -> bool: ...

    @property
    def lacking_seconds(self) -> int: ...


class Wanted(Protocol):
    """A record as it was asked for."""

    @property
    def name(self) -> str: ...

    @property
    def value(self) -> str: ...


def sightings_of(comparisons: Iterable[tuple[Wanted, Seen]]) -> dict[tuple[str, str], Sighting]:
    """Return what was seen by record name and value."""
    return {(wanted.name, wanted.value): _sighting(seen) for wanted, seen in comparisons}


def _sighting(seen: Seen) -> Sighting:
    if seen.status == RecordStatus.RIGHT:
        return Sighting(Sight.EVERYWHERE)
    return Sighting(Sight.LACKING, seen.lacking_seconds) if seen.lacking else Sighting(Sight.UNKNOWN)


def facts_of(key: DkimKey) -> lifecycle.Key:
    """Return what the machine knows of a key."""
    return lifecycle.Key(
        key.selector,
        key.algorithm,
        State(key.state),
        key.created_at,
        key.replaces,
        key.activated_at,
        key.retired_at,
        key.revoked_at,
        key.stale_seconds,
        key.wait_until,
    )


def advance_keys(
    act: Act, domain: Domain, sightings: Mapping[tuple[str, str], Sighting], now: datetime
) -> list[Change]:
    """Take every key of a domain, whose row is locked, as far as sightings and time allow; returns the changes."""
    rows = {key.selector: key for key in DkimKey.objects.filter(domain=domain).select_for_update()}
    done: list[Change] = []

    def take(change: Change | None) -> None:
        if change is not None:
            _apply(act, domain, rows[change.key.selector], change, now)
            done.append(change)

    for key in rows.values():
        key.domain = domain
        take(lifecycle.after_sighting(facts_of(key), _sighting_of(key, sightings), now))
        take(lifecycle.after_time(facts_of(key), now))
    for change in lifecycle.superseded(map(facts_of, rows.values()), now):
        take(change)
    if domain.state == DomainState.ACTIVE:
        for due in lifecycle.due_keys(map(facts_of, rows.values()), now, domain.rotation_days):
            with suppress(Refused):  # no published selector is free yet: at the next look
                _succeed(act, domain, rows[due.selector])
    return done


def _sighting_of(key: DkimKey, sightings: Mapping[tuple[str, str], Sighting]) -> Sighting:
    """Return what was seen of a key; of a hosted one, the worse of its alias and of the text behind it."""
    unknown = Sighting(Sight.UNKNOWN)
    if not key.hosted_in:
        return sightings.get((key_record_name(key), key_record_value(key)), unknown)
    target = hosted_name(key)
    both = [sightings.get(row, unknown) for row in ((key_record_name(key), target), (target, key_record_value(key)))]
    lacking = [seen for seen in both if seen.sight is Sight.LACKING]
    if lacking:
        return max(lacking, key=lambda seen: seen.ttl_seconds)
    return both[0] if all(seen.sight is Sight.EVERYWHERE for seen in both) else unknown


def _apply(act: Act, domain: Domain, key: DkimKey, change: Change, now: datetime) -> None:
    after = change.key
    if change.event in (Event.SEEN, Event.ACTIVATE):
        key.seen_at = now
    key.state, key.activated_at, key.retired_at = KeyState(after.state), after.activated_at, after.retired_at
    key.revoked_at, key.stale_seconds, key.wait_until = after.revoked_at, after.stale_seconds, after.wait_until
    if key.state == KeyState.REVOKED:
        key.private_key_sealed = b""
    key.save()
    if change.event not in _QUIET:
        name = f"{key.selector}._domainkey.{domain.name}"
        record(act, f"key.{change.event}", "dkim_key", name, domain.name, {"state": str(key.state)})


def _succeed(act: Act, domain: Domain, key: DkimKey) -> DkimKey:
    """Make the key that is to replace this one; it waits for the DNS, the old one goes on."""
    successor = add_key(domain, key.algorithm, replaces=key.selector)
    name = f"{successor.selector}._domainkey.{domain.name}"
    record(act, "key.create", "dkim_key", name, domain.name, {"replaces": key.selector})
    return successor


def _successor_of(key: DkimKey) -> DkimKey | None:
    living = DkimKey.objects.filter(domain=key.domain, replaces=key.selector)
    return living.exclude(state__in=(KeyState.REMOVED, KeyState.REVOKED)).first()


def _look_soon(domain: Domain) -> None:
    """Have a domain with hosted keys looked at at once: what stands behind its selectors is to change."""
    if DkimKey.objects.filter(domain=domain).exclude(hosted_in="").exists():
        Domain.objects.filter(pk=domain.pk).update(checked_at=None)
        transaction.on_commit(check_soon)


@transaction.atomic
def replace_key(act: Act, name: str, selector: str) -> DkimKey:
    """Make a key's successor now; the old one signs until the new one is seen. Raises NotFound, Refused, Taken."""
    domain = get_domain_for(act, name, lock=True)
    key = get_key_for(act, domain.name, selector, lock=True)
    if key.state not in (KeyState.ACTIVE, KeyState.AWAITING_DNS):
        raise Refused({"selector": _("Only a key that signs or is to sign can be replaced.")})
    if (coming := _successor_of(key)) is not None:
        text = _("The key %(selector)s is to replace it already. Publish its record.")
        raise Taken({"selector": text % {"selector": coming.selector}})
    _look_soon(domain)
    return _succeed(act, domain, key)


@transaction.atomic
def revoke_key(act: Act, name: str, selector: str) -> DkimKey:
    """Stop a key at once, because its private part may be known to others; returns its successor.

    Its record becomes an empty ``p=``, its private part is destroyed. Raises NotFound, Refused.
    """
    domain = get_domain_for(act, name, lock=True)
    key = get_key_for(act, domain.name, selector, lock=True)
    if key.state in (KeyState.REVOKED, KeyState.REMOVED):
        raise Refused({"selector": _("The key is revoked already.")})
    now = timezone.now()
    _apply(act, domain, key, Change(lifecycle.revoked(facts_of(key), now), Event.REVOKE), now)
    _look_soon(domain)
    return _successor_of(key) or _succeed(act, domain, key)


def revoke_all(act: Act, domain: Domain, now: datetime) -> None:
    """Stop every key of a domain, whose row is locked, and destroy the private parts; no successor is made."""
    keys = DkimKey.objects.filter(domain=domain).exclude(state__in=(KeyState.REVOKED, KeyState.REMOVED))
    for key in keys.select_for_update():
        key.domain = domain
        _apply(act, domain, key, Change(lifecycle.revoked(facts_of(key), now), Event.REVOKE), now)
    _look_soon(domain)


@transaction.atomic
def set_rotation(act: Act, name: str, days: int) -> Domain:
    """Set how old a key gets before its successor is made; 0 for ever. Raises NotFound, Refused."""
    domain = get_domain_for(act, name, lock=True)
    if days and not SHORTEST_ROTATION <= days <= LONGEST_ROTATION:
        text = _("Allowed are 0 (never) and %(least)d to %(most)d days.")
        raise Refused({"rotation_days": text % {"least": SHORTEST_ROTATION, "most": LONGEST_ROTATION}})
    before, domain.rotation_days = domain.rotation_days, days
    if before != days:
        domain.save(update_fields=["rotation_days"])
        record(act, "domain.change", "domain", domain.name, domain.name, {"rotation_days": [before, days]})
    return domain
