"""Compares what the DNS answers with what should be there: one verdict per record, in the words of the contract.

Pure: answers in, status and texts out. A record that says the same in other words is right where its RFC makes them
the same (SPF with further senders, MX with another preference); a DKIM key must be its exact text. What counts is
what a client finds: a text that a wildcard or an alias supplies is right when it is the right one, else in the way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from domains.dkim.record import BadKeyRecord, parse_key_record
from domains.dmarc.bimi import BadBimiRecord, is_bimi_record, parse_bimi_record
from domains.dmarc.record import BadPolicyRecord, PolicyRecord, is_policy_record, parse_policy_record
from domains.dns.port import Answer, DnsStatus
from domains.dns.remark import Cause, Remark, remark
from domains.dns.slips import Probe
from domains.models.record import RecordStatus
from domains.services.desired import DesiredRecord
from domains.services.publication_parked import NO_SENDERS, NULL_MX
from domains.services.remarks import is_alias, is_wildcards, remark_of
from domains.spf.merge import lacking
from domains.spf.record import BadSpfRecord
from domains.tls.caa import is_allowed
from domains.tls.mta_sts import is_record
from domains.tls.reporting import asks_all, is_reporting_record

# What must be seen at every server before it counts: a silent one may still hand out the old text.
_EVERYWHERE = frozenset({"dkim", "ownership"})
_SILENT = {DnsStatus.TEMPFAIL: RecordStatus.UNREACHABLE, DnsStatus.BOGUS: RecordStatus.BOGUS}


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one record stands over all servers asked: the status and the relevant texts that were seen.

    ``lacking``: some server certainly has not the right text; ``lacking_seconds`` is how long that may be remembered.
    ``certain``: every server asked answered, and all to the same effect.
    ``judged`` has each server's answer with the verdict over it alone, ``remark`` why the record is not right.
    """

    status: RecordStatus
    found: tuple[str, ...] = ()
    lacking: bool = False
    lacking_seconds: int = 0
    certain: bool = False
    judged: tuple[tuple[Answer, RecordStatus], ...] = ()
    remark: Remark | None = None


def _words(text: str) -> list[str]:
    return text.lower().split()


def _is_spf(text: str) -> bool:
    return _words(text)[:1] == ["v=spf1"]


def _spf_right(found: str, wanted: str) -> bool:
    """True when all mechanisms of ours stand before ``all``; further senders and ``~all`` are the owner's choice.

    A domain that sends no mail has no further senders either.
    """
    if wanted == NO_SENDERS:
        return _words(found) == _words(wanted)
    try:
        return not lacking(found, wanted)
    except BadSpfRecord:
        return False


def _key_right(found: str, wanted: str) -> bool:
    """True for the exact text; a revoked key is revoked in any words."""
    return found == wanted or (_is_revoked(wanted) and _is_revoked(found))


def _is_revoked(text: str) -> bool:
    try:
        return parse_key_record(text).revoked
    except BadKeyRecord:
        return False


_PLAIN = PolicyRecord()
_DMARC_TAGS = ("subdomain_policy", "nonexistent_policy", "testing", "dkim_alignment", "spf_alignment")


def _dmarc_right(found: str, wanted: str) -> bool:
    """True when the policy is the wanted one and our report addresses are among the addresses.

    A tag that we leave at its default may say what its owner likes.
    """
    try:
        have, want = parse_policy_record(found), parse_policy_record(wanted)
    except BadPolicyRecord:
        return False
    addresses = {address.lower() for address in have.rua}
    chosen = {name for name in _DMARC_TAGS if getattr(want, name) != getattr(_PLAIN, name)}
    same = all(getattr(have, name) == getattr(want, name) for name in {"policy", *chosen})
    return same and all(address.lower() in addresses for address in want.rua)


def _bimi_right(found: str, wanted: str) -> bool:
    """True for the same logo and certificate, whatever tags stand beside."""
    try:
        return parse_bimi_record(found) == parse_bimi_record(wanted)
    except BadBimiRecord:
        return False


def _same(found: str, wanted: str) -> bool:
    return found == wanted


