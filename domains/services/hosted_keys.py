"""DKIM keys behind aliases: the domain publishes its selectors once, the panel writes the keys into its own zone.

What stands behind a selector is brought to what the keys say by one change of the zone (RFC 2136) before every check,
so a key that is made, revoked or over needs nobody. A text that was just written counts as seen only when what was
there before has been forgotten.
"""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.dkim import slots
from domains.dns.texts import zone_text
from domains.dns.update import Held, Question, SetChange, UpdateFault, UpdateTrouble, change_zone, read_sets
from domains.errors import Refused
from domains.jobs import ask_for
from domains.models import DkimKey, DnsAccount, Domain, DomainState, KeyState
from domains.services.dns_access import access_of, installation_accounts, sentence_of
from domains.services.keys import add_key
from domains.services.provision import get_domain_for
from domains.services.publication import PUBLISHED_STATES, key_record_value

CHECK_TASK = "domains.tasks.check_all_domains"
WITHDRAW_TASK = "domains.tasks.withdraw_keys"
_LIVING = (KeyState.AWAITING_DNS, KeyState.ACTIVE)


def hosting_zones() -> list[str]:
    """Return the zones in which domains may have their keys published."""
    return list(DnsAccount.objects.filter(domain=None, hosts_keys=True).values_list("zone", flat=True))


@transaction.atomic
def offer_hosting(act: Act, zone: str, offered: bool) -> DnsAccount:
    """Let domains have their keys published in a zone of the installation, or no more new ones; raises Forbidden."""
    row = installation_accounts(act).select_for_update().filter(zone=zone.lower()).first()
    if row is None:
        raise Refused({"zone": _("No access to the zone is kept.")})
    if row.hosts_keys != offered:
        row.hosts_keys = offered
        row.save(update_fields=["hosts_keys"])
        record(act, "dns_account.set", "dns_account", row.zone, changes={"hosts_keys": offered})
    return row


@transaction.atomic
def host_keys(act: Act, name: str, zone: str) -> Domain:
    """Publish a domain's keys in a zone of the installation, or with an empty zone in its own again.

    Each key that signs gets a successor there; it goes on until the successor is seen. Raises NotFound, Refused.
    """
    domain = get_domain_for(act, name, lock=True)
    wanted = zone.strip().lower().removesuffix(".")
    if wanted == domain.key_zone:
        return domain
    if wanted and wanted not in hosting_zones():
        raise Refused({"zone": _("Keys cannot be published in this zone. Allowed are: %(zones)s.") % _allowed()})
    if wanted and not slots.fits(domain.name, wanted):
        raise Refused({"zone": _("The domain's name is too long for names below this zone.")})
    before, domain.key_zone = domain.key_zone, wanted
    domain.save(update_fields=["key_zone"])
    Domain.objects.filter(pk=domain.pk).update(checked_at=None)
    transaction.on_commit(check_soon)
    record(act, "domain.change", "domain", domain.name, domain.name, {"key_zone": [before, wanted]})
    for algorithm, selector in _make_room(domain):
        successor = add_key(domain, algorithm, replaces=selector)
        names = {"replaces": selector} if selector else {}
        record(act, "key.create", "dkim_key", f"{successor.selector}._domainkey.{domain.name}", domain.name, names)
    return domain


def check_soon() -> None:
    """Have the due domains checked now; without a broker it happens at the next quarter of an hour."""
    ask_for(CHECK_TASK)


def _allowed() -> dict[str, str]:
    return {"zones": ", ".join(hosting_zones()) or _("none")}


def _make_room(domain: Domain) -> list[tuple[str, str]]:
    """Return algorithm and selector of the newest key of each kind; one that never signed goes, and has none."""
    keys = list(DkimKey.objects.filter(domain=domain, state__in=_LIVING).order_by("created_at", "pk"))
    fresh = [key for key in keys if key.activated_at is None]
    DkimKey.objects.filter(pk__in=[key.pk for key in fresh]).delete()
    due = {slots.slots_of(key.algorithm): (key.algorithm, "") for key in fresh}
    due |= {slots.slots_of(key.algorithm): (key.algorithm, key.selector) for key in keys if key not in fresh}
    return list(due.values())


