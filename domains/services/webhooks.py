"""Endpoints that are told of events by HTTP: made, tried, deleted; deliveries signed, retried and logged.

Signed as Standard Webhooks has it: ``webhook-signature`` is ``v1,`` and the base64 of HMAC-SHA256 over
``id.timestamp.body``, by the octets of the secret, whose text is ``whsec_`` and their base64. An attempt is claimed
for a while, made outside any transaction, and its end written only by who claimed it. After three days of failures,
or by 410 Gone, the endpoint is disabled, and that is told.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import Forbidden, NotFound, Refused
from domains.http import FetchFault, fetch
from domains.locks import lock_key
from domains.models import DeliveryState, Domain, Role, Webhook, WebhookDelivery
from domains.notify import TEST, declare, event_of, notify, wake_after_commit, write_notice
from domains.reach import refuse_address
from domains.services.provision import get_domain_for, require_administrator
from domains.services.sealing import seal, unseal
from domains.trace import clean

MAXIMUM_URL = 500
MOST = 10  # endpoints of one domain, or of the installation
SECRET_OCTETS = 32
SECRET_PREFIX = "whsec_"  # noqa: S105
LOG_ROWS = 20
LEASE_SECONDS = 120.0
RUN_SECONDS = 120
AT_ONCE = 8
RETRIES = tuple(
    timedelta(minutes=minutes)
    for minutes in (1, 5, 30, 120, 300, 600, 840, 1440)  # 69 hours in all
)
PATIENCE = timedelta(days=3)
_GONE = 410

CLAIM = """
WITH due AS (
    SELECT delivery.id FROM domains_webhookdelivery AS delivery
    WHERE delivery.id = ANY(%s) AND delivery.state = 'waiting' AND delivery.next_attempt_at <= clock_timestamp()
    FOR UPDATE SKIP LOCKED
)
UPDATE domains_webhookdelivery AS delivery
SET next_attempt_at = clock_timestamp() + make_interval(secs => %s), attempts = attempts + 1,
    attempted_at = clock_timestamp()