def _txt(
    belongs: Callable[[str], bool], right: Callable[[str, str], bool]
) -> Callable[[Sequence[str], str], RecordStatus]:
    def compare(texts: Sequence[str], wanted: str) -> RecordStatus:
        relevant = [text for text in texts if belongs(text)]
        if not relevant:
            return RecordStatus.MISSING
        if len(relevant) > 1:
            return RecordStatus.DUPLICATE
        return RecordStatus.RIGHT if right(relevant[0], wanted) else RecordStatus.WRONG

    return compare


def _ownership(texts: Sequence[str], wanted: str) -> RecordStatus:
    if wanted in texts:
        return RecordStatus.RIGHT
    return RecordStatus.WRONG if texts else RecordStatus.MISSING


def _hosts(texts: Sequence[str], wanted: str) -> RecordStatus:
    """MX: our host must be there, alone; a leftover one takes mail away. The null MX has no other preference."""
    if wanted == NULL_MX:
        return _alone(texts, wanted)
    ours = wanted.rpartition(" ")[2].lower()
    hosts = [text.rpartition(" ")[2].lower() for text in texts]
    if ours not in hosts:
        return RecordStatus.WRONG if hosts else RecordStatus.MISSING
    return RecordStatus.RIGHT if len(set(hosts)) == 1 else RecordStatus.CONFLICTING


def _alone(texts: Sequence[str], wanted: str) -> RecordStatus:
    if wanted not in texts:
        return RecordStatus.WRONG if texts else RecordStatus.MISSING
    return RecordStatus.RIGHT if set(texts) == {wanted} else RecordStatus.CONFLICTING


def _service(texts: Sequence[str], wanted: str) -> RecordStatus:
    ends = [tuple(text.lower().split()[2:]) for text in texts]
    if tuple(wanted.lower().split()[2:]) not in ends:
        return RecordStatus.WRONG if ends else RecordStatus.MISSING
    return RecordStatus.RIGHT if len(set(ends)) == 1 else RecordStatus.CONFLICTING


def _among(texts: Sequence[str], wanted: str) -> RecordStatus:
    if wanted.lower() in (text.lower() for text in texts):
        return RecordStatus.RIGHT
    return RecordStatus.WRONG if texts else RecordStatus.MISSING


def _permission(texts: Sequence[str], wanted: str) -> RecordStatus:
    """CAA: further authorities are the owner's choice; without any, everybody may issue."""
    allowed = is_allowed(wanted, texts)
    if allowed is None:
        return RecordStatus.MISSING
    return RecordStatus.RIGHT if allowed else RecordStatus.WRONG


def _alias(texts: Sequence[str], wanted: str) -> RecordStatus:
    """A name that leads mail programs elsewhere is in the way: they would be set up for the old host."""
    return RecordStatus.CONFLICTING if (found := _among(texts, wanted)) == RecordStatus.WRONG else found


_COMPARE: dict[str, Callable[[Sequence[str], str], RecordStatus]] = {
    "ownership": _ownership,
    "mx": _hosts,
    "spf": _txt(_is_spf, _spf_right),
    "dkim": _txt(lambda text: True, _key_right),
    "dmarc": _txt(is_policy_record, _dmarc_right),
    "dmarc-report": _txt(is_policy_record, lambda found, wanted: True),
    "tls-rpt": _txt(is_reporting_record, asks_all),
    "mta-sts": _txt(is_record, _same),
    "bimi": _txt(is_bimi_record, _bimi_right),
    "srv": _service,
    "caa": _permission,
}
_BY_TYPE: dict[str, Callable[[Sequence[str], str], RecordStatus]] = {
    "A": _among,
    "AAAA": _among,
    "CNAME": _alias,
    "PTR": _among,
    "TLSA": _among,
}
_RELEVANT: dict[str, Callable[[str], bool]] = {
    "spf": _is_spf,
    "dmarc": is_policy_record,
    "mta-sts": is_record,
    "bimi": is_bimi_record,
}


