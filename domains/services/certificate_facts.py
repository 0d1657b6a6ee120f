"""What the records of every domain say of the installation's certificates: pins of its keys, its authority.

Lists of domains ask this once a row, so what the database says is remembered for a moment; who changes it calls
``forget_facts``.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from domains.models import AcmeAccount, Certificate
from domains.tls.pair import chain_digest

KEPT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """``digests`` of the mail host's ordered keys, the one in use first; what CAA records call the authority."""

    digests: tuple[str, ...] = ()
    caa_identities: tuple[str, ...] = ()
    account_uri: str = ""


_held: dict[str, tuple[float, CertificateFacts]] = {}


def forget_facts() -> None:
    """Read the database at the next question."""
    _held.clear()


def certificate_facts() -> CertificateFacts:
    """Return the facts of this host."""
    name, now = settings.MAILADMIN.hostname, time.monotonic()
    at, facts = _held.get(name, (-KEPT_SECONDS, CertificateFacts()))
    if now - at >= KEPT_SECONDS:
        facts = _read(name)
        _held[name] = (now, facts)
    return facts


def _read(name: str) -> CertificateFacts:
    row = Certificate.objects.filter(name=name).exclude(chain="").first()
    digests = (row.digest, row.next_digest, row.last_digest) if row is not None else ()
    account = AcmeAccount.objects.first()
    if account is None:
        return CertificateFacts(tuple(filter(None, digests)))
    return CertificateFacts(tuple(filter(None, digests)), tuple(account.caa_identities), account.uri)


def pin_name() -> str:
    """Return the name of the mail host's TLSA records."""
    return f"_{settings.MAILADMIN.public_ports['mx']}._tcp.{settings.MAILADMIN.hostname}"


def pinned_digests() -> tuple[str, ...]:
    """Return what TLSA 3 1 1 says of the mail host's keys: in use, to come, just gone; none without a certificate."""
    config = settings.MAILADMIN
    ordered = () if config.tls_given else certificate_facts().digests
    return ordered or tuple(filter(None, [_file_digest(config.tls_cert)]))


def _file_digest(path: Path) -> str:
    try:
        return _digest_of(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=8)
def _digest_of(path: Path, _changed_ns: int) -> str:
    return chain_digest(path.read_bytes())
