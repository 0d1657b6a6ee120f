"""Which certificate serves a name: the operator's files for the mail host when they are set, else the one ordered for
the name, else the host's own files. Every host of an installation finds the ordered ones in the database.
"""

import logging
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from domains.models import Certificate
from domains.services.sealing import SealBroken, unseal
from domains.tls.pair import Pair, read_pair

logger = logging.getLogger(__name__)


def certificate_identity(name: str) -> str:
    """Return what the sealed key of a name's certificate is bound to."""
    return f"certificate {name}"


def next_key_identity(name: str) -> str:
    """Return what the sealed key to come is bound to."""
    return f"certificate {name} next"


def file_pair() -> Pair:
    """Return this host's files; raises OSError."""
    return read_pair(settings.MAILADMIN.tls_cert, settings.MAILADMIN.tls_key)


def pair_for(name: str) -> Pair:
    """Return what this host shows to a client that asks for a name; raises OSError."""
    config = settings.MAILADMIN
    if config.tls_given and name == config.hostname:
        return file_pair()
    names = {name, config.hostname} if not config.tls_given else {name}
    found = issued_pairs(names)
    return found.get(name) or found.get(config.hostname) or file_pair()


def issued_stamps(own_names_only: bool) -> dict[str, datetime]:
    """Return when each certificate was issued, of all names or of the installation's own ones."""
    rows = Certificate.objects.exclude(issued_at=None)
    rows = rows.filter(domain=None) if own_names_only else rows
    return {name: issued_at for name, issued_at in rows.values_list("name", "issued_at") if issued_at is not None}


def issued_pairs(names: Iterable[str]) -> dict[str, Pair]:
    """Return the certificates issued for these names; one whose key does not open is left out, with a log line."""
    rows = Certificate.objects.filter(name__in=list(names)).exclude(chain="")
    found = {}
    for name, chain, sealed in rows.values_list("name", "chain", "key_sealed"):
        try:
            found[name] = Pair(chain.encode(), unseal(certificate_identity(name), bytes(sealed)))
        except SealBroken as fault:
            logger.error("the certificate of %s cannot be used: %s", name, fault)
    return found
