"""Reading traces: who may see which message, searching them, and the stages of one in order.

A search asks the terms of ``domains.trace_terms`` under one index, newest first (``find_traces``): what is frequent
fills a page from the last hour alone, what is seldom costs one look into every day's index. Times narrow by
the identifier too, so that days which cannot hold a match are not touched at all.
"""

from collections.abc import Set
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat
from django.utils.translation import gettext as _

from domains.audit import Act
from domains.errors import NotFound
from domains.identifiers import identifier_at, moment_of
from domains.models import Domain, Role, Trace, TraceEvent
from domains.services.trace_scope import PLACES, domain_of, events_in, recipients_in, texts_of
from domains.trace_search import TraceQuery, network_of
from domains.trace_terms import (
    address_term,
    domain_term,
    findable,
    message_id_term,
    reach_term,
    reply_terms,
)

__all__ = ["TraceQuery", "events_of", "find_traces", "get_trace_for", "search_traces", "traces_for"]

SLACK = timedelta(minutes=5)  # between the making of an identifier and the time noted beside it
_ONWARD = ("seal", "notice", "queue")
SPANS = (timedelta(hours=1), timedelta(days=1), timedelta(days=4), timedelta(days=15), None)


def traces_for(act: Act) -> QuerySet[Trace]:
    """Return the traces in the actor's reach: all, those of its domains, or those of the owner's own address.

    A stranger may claim the owner's address: what came from outside is the owner's only as a recipient, or behind an
    alias, which the terms know. What an owner sees of one is narrowed by ``_narrowed``.
    """
    if act.is_superadmin:
        return Trace.objects.all()
    if act.role == Role.DOMAIN_ADMIN:
        return Trace.objects.filter(terms__overlap=[reach_term(name) for name in reached_domains(act)])
    if act.actor is None:
        return Trace.objects.none()
    address = act.actor.email
    own = Q(recipients__contains=[address]) | ~Q(mail_from__iexact=address) | ~Q(direction="in")
    return Trace.objects.filter(own, terms__contains=[address_term(address)])


def reached_domains(act: Act) -> frozenset[str]:
    """Return the domains whose traces a domain administrator may read."""
    return frozenset(Domain.objects.filter(pk__in=act.domain_ids or ()).values_list("name", flat=True))


def search_traces(act: Act, query: TraceQuery) -> QuerySet[Trace]:
    """Return the traces that match, newest first, each head row only; ``find_traces`` fetches them swiftly."""
    rows, told = traces_for(act), _Told(act)
    if query.id:
        rows = rows.filter(pk=query.id)
    if query.message_id:
        rows = rows.filter(terms__contains=[message_id_term(query.message_id)])
    for text in query.address.split():
        rows = rows.filter(_about(text), told.about(text))
    for network in query.networks:
        rows = rows.filter(_client(network))
    for text in query.senders:
        rows = rows.filter(_about(text), _sent_by(text))
    for text in query.recipients:
        rows = _with_recipients(rows).filter(_about(text), _sent_to(text), told.recipient(text))
    if query.replies:
        rows = rows.filter(terms__contains=[term for word in query.replies for term in reply_terms(word)])
        for word in query.replies:
            rows = rows.filter(told.about(word)) if "@" in word else rows
    if query.outcomes:
        rows = rows.filter(outcome__in=query.outcomes)
    if query.direction:
        rows = rows.filter(direction=query.direction)
    if query.since is not None:
        rows = rows.filter(received_at__gte=query.since, pk__gte=identifier_at(query.since - SLACK))
    if query.until is not None:
        rows = rows.filter(received_at__lt=query.until, pk__lt=identifier_at(query.until + SLACK))
    return rows.order_by("-pk")


class _Told:
    """Which words of a search the actor may try: none finds a message by what the actor is not shown of it.

    The client, the sender and the author may be known; a recipient only when it is theirs or they sent the message.
    """

    def __init__(self, act: Act) -> None:
        self._owner = act.actor.email.lower() if act.role == Role.OWNER and act.actor is not None else ""
        self._domains = own_domains(act) if act.role == Role.DOMAIN_ADMIN else frozenset()
        self._all = act.is_superadmin
        self._sent = ~Q(direction="in") & (Q(mail_from__iexact=self._owner) if self._owner else Q())

    def about(self, text: str) -> Q:
        """Return the condition under which an address or a domain may be what the message is found by."""
        name = findable(text.lower())
        if self._all or network_of(text) or self._is_own(name) or domain_of(self._owner) == name.removeprefix("@"):
            return Q()
        condition = self._sent | _sent_by(name)
        if name.rpartition("@")[0]:
            return condition
        domain = name.removeprefix("@")
        return condition | (Q(terms__contains=[domain_term(domain)]) & ~Q(terms__contains=[reach_term(domain)]))

    def recipient(self, text: str) -> Q:
        """Return the condition under which an address or a domain may be searched as the recipient."""
        return Q() if self._all or self._is_own(findable(text.lower())) else self._sent

    def _is_own(self, name: str) -> bool:
        return name == self._owner if self._owner else domain_of(name) in self._domains


def own_domains(act: Act) -> frozenset[str]:
    """Return the names of a domain administrator's domains, and of those that stand for them."""
    mine = Q(pk__in=act.domain_ids or ()) | Q(alias_of__in=act.domain_ids or ())
    return frozenset(Domain.objects.filter(mine).values_list("name", flat=True))


