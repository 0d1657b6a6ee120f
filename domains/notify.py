"""Tells people and programs what happened: one mechanism for the dashboard, mail and webhooks, for every package.

``notify`` writes a notice and its deliveries in the caller's transaction; after the commit the jobs worker is woken,
and looks by itself each minute. What a type of notice says is declared once, by the module that gives it, and said in
the reader's language. Mail is sent through a port that the package above fills.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from celery import current_app
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import KombuError
from psycopg import AsyncConnection
from redis import RedisError

from domains.identifiers import new_identifier
from domains.models import Domain, Notice, Webhook, WebhookDelivery
from domains.times import instant
from domains.trace import clean

log = logging.getLogger(__name__)

TASK = "domains.tasks.send_notices"
Words = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class NoticeType:
    """A kind of event: ``tone`` is bad, warn or good; ``say`` gives one sentence in the active language."""

    word: str
    tone: str
    say: Words
    mailed: bool = True


_types: dict[str, NoticeType] = {}
_waking = threading.Event()


def declare(word: str, tone: str, say: Words, mailed: bool = True) -> NoticeType:
    """Make a type of notice known; called once, when the module that gives it is loaded."""
    _types[word] = NoticeType(word, tone, say, mailed)
    return _types[word]


def type_of(notice: Notice) -> NoticeType:
    """Return what is known of a notice's type; one that no module declares any more speaks by its word."""
    return _types.get(notice.type) or NoticeType(notice.type, "warn", lambda _data: notice.type)


def sentence_of(notice: Notice) -> str:
    """Return what a notice says in the active language, on one line."""
    return " ".join(type_of(notice).say(notice.data).split())


def event_of(notice: Notice, domain: str | None) -> dict[str, Any]:
    """Return a notice as programs get it."""
    return {
        "id": notice.pk,
        "type": notice.type,
        "at": instant(notice.at),
        "domain": domain,
        "data": notice.data,
    }


def notify(type_: NoticeType, domain: Domain | None, data: Mapping[str, Any], at: datetime | None = None) -> Notice:
    """Write a notice for everybody concerned; call it inside the transaction of what happened."""
    now = at or timezone.now()
    notice = write_notice(type_, domain, data, now)
    concerned = Webhook.objects.filter(Q(domain=None) | Q(domain=domain), disabled_at=None)
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(webhook=webhook, notice=notice, created_at=now, next_attempt_at=now) for webhook in concerned
    )
    wake_after_commit()
    return notice


def write_notice(type_: NoticeType, domain: Domain | None, data: Mapping[str, Any], now: datetime) -> Notice:
    """Write a notice without its deliveries."""
    return Notice.objects.create(
        id=new_identifier(),
        at=now,
        domain=domain,
        type=type_.word,
        data=clean(data),
        mailed_at=None if type_.mailed else now,
    )


def wake_after_commit() -> None:
    """Ask the jobs worker to send what is due, once this transaction is committed; never waits, never raises."""
    transaction.on_commit(_start_waking)


def _start_waking() -> None:
    """Wake from a thread; one that has not begun yet does it for this commit too."""
    if not _waking.is_set():
        _waking.set()
        threading.Thread(target=_wake, daemon=True).start()


def _wake() -> None:
    _waking.clear()
    try:
        current_app.send_task(TASK, queue="jobs", ignore_result=True, retry=False)
    except (OSError, KombuError, RedisError) as fault:
        log.warning("notices wait for the next sweep: %s", fault)


# ---- Mail -------------------------------------------------------------------------------------------------------


class Mailer(Protocol):
    """Puts a message of the product's own into the queue, inside the caller's transaction."""

    async def __call__(
        self,
        connection: AsyncConnection[Any],
        *,
        mail_from: str,
        recipient: str,
        content: bytes,
        reason: str,
        about: str,
    ) -> str:
        """Return the new message's trace id."""
        ...


_mailers: list[Mailer] = []


def register_mailer(mailer: Mailer) -> None:
    """Fill the port; called once when the package above is ready."""
    _mailers[:] = [mailer]


def mailer() -> Mailer:
    """Return what sends mail."""
    return _mailers[0]


TEST = declare("test", "good", lambda _data: _("This is a test."), mailed=False)
