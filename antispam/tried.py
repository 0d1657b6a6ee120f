"""Another DMARC or SPF record on messages that came in here: each judged again from what was kept of it. Pure.

What the record has no say in stays as it was found. DNS answers are those of then; what nobody asked then is not
known, and a message whose end depends on it is undecided.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from antispam.arc.verify import ArcEvaluation
from antispam.disposition.forwarders import known_forwarder, trusted_sealer
from antispam.disposition.rows import Table
from antispam.disposition.stored import decide_again, stored_tables, with_signs
from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import DkimSignature
from antispam.dmarc.evaluate import DmarcEvaluation, DmarcResult, evaluate_dmarc
from antispam.evidence import Envelope, Evidence
from antispam.replay import UNASKED, Change, ReplayResolver
from antispam.spf.evaluate import SpfEvaluation, SpfResult, evaluate_spf
from domains.dns.port import Answer, Resolver
from mailboxes.addresses import envelope_domain, split_address


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept of one message: its envelope, what each method found, and the answers of the DNS by stage.

    ``dmarc`` is its result then, ``policy`` what was asked for; ``judged`` what the verdict stood on, ``disposition``
    what it was, empty where there was none.
    """

    trace_id: str
    received_at: datetime
    envelope: Envelope
    author_domains: tuple[str, ...]
    spf: SpfEvaluation
    dkim: tuple[DkimSignature, ...]
    arc: ArcEvaluation
    dmarc: str
    policy: str
    judged: Mapping[str, Any]
    disposition: str
    answers: Mapping[str, tuple[Answer, ...]]
    domains: frozenset[str] = frozenset()  # those of ours that it came for
    may_refuse: bool = False  # nobody whom it came for must stay reachable

    @property
    def dkim_domains(self) -> tuple[str, ...]:
        """The domains whose signatures pass, each once."""
        good = (one.domain for one in self.dkim if one.result is DkimResult.PASS)
        return tuple(dict.fromkeys(good))


@dataclass(frozen=True, slots=True)
class Ends:
    """How a message ends: its SPF result, what is asked for it (``asked``), what is done with it."""

    spf: str
    dmarc: str
    disposition: str


@dataclass(frozen=True, slots=True)
class Flip:
    """A message that would end otherwise."""

    message: Kept
    before: Ends
    after: Ends


@dataclass(frozen=True, slots=True)
class Tried:
    """How many messages were kept and looked at, those that stay as they are or cannot be told, and the flips."""

    kept: int
    messages: int
    unchanged: int
    undecided: int
    flips: tuple[Flip, ...]


def asked(result: str, policy: str) -> str:
    """Return what a record asks for: ``pass``, the policy of a failure, ``none`` without a record, or an error."""
    return policy if result == DmarcResult.FAIL else result


def ends_of(message: Kept) -> Ends:
    """Return how it ended."""
    return Ends(message.spf.result.value, asked(message.dmarc, message.policy), message.disposition)


async def try_policy(message: Kept, domain: str, record: str) -> Ends | None:
    """Return how a message ends under another DMARC record of the domain; None when nobody can tell."""
    return await _judged(message, message.spf, Change(f"_dmarc.{domain}", "TXT", (record,)))


async def try_sender(message: Kept, domain: str, record: str, now: Resolver, receiver: str) -> Ends | None:
    """Return how a message ends under another SPF record of the domain; ``now`` answers what was not asked then."""
    asked_then = message.answers.get("spf", ())
    if message.spf.domain != domain and not any(one.name == domain and one.rdtype == "TXT" for one in asked_then):
        return ends_of(message)
    resolver = _ThenOrNow(ReplayResolver(asked_then, (), Change(domain, "TXT", (record,))), now)
    mail_from, helo = _in_a_labels(message.envelope.mail_from), message.envelope.helo_name
    moment = int(message.received_at.timestamp())
    spf = await evaluate_spf(resolver, message.envelope.client_address, mail_from, helo, receiver, moment)
    return None if spf.result is SpfResult.TEMPERROR else await _judged(message, spf, None)


async def _judged(message: Kept, spf: SpfEvaluation, change: Change | None) -> Ends | None:
    others = (answer for stage, answers in message.answers.items() if stage != "dmarc" for answer in answers)
    resolver = ReplayResolver(message.answers.get("dmarc", ()), others, change)
    passed = spf.domain if spf.result is SpfResult.PASS else ""
    dmarc = await evaluate_dmarc(resolver, message.author_domains, passed, message.dkim_domains)
    if resolver.unasked and dmarc.result is not DmarcResult.PASS:
        return None
    ends = Ends(spf.result.value, asked(dmarc.result.value, dmarc.policy), message.disposition)
    return ends if ends == ends_of(message) else replace(ends, disposition=_disposition(message, spf, dmarc))


def _disposition(message: Kept, spf: SpfEvaluation, dmarc: DmarcEvaluation) -> str:
    if not message.disposition:
        return ""
    evidence = Evidence(message.envelope, spf, message.dkim, dmarc, message.arc)
    return decide_again(with_signs(evidence, message.judged), message.judged).disposition.value


def _in_a_labels(mail_from: str) -> str:
    domain = envelope_domain(mail_from)
    return f"{split_address(mail_from)[0]}@{domain}" if domain else mail_from


def impact(kept: int, ends: Iterable[tuple[Kept, Ends | None]]) -> Tried:
    """Return what changes, of ``kept`` messages those given, newest first."""
    messages = unchanged = undecided = 0
    flips = []
    for message, after in ends:
        before = ends_of(message)
        messages += 1
        if after is None:
            undecided += 1
        elif after == before:
            unchanged += 1
        else:
            flips.append(Flip(message, before, after))
    return Tried(kept, messages, unchanged, undecided, tuple(flips))


def as_judged_now(message: Kept, tables: Sequence[Table], forwarders: Sequence[str], known_network: bool) -> Kept:
    """Return the message with what our database says now, as far as nobody asked it then: of mail that passes, or
    has no policy, nobody asks for tables and forwarders, and for the network only of what would else be refused.
    """
    told = dict(message.judged)
    signs = dict(told.get("signs") or {})
    if not isinstance(signs.get("known_network"), bool):
        signs["known_network"] = known_network
    arc = message.arc
    if message.dmarc in (DmarcResult.PASS, DmarcResult.NONE):
        signs["known_forwarder"] = known_forwarder(message.dkim, forwarders)
        arc = replace(arc, trusted_sealer=trusted_sealer(arc, forwarders))
        told |= {"choices": stored_tables(tables), "may_refuse": message.may_refuse}
    return replace(message, arc=arc, judged=told | {"signs": signs})


class _ThenOrNow:
    """A resolver with the answers of then; what was not asked then is asked of another."""

    def __init__(self, then: ReplayResolver, now: Resolver) -> None:
        self._then = then
        self._now = now

    async def lookup(self, name: str, rdtype: str) -> Answer:
        """Return what was answered, or is answered now."""
        answer = await self._then.lookup(name, rdtype)
        return await self._now.lookup(name, rdtype) if answer.reason == UNASKED else answer
