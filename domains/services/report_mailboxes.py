"""Mailboxes elsewhere that are watched for reports: set, tried out, and read every few minutes.

Each new message becomes a report file in the transaction that moves ``last_uid`` on, so that a crash between repeats
nothing and loses nothing. An administrator of domains sets those of the own domains, which bring reports on that
domain alone; a superadministrator also those for all.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from sys import maxsize

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.dmarc.carried import carrier_of
from domains.errors import NotFound, Refused
from domains.failpoints import fail_point
from domains.imap_pull import Folder, Place, PullFault, Trouble, open_folder
from domains.locks import single_run
from domains.models import Domain, MailboxSecurity, ReportFile, ReportFileState, ReportMailbox
from domains.names import DomainName
from domains.reports.budget import AUTHENTICATED
from domains.services import reports
from domains.services.provision import get_domain_for, require_administrator
from domains.services.report_fences import OctetLength
from domains.services.sealing import SealBroken, seal, unseal

log = logging.getLogger(__name__)

MESSAGE_OCTETS = 25 * 1024 * 1024
RUN_SECONDS = 240.0
MAILBOX_SECONDS = 120.0
MAXIMUM_MAILBOXES = 20


@dataclass(frozen=True, slots=True)
class Tried:
    """What was seen when a mailbox was tried: ``fault`` empty when it can be read, with how many messages."""

    fault: str
    messages: int = 0


# ---- Setting -------------------------------------------------------------------------------------------------------


def mailboxes_for(act: Act) -> QuerySet[ReportMailbox]:
    """Return the watched mailboxes in the actor's reach; raises Forbidden for owners."""
    require_administrator(act)
    rows = ReportMailbox.objects.select_related("domain")
    return rows if act.domain_ids is None else rows.filter(domain__in=act.domain_ids)


def get_mailbox_for(act: Act, identifier: int, lock: bool = False) -> ReportMailbox:
    """Return one watched mailbox; raises NotFound when it is absent or foreign, Forbidden for owners."""
    rows = mailboxes_for(act)
    row = (rows.select_for_update(of=("self",)) if lock else rows).filter(pk=identifier).first()
    if row is None:
        raise NotFound(_("There is no such watched mailbox."))
    return row


def set_mailbox(
    act: Act,
    identifier: int | None = None,
    *,
    host: str,
    user: str,
    password: str = "",
    domain: str = "",
    port: int = 993,
    security: str = MailboxSecurity.TLS,
    folder: str = "INBOX",
    move_to: str = "",
    trusted_results: str = "",
    enabled: bool = True,
) -> ReportMailbox:
    """Try out and keep a mailbox, a new one without ``identifier``; one that is not ``enabled`` is not tried.

    An empty password keeps the one that is there, for the same host and user alone. Raises NotFound, Forbidden,
    Refused with what was seen.
    """
    row = get_mailbox_for(act, identifier) if identifier is not None else ReportMailbox()
    before = (row.host, row.port, row.user, row.folder)
    kept = password or (_still_kept(row) if identifier is not None else "")
    row.domain = _domain(act, domain)
    row.host, row.port, row.security = _host(host), _port(port), _security(security)
    row.user, row.folder = _text("user", user, 320), _text("folder", folder or "INBOX", 200)
    row.move_to = _text("move_to", move_to, 200) if move_to.strip() else ""
    row.trusted_results = _authserv(trusted_results)
    row.enabled = enabled
    if not kept or (not password and (row.host, row.port, row.user) != before[:3]):
        raise Refused({"password": _("The password is missing; it is kept for one host and user alone.")})
    if len(kept) > 1000 or not kept.isprintable():
        raise Refused({"password": _("A password is printable text of at most 1,000 characters.")})
    if row.move_to == row.folder:
        raise Refused({"move_to": _("Messages are moved to another folder than the one that is read.")})
    if row.enabled:
        _prove(row, kept)
    if (row.host, row.port, row.user, row.folder) != before:
        row.uid_validity = row.last_uid = 0
    row.password_sealed = seal(_identity(row), kept.encode())
    return _keep(act, row)


def _still_kept(row: ReportMailbox) -> str:
    try:
        return _kept_password(row)
    except PullFault as fault:
        raise Refused({"password": sentence_of(fault, row)}) from fault


def _prove(row: ReportMailbox, password: str) -> None:
    try:
        _look(_place(row, password))
    except PullFault as fault:
        raise Refused({_FIELDS.get(fault.trouble, "host"): sentence_of(fault, row)}) from fault


_FIELDS = {
    Trouble.CREDENTIALS: "password",
    Trouble.FOLDER: "folder",
    Trouble.MOVE: "move_to",
    Trouble.STARTTLS: "security",
    Trouble.PROTOCOL: "port",
}


