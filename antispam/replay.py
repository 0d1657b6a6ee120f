"""The stored inputs of one message evaluated again, with one thing changed: no network, nothing guessed (pure).

The DNS answers that each method used then are its zone now. A question that was not asked then has no answer: it is
TEMPFAIL, as silence would be, and listed in ``unasked``. Signatures cannot be computed again without the message:
their result stays unless the key decides it. Without a change the replay gives what was found then.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from antispam.arc.verify import ArcEvaluation, ArcResult, ArcSet
from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import DkimSignature, verify_dkim
from antispam.dmarc.evaluate import evaluate_dmarc
from antispam.evidence import NO_CHAIN, Envelope, Evidence
from antispam.iprev import evaluate_iprev
from antispam.spf.evaluate import SpfEvaluation, SpfResult, evaluate_spf
from domains.dkim.record import BadKeyRecord, parse_key_record
from domains.dns.port import Answer, DnsStatus
from domains.trace import TEXT_LIMIT
from mailboxes.addresses import envelope_domain, split_address

UNASKED = "this was not asked then, so nothing is known of it"
GONE = "the message is not here any more, so its signature cannot be checked with this key"
KEPT = "The result of then: the signature itself does not depend on what was changed."
OTHER_KEY = "Another key than the one that signed: no signature fits two keys."
AGAIN = "Checked again on the stored message."

Verify = Callable[["ReplayResolver"], Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different: a record (no values: it is not there), or a fact."""

    name: str = ""
    rdtype: str = ""
    values: tuple[str, ...] = ()
    client_address: str = ""
    trusted_sealer: str = ""


@dataclass(frozen=True, slots=True)
class StoredInputs:
    """What the trace kept of one message; ``answers`` by the stage that asked, in order."""

    envelope: Envelope
    author_domains: Sequence[str]
    dkim: Sequence[Mapping[str, Any]]
    answers: Mapping[str, Sequence[Answer]]
    receiver: str = ""
    timestamp: int = 0
    arc: ArcEvaluation = NO_CHAIN
    with_helo: bool = False
    problem: str = ""


@dataclass(slots=True)
class Replayed:
    """The evidence, the answers used by each stage, what was not known, and a note for each signature."""

    evidence: Evidence
    answers: dict[str, Sequence[Answer]]
    unasked: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class ReplayResolver:
    """Answers from what was answered then, in the same order; the last answer to a question is given again."""

    def __init__(self, own: Iterable[Answer], others: Iterable[Answer], change: Change | None) -> None:
        self._known: dict[tuple[str, str], list[Answer]] = {}
        self._nowhere: set[str] = set()
        for answers, whose in ((own, "own"), (others, "other")):
            for answer in answers:
                place = (answer.name.lower(), answer.rdtype)
                if whose == "own" or place not in self._known:
                    self._known.setdefault(place, []).append(answer)
                if answer.status is DnsStatus.NXDOMAIN:
                    self._nowhere.add(place[0])
        if change is not None and change.name:
            self._change(change)
        self.answers: list[Answer] = []
        self.unasked: list[tuple[str, str]] = []

    def _change(self, change: Change) -> None:
        name = change.name.lower().removesuffix(".")
        status = DnsStatus.FOUND if change.values else DnsStatus.NODATA
        self._known[(name, change.rdtype)] = [Answer(name, change.rdtype, status, change.values)]
        self._nowhere.discard(name)

    async def lookup(self, name: str, rdtype: str) -> Answer:
        """Return what was answered then; the absence of a whole name answers for every type of it."""
        name = name.lower().rstrip(".")
        kept = self._known.get((name, rdtype))
        if kept:
            answer = kept.pop(0) if len(kept) > 1 else kept[0]
        elif name in self._nowhere:
            answer = Answer(name, rdtype, DnsStatus.NXDOMAIN)
        else:
            answer = Answer(name, rdtype, DnsStatus.TEMPFAIL, reason=UNASKED)
            if (name, rdtype) not in self.unasked:
                self.unasked.append((name, rdtype))
        self.answers.append(answer)
        return answer


