"""Who is mailed about what, and the mails: one a domain and run with all that waits, at most one an hour.

The notices of a mail are claimed and the mail is queued in one transaction, so that two workers at once send one.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from psycopg import AsyncConnection, Rollback
from psycopg.rows import TupleRow

from domains.audit import Act
from domains.database import close_pool, database
from domains.identifiers import new_identifier
from domains.models import Actor, Domain, DomainState, MailAbout, Notice, Role
from domains.names import to_unicode
from domains.notify import mailer, sentence_of, type_of
from domains.services.actors import require_superadmin
from domains.services.provision import get_domain_for
from domains.services.signing import sign_message

BETWEEN_MAILS = timedelta(hours=1)
NOTICE_DAYS = 90
AT_ONCE = 2000
LINES = 100

CLAIM = "UPDATE domains_notice SET mailed_at = now() WHERE id = ANY(%s) AND mailed_at IS NULL"
MARK = "UPDATE domains_notice SET mail = %s WHERE id = ANY(%s)"
SIGNER = """
SELECT name FROM domains_domain WHERE name = ANY(%s) AND state = 'active' ORDER BY length(name) DESC LIMIT 1
"""


# ---- Who --------------------------------------------------------------------------------------------------------


def readers_of(domain: Domain | None) -> list[Actor]:
    """Return who is mailed about a domain, or about the installation.

    Its administrators, unless they wish none; superadministrators about domains that no administrator runs, about
    all, or none, as they wish.
    """
    willing = Actor.objects.filter(is_active=True).exclude(mail_about=MailAbout.NONE)
    superadmins = list(willing.filter(role=Role.SUPERADMIN))
    if domain is None:
        return superadmins
    runners = Actor.objects.filter(domains=domain, is_active=True, role__in=(Role.DOMAIN_ADMIN, Role.SUPERADMIN))
    own = list(willing.filter(pk__in=runners))
    left = superadmins if not runners.exists() else [one for one in superadmins if one.mail_about == MailAbout.ALL]
    return sorted({actor.pk: actor for actor in [*own, *left]}.values(), key=lambda actor: actor.email)


def domains_read_by(actor: Actor, about: str = "") -> list[Domain]:
    """Return the active domains that an actor is mailed about: those that ``readers_of`` names the actor for.

    ``about`` stands in for the actor's own wish.
    """
    about = about or actor.mail_about
    if about == MailAbout.NONE or not actor.is_active or actor.role == Role.OWNER:
        return []
    active = Domain.objects.filter(state=DomainState.ACTIVE).order_by("name")
    if not actor.is_superadmin:
        return list(active.filter(administrators=actor))
    if about == MailAbout.ALL:
        return list(active)
    runners = Actor.objects.filter(is_active=True, role__in=(Role.DOMAIN_ADMIN, Role.SUPERADMIN))
    run = Domain.objects.filter(administrators__in=runners).values("pk")
    return list(active.filter(~Q(pk__in=run) | Q(administrators=actor)).distinct())


def notices_for(act: Act, name: str) -> QuerySet[Notice]:
    """Return a domain's notices, newest first; raises NotFound."""
    return Notice.objects.filter(domain=get_domain_for(act, name)).order_by("-id")


def installation_notices(act: Act) -> QuerySet[Notice]:
    """Return the notices about the installation itself, newest first; raises Forbidden."""
    require_superadmin(act)
    return Notice.objects.filter(domain=None).order_by("-id")


# ---- Mails ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Mail:
    recipient: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Batch:
    """The notices of one domain that wait, and the mails that tell them."""

    notices: list[str]
    mails: list[_Mail]


def send_due_mails(now: datetime | None = None) -> int:
    """Mail what waits, of each domain together; returns how many mails were queued."""
    batches = [_batch(domain, notices) for domain, notices in _due(now or timezone.now())]
    return asyncio.run(_send(batches)) if batches else 0


def _due(now: datetime) -> Iterable[tuple[Domain | None, list[Notice]]]:
    """Yield the waiting notices by domain, those of domains that had a mail within the hour left out."""
    waiting = Notice.objects.filter(mailed_at=None).select_related("domain").order_by("domain_id", "id")[:AT_ONCE]
    lately = Notice.objects.filter(mailed_at__gt=now - BETWEEN_MAILS).exclude(mail="")
    quiet = set(lately.order_by().values_list("domain_id", flat=True).distinct())
    for domain_id, rows in groupby(waiting, key=lambda notice: notice.domain_id):
        notices = list(rows)
        if domain_id not in quiet:
            yield notices[0].domain, notices


def _batch(domain: Domain | None, notices: Sequence[Notice]) -> _Batch:
    mails = [_Mail(reader.email, compose(reader, domain, notices)) for reader in readers_of(domain)]
    return _Batch([notice.pk for notice in notices], mails)


