"""ARC chains (RFC 8617 section 5.2): who handed the message on, what each said it saw, and whether that still holds.

A chain is evidence and never a pass by itself. Its structure is judged before anything is asked or computed; every
set that stands is then verified, so that one can tell which station changed the message. Signatures pass the policy
of DKIM. A fault of the remote is a result, never an exception.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import dkim

from antispam.dkim.policy import DkimResult, Refused, fetch_key, read_key, read_tags, strength_of
from antispam.dkim.verify import Compute, Computed, compute_here, invalid
from domains.arc.sets import MAXIMUM_INSTANCE, NAMES, instance_of, seal_input
from domains.dkim.canonical import Message, verify_digest
from domains.dns.port import Answer, Resolver

MAXIMUM_SETS = 10
RESULT_OCTETS = 2000
_MESSAGE_TAGS = ("i", "a", "b", "bh", "d", "h", "s")
_SEAL_TAGS = ("i", "a", "b", "cv", "d", "s")
_DATED = (b"d", b"t", b"x")


class ArcResult(StrEnum):
    """RFC 8617 section 4.4; temperror where a key could not be asked for."""

    NONE = "none"  # no chain
    PASS = "pass"  # the chain holds from the first station to the last  # noqa: S105
    FAIL = "fail"  # it is broken, or says itself that it is
    TEMPERROR = "temperror"  # the DNS did not answer


@dataclass(frozen=True, slots=True)
class ArcSet:
    """One station: ``domain`` sealed; ``seal`` and ``message`` are the results of its two signatures.

    ``results`` is what it says it saw (the ARC-Authentication-Results after the instance), ``cv`` what it says of the
    chain before it.
    """

    instance: int
    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    cv: str = ""
    seal: DkimResult = DkimResult.NONE
    message: DkimResult = DkimResult.NONE
    reason: str = ""
    results: str = ""


@dataclass(frozen=True, slots=True)
class ArcEvaluation:
    """The chain's result, the sentence that says why, its sets from the first station on.

    ``oldest_pass`` is the lowest instance from which on the message was not changed, 0 when it is the first one
    (RFC 8617 section 5.2). ``trusted_sealer`` is filled by who knows whom we trust.
    """

    result: ArcResult
    reason: str
    sets: Sequence[ArcSet] = ()
    oldest_pass: int = 0
    trusted_sealer: str = ""

    @property
    def last_sealer(self) -> str:
        """The domain that sealed last, when the chain holds; else empty."""
        return self.sets[-1].domain if self.result is ArcResult.PASS else ""


@dataclass(slots=True)
class _Station:
    """The three fields of one instance, as they stand in the message."""

    fields: dict[bytes, list[Sequence[bytes]]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """True for exactly one of each."""
        return all(len(self.fields.get(name, ())) == 1 for name in NAMES)

    def value(self, name: bytes) -> bytes:
        """Return the value of one of the three."""
        return self.fields[name][0][1]


class _Keys:
    """A resolver that asks for a key once, however many signatures of the chain it verifies."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._answers: dict[tuple[str, str], Answer] = {}

    async def lookup(self, name: str, rdtype: str) -> Answer:
        """Return the answer, from the first time that it was asked."""
        asked = (name, rdtype)
        if asked not in self._answers:
            self._answers[asked] = await self._resolver.lookup(name, rdtype)
        return self._answers[asked]


class _Broken(Exception):
    """The chain's structure fails it."""


async def verify_arc(message: Message, resolver: Resolver, compute: Compute = compute_here) -> ArcEvaluation:
    """Return the evaluation of the message's chain; ``compute`` runs what takes time in proportion to the message."""
    stations = _stations(message)
    if not stations:
        return ArcEvaluation(ArcResult.NONE, "there is no ARC chain")
    try:
        _check_structure(stations)
    except _Broken as broken:
        return ArcEvaluation(
            ArcResult.FAIL, str(broken), [ArcSet(number) for number in sorted(stations)[:MAXIMUM_SETS]]
        )
    numbers = range(1, len(stations) + 1)
    keys = _Keys(resolver)
    sets = [await _verify_set(message, stations, number, keys, compute) for number in numbers]
    return _judged(sets)


def _stations(message: Message) -> dict[int, _Station]:
    """Return the sets by their instance; what names none counts as instance 0."""
    found: dict[int, _Station] = {}
    for name, value in message.headers:
        lowered = name.lower()
        if lowered in NAMES:
            station = found.setdefault(instance_of(value), _Station())
            station.fields.setdefault(lowered, []).append((name, value))
    return found


def _check_structure(stations: Mapping[int, _Station]) -> None:
    """Raise _Broken unless there are complete sets 1 to n, few enough (RFC 8617 section 5.2, steps 1 to 3)."""
    highest = max(stations)
    if 0 in stations:
        raise _Broken("a field of the chain names no instance")
    if highest > MAXIMUM_INSTANCE:
        raise _Broken(f"the chain has an instance above {MAXIMUM_INSTANCE}")
    if highest > MAXIMUM_SETS:
        raise _Broken(f"the chain has {highest} sets; more than {MAXIMUM_SETS} are not verified here")
    for number in range(1, highest + 1):
        if number not in stations or not stations[number].complete:
            raise _Broken(f"the set {number} does not have exactly one field of each kind")


