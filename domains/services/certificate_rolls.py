"""Replaces the key of a certificate: the pin of the next one is in the DNS before it is used (``certificates.roll``).

Only the mail host's key is pinned, so the keys of other names are replaced with the next order.
"""

import asyncio
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record, system_act
from domains.certificates import client
from domains.certificates.roll import Roll, Sight, Stage, after_sighting, begun, ready_at, sight_of, stage_of, used
from domains.dns.port import Answer
from domains.dns.resolver import default_resolver
from domains.errors import Refused
from domains.models import Certificate
from domains.services.asking import Asker
from domains.services.certificate_facts import forget_facts, pin_name
from domains.services.certificates import get_certificate_for
from domains.services.desired import DesiredRecord
from domains.services.sealing import seal, unseal
from domains.services.serving import certificate_identity, next_key_identity
from domains.tls.pair import key_digest


def roll_of(row: Certificate) -> Roll:
    """Return what the machine knows of a name's keys."""
    return Roll(row.next_digest, row.last_digest, row.rolled_at, row.seen_at, row.seen_seconds)


def _put(row: Certificate, roll: Roll) -> None:
    row.next_digest, row.last_digest, row.rolled_at = roll.next_digest, roll.last_digest, roll.rolled_at
    row.seen_at, row.seen_seconds = roll.seen_at, roll.seen_seconds


@transaction.atomic
def roll_key(act: Act, name: str) -> Certificate:
    """Make the next key of a name; raises Forbidden, NotFound, Refused."""
    row = get_certificate_for(act, name, lock=True)
    if not row.chain:
        raise Refused({"name": _("There is no certificate yet whose key could be replaced.")})
    if row.next_digest:
        raise Refused({"name": _("The next key is made already and waits.")})
    key = client.new_key()
    row.next_key_sealed = seal(next_key_identity(row.name), key)
    _put(row, begun(roll_of(row), key_digest(key), timezone.now()))
    row.save()
    record(act, "certificate.roll", "certificate", row.name, changes={"next_digest": row.next_digest})
    transaction.on_commit(forget_facts)
    return row


def advance_rolls() -> None:
    """Look at the pins of every key that is being replaced, and have those that are ready ordered now."""
    host, panel = settings.MAILADMIN.hostname, urlsplit(settings.MAILADMIN.url).hostname
    for row in Certificate.objects.filter(~Q(next_digest="") | ~Q(last_digest="")):
        sight, ttl = Sight.UNPINNED, 0
        if row.name == host:
            sight, ttl = sight_of(asyncio.run(_answers(pin_name())), row.next_digest or row.digest)
        elif row.domain_id is None and row.name != panel:
            sight = Sight.UNKNOWN  # another host's: it looks itself
        _advance(row.pk, sight, ttl, timezone.now())


@transaction.atomic
def _advance(pk: int, sight: Sight, ttl: int, now: datetime) -> None:
    row = Certificate.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        return
    before = roll_of(row)
    after = after_sighting(before, sight, ttl, now)
    _put(row, after)
    ready = ready_at(after)
    if ready is not None and ready <= now and (row.ordered_at is None or row.ordered_at < ready):
        row.due_at = min(row.due_at, now)
    row.save()
    if before.last_digest and not after.last_digest:
        record(system_act(), "certificate.unpin", "certificate", row.name, changes={"digest": before.last_digest})
    transaction.on_commit(forget_facts)


async def _answers(name: str) -> list[Answer]:
    """Return what every server of the zone and every resolver says of the pins."""
    asker = Asker(default_resolver())
    zone = await asker.zone(name)
    return await asker.answers(DesiredRecord(name, zone.name, "TLSA", "", "tlsa", ""), zone, own=True)


def next_key_of(row: Certificate) -> bytes:
    """Return the next key when it may be used now, else nothing; raises SealBroken."""
    if stage_of(roll_of(row), timezone.now()) is not Stage.READY:
        return b""
    return unseal(next_key_identity(row.name), bytes(row.next_key_sealed))


def put_in_use(row: Certificate, key: bytes, now: datetime) -> None:
    """Set a row's key, before it is saved; it is the next one, when that was ready."""
    digest = key_digest(key)
    if digest == row.next_digest:
        _put(row, used(roll_of(row), row.digest, now))
        row.next_key_sealed = b""
    row.key_sealed, row.digest = seal(certificate_identity(row.name), key), digest
