"""Mail that came in here in a domain's name, as its traces tell, and other records tried on it.

One query finds the newest ``MOST`` messages of some days with what was kept of them. Whoever runs the domain may know
what came in its name, whoever it was for: the sender's side and the results, and no word of recipients. The way to
the trace is for those who may read that, what the recipients' domains did with the message for their administrators.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from asgiref.sync import async_to_sync

from antispam.disposition.networks import network_of
from antispam.disposition.rows import DEFAULT_TABLE
from antispam.evidence import NO_CHAIN, Envelope
from antispam.replay import restored, restored_chain, stored_answers
from antispam.services.consulting import choices_now, stays_reachable
from antispam.services.networks import known_networks
from antispam.spf.evaluate import SpfEvaluation, SpfResult
from antispam.tried import Ends, Flip, Kept, Tried, as_judged_now, impact, try_policy
from domains.audit import Act
from domains.identifiers import identifier_at
from domains.models import Domain
from domains.queries import fetch_all
from domains.services.traces import own_domains, reached_domains
from domains.trace_terms import author_term
from mailboxes.addresses import envelope_domain

MOST = 2_000
_SPF = {result.value: result for result in SpfResult}

# The terms are asked alone, without an order: the planner would else walk back through all rows (decision 0013).
RECEIVED = """
WITH found AS MATERIALIZED (
    SELECT id FROM domains_trace
    WHERE terms @> ARRAY[%(author)s] AND NOT terms && %(others)s::text[] AND direction = 'in'
        AND id >= %(begin)s AND id < %(end)s
), newest AS MATERIALIZED (SELECT id FROM found ORDER BY id DESC LIMIT %(most)s)
SELECT (SELECT count(*) FROM found), t.id, t.received_at, coalesce(host(t.client_address), ''), t.mail_from,
    t.domains, t.recipients, jsonb_path_query_array(coalesce(t.pending_events, '[]'), %(stages)s::jsonpath)::text,
    (
        SELECT jsonb_agg(jsonb_build_object('stage', e.stage, 'outcome', e.outcome, 'reason', e.reason,
            'detail', e.detail, 'dns', CASE WHEN e.stage IN ('spf', 'dmarc') THEN e.dns ELSE '[]' END))
        FROM domains_traceevent e
        WHERE e.trace_id = t.id AND e.stage IN ('helo', 'mail', 'spf', 'dkim', 'arc', 'dmarc', 'verdict')
    )::text