def _look(place: Place) -> int:
    """Return how many messages the folder has; raises PullFault, also when the folder to move to is not there."""
    with open_folder(place) as folder:
        if place.move_to and not folder.has(place.move_to):
            raise PullFault(Trouble.MOVE, _("it does not exist"))
        return folder.messages


@transaction.atomic
def _keep(act: Act, row: ReportMailbox) -> ReportMailbox:
    fresh = row.pk is None
    if fresh and ReportMailbox.objects.filter(domain=row.domain).count() >= MAXIMUM_MAILBOXES:
        raise Refused({"host": _("At most %(count)d mailboxes are watched.") % {"count": MAXIMUM_MAILBOXES}})
    row.fault, row.checked_at = "", timezone.now()
    row.save()
    changes = {"user": row.user, "folder": row.folder, "enabled": row.enabled, "trusted": row.trusted_results}
    name = f"{row.host}:{row.port}"
    action = "report_mailbox.create" if fresh else "report_mailbox.change"
    record(act, action, "report_mailbox", name, row.domain.name if row.domain else "", changes)
    return row


@transaction.atomic
def delete_mailbox(act: Act, identifier: int) -> None:
    """Forget a mailbox and its password; what was taken in stays. Raises NotFound, Forbidden."""
    row = get_mailbox_for(act, identifier, lock=True)
    domain = row.domain.name if row.domain else ""
    record(act, "report_mailbox.delete", "report_mailbox", f"{row.host}:{row.port}", domain, {"user": row.user})
    row.delete()


def try_mailbox(act: Act, identifier: int) -> Tried:
    """Look at a mailbox now without taking anything in; raises NotFound, Forbidden."""
    row = get_mailbox_for(act, identifier)
    try:
        messages = _look(_place(row, _kept_password(row)))
    except PullFault as fault:
        _note(row, sentence_of(fault, row))
        return Tried(row.fault)
    _note(row, "")
    return Tried("", messages)


def sentence_of(fault: PullFault, row: ReportMailbox) -> str:
    """Return what is so and what to do about it, in one or two sentences."""
    texts = {
        Trouble.ADDRESS: _("%(seen)s. Only servers with a public address are reached."),
        Trouble.UNREACHABLE: _("Nothing answers at %(host)s port %(port)d: %(seen)s. Check both."),
        Trouble.CERTIFICATE: _(
            "The certificate of %(host)s does not verify: %(seen)s. Use the name that stands in it."
        ),
        Trouble.TLS: _("TLS with %(host)s failed: %(seen)s. Perhaps its port %(port)d wants STARTTLS."),
        Trouble.STARTTLS: _("The server does not offer STARTTLS at port %(port)d. Port 993 usually has TLS."),
        Trouble.PROTOCOL: _("What answers at port %(port)d is not an IMAP server: %(seen)s."),
        Trouble.CREDENTIALS: _("The server refuses this user and password: %(seen)s."),
        Trouble.FOLDER: _("There is no folder %(folder)s that can be opened: %(seen)s."),
        Trouble.MOVE: _("Nothing can be moved to %(move_to)s: %(seen)s."),
        Trouble.SLOW: _("The server did not answer in time. It is tried again by itself."),
        Trouble.BROKEN: _("The connection broke: %(seen)s. It is tried again by itself."),
    }
    seen = str(fault).rstrip(".") or _("no answer")
    values = {"host": row.host, "port": row.port, "folder": row.folder, "move_to": row.move_to, "seen": seen}
    return (texts[fault.trouble] % values)[:500]


def _note(row: ReportMailbox, fault: str) -> None:
    row.fault, row.checked_at = fault, timezone.now()
    row.save(update_fields=["fault", "checked_at"])


def _identity(row: ReportMailbox) -> str:
    return f"report-mailbox {row.host}:{row.port} {row.user}"


def _kept_password(row: ReportMailbox) -> str:
    try:
        return unseal(_identity(row), bytes(row.password_sealed)).decode()
    except SealBroken as error:
        raise PullFault(Trouble.CREDENTIALS, _("the one that is kept cannot be opened; give it again")) from error


def _place(row: ReportMailbox, password: str) -> Place:
    starttls = row.security == MailboxSecurity.STARTTLS
    return Place(row.host, row.port, starttls, row.user, password, row.folder, row.move_to)


def _domain(act: Act, name: str) -> Domain | None:
    require_administrator(act)
    if name.strip():
        try:
            return get_domain_for(act, name)
        except NotFound as error:
            raise Refused({"domain": str(error)}) from error
    if act.domain_ids is not None:
        raise Refused({"domain": _("Name one of your domains: only a superadministrator watches for all.")})
    return None


def _host(text: str) -> str:
    try:
        return DomainName(text.strip(), minimum_labels=1).ascii
    except ValueError as error:
        raise Refused({"host": _("Give the name of the IMAP server, such as imap.example.org.")}) from error