def compare(record: DesiredRecord, answers: Sequence[Answer], wildcard: Sequence[str] = ()) -> Comparison:
    """Return the verdict over the answers of all servers asked for this record's name and type.

    Servers that agree give the status; when only some have the right text it is ``waiting``. Servers that are silent
    count only when all are; for a key or a proof of ownership, which must be seen everywhere, each of them counts.
    ``wildcard`` are the texts of this type that any name below the zone answers.
    """
    faked = frozenset(wildcard)
    judged = tuple((answer, _one(record, answer, faked)) for answer in answers)
    found = _found(record, answers)
    status = _overall(record, [verdict for _, verdict in judged])
    certain = False
    lacking: list[int] = []
    if status not in _SILENT.values():
        lacking = [answer.ttl for answer, verdict in judged if verdict not in (RecordStatus.RIGHT, *_SILENT.values())]
        certain = len({verdict for _, verdict in judged}) == 1
    why = remark_of(record, status, judged, found, faked, _belongs(record))
    return Comparison(status, found, bool(lacking), max(lacking, default=0), certain, judged, why)


def _overall(record: DesiredRecord, verdicts: Sequence[RecordStatus]) -> RecordStatus:
    speaking = [verdict for verdict in verdicts if verdict not in _SILENT.values()]
    if RecordStatus.BOGUS in verdicts:
        return RecordStatus.BOGUS
    if not speaking:
        return RecordStatus.UNREACHABLE
    asked = verdicts if record.purpose in _EVERYWHERE else speaking
    if RecordStatus.RIGHT in speaking and len(set(asked)) > 1:
        return RecordStatus.WAITING
    return speaking[0]


def with_probes(
    record: DesiredRecord, comparison: Comparison, hits: Sequence[tuple[Probe, Answer, Sequence[str]]]
) -> Comparison:
    """Return the comparison with the slip that further questions have shown; a name that is taken is in conflict.

    A hit has what was found there and what a wildcard answers for the same type.
    """
    for probe, answer, wildcard in hits:
        texts = [text for text in answer.records if text not in wildcard]
        if not texts or not _shows(record, probe, texts):
            continue
        values = {"name": record.name, "at": probe.name, "found": ", ".join(texts[:3])}
        status = RecordStatus.CONFLICTING if probe.cause is Cause.OCCUPIED else comparison.status
        return replace(comparison, status=status, remark=remark(probe.cause, **values))
    return comparison


def _shows(record: DesiredRecord, probe: Probe, texts: Sequence[str]) -> bool:
    if probe.cause is Cause.OCCUPIED:
        return True
    if probe.cause is Cause.OLD_TYPE:
        return any(text.lower().lstrip('"').startswith("v=spf1") for text in texts)
    if probe.cause is Cause.AT_WWW:
        return _judge(record, texts) == RecordStatus.RIGHT
    return _judge(record, texts) in (RecordStatus.RIGHT, RecordStatus.CONFLICTING)


def _judge(record: DesiredRecord, texts: Sequence[str]) -> RecordStatus:
    return (_BY_TYPE.get(record.type) or _COMPARE[record.purpose])(texts, record.suffices or record.value)


def _one(record: DesiredRecord, answer: Answer, wildcard: frozenset[str]) -> RecordStatus:
    silent = _SILENT.get(answer.status)
    if silent:
        return silent
    verdict = _judge(record, answer.records)
    if verdict == RecordStatus.RIGHT and record.purpose != "ownership":
        return verdict
    # Whoever could answer for an alias or for every name of the zone has not shown that this name is theirs.
    faked = verdict != RecordStatus.MISSING and is_wildcards(record, answer, wildcard)
    return RecordStatus.CONFLICTING if faked or is_alias(record, answer) else verdict


def _belongs(record: DesiredRecord) -> Callable[[str], bool]:
    return _RELEVANT.get(record.purpose, lambda text: True) if record.type == "TXT" else lambda text: True


def _found(record: DesiredRecord, answers: Sequence[Answer]) -> tuple[str, ...]:
    """Return the texts of this record's kind, each once."""
    texts = dict.fromkeys(text for answer in answers for text in answer.records)
    return tuple(filter(_belongs(record), texts))