def withdraw_later(_act: Act, domain: Domain) -> None:
    """Have what stands behind a domain's selectors taken out once the domain is gone."""
    zones = {*DkimKey.objects.filter(domain=domain).values_list("hosted_in", flat=True), domain.key_zone} - {""}
    for zone in sorted(zones):
        transaction.on_commit(partial(ask_for, WITHDRAW_TASK, domain.name, zone))


def withdraw(name: str, zone: str) -> None:
    """Take out what stands behind the selectors of a domain that is no longer here."""
    account = DnsAccount.objects.filter(domain=None, zone=zone).first()
    if account is None or Domain.objects.filter(name=name).exists():
        return
    try:
        asyncio.run(_write(account, {slots.target_of(slot, name, zone): "" for slot in slots.ALL_SLOTS}))
    except UpdateFault as fault:
        _note(account, sentence_of(fault))


# ---- What stands behind the selectors ---------------------------------------------------------------------------


def publish_hosted(domain: Domain) -> bool:
    """Bring what stands behind a domain's selectors to what its keys say; True when something was written.

    Nothing is for a domain that nobody proved: aliases of its owner may still lead here from another time. Never
    raises for a remote fault: it is kept at the zone's account and shown to superadministrators.
    """
    if domain.state == DomainState.PENDING:
        return False
    keys = [key for key in domain.dkim_keys.all() if key.hosted_in]
    zones = {key.hosted_in for key in keys} | ({domain.key_zone} - {""})
    written = [_publish(domain, zone, [key for key in keys if key.hosted_in == zone]) for zone in sorted(zones)]
    return any(written)


def _publish(domain: Domain, zone: str, keys: Iterable[DkimKey]) -> bool:
    account = DnsAccount.objects.filter(domain=None, zone=zone).first()
    if account is None:
        return False
    wanted = _wanted(domain, zone, keys)
    try:
        written = asyncio.run(_write(account, wanted))
    except UpdateFault as fault:
        _note(account, sentence_of(fault))
        return False
    _note(account, "")
    _wait(domain, zone, written)
    return bool(written)


def _wanted(domain: Domain, zone: str, keys: Iterable[DkimKey]) -> dict[str, str]:
    """Return the text of each name behind a selector, empty where nothing is to stand."""
    texts = {slots.target_of(slot, domain.name, zone): "" for slot in slots.ALL_SLOTS}
    for key in keys:
        if key.state in PUBLISHED_STATES:
            texts[slots.target_of(key.selector, domain.name, zone)] = key_record_value(key)
    return texts


async def _write(account: DnsAccount, wanted: dict[str, str]) -> list[str]:
    """Change what differs, in one message; returns the names."""
    access = await access_of(account)
    held = await read_sets(access, [(name, "TXT") for name in wanted])
    if not all(row.answer.found or row.answer.absent for row in held.values()):
        raise UpdateFault(UpdateTrouble.NOT_ZONE)
    changes = [_change((name, "TXT"), text, held) for name, text in wanted.items()]
    due = [change for change in changes if change.removes or change.adds]
    if due:
        await change_zone(access, due)
    return [change.name for change in due]


def _change(question: Question, text: str, held: dict[Question, Held]) -> SetChange:
    here = held[question].raw
    come = (zone_text("TXT", text),) if text else ()
    gone = tuple(raw for raw in here if raw not in come)
    return SetChange(*question, slots.TTL, here, gone, tuple(raw for raw in come if raw not in here))


def _wait(domain: Domain, zone: str, names: list[str]) -> None:
    """Let the keys whose text was just written wait until the text before it is forgotten everywhere."""
    selectors = [slot for slot in slots.ALL_SLOTS if slots.target_of(slot, domain.name, zone) in names]
    rows = DkimKey.objects.filter(domain=domain, selector__in=selectors, hosted_in=zone, state=KeyState.AWAITING_DNS)
    rows.update(wait_until=timezone.now() + timedelta(seconds=slots.TTL))


def _note(account: DnsAccount, fault: str) -> None:
    if account.fault != fault[:500]:
        DnsAccount.objects.filter(pk=account.pk).update(fault=fault[:500])
