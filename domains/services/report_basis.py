"""What the sources of every domain are judged by, beside its own senders: when it changed, all are judged anew.

Our own hosts come from the environment, services and forwarders with a release, the networks with set-up: nothing
tells of their change but that they are others than last time.
"""

from functools import lru_cache
from hashlib import sha256

from django.conf import settings
from django.db import connection, transaction

from domains.models import Installation
from domains.networks import networks_edition
from domains.reports.classify import RULES
from domains.reports.forwarders import FORWARDERS
from domains.spf.services import SERVICES

MARK_ALL = "INSERT INTO domains_dmarcdirtysources (domain_id) SELECT DISTINCT domain_id FROM domains_dmarcsource"


def mark_when_changed() -> bool:
    """Mark every domain that has sources when the basis is another than before; True when it was."""
    config = settings.MAILADMIN
    now = _digest(config.hostname, tuple(map(str, config.public_addresses)), networks_edition())
    with transaction.atomic():
        changed = Installation.objects.exclude(judged_by=now).update(judged_by=now)
        if changed:
            with connection.cursor() as cursor:
                cursor.execute(MARK_ALL)
    return bool(changed)


@lru_cache(maxsize=8)
def _digest(hostname: str, addresses: tuple[str, ...], networks: str) -> str:
    return sha256(repr((RULES, hostname, addresses, networks, SERVICES, FORWARDERS)).encode()).hexdigest()
