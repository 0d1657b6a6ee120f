"""*What would have happened if…*: one message judged again from its trace, by the real evaluators and the real table.

Reads only; nothing is asked of the network and nothing of the message changes.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.utils.translation import gettext as _

from antispam.arc.verify import ArcEvaluation
from antispam.disposition.stored import decide_again, with_signs
from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import DkimSignature, verify_dkim
from antispam.evidence import NO_CHAIN, Envelope, Evidence
from antispam.replay import (
    Change,
    Replayed,
    ReplayResolver,
    StoredInputs,
    replay,
    restored,
    restored_chain,
    stored_answers,
)
from antispam.services.results import tell, tell_verdict
from antispam.verdict import Verdict
from domains.audit import Act
from domains.dns.port import Resolver
from domains.errors import Forbidden, Refused
from domains.models import Role, Trace, TraceEvent
from domains.services.traces import events_of, get_trace_for
from domains.trace import Event, MessageTrace
from mailboxes.services.stored import stored_octets

JUDGED = ("iprev", "spf", "dkim", "arc", "dmarc", "verdict")
TYPES = ("TXT", "A", "AAAA", "MX", "PTR")
VALUES = 20
VALUE_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Offer:
    """A change that suggests itself: the record as it was then."""

    key: str
    about: str
    name: str
    rdtype: str = "TXT"
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Then and now: the stages of judging as stored and as replayed, and what could not be known."""

    before: Sequence[Event]
    after: Sequence[Event]
    verdict_before: str
    verdict: Verdict
    changed: frozenset[str]
    unasked: Sequence[tuple[str, str]]
    notes: Sequence[str]
    verified: bool


def offers_of(act: Act, identifier: str) -> list[Offer]:
    """Return the records that decided about a message: SPF, each key, DMARC."""
    events = {event.stage: event for event in events_of(get_trace_for(act, identifier))}
    found: list[Offer] = []
    spf = events.get("spf")
    if spf is not None:
        name = str(spf.detail.get("domain", ""))
        found.append(_offer("spf", _("The SPF record"), name, spf))
    dkim = events.get("dkim")
    for number, row in enumerate(_signatures(dkim)):
        if row.get("domain") and row.get("selector"):
            name = f"{row['selector']}._domainkey.{row['domain']}".lower()
            found.append(_offer(f"dkim{number}", _("The DKIM key"), name, dkim))
    dmarc = events.get("dmarc")
    if dmarc is not None:
        name = str(dmarc.detail.get("policy_domain") or dmarc.detail.get("author_domain") or "")
        found.append(_offer("dmarc", _("The DMARC record"), f"_dmarc.{name}" if name else "", dmarc))
    return list({offer.name: offer for offer in found if offer.name}.values())


def _offer(key: str, about: str, name: str, event: TraceEvent | None) -> Offer:
    answers = stored_answers(event.dns) if event is not None else []
    values = next((one.records for one in answers if one.name == name and one.rdtype == "TXT"), ())
    return Offer(key, about, name, "TXT", values)