FROM newest JOIN domains_trace t ON t.id = newest.id ORDER BY t.id DESC
"""
STAGES = '$[*] ? (@.stage like_regex "^(helo|mail|spf|dkim|arc|dmarc|verdict)$")'


def try_policy_on_received(act: Act, domain: Domain, record: str, first_day: date, last_day: date) -> Tried:
    """Return what another DMARC record would have changed for mail of these days; the record is one."""
    kept, messages = received_mail(act, domain, first_day, last_day)

    async def ends() -> list[Ends | None]:
        return [await try_policy(message, domain.name, record) for message in messages]

    return impact(kept, zip(messages, async_to_sync(ends)(), strict=True))


def received_mail(act: Act, domain: Domain, first_day: date, last_day: date) -> tuple[int, list[Kept]]:
    """Return how many messages of these days are in the domain's name or a name below it, and the newest of them.

    A name below it that is a domain of its own here, and not the actor's, is left out. A message whose stages are
    not kept any more is counted only.
    """
    begin, end = (datetime.combine(day, moment, UTC) for day, moment in ((first_day, time.min), (last_day, time.max)))
    values = {
        "author": author_term(domain.name),
        "others": [author_term(name) for name in _of_others(act, domain)],
        "begin": identifier_at(begin),
        "end": identifier_at(end) + "~",
        "most": MOST,
        "stages": STAGES,
    }
    rows = fetch_all(RECEIVED, values)
    messages = [message for row in rows if (message := _kept(*row[1:])) is not None]
    return (rows[0][0] if rows else 0), list(_as_judged_now(messages))


def _of_others(act: Act, domain: Domain) -> Iterable[str]:
    if act.is_superadmin:
        return ()
    below = Domain.objects.filter(name__endswith=f".{domain.name}").exclude(pk__in=act.domain_ids or ())
    return below.values_list("name", flat=True)


def _as_judged_now(messages: Sequence[Kept]) -> Iterator[Kept]:
    """Yield the messages with what our database says now where nobody asked it then: two queries for all of them."""
    networks = known_networks(message.envelope.client_address for message in messages)
    choices = choices_now({domain for message in messages for domain in message.domains})
    for message in messages:
        own = [choices[domain] for domain in sorted(message.domains) if domain in choices]
        tables = [one.table for one in own] or [DEFAULT_TABLE]
        forwarders = [domain for one in own for domain in one.forwarders]
        known = network_of(message.envelope.client_address) in networks
        yield as_judged_now(message, tables, forwarders, known)


def _kept(*row: Any) -> Kept | None:
    """Return a message from a row of ``RECEIVED`` without the count."""
    identifier, received_at, client, mail_from, domains, recipients, pending, events = row
    stages = {row["stage"]: row for row in [*json.loads(pending), *json.loads(events or "[]")]}
    spf, dmarc, arc = (stages.get(name) for name in ("spf", "dmarc", "arc"))
    if spf is None or dmarc is None or not client:
        return None
    verdict: Mapping[str, Any] = stages.get("verdict", {})
    told = {name: stages.get(name, {}).get("detail", {}) for name in ("helo", "mail", "dkim")}
    return Kept(
        trace_id=identifier,
        received_at=received_at,
        envelope=Envelope(client, str(told["helo"].get("name", "")), str(told["mail"].get("mail_from", mail_from))),
        author_domains=(str(dmarc["detail"].get("author_domain", "")),),
        spf=_spf(spf),
        dkim=tuple(restored(row) for row in told["dkim"].get("signatures", ())),
        arc=restored_chain(arc["outcome"], arc["reason"], arc["detail"]) if arc is not None else NO_CHAIN,
        dmarc=dmarc["outcome"],
        policy=str(dmarc["detail"].get("policy", "none")),
        judged=verdict.get("detail", {}),
        disposition=verdict.get("outcome", ""),
        answers={row["stage"]: tuple(stored_answers(row["dns"])) for row in (spf, dmarc)},
        domains=frozenset(domains),
        may_refuse=not any(map(stays_reachable, recipients)),
    )


def _spf(row: Mapping[str, Any]) -> SpfEvaluation:
    detail = row["detail"]
    result = _SPF.get(row["outcome"], SpfResult.NONE)
    return SpfEvaluation(
        result, str(detail.get("domain", "")), row["reason"], str(detail.get("identity", "mailfrom"))
    )


# --- shown -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShownFlip:
    """A message that would end otherwise, as an actor may see it.

    ``message`` is the trace's identifier, empty when that is not for the actor; so are both dispositions where they
    are the choice of somebody else's domain.
    """

    message: str
    received_at: datetime
    client_address: str
    author_domain: str
    mail_from_domain: str
    dkim_domains: tuple[str, ...]
    spf_before: str
    spf_after: str
    dmarc_before: str
    dmarc_after: str
    disposition_before: str
    disposition_after: str


def shown_flips(act: Act, flips: Sequence[Flip]) -> list[ShownFlip]:
    """Return the flips as the actor may see them, newest first."""
    if act.is_superadmin:
        return [_shown(flip, True, True) for flip in flips]
    reached, own = reached_domains(act), own_domains(act)
    return [_shown(flip, bool(flip.message.domains & reached), flip.message.domains <= own) for flip in flips]


def _shown(flip: Flip, readable: bool, own: bool) -> ShownFlip:
    message, before, after = flip.message, flip.before, flip.after
    return ShownFlip(
        message.trace_id if readable else "",
        message.received_at,
        message.envelope.client_address,
        message.author_domains[0],
        envelope_domain(message.envelope.mail_from),
        message.dkim_domains,
        before.spf,
        after.spf,
        before.dmarc,
        after.dmarc,
        before.disposition if readable and own else "",
        after.disposition if readable and own else "",
    )
