"""Orders certificates: which names are due, whether their DNS leads here, the order itself, and what came of it.

One run at a time; the authority and the DNS are asked outside any transaction. Nothing is ordered for a name that the
authority could not find here, so that its limits are not used up; at most ``HOURLY`` orders are begun in an hour.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import record, system_act
from domains.certificates import client
from domains.certificates.port import Account, AuthorityFault, Method, Responder, Trouble
from domains.certificates.schedule import ELSEWHERE, renewal_at, renewal_with_advice, retry_at
from domains.dns.port import DnsStatus
from domains.dns.resolver import NetworkResolver, default_resolver
from domains.http import FetchFault, fetch
from domains.models import AcmeAccount, Certificate, DnsAccount
from domains.notify import declare, notify
from domains.services.acme_account import SILENT, opened
from domains.services.acme_challenges import PREFIX, HttpResponder, forget_old_challenges
from domains.services.certificate_facts import forget_facts
from domains.services.certificate_rolls import advance_rolls, next_key_of, put_in_use
from domains.services.certificates import keep_names
from domains.services.dns_access import account_for_name
from domains.services.dns_challenges import DnsResponder, challenge_name
from domains.services.sealing import SealBroken, seal, unseal
from domains.services.serving import certificate_identity, file_pair
from domains.tls.pair import key_digest

logger = logging.getLogger(__name__)

HOURLY = 90
LOOKED_AT = 200
PROBED = 10
CONCURRENCY = 20
RUN_SECONDS = 240.0
ADVICE_SECONDS = 40.0
UNFINISHED = timedelta(hours=1)  # a run that dies must not begin the same order each minute
REST = timedelta(minutes=15)
ADVICE_ROWS = 20
PROBE_SECONDS = 5.0
TELL_AFTER = 3  # failures in a row
HTTP_PORTS: dict[int, int] = {}  # where port 80 really is, in labs

CERTIFICATE_FAILED = declare(
    "certificate.failed",
    "warn",
    lambda data: (
        _("No certificate for %(name)s came about at three attempts: %(reason)s")
        % {"name": data.get("name"), "reason": data.get("reason")}
    ),
)
CERTIFICATE_ISSUED = declare(
    "certificate.issued",
    "good",
    lambda data: _("The certificate for %(name)s has come about at last.") % {"name": data.get("name")},
)


def order_due() -> int:
    """Order what is due; returns how many certificates came of it."""
    keep_names()
    forget_old_challenges()
    row = AcmeAccount.objects.first()
    if row is None:
        return 0
    advance_rolls()
    if row.rest_until is not None and row.rest_until > timezone.now():
        return 0
    _take_advice(row)
    account, until, issued = opened(row), time.monotonic() + RUN_SECONDS, 0
    due = _due()
    for certificate, responder in _ready(due) if due else ():
        if time.monotonic() > until or _hour_is_full():
            break
        fault = _order(account, certificate, responder)
        issued += fault is None
        if fault is not None and fault.trouble in (Trouble.RATE, Trouble.UNREACHABLE):
            rest_until = timezone.now() + max(REST, fault.retry_after or REST)
            AcmeAccount.objects.filter(uri=row.uri).update(rest_until=rest_until)
            break
    return issued


def _due() -> list[Certificate]:
    """Return what is due: renewals first, then the installation's own names, the longest due before others."""
    due = Certificate.objects.filter(due_at__lte=timezone.now()).select_related("domain").order_by("due_at")
    return sorted(due[:LOOKED_AT], key=lambda row: (not row.chain, row.domain_id is not None, row.due_at))


def _hour_is_full() -> bool:
    return Certificate.objects.filter(ordered_at__gte=timezone.now() - timedelta(hours=1)).count() >= HOURLY


# ---- Does the name lead here? -----------------------------------------------------------------------------------


def _ready(rows: list[Certificate]) -> Iterator[tuple[Certificate, Responder]]:
    """Yield the names whose challenge can be answered; the others wait, with the reason."""
    config = settings.MAILADMIN
    own = {config.hostname, urlsplit(config.url).hostname or config.hostname}
    found = asyncio.run(_addresses(own | {row.name for row in rows}))
    ours, hosts = set(config.public_addresses), {one for name in own for one in found[name] or ()}
    zones, probes = DnsAccount.objects.exists(), PROBED
    for row in rows:
        addresses = found[row.name]
        leads_here = bool(addresses) and set(addresses or ()) <= ours
        account = account_for_name(challenge_name(row.name), row.domain) if zones else None
        if account is not None and (leads_here or row.domain_id is None or _is_among(addresses, hosts)):
            yield row, DnsResponder(account)
            continue
        if addresses and not leads_here and probes:
            probes -= 1
            leads_here = _is_found_at(row.name)
        if leads_here:
            yield row, HttpResponder()
        else:
            foreign = [address for address in addresses or () if address not in ours]
            _wait_elsewhere(row, SILENT if addresses is None else ", ".join(foreign))


def _is_among(addresses: list[str] | None, hosts: set[str]) -> bool:
    """True for a name that leads where the installation's own names lead, wherever that is."""
    return bool(addresses) and set(addresses or ()) <= hosts


async def _addresses(names: Iterable[str]) -> dict[str, list[str] | None]:
    """Return the addresses of each name; None where the DNS keeps silent."""
    limit = asyncio.Semaphore(CONCURRENCY)
    resolver = default_resolver()

    async def look(name: str) -> tuple[str, list[str] | None]:
        async with limit:
            return name, await _addresses_of(name, resolver)

    return dict(await asyncio.gather(*(look(name) for name in names)))