def _port(port: int) -> int:
    if not 1 <= port <= 65535:
        raise Refused({"port": _("A port is a number from 1 to 65535.")})
    return port


def _security(text: str) -> str:
    if text not in MailboxSecurity.values:
        raise Refused({"security": _("Allowed are %(words)s.") % {"words": ", ".join(MailboxSecurity.values)}})
    return text


def _text(field: str, text: str, most: int) -> str:
    value = text.strip()
    if not value or len(value) > most or not value.isprintable():
        raise Refused({field: _("Printable text of at most %(most)d characters.") % {"most": most}})
    return value


def _authserv(text: str) -> str:
    value = text.strip().lower()
    if value and (len(value) > 253 or not value.isascii() or not value.isprintable() or set(value) & set(' ;()"=')):
        raise Refused({"trusted_results": _("It is a name such as mx.example.org, as it stands in the field.")})
    return value


# ---- Reading -------------------------------------------------------------------------------------------------------


def fetch_all(now: datetime | None = None) -> int:
    """Read every watched mailbox, the one not looked at longest first; returns how many messages were taken."""
    served = Q(domain=None) | Q(domain__state="active")
    order = ReportMailbox.objects.filter(served, enabled=True).order_by("checked_at", "id")
    until = time.monotonic() + RUN_SECONDS
    return sum(fetch(pk, until) for pk in order.values_list("pk", flat=True))


def fetch(identifier: int, until: float | None = None) -> int:
    """Take in what is new in one mailbox; returns how many messages. What fails is noted at the mailbox."""
    until = min(time.monotonic() + MAILBOX_SECONDS, until or float("inf"))
    with single_run(f"report mailbox {identifier}") as ours:
        row = ReportMailbox.objects.filter(pk=identifier).first() if ours else None
        if row is None or time.monotonic() > until:
            return 0
        taken = 0
        try:
            with open_folder(_place(row, _kept_password(row))) as folder:
                for file_id in _new_files(row, folder, until):
                    taken += 1
                    reports.take_in_file(file_id)
                if row.move_to:
                    _move_taken(row, folder)
        except PullFault as fault:
            _note(row, sentence_of(fault, row))
        else:
            _note(row, "" if min(_room(row)) > 0 else _("It brought as much as a day may; it goes on tomorrow."))
        return taken


def _new_files(row: ReportMailbox, folder: Folder, until: float) -> Iterator[int]:
    if folder.uid_validity != row.uid_validity:  # another folder under the same name: what is known counts once
        row.uid_validity, row.last_uid = folder.uid_validity, 0
        row.save(update_fields=["uid_validity", "last_uid"])
    files, octets = _room(row)
    for uid, size in folder.after(row.last_uid) if files > 0 and octets > 0 else ():
        content = folder.fetch(uid) if size <= MESSAGE_OCTETS else None
        gone = content is None and size <= MESSAGE_OCTETS
        file_id = None if gone else _take(row, uid, content, size)
        if file_id is not None:
            yield file_id
        files, octets = files - 1, octets - len(content or b"")
        if time.monotonic() > until or files <= 0 or octets <= 0:
            return


def _room(row: ReportMailbox) -> tuple[int, int]:
    """Return how many messages and octets may still come today; without bounds for those of the installation."""
    if row.domain_id is None:
        return maxsize, maxsize
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    today = ReportFile.objects.filter(domain=row.domain_id, road="imap", received_at__gte=midnight)
    spent = today.aggregate(files=Count("pk"), octets=Sum(OctetLength(F("content"))))
    return AUTHENTICATED.all_files - spent["files"], AUTHENTICATED.all_octets - (spent["octets"] or 0)


@transaction.atomic
def _take(row: ReportMailbox, uid: int, content: bytes | None, size: int) -> int | None:
    """Keep one message as a waiting file and move on; None when another run was faster, or the mailbox is gone."""
    current = ReportMailbox.objects.select_for_update().filter(pk=row.pk).first()
    if current is None or current.uid_validity != row.uid_validity or current.last_uid >= uid:
        return None
    carrier = carrier_of(content or b"", row.trusted_results)
    file = ReportFile(
        domain_id=row.domain_id,
        road="imap",
        submitter=carrier.domain[:320],
        authenticated=carrier.authenticated,
        file_name=f"{row.folder} {uid}"[:300],
        content=content or b"",
    )
    if content is None:
        file.state = ReportFileState.BROKEN
        file.reason = _("The message has %(size)d octets; more than 25 MB are not fetched.") % {"size": size}
    file.save()
    current.last_uid, current.taken = uid, current.taken + 1
    current.save(update_fields=["last_uid", "taken"])
    row.last_uid = uid
    fail_point("imap.before-commit")
    return file.pk


def _move_taken(row: ReportMailbox, folder: Folder) -> None:
    taken = [uid for uid, _size in folder.after(0) if uid <= row.last_uid]
    if taken:
        folder.move(taken)