def stored_answers(rows: Iterable[Any]) -> list[Answer]:
    """Return the answers that a stage kept; one whose text was cut for keeping is as good as not asked."""
    return [answer for row in rows if isinstance(row, Mapping) and (answer := _answer(row)) is not None]


def _answer(row: Mapping[str, Any]) -> Answer | None:
    records = [str(text) for text in row.get("records") or ()]
    try:
        status = DnsStatus(str(row.get("status")))
    except ValueError:
        return None
    if any(len(text) >= TEXT_LIMIT for text in records):
        return None
    ttl = row.get("ttl")
    return Answer(
        str(row.get("name", "")),
        str(row.get("type", "")),
        status,
        tuple(records),
        ttl if isinstance(ttl, int) else 0,
        row.get("authenticated") is True,
    )


async def replay(inputs: StoredInputs, change: Change | None, verify: Verify | None = None) -> Replayed:
    """Return the evidence as it would be; ``verify`` checks the signatures on the message, where it is still kept."""
    envelope = inputs.envelope
    if change is not None and change.client_address:
        envelope = replace(envelope, client_address=change.client_address)
    asking = {stage: _resolver(inputs, stage, change) for stage in ("iprev", "spf", "dkim", "dmarc")}
    iprev = await evaluate_iprev(asking["iprev"], envelope.client_address) if "iprev" in inputs.answers else None
    domain = envelope_domain(envelope.mail_from)
    mail_from = f"{split_address(envelope.mail_from)[0]}@{domain}" if domain else envelope.mail_from
    spf = await evaluate_spf(
        asking["spf"], envelope.client_address, mail_from, envelope.helo_name, inputs.receiver, inputs.timestamp
    )
    helo = await _helo(inputs, asking["spf"], envelope)
    dkim, notes = await _signatures(inputs, asking["dkim"], change, verify)
    passed_spf = spf.domain if spf.result is SpfResult.PASS else ""
    passed_dkim = [signature.domain for signature in dkim if signature.result is DkimResult.PASS]
    dmarc = await evaluate_dmarc(
        asking["dmarc"], list(inputs.author_domains), passed_spf, passed_dkim, inputs.problem
    )
    return Replayed(
        Evidence(envelope, spf, dkim, dmarc, _sealed(inputs.arc, change), iprev, helo),
        {stage: resolver.answers for stage, resolver in asking.items()},
        list(dict.fromkeys(question for resolver in asking.values() for question in resolver.unasked)),
        notes,
    )


async def _helo(inputs: StoredInputs, resolver: ReplayResolver, envelope: Envelope) -> SpfEvaluation | None:
    """Evaluate the HELO name again where it was evaluated then."""
    if not inputs.with_helo:
        return None
    address, name = envelope.client_address, envelope.helo_name
    return await evaluate_spf(resolver, address, "", name, inputs.receiver, inputs.timestamp)


def _sealed(arc: ArcEvaluation, change: Change | None) -> ArcEvaluation:
    """Return the chain as it was found, trusted when its last sealer would be."""
    if change is None or not change.trusted_sealer or arc.last_sealer != change.trusted_sealer:
        return arc
    return replace(arc, trusted_sealer=change.trusted_sealer)


def restored_chain(outcome: str, reason: str, detail: Mapping[str, Any]) -> ArcEvaluation:
    """Return a chain's evaluation from its stage."""
    rows = [row for row in detail.get("sets") or () if isinstance(row, Mapping)]
    known = {one.name for one in fields(ArcSet)}
    sets = [
        ArcSet(
            **{str(name): value for name, value in row.items() if name in known}
            | {name: _dkim_result(row.get(name)) for name in ("seal", "message")}
        )
        for row in rows
    ]
    oldest = detail.get("oldest_pass")
    trusted = str(detail.get("trusted_sealer", ""))
    result = {known.value: known for known in ArcResult}.get(outcome, ArcResult.NONE)
    return ArcEvaluation(result, reason, sets, oldest if isinstance(oldest, int) else 0, trusted)


