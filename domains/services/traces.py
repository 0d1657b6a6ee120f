"""Reading traces: who may see which message, and its stages in order."""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from django.db.models import F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat
from django.utils.translation import gettext as _

from domains.audit import Act
from domains.errors import NotFound
from domains.models import Domain, Role, Trace, TraceEvent
from domains.trace import findable


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """What is searched: all given parts must hold; ``address`` is a sender or recipient, a client or a domain."""

    message_id: str = ""
    address: str = ""
    since: datetime | None = None
    text: str = ""


def traces_for(act: Act) -> QuerySet[Trace]:
    """Return the traces in the actor's reach: all, those of its domains, or those of the owner's own address."""
    if act.is_superadmin:
        return Trace.objects.all()
    if act.role == Role.DOMAIN_ADMIN:
        names = list(Domain.objects.filter(pk__in=act.domain_ids or ()).values_list("name", flat=True))
        return Trace.objects.filter(domains__overlap=names)
    if act.actor is None:
        return Trace.objects.none()
    address = act.actor.email
    return Trace.objects.filter(Q(mail_from=address) | Q(recipients__contains=[address]))


def search_traces(act: Act, query: TraceQuery) -> QuerySet[Trace]:
    """Return the traces that match, newest first, each head row only."""
    rows = traces_for(act)
    if query.message_id:
        bare = query.message_id.strip().strip("<>")
        rows = rows.filter(message_id__in=[bare, f"<{bare}>"])
    if query.address:
        rows = _with_recipients(rows).filter(_about(query.address.strip()))
    if query.since is not None:
        rows = rows.filter(received_at__gte=query.since)
    if query.text:
        text = query.text.strip()
        rows = _with_recipients(rows).filter(
            _about(text) | Q(pk=text.lower()) | Q(message_id__in=[text, f"<{text}>"])
        )
    return rows.order_by("-pk")


def _with_recipients(rows: QuerySet[Trace]) -> QuerySet[Trace]:
    """Give each row ``sent_to``: its recipients, a line each."""
    lines = Func(F("recipients"), Value("\n"), function="array_to_string", output_field=TextField())
    return rows.annotate(sent_to=Concat(lines, Value("\n"), output_field=TextField()))


def _about(text: str) -> Q:
    """Return the condition that an address, a domain or a client address has to do with the message."""
    typed, text = findable(text), findable(text.lower())
    if "@" in text:
        spellings = [typed, text]
        return Q(mail_from__in=spellings) | Q(recipients__overlap=spellings)
    condition = Q(domains__contains=[text]) | Q(mail_from__endswith=f"@{text}") | Q(sent_to__contains=f"@{text}\n")
    return condition | Q(client_address=text) if _is_ip(text) else condition


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def get_trace_for(act: Act, identifier: str) -> Trace:
    """Return one trace; raises NotFound when it is absent or foreign."""
    trace = traces_for(act).filter(pk=identifier.lower()).first()
    if trace is None:
        raise NotFound(_("There is no message %(id)s.") % {"id": identifier})
    return trace


def events_of(trace: Trace) -> list[TraceEvent]:
    """Return the stages in order: those expanded and those still pending in the head row."""
    pending = [_event(trace, row) for row in trace.pending_events or []]
    return sorted([*pending, *trace.events.all()], key=lambda event: event.at)


def _event(trace: Trace, row: dict[str, Any]) -> TraceEvent:
    at = datetime.fromisoformat(row["at"])
    return TraceEvent(
        trace=trace,
        at=at,
        stage=row["stage"],
        outcome=row["outcome"],
        reason=row["reason"],
        detail=row["detail"],
        dns=row["dns"],
    )
