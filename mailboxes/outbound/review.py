"""What people do with the queue: list it, read one entry, try it now, delete it."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import Forbidden, NotFound, Refused
from domains.models import Domain, Role, Trace, TraceEvent
from mailboxes.models import QueueEntry, QueueState


def queue_for(act: Act) -> QuerySet[QueueEntry]:
    """Return the entries in the actor's reach: all, or those sent in the name of one of its domains."""
    if act.is_superadmin:
        return QueueEntry.objects.all()
    if act.role != Role.DOMAIN_ADMIN:
        return QueueEntry.objects.none()
    names = Domain.objects.filter(pk__in=act.domain_ids or ()).values("name")
    return QueueEntry.objects.filter(sender_domain__in=names)


def get_entry_for(act: Act, identifier: str) -> QueueEntry:
    """Return one entry; raises NotFound when it is absent or foreign."""
    entry = queue_for(act).filter(pk=identifier).first()
    if entry is None:
        raise NotFound(_("There is no queue entry %(id)s.") % {"id": identifier})
    return entry


def _locked(act: Act, identifier: str) -> QueueEntry:
    if act.role == Role.OWNER:
        raise Forbidden(_("Only administrators change the queue."))
    entry = queue_for(act).select_for_update().filter(pk=identifier).first()
    if entry is None:
        raise NotFound(_("There is no queue entry %(id)s.") % {"id": identifier})
    if entry.state == QueueState.SENDING:
        raise Refused({"state": _("The entry is being sent at this moment. Try again when the attempt has ended.")})
    return entry


@transaction.atomic
def retry_entry(act: Act, identifier: str) -> QueueEntry:
    """Make one entry due now, also a held or dead one; the caller wakes the relay after commit."""
    entry = _locked(act, identifier)
    entry.state = QueueState.WAITING
    entry.next_attempt_at = timezone.now()
    entry.deaths = 0
    entry.save(update_fields=["state", "next_attempt_at", "deaths"])
    record(act, "queue.retry", "queue_entry", entry.pk, entry.sender_domain)
    _trace(entry, "retry", _("%(name)s asked for a new attempt.") % {"name": act.name})
    return entry


@transaction.atomic
def delete_entry(act: Act, identifier: str) -> None:
    """Remove one entry; its recipients will not get the message, and the trace says who decided so."""
    entry = _locked(act, identifier)
    record(act, "queue.delete", "queue_entry", entry.pk, entry.sender_domain, {"recipients": entry.recipients})
    _trace(entry, "deleted", _("%(name)s deleted the message from the queue.") % {"name": act.name})
    entry.delete()
    if not QueueEntry.objects.filter(trace_id=entry.trace_id).exists():
        Trace.objects.filter(pk=entry.trace_id, outcome__in=("queued", "deferred")).update(outcome="dropped")


def _trace(entry: QueueEntry, outcome: str, reason: str) -> None:
    TraceEvent.objects.create(
        trace_id=entry.trace_id,
        at=timezone.now(),
        stage="queue",
        outcome=outcome,
        reason=reason,
        detail={"entry": entry.pk, "recipients": entry.recipients},
    )