async def _send(batches: Iterable[_Batch]) -> int:
    try:
        return sum([await _send_batch(batch) for batch in batches])
    finally:
        await close_pool()


async def _send_batch(batch: _Batch) -> int:
    """Claim the notices and queue the mails; another worker that claimed them first leaves nothing to do."""
    traces: list[str] = []
    async with database() as connection, connection.transaction() as transaction:
        claimed = await connection.execute(CLAIM, (batch.notices,))
        if claimed.rowcount != len(batch.notices):
            raise Rollback(transaction)
        traces = [await queue_mail(connection, mail.recipient, mail.content) for mail in batch.mails]
        if traces:
            await connection.execute(MARK, (traces[0], batch.notices))
    return len(traces)


async def queue_mail(connection: AsyncConnection[TupleRow], recipient: str, content: bytes) -> str:
    """Sign a mail to an administrator and put it into the queue; returns its trace id."""
    signed = await _signed(connection, content)
    reason = "What happened in a domain is told to its administrators"
    return await mailer()(connection, mail_from="", recipient=recipient, content=signed, reason=reason, about="")


async def _signed(connection: AsyncConnection[TupleRow], content: bytes) -> bytes:
    """Return the mail signed by the domain of ours that the host name stands in, if there is one."""
    labels = settings.MAILADMIN.hostname.split(".")
    above = [".".join(labels[start:]) for start in range(len(labels))]
    row = await (await connection.execute(SIGNER, (above,))).fetchone()
    return (await sign_message(connection, str(row[0]), content)).header + content if row else content


# ---- Words ------------------------------------------------------------------------------------------------------


def compose(reader: Actor, domain: Domain | None, notices: Sequence[Notice]) -> bytes:
    """Return the mail that tells one reader, in the reader's language and time."""
    with in_words_of(reader):
        name = to_unicode(domain.name) if domain else settings.MAILADMIN.hostname
        message = new_message(reader.email, _subject(name, notices), _body(name, domain, notices))
    return message.as_bytes()


@contextmanager
def in_words_of(reader: Actor) -> Iterator[None]:
    """Say everything in the reader's language and time."""
    with translation.override(reader.language or settings.LANGUAGE_CODE), timezone.override(_zone(reader)):
        yield


def _zone(reader: Actor) -> ZoneInfo:
    return ZoneInfo(reader.time_zone or "UTC")


def _subject(name: str, notices: Sequence[Notice]) -> str:
    if len(notices) == 1:
        return f"{name}: {sentence_of(notices[0])}"[:200]
    if all(type_of(notice).tone == "good" for notice in notices):
        return _("%(name)s: all right again") % {"name": name}
    text = ngettext("%(name)s: %(count)d notice", "%(name)s: %(count)d notices", len(notices))
    return text % {"name": name, "count": len(notices)}


def _body(name: str, domain: Domain | None, notices: Sequence[Notice]) -> str:
    base = settings.MAILADMIN.url
    lines = [_line(notice) for notice in notices[:LINES]]
    if len(notices) > LINES:
        lines.append(_("and %(count)d more") % {"count": len(notices) - LINES})
    page = reverse("domain-history", args=[domain.name]) if domain else reverse("notices")
    where = _("What was seen, and since when:") if domain else _("More about it:")
    why = _("You get this mail because you administer %(name)s. Change that on your page:") % {"name": name}
    return "\n".join([*lines, "", where, f"{base}{page}", "", "-- ", why, f"{base}{reverse('me')}", ""])


def _line(notice: Notice) -> str:
    at = date_format(timezone.localtime(notice.at), "SHORT_DATETIME_FORMAT")
    text = "".join(char if char.isprintable() else " " for char in sentence_of(notice))
    return f"{at}  {text}"


def new_message(recipient: str, subject: str, body: str) -> EmailMessage:
    """Return a mail of the product's own with its headers and a text."""
    hostname = settings.MAILADMIN.hostname
    message = EmailMessage(SMTP if recipient.isascii() else SMTP.clone(utf8=True))
    message["From"] = f"mailadmin <postmaster@{hostname}>"
    message["To"] = recipient
    message["Subject"] = "".join(char if char.isprintable() else " " for char in subject)
    message["Date"] = format_datetime(timezone.now())
    message["Message-ID"] = f"<{new_identifier()}@{hostname}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body, charset="utf-8", cte="quoted-printable")
    return message


def remove_old_notices(now: datetime | None = None, days: int = NOTICE_DAYS) -> int:
    """Remove notices past their time, with their deliveries; returns how many notices."""
    before = (now or timezone.now()) - timedelta(days=days)
    return Notice.objects.filter(at__lt=before).delete()[1].get("domains.Notice", 0)