async def _verify_set(
    message: Message, stations: Mapping[int, _Station], number: int, resolver: Resolver, compute: Compute
) -> ArcSet:
    """Verify both signatures of one set."""
    station = stations[number]
    told = station.value(b"arc-authentication-results").decode("utf-8", "replace")
    results = " ".join(told.partition(";")[2].split())[:RESULT_OCTETS]
    found = ArcSet(number, results=results)
    try:
        tags = read_tags(station.value(b"arc-seal"), _SEAL_TAGS)
        found = replace(
            found, domain=tags["d"].lower(), selector=tags["s"], algorithm=tags["a"], cv=tags["cv"].lower()
        )
        if "h" in tags:
            raise Refused(DkimResult.PERMERROR, "the seal has h=, which it must not have")
        seal, reason = await _seal_result(stations, number, tags, resolver)
    except Refused as refused:
        seal, reason = refused.result, refused.reason
    signed, why = await _message_result(message, station, resolver, compute)
    sentences = [f"seal: {reason}"] if seal is not DkimResult.PASS else []
    sentences += [f"message: {why}"] if signed is not DkimResult.PASS else []
    return replace(found, seal=seal, message=signed, reason="; ".join(sentences))


async def _seal_result(
    stations: Mapping[int, _Station], number: int, tags: dict[str, str], resolver: Resolver
) -> Computed:
    """Verify an ARC-Seal over all sets up to its own (RFC 8617 section 5.1.1)."""
    answer = await fetch_key(tags, resolver)
    record = read_key(tags, answer)
    strength_of(record)
    chain = [[stations[instance].fields[name][0] for name in NAMES] for instance in range(1, number + 1)]
    signature = base64.b64decode("".join(tags["b"].split()))
    if verify_digest(record.key_type, record.public_key, seal_input(chain), signature):
        return DkimResult.PASS, ""
    return DkimResult.FAIL, "it does not verify"


async def _message_result(message: Message, station: _Station, resolver: Resolver, compute: Compute) -> Computed:
    """Verify an ARC-Message-Signature (RFC 8617 section 4.1.2): as DKIM does, but never over a seal."""
    header = station.fields[b"arc-message-signature"][0]
    try:
        tags = read_tags(header[1], _MESSAGE_TAGS)
        names = [name.strip().lower().encode() for name in tags["h"].split(":")]
        if b"arc-seal" in names:
            raise Refused(DkimResult.PERMERROR, "it covers ARC-Seal, which it must not")
        answer = await fetch_key(tags, resolver)
        strength_of(read_key(tags | {"i": f"@{tags['d']}"}, answer))
        return await compute(lambda: _run(message, tags, names, header, answer.records[0]))
    except Refused as refused:
        return refused.result, refused.reason


def _run(
    message: Message, tags: dict[str, str], names: list[bytes], header: Sequence[bytes], record: str
) -> Computed:
    """Let dkimpy verify; what it raises is the remote's fault."""
    sig = {name.encode(): value.encode() for name, value in ({"c": "relaxed/relaxed"} | tags).items()}
    try:
        dkim.validate_signature_fields({tag: sig[tag] for tag in _DATED if tag in sig}, [], arc=True)
        good = message.verify_sig(sig, names, header, lambda name, timeout=0: record.encode("latin-1"))
    except dkim.ValidationError as error:
        return invalid(str(error))
    except (dkim.DKIMException, ValueError, TypeError, LookupError, AssertionError) as error:
        return DkimResult.PERMERROR, f"it cannot be processed: {error}"
    return (DkimResult.PASS, "") if good else (DkimResult.FAIL, "it does not verify")


def _judged(sets: Sequence[ArcSet]) -> ArcEvaluation:
    """Return the chain's result (RFC 8617 section 5.2, steps 2 to 6)."""
    last = sets[-1]
    oldest = last.instance
    while oldest > 1 and sets[oldest - 2].message is DkimResult.PASS:
        oldest -= 1
    oldest = 0 if oldest == 1 else oldest
    if last.cv == "fail":
        return ArcEvaluation(ArcResult.FAIL, f"{last.domain} says that the chain was broken before it", sets)
    for one in sets:
        if not one.cv:
            return ArcEvaluation(ArcResult.FAIL, f"the seal {one.instance} cannot be used: {one.reason}", sets)
        if one.cv != ("none" if one.instance == 1 else "pass"):
            return ArcEvaluation(ArcResult.FAIL, f"the set {one.instance} says cv={one.cv[:20]}", sets)
    results = [last.message, *(one.seal for one in sets)]
    if DkimResult.TEMPERROR in results:
        return ArcEvaluation(ArcResult.TEMPERROR, "the DNS did not answer about a key of the chain", sets)
    if last.message is not DkimResult.PASS:
        return ArcEvaluation(ArcResult.FAIL, f"the message was changed after {last.domain} handed it on", sets)
    broken = next((one for one in sets if one.seal is not DkimResult.PASS), None)
    if broken is not None:
        return ArcEvaluation(ArcResult.FAIL, f"the seal {broken.instance} of {broken.domain} does not hold", sets)
    way = ", ".join(one.domain for one in sets)
    return ArcEvaluation(ArcResult.PASS, f"the chain holds: {way}", sets, oldest)
