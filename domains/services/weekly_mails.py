"""The summary of each week by mail: decided once for each administrator, on Monday or later in the same week.

The decision and the queued mail are one transaction, and a unique constraint holds one decision a week: a run beside
another one waits for its row and then finds it. Who became an administrator since Monday waits for the next one.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import date, datetime
from email.message import EmailMessage
from typing import Protocol

from celery.exceptions import SoftTimeLimitExceeded
from django.db.models import QuerySet
from django.utils import timezone

from domains.database import close_pool, database
from domains.failpoints import fail_point
from domains.models import Actor, Domain, Role, WeeklySummary
from domains.reports.weeks import Week, last_week
from domains.services.notices import domains_read_by, in_words_of, new_message, queue_mail
from domains.services.weekly_figures import ever_reported

log = logging.getLogger(__name__)

DECIDE = """
INSERT INTO domains_weeklysummary (actor_id, week, decided_at, mail) VALUES (%s, %s, now(), '')
ON CONFLICT (actor_id, week) DO NOTHING RETURNING id
"""
MARK = "UPDATE domains_weeklysummary SET mail = %s WHERE id = %s"


class Rendered(Protocol):
    """A summary in words."""

    @property
    def subject(self) -> str:
        """One line."""
        ...

    @property
    def text(self) -> str:
        """The whole of it for programs that show no HTML."""
        ...

    @property
    def html(self) -> str:
        """The whole of it."""
        ...

    @property
    def pictures(self) -> Sequence[tuple[str, bytes]]:
        """Each picture's Content-ID, as the HTML names it, and its PNG."""
        ...


Render = Callable[[Sequence[Domain], Week], Rendered]


def send_due_summaries(render: Render, now: datetime | None = None) -> int:
    """Decide the last week for everybody who waits for it; returns how many mails were queued.

    A fault in one summary keeps nobody else waiting; it is tried again at the next run.
    """
    now = now or timezone.now()
    week = last_week(now.date())
    if now < week.due_at:
        return 0
    return sum(_sent(actor, week, render) for actor in _waiting(week))


def _waiting(week: Week) -> QuerySet[Actor]:
    decided = WeeklySummary.objects.filter(week=week.first_day).values("actor_id")
    rows = Actor.objects.filter(is_active=True, created_at__lt=week.due_at).exclude(role=Role.OWNER)
    return rows.exclude(pk__in=decided).order_by("pk")


def _sent(actor: Actor, week: Week, render: Render) -> bool:
    try:
        content = compose_summary(actor, week, render)
        return asyncio.run(_decide(actor, week.first_day, content))
    except SoftTimeLimitExceeded:
        raise
    except Exception:
        log.exception("the summary of the week from %s for actor %s waits for the next run", week.first_day, actor.pk)
        return False


def compose_summary(actor: Actor, week: Week, render: Render) -> bytes | None:
    """Return the mail in the reader's language, None when there is none to send."""
    domains = domains_read_by(actor) if actor.weekly_summary else []
    if not ever_reported(domains):
        return None
    with in_words_of(actor):
        return _message(actor.email, render(domains, week)).as_bytes()


def _message(recipient: str, rendered: Rendered) -> EmailMessage:
    message = new_message(recipient, rendered.subject, rendered.text)
    message.add_alternative(rendered.html, subtype="html", charset="utf-8", cte="quoted-printable")
    html = list(message.iter_parts())[-1]
    for number, (content_id, png) in enumerate(rendered.pictures, 1):
        name = f"month-{number}.png"
        html.add_related(png, "image", "png", cid=f"<{content_id}>", disposition="inline", filename=name)
    return message


async def _decide(actor: Actor, week: date, content: bytes | None) -> bool:
    """Store the decision and queue its mail; False when there is none, or another run decided first."""
    try:
        async with database() as connection, connection.transaction():
            row = await (await connection.execute(DECIDE, (actor.pk, week))).fetchone()
            if row is None or content is None:
                return False
            trace = await queue_mail(connection, actor.email, content)
            await connection.execute(MARK, (trace, row[0]))
            fail_point("summary.before-commit")
        fail_point("summary.committed")
        return True
    finally:
        await close_pool()