def find_traces(
    act: Act, query: TraceQuery, limit: int, before: str = "", now: datetime | None = None
) -> list[Trace]:
    """Return the newest ``limit`` traces that match, or the newest before an identifier, without pending events.

    Asks for the last hour, then further back, until there are enough. What the last hour does not fill is seldom, and
    the planner, who guesses badly how seldom a term is, is then kept from walking back through all rows.
    """
    rows = search_traces(act, query).defer("pending_events", "terms")
    selective = query.is_selective or not act.is_superadmin
    begin = _moment(before) or now or datetime.now(UTC)
    found: list[Trace] = []
    high = before
    for span in SPANS:
        low = identifier_at(begin - span) if span else ""
        part = rows.filter(pk__gte=low) if low else rows
        part = part.filter(pk__lt=high) if high else part
        found += _fetch(part[: limit - len(found)], by_terms=selective and span != SPANS[0])
        if len(found) >= limit:
            break
        high = low
    return _narrowed(act, *found)


def _fetch(rows: QuerySet[Trace], by_terms: bool) -> list[Trace]:
    """Return the rows; ``by_terms`` by the matches of each word alone, sorted afterwards."""
    if not by_terms:
        return list(rows)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = off")
        found = list(rows)
        cursor.execute("SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = on")
    return found


def _moment(identifier: str) -> datetime | None:
    try:
        return moment_of(identifier)
    except ValueError:
        return None


def _with_recipients(rows: QuerySet[Trace]) -> QuerySet[Trace]:
    """Give each row ``sent_to``: its recipients in lower case, a line each."""
    lines = Func(F("recipients"), Value("\n"), function="array_to_string", output_field=TextField())
    return rows.annotate(sent_to=Concat(Value("\n"), lines, Value("\n"), output_field=TextField()))


def _about(text: str) -> Q:
    """Return the condition that an address, a domain or a client address has to do with the message."""
    network = network_of(text)
    if network:
        return _client(network)
    name = findable(text.lower())
    if name.rpartition("@")[0]:
        return Q(terms__contains=[address_term(name)])
    domain = name.removeprefix("@")
    return Q(terms__overlap=[domain_term(domain), reach_term(domain)])


def _client(network: str) -> Q:
    """Return the condition that the client's address lies in a network: a range, which an index serves."""
    span = ip_network(network)
    if span.num_addresses == 1:
        return Q(client_address=str(span.network_address))
    return Q(client_address__gte=str(span.network_address), client_address__lte=str(span.broadcast_address))


def _sent_by(name: str) -> Q:
    """Return the condition that an address, or one at the domain, is the sender; ``name`` is ``findable``."""
    return Q(mail_from__iexact=name) if name.rpartition("@")[0] else Q(mail_from__iendswith=f"@{name.strip('@')}")


def _sent_to(name: str) -> Q:
    line = f"\n{name}\n" if name.rpartition("@")[0] else f"@{name.strip('@')}\n"
    return Q(sent_to__icontains=line)


def get_trace_for(act: Act, identifier: str) -> Trace:
    """Return one trace; raises NotFound when it is absent or foreign."""
    trace = traces_for(act).filter(pk=identifier.lower()).first()
    if trace is None:
        raise NotFound(_("There is no message %(id)s.") % {"id": identifier})
    return _narrowed(act, trace)[0]


def _narrowed(act: Act, *traces: Trace) -> list[Trace]:
    """Return the traces as the actor may see them: without the recipients of others, unless the actor sent them.

    Who sent a message knows the recipients, and not who stands behind them.
    """
    if act.role == Role.OWNER and act.actor is not None:
        for trace in traces:
            trace.shown_to = act.actor.email
            if trace.direction == "in" or trace.mail_from != trace.shown_to:
                trace.recipients = [trace.shown_to]
    elif act.role == Role.DOMAIN_ADMIN and not act.is_superadmin:
        domains = own_domains(act)
        for trace in traces:
            trace.shown_in = domains
            trace.recipients = recipients_in(trace, domains)
    return list(traces)


def events_of(trace: Trace) -> list[TraceEvent]:
    """Return the stages in order: those expanded and those still pending in the head row."""
    pending = [_event(trace, row) for row in trace.pending_events or []]
    events = sorted([*pending, *trace.events.all()], key=lambda event: event.at)
    if trace.shown_in is not None:
        return events_in(events, trace.shown_in, trace.recipients)
    if not trace.shown_to:
        return events
    known = {trace.shown_to, *(address.lower() for address in trace.recipients)}
    sent = trace.recipients != [trace.shown_to]
    return [event for event in events if _concerns(event, known, sent)]


def _concerns(event: TraceEvent, known: Set[str], sent: bool) -> bool:
    """True when the event is about everybody's message or a copy for one of the ``known``; then it tells only that.

    ``known`` are the owner's address and, to a sender, the recipients; where their mail goes on to is for neither.
    """
    detail = event.detail if isinstance(event.detail, dict) else {}
    named = {name: texts_of(detail[name]) for name in PLACES if name in detail}
    places = {place for texts in named.values() for place in texts}
    if event.stage == "route":
        return any(address.endswith(f"@{detail.get('next_hop')}") for address in known)
    if event.stage in ("connect", "proxy") or not named:
        return sent or event.stage not in _ONWARD
    if not places & known:
        return False
    if known & texts_of(detail.get("address") or detail.get("recipient")):
        hidden = {name for name, texts in named.items() if name != "recipient" and not texts <= known}
        event.detail = {name: value for name, value in detail.items() if name not in hidden}
        return True
    event.reason, event.detail = "", {name: detail[name] for name in ("recipient",) if name in detail}
    return True


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