FROM due WHERE delivery.id = due.id RETURNING delivery.id
"""
# The oldest due delivery of each endpoint, those that waited longest first.
DUE = """
SELECT id FROM (
    SELECT DISTINCT ON (delivery.webhook_id) delivery.id, delivery.next_attempt_at
    FROM domains_webhookdelivery AS delivery
    JOIN domains_webhook AS webhook ON webhook.id = delivery.webhook_id
    WHERE delivery.state = 'waiting' AND delivery.next_attempt_at <= clock_timestamp() AND webhook.disabled_at IS NULL
    ORDER BY delivery.webhook_id, delivery.id
) AS oldest ORDER BY next_attempt_at LIMIT %s
"""


def _disabled(data: Mapping[str, Any]) -> str:
    text = _("The webhook %(url)s failed for three days and is disabled: %(reason)s")
    return text % {"url": data.get("url"), "reason": data.get("reason")}


WEBHOOK_DISABLED = declare("webhook.disabled", "warn", _disabled)


# ---- Making -----------------------------------------------------------------------------------------------------


def webhooks_for(act: Act) -> QuerySet[Webhook]:
    """Return the endpoints in the actor's reach: a domain administrator's are those of the domains."""
    rows = Webhook.objects.select_related("domain").order_by("pk")
    if act.is_superadmin and act.domain_ids is None:
        return rows
    if act.role not in (Role.SUPERADMIN, Role.DOMAIN_ADMIN):
        return rows.none()
    return rows.filter(domain__in=act.domain_ids or ())


def get_webhook_for(act: Act, identifier: int, lock: bool = False) -> Webhook:
    """Return one endpoint, with ``lock`` held until the transaction ends; raises NotFound when absent or foreign."""
    rows = webhooks_for(act)
    rows = rows.select_for_update(of=("self",), no_key=True) if lock else rows
    found = rows.filter(pk=identifier).first()
    if found is None:
        raise NotFound(_("There is no webhook %(id)s.") % {"id": identifier})
    return found


@transaction.atomic
def create_webhook(act: Act, url: str, domain_name: str = "") -> tuple[Webhook, str]:
    """Add an endpoint of a domain, or of the installation; returns it with its secret, which is shown once.

    Raises Forbidden, Refused, also for a domain that is absent or foreign.
    """
    require_administrator(act)
    domain = _domain(act, domain_name)
    if domain is None and not (act.is_superadmin and act.domain_ids is None):
        raise Forbidden(_("Only a superadministrator adds webhooks of the installation."))
    address = _address(url)
    _refuse_many(domain)
    octets = secrets.token_bytes(SECRET_OCTETS)
    webhook = Webhook.objects.create(domain=domain, url=address, secret_sealed=b"")
    webhook.secret_sealed = seal(_identity(webhook), octets)
    webhook.save(update_fields=["secret_sealed"])
    record(act, "webhook.create", "webhook", address, domain.name if domain else "")
    return webhook, SECRET_PREFIX + base64.b64encode(octets).decode()


def _domain(act: Act, name: str) -> Domain | None:
    try:
        return get_domain_for(act, name, lock=True) if name else None
    except NotFound as error:
        raise Refused({"domain": str(error)}) from error


def _refuse_many(domain: Domain | None) -> None:
    if domain is None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("webhooks of the installation")])
    if Webhook.objects.filter(domain=domain).count() >= MOST:
        text = _("There are %(count)d webhooks already. Delete one first.")
        raise Refused({"url": text % {"count": MOST}})


def _identity(webhook: Webhook) -> str:
    return f"webhook {webhook.pk}"


def _address(text: str) -> str:
    """Return an address that may be called as far as can be said before it is resolved; raises Refused."""
    address = text.strip()
    good = 0 < len(address) <= MAXIMUM_URL and address.isascii() and address.isprintable() and " " not in address
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        good, host, port = False, "", None
        parts = urlsplit("")
    if not good or parts.scheme not in ("http", "https") or not host or port == 0 or "@" in parts.netloc:
        raise Refused({"url": _("Enter an address such as https://hooks.example.org/mail, of http or https.")})
    if parts.fragment or "\\" in address:
        raise Refused({"url": _("The address has a part that is never sent, such as one after #.")})
    _refuse_inside(host, port or 0)
    return address


def _refuse_inside(host: str, port: int) -> None:
    """Refuse an address that is one by figures and lies inside; names are checked when they are called."""
    try:
        reason = refuse_address(host, port, frozenset(), settings.MAILADMIN.private_networks)
    except ValueError:
        return
    if reason:
        text = _("%(address)s is not a public address, and the operator's settings do not allow it.")
        raise Refused({"url": text % {"address": host}})


@transaction.atomic
def delete_webhook(act: Act, identifier: int) -> None:
    """Delete an endpoint with what waits for it; raises NotFound."""
    webhook = get_webhook_for(act, identifier)
    record(act, "webhook.delete", "webhook", webhook.url, webhook.domain.name if webhook.domain else "")
    webhook.delete()


@transaction.atomic
def enable_webhook(act: Act, identifier: int) -> Webhook:
    """Let a disabled endpoint be told again from now on; raises NotFound."""
    webhook = get_webhook_for(act, identifier)
    if webhook.disabled_at is not None:
        webhook.disabled_at = webhook.failing_since = None
        webhook.save(update_fields=["disabled_at", "failing_since"])
        record(act, "webhook.enable", "webhook", webhook.url, webhook.domain.name if webhook.domain else "")
    return webhook


@transaction.atomic
def send_test(act: Act, identifier: int) -> WebhookDelivery:
    """Send a test event to one endpoint, soon; raises NotFound, Refused for a disabled one.

    One whose first attempt is still to come, or was just made, is not sent once more.
    """
    webhook = get_webhook_for(act, identifier, lock=True)
    if webhook.disabled_at is not None:
        raise Refused({"id": _("The webhook is disabled. Enable it first.")})
    now = timezone.now()
    waiting = webhook.deliveries.filter(state=DeliveryState.WAITING, notice__type=TEST.word).order_by("-pk").first()
    recent = now - timedelta(seconds=LEASE_SECONDS)
    if waiting is not None and (waiting.attempted_at is None or waiting.attempted_at > recent):
        return waiting
    notice = write_notice(TEST, webhook.domain, {"webhook": webhook.pk}, now)
    record(act, "webhook.test", "webhook", webhook.url, webhook.domain.name if webhook.domain else "")
    delivery = WebhookDelivery.objects.create(webhook=webhook, notice=notice, created_at=now, next_attempt_at=now)
    wake_after_commit()
    return delivery


def deliveries_of(webhook: Webhook) -> list[WebhookDelivery]:
    """Return the log: the last deliveries, newest first."""
    return list(webhook.deliveries.select_related("notice").order_by("-pk")[:LOG_ROWS])


# ---- Delivering -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Call:
    """One attempt to make, without the database."""

    delivery: int
    attempt: int
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _End:
    """How an attempt ended: the status, or None and the reason."""

    status: int | None
    reason: str

    @property
    def good(self) -> bool:
        """True when the endpoint took the event."""
        return self.status is not None and 200 <= self.status < 300


def signature_of(secret: bytes, identifier: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def deliver_due(seconds: float = RUN_SECONDS) -> int:
    """Make the attempts that are due, one at a time an endpoint, several endpoints side by side; returns how many."""
    until = timezone.now() + timedelta(seconds=seconds)
    made = 0
    with ThreadPoolExecutor(AT_ONCE, "webhooks") as threads:
        while timezone.now() < until and (calls := _claim(_due())):
            for call, end in zip(calls, threads.map(_make, calls), strict=True):
                _finish(call, end, timezone.now())
            made += len(calls)
    return made


def _due() -> list[int]:
    """Return the oldest due delivery of each endpoint, a few."""
    with connection.cursor() as cursor:
        cursor.execute(DUE, [AT_ONCE])
        return [int(row[0]) for row in cursor.fetchall()]


def _claim(identifiers: Sequence[int]) -> list[_Call]:
    """Return the attempts that are ours; what another worker holds is left."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [list(identifiers), LEASE_SECONDS])
        ours = [int(row[0]) for row in cursor.fetchall()]
    rows = WebhookDelivery.objects.filter(pk__in=ours).select_related("webhook", "notice", "notice__domain")
    return [_call(row) for row in rows]