def _resolver(inputs: StoredInputs, stage: str, change: Change | None) -> ReplayResolver:
    others = [answer for name, answers in inputs.answers.items() if name != stage for answer in answers]
    return ReplayResolver(inputs.answers.get(stage, ()), others, change)


async def _signatures(
    inputs: StoredInputs, resolver: ReplayResolver, change: Change | None, verify: Verify | None
) -> tuple[list[DkimSignature], list[str]]:
    then = [restored(row) for row in inputs.dkim]
    if verify is not None:
        found = list(await verify(resolver))
        return found, [AGAIN for _signature in found]
    judged = [await _rejudged(signature, inputs, resolver, change) for signature in then]
    return [signature for signature, _note in judged], [note for _signature, note in judged]


def restored(row: Mapping[str, Any]) -> DkimSignature:
    """Return a signature's end from its stage."""
    known = {one.name for one in fields(DkimSignature)}
    values = {str(name): value for name, value in row.items() if name in known}
    return DkimSignature(**values | {"result": _dkim_result(row.get("result"))})


def _dkim_result(word: Any) -> DkimResult:
    """Return a stored result; a word that is none of today's proves nothing: neutral (RFC 8601 section 2.7.1)."""
    known = {result.value: result for result in DkimResult}
    return known.get(str(word or "none"), DkimResult.NEUTRAL)


async def _rejudged(
    signature: DkimSignature, inputs: StoredInputs, resolver: ReplayResolver, change: Change | None
) -> tuple[DkimSignature, str]:
    """Return what the signature would be worth, and why it can be told without the message."""
    if not signature.domain or not signature.selector:
        return signature, KEPT
    name = f"{signature.selector}._domainkey.{signature.domain}".lower()
    before = next((one for one in inputs.answers.get("dkim", ()) if one.name.lower() == name), None)
    if before is None:
        return signature, KEPT  # it ended before its key was asked for
    now = await resolver.lookup(name, "TXT")
    if change is None or change.name.lower().removesuffix(".") != name or change.rdtype != "TXT":
        return signature, KEPT
    probed = await _probe(signature, now)
    if probed.result is not DkimResult.FAIL:
        return replace(probed, **_kept_fields(signature)), ""
    if _public_key(before) == _public_key(now):
        return replace(signature, bits=probed.bits, testing=probed.testing, warning=probed.warning), KEPT
    facts: dict[str, Any] = {"bits": probed.bits, "testing": probed.testing, "warning": probed.warning}
    if signature.result is DkimResult.PASS:
        return replace(signature, result=DkimResult.FAIL, reason="the signature does not verify", **facts), OTHER_KEY
    if signature.result is DkimResult.FAIL and signature.reason != "the signature does not verify":
        return replace(signature, **facts), KEPT
    return replace(signature, result=DkimResult.TEMPERROR, reason=GONE, **facts), ""


def _kept_fields(signature: DkimSignature) -> dict[str, Any]:
    """Return what a signature says of itself, whatever its key."""
    ends = ("result", "reason", "bits", "testing", "warning")
    return {one.name: getattr(signature, one.name) for one in fields(signature) if one.name not in ends}


def _public_key(answer: Answer) -> str:
    try:
        return parse_key_record(answer.records[0]).public_key if len(answer.records) == 1 else ""
    except BadKeyRecord:
        return ""


class _OneKey:
    """A resolver that knows one answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def lookup(self, name: str, rdtype: str) -> Answer:
        """Return it."""
        return self._answer


async def _probe(signature: DkimSignature, key: Answer) -> DkimSignature:
    """Return how a signature with the same tags over another message ends: FAIL when the key could serve."""
    agent = getattr(signature, "tags", {}).get("i", "")
    tags = f"v=1; a={signature.algorithm}; d={signature.domain}; s={signature.selector}; h=from; bh=AA==; b=AA=="
    octets = f"DKIM-Signature: {tags}{f'; i={agent}' if agent else ''}\r\nFrom: a@b.example\r\n\r\n".encode()
    return (await verify_dkim(octets, _OneKey(key)))[0]