def _signatures(event: TraceEvent | None) -> list[dict[str, Any]]:
    rows = event.detail.get("signatures") if event is not None and isinstance(event.detail, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def checked_change(change: Change) -> Change:
    """Return the change in the spelling of the trace; raises Refused by field."""
    errors: dict[str, str] = {}
    if change.client_address:
        try:
            return Change(client_address=str(ip_address(change.client_address.strip())))
        except ValueError:
            errors["client_address"] = _("This is not an IP address.")
    name = change.name.strip().lower().removesuffix(".")
    if not change.client_address and not change.trusted_sealer and not _is_name(name):
        errors["name"] = _("A record needs a name, in A-labels.")
    if name and change.rdtype.upper() not in TYPES:
        errors["type"] = _("Allowed are %(types)s.") % {"types": ", ".join(TYPES)}
    values = tuple(value.strip() for value in change.values if value.strip())
    if len(values) > VALUES or any(len(value) > VALUE_CHARACTERS for value in values):
        errors["values"] = _("These are more or longer values than a record can have.")
    elif "type" not in errors and not all(_fits(change.rdtype.upper(), value) for value in values):
        errors["values"] = _("A record of the type %(type)s cannot say this.") % {"type": change.rdtype.upper()}
    sealer = change.trusted_sealer.strip().lower().removesuffix(".")
    if sealer and not _is_name(sealer):
        errors["trusted_sealer"] = _("This is not a domain, in A-labels.")
    if errors:
        raise Refused(errors)
    return Change(name, change.rdtype.upper(), values, trusted_sealer=sealer)


def _is_name(text: str) -> bool:
    """Return whether a text can be a name in the DNS: labels of 1 to 63 visible characters, at most 253 in all."""
    labels = text.split(".")
    visible = text.isascii() and text.isprintable() and " " not in text
    return visible and len(text) <= 253 and all(0 < len(label) <= 63 for label in labels)


def _fits(rdtype: str, value: str) -> bool:
    """Return whether a record of this type can hold the value, as the trace spells values."""
    if rdtype in ("A", "AAAA"):
        with suppress(ValueError):
            return ip_address(value).version == (4 if rdtype == "A" else 6)
        return False
    if rdtype == "MX":
        preference, _space, host = value.partition(" ")
        return preference.isdecimal() and len(preference) <= 5 and (host == "." or _is_name(host.removesuffix(".")))
    return rdtype != "PTR" or _is_name(value.removesuffix("."))


def what_if(act: Act, identifier: str, change: Change | None) -> WhatIf:
    """Return what would have happened to a message of the actor's; None changes nothing.

    Raises NotFound, Forbidden for an owner, who does not see the table's rows, and Refused when the change cannot be
    read or the message was never judged.
    """
    if act.role == Role.OWNER:
        raise Forbidden(_("Only administrators may judge a message again."))
    trace = get_trace_for(act, identifier)
    wanted = checked_change(change) if change is not None else None
    events = events_of(trace)
    judged = [event for event in events if event.stage in JUDGED]
    if not any(event.stage == "dmarc" for event in judged):
        raise Refused({"": _("This message was never judged: there is nothing to evaluate again.")})
    inputs = _inputs(trace, events)
    octets = _message(trace, events)
    replayed, verified = async_to_sync(_replay)(inputs, wanted, octets)
    told: dict[str, Any] = next((event.detail for event in judged if event.stage == "verdict"), {})
    replayed = replace(replayed, evidence=_with_signs(replayed.evidence, told, wanted))
    verdict = decide_again(replayed.evidence, told)
    before = [Event(one.stage, one.outcome, one.reason, one.detail, one.dns, one.at) for one in judged]
    after = _told(replayed, verdict, before)
    return WhatIf(
        before,
        after,
        next((event.outcome for event in before if event.stage == "verdict"), ""),
        verdict,
        _changed(before, after),
        replayed.unasked,
        replayed.notes,
        verified,
    )


def _with_signs(evidence: Evidence, told: dict[str, Any], change: Change | None) -> Evidence:
    """Return the evidence with the signs of then, as far as they still hold: another client has another network, and
    a forwarder is known by a signature that passes.
    """
    signed = with_signs(evidence, told)
    passing = {signature.domain for signature in evidence.dkim if signature.result is DkimResult.PASS}
    if signed.known_forwarder not in passing:
        signed = replace(signed, known_forwarder="")
    if change is not None and change.client_address:
        signed = replace(signed, known_network=None)
    return signed


def _inputs(trace: Trace, events: Sequence[TraceEvent]) -> StoredInputs:
    by_stage = {event.stage: event for event in events}
    helo = by_stage.get("helo")
    dmarc = by_stage["dmarc"].detail
    authors = dmarc.get("author_domains")
    mail = by_stage.get("mail")
    mail_from = str(mail.detail.get("mail_from", trace.mail_from)) if mail is not None else trace.mail_from
    name = str(helo.detail.get("name", "")) if helo is not None else ""
    return StoredInputs(
        Envelope(trace.client_address or "0.0.0.0", name, mail_from),  # noqa: S104
        [str(one) for one in authors] if isinstance(authors, list) else [str(dmarc.get("author_domain", ""))],
        _signatures(by_stage.get("dkim")),
        {event.stage: stored_answers(event.dns) for event in events},
        settings.MAILADMIN.hostname,
        int(trace.received_at.timestamp()),
        _chain(by_stage.get("arc")),
        isinstance(by_stage["spf"].detail.get("helo"), dict) if "spf" in by_stage else False,
        str(dmarc.get("author_problem", "")),
    )


def _chain(event: TraceEvent | None) -> ArcEvaluation:
    """Return the ARC chain as it was found: nothing that can be changed here bears on it."""
    if event is None or not isinstance(event.detail, dict):
        return NO_CHAIN
    return restored_chain(event.outcome, event.reason, event.detail)


def _message(trace: Trace, events: Sequence[TraceEvent]) -> bytes | None:
    """Return the message when a copy still lies where it was delivered."""
    for event in events:
        detail = event.detail if isinstance(event.detail, dict) else {}
        if event.stage == "delivery" and str(detail.get("uid", "")).isdecimal():
            octets = stored_octets(
                str(detail.get("address")), str(detail.get("folder")), int(detail["uid"]), trace.pk
            )
            if octets is not None:
                return octets
    return None


async def _replay(inputs: StoredInputs, change: Change | None, octets: bytes | None) -> tuple[Replayed, bool]:
    """Verify on the message itself when that gives, unchanged, what was found then; else keep what was found."""

    async def verify(resolver: Resolver) -> list[DkimSignature]:
        assert octets is not None
        return await verify_dkim(octets, resolver)

    if octets is not None:
        others = [one for stage, answers in inputs.answers.items() if stage != "dkim" for one in answers]
        found = await verify(ReplayResolver(inputs.answers.get("dkim", ()), others, None))
        if [one.result for one in found] == [restored(row).result for row in inputs.dkim]:
            return await replay(inputs, change, verify), True
    return await replay(inputs, change), False


def _told(replayed: Replayed, verdict: Verdict, before: Sequence[Event]) -> list[Event]:
    """Return the stages as the trace would have told them; a stage that is not replayed stays as it was."""
    trace = MessageTrace("in")
    tell(trace, replayed.evidence, replayed.answers)
    forged = next((one.detail.get("forged_results_removed") for one in before if one.stage == "verdict"), 0)
    tell_verdict(trace, replayed.evidence, verdict, forged if isinstance(forged, int) else 0)
    told = {event.stage: event for event in trace.events}
    return [told.get(event.stage, event) for event in before]


def _changed(before: Sequence[Event], after: Sequence[Event]) -> frozenset[str]:
    return frozenset(
        one.stage for one, other in zip(before, after, strict=True) if _compared(one) != _compared(other)
    )


def _compared(event: Event) -> tuple[Any, ...]:
    told = event.as_json()
    return told["outcome"], told["reason"], told["detail"]