def _call(row: WebhookDelivery) -> _Call:
    notice = row.notice
    event = event_of(notice, notice.domain.name if notice.domain else None)
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = int(timezone.now().timestamp())
    secret = unseal(_identity(row.webhook), bytes(row.webhook.secret_sealed))
    headers = {
        "Content-Type": "application/json",
        "webhook-id": notice.pk,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature_of(secret, notice.pk, timestamp, body),
    }
    return _Call(row.pk, row.attempts, row.webhook.url, headers, body)


def _make(call: _Call) -> _End:
    """Make one attempt; what the endpoint answers beyond the status is not kept."""
    try:
        answer = fetch(call.url, "POST", call.body, call.headers, limit=64 * 1024)
    except FetchFault as fault:
        return _End(None, fault.reason)
    return _End(answer.status, "" if 200 <= answer.status < 300 else f"The answer was {answer.status}.")


@transaction.atomic
def _finish(call: _Call, end: _End, now: datetime) -> None:
    """Write how an attempt ended, unless its lease ran out and another was made; move the endpoint along."""
    mine = WebhookDelivery.objects.filter(pk=call.delivery, attempts=call.attempt, state=DeliveryState.WAITING)
    delivery = mine.select_related("webhook").select_for_update(of=("self", "webhook"), no_key=True).first()
    if delivery is None:
        return
    webhook = delivery.webhook
    delivery.status_code, delivery.reason = end.status, str(clean(end.reason))[:500]
    if end.good:
        delivery.state = DeliveryState.DELIVERED
        webhook.failing_since = None
    else:
        webhook.failing_since = webhook.failing_since or now
        _put_off(delivery, now)
    delivery.save(update_fields=["status_code", "reason", "state", "next_attempt_at"])
    webhook.save(update_fields=["failing_since"])
    if not end.good and (end.status == _GONE or _is_hopeless(webhook, delivery, now)):
        _disable(webhook, delivery, now)


def _put_off(delivery: WebhookDelivery, now: datetime) -> None:
    """Set the next attempt, none after three days; what else waits for the endpoint does not call it before."""
    end = delivery.created_at + PATIENCE
    if now >= end:
        delivery.state = DeliveryState.FAILED
        return
    delivery.next_attempt_at = min(now + RETRIES[min(delivery.attempts, len(RETRIES)) - 1], end)
    others = delivery.webhook.deliveries.filter(state=DeliveryState.WAITING).exclude(pk=delivery.pk)
    others.filter(next_attempt_at__lt=delivery.next_attempt_at).update(next_attempt_at=delivery.next_attempt_at)


def _is_hopeless(webhook: Webhook, delivery: WebhookDelivery, now: datetime) -> bool:
    """True when an event was given up and nothing else was taken in all that time."""
    since = webhook.failing_since or now
    return delivery.state == DeliveryState.FAILED and now - since >= PATIENCE - timedelta(hours=1)


def _disable(webhook: Webhook, delivery: WebhookDelivery, now: datetime) -> None:
    webhook.disabled_at = now
    webhook.save(update_fields=["disabled_at"])
    webhook.deliveries.filter(state=DeliveryState.WAITING).update(state=DeliveryState.FAILED)
    notify(WEBHOOK_DISABLED, webhook.domain, {"url": webhook.url, "reason": delivery.reason}, now)


def disabled_webhooks_for(act: Act) -> QuerySet[Webhook]:
    """Return the endpoints in reach that get nothing any more."""
    return webhooks_for(act).filter(~Q(disabled_at=None))


def installation_webhooks(act: Act) -> QuerySet[Webhook]:
    """Return the endpoints of the installation; raises Forbidden."""
    if not (act.is_superadmin and act.domain_ids is None):
        raise Forbidden(_("Only a superadministrator sees the webhooks of the installation."))
    return Webhook.objects.filter(domain=None).order_by("pk")


def webhooks_of(act: Act, name: str) -> Iterable[Webhook]:
    """Return a domain's endpoints; raises NotFound."""
    return Webhook.objects.filter(domain=get_domain_for(act, name)).order_by("pk")