async def _addresses_of(name: str, resolver: NetworkResolver) -> list[str] | None:
    answers = await asyncio.gather(*(resolver.lookup(name, rdtype) for rdtype in ("A", "AAAA")))
    if any(answer.status in (DnsStatus.TEMPFAIL, DnsStatus.BOGUS) for answer in answers):
        return None
    return [address for answer in answers for address in answer.records]


def _is_found_at(name: str) -> bool:
    """True when the panel answers under a name over HTTP: an address that we do not know may be ours all the same."""
    responder, content = HttpResponder(), secrets.token_urlsafe(24)
    token = secrets.token_urlsafe(24)
    responder.present(name, token, content)
    try:
        answer = fetch(f"http://{name}{PREFIX}{token}", deadline=PROBE_SECONDS, limit=4096, ports=HTTP_PORTS)
    except FetchFault:
        return False
    finally:
        responder.withdraw()
    return answer.body.strip() == content.encode()


def _wait_elsewhere(row: Certificate, detail: str) -> None:
    now = timezone.now()
    Certificate.objects.filter(pk=row.pk).update(
        trouble=Trouble.ELSEWHERE, detail=detail[:1000], problem={}, failed_at=now, failures=0, due_at=now + ELSEWHERE
    )


# ---- The order --------------------------------------------------------------------------------------------------


def _order(account: Account, row: Certificate, responder: Responder) -> AuthorityFault | None:
    """Order one certificate and keep what came of it; returns the fault."""
    now = timezone.now()
    Certificate.objects.filter(pk=row.pk).update(ordered_at=now, due_at=now + UNFINISHED)
    try:
        key = _key_of(row)
        chain = client.order(account, row.name, key, responder)
    except AuthorityFault as fault:
        _fail(row.pk, fault)
        return fault
    _install(row.pk, chain, key, responder.method)
    return None


def _key_of(row: Certificate) -> bytes:
    """Return the private key of a name, made and kept before its first order.

    The mail host goes on with the key of its own files: a pin of it in the DNS stays right.
    """
    identity = certificate_identity(row.name)
    with suppress(SealBroken):
        if key := next_key_of(row):
            return key
    if row.key_sealed:
        try:
            return unseal(identity, bytes(row.key_sealed))
        except SealBroken as fault:
            logger.error("a fresh key is made for %s: %s", row.name, fault)
    key = client.new_key()
    if row.name == settings.MAILADMIN.hostname:
        with suppress(OSError, ValueError):
            held = file_pair().key
            key_digest(held)
            key = held
    Certificate.objects.filter(pk=row.pk).update(key_sealed=seal(identity, key), digest=key_digest(key))
    return key


@transaction.atomic
def _fail(pk: int, fault: AuthorityFault) -> None:
    row = Certificate.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        return
    now = timezone.now()
    row.failures += 1
    row.failed_at, row.trouble, row.detail = now, fault.trouble, _plain(fault.detail)[:1000]
    row.problem = {key: _plain(str(value)) for key, value in fault.problem.items()}
    row.due_at = retry_at(row.failures, now, fault.retry_after)
    row.save()
    if row.failures == TELL_AFTER:
        notify(CERTIFICATE_FAILED, row.domain, {"name": row.name, "reason": row.detail}, now)


def _plain(text: str) -> str:
    return text.replace("\0", "\ufffd")


@transaction.atomic
def _install(pk: int, chain: str, key: bytes, method: Method) -> None:
    """Keep the chain for all hosts to serve; a name that is not wanted any more changes nothing."""
    row = Certificate.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        return
    leaf, now = x509.load_pem_x509_certificate(chain.encode()), timezone.now()
    row.chain, row.method, row.issuer = chain, method, _issuer(leaf)
    put_in_use(row, key, now)
    row.not_before, row.not_after = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if row.failures >= TELL_AFTER:
        notify(CERTIFICATE_ISSUED, row.domain, {"name": row.name}, now)
    row.issued_at, row.failures, row.failed_at = now, 0, None
    row.trouble, row.detail, row.problem = Trouble.NONE, "", {}
    row.due_at, row.advice_at = renewal_at(row.not_before, row.not_after), now
    row.save()
    changes = {"issuer": row.issuer, "not_after": row.not_after.isoformat(), "method": row.method}
    record(system_act(), "certificate.issue", "certificate", row.name, changes=changes)
    transaction.on_commit(forget_facts)


def _issuer(leaf: x509.Certificate) -> str:
    """Return the issuer as people know it: organisation and common name."""
    oids = (x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COMMON_NAME)
    words = [str(found[0].value) for oid in oids if (found := leaf.issuer.get_attributes_for_oid(oid))]
    return _plain(" ".join(dict.fromkeys(words)))[:200]


def _take_advice(account: AcmeAccount) -> None:
    """Ask when the authority wants certificates renewed, a few a run."""
    now = datetime.now(UTC)
    rows = Certificate.objects.exclude(chain="").filter(advice_at__lte=now, due_at__gt=now, failures=0)
    until = time.monotonic() + ADVICE_SECONDS
    for row in rows.order_by("advice_at")[:ADVICE_ROWS]:
        if time.monotonic() > until:
            break
        advice = client.advice_of(account.directory_url, row.chain)
        due_at = renewal_with_advice(row.not_before or now, row.not_after or now, advice.renew_at)
        Certificate.objects.filter(pk=row.pk, issued_at=row.issued_at).update(
            due_at=due_at, advice_at=advice.again_at
        )
