"""From a verdict to its reason: which remark a record gets from what was seen. Pure; the words are made elsewhere."""

from collections.abc import Callable, Sequence

from domains.dmarc.record import BadPolicyRecord, parse_policy_record
from domains.dns.difference import difference
from domains.dns.port import Answer, DnsStatus, Fault
from domains.dns.remark import Cause, Remark, remark
from domains.dns.slips import slip_in_value
from domains.models.record import RecordStatus
from domains.services.desired import DesiredRecord
from domains.spf.record import BadSpfRecord, parse_spf_record

_SHOWN = 3
_FAULTS = {Fault.LAME: Cause.LAME, Fault.LOOP: Cause.LOOP, Fault.REFUSED: Cause.REFUSED}


def remark_of(
    record: DesiredRecord,
    status: RecordStatus,
    judged: Sequence[tuple[Answer, RecordStatus]],
    found: tuple[str, ...],
    wildcard: frozenset[str],
    belongs: Callable[[str], bool],
) -> Remark | None:
    """Return why the record has this status; None when it is right."""
    if status == RecordStatus.RIGHT:
        return None
    if status in (RecordStatus.UNREACHABLE, RecordStatus.BOGUS):
        return _unknown(record, status, judged)
    if status == RecordStatus.WAITING:
        return _waiting(judged)
    answers = [answer for answer, verdict in judged if verdict == status]
    texts = tuple(dict.fromkeys(text for answer in answers for text in answer.records))
    slip = slip_in_value(record.type, record.value, record.zone, texts, belongs)
    return slip or _in_the_way(record, status, answers, found, wildcard) or _different(record, status, found)


def _names(answers: Sequence[Answer]) -> str:
    return ", ".join(dict.fromkeys(answer.host or answer.server for answer in answers))


def _listed(texts: Sequence[str]) -> str:
    return ", ".join([*texts[:_SHOWN], *(["…"] if len(texts) > _SHOWN else [])])[:400]


def _unknown(record: DesiredRecord, status: RecordStatus, judged: Sequence[tuple[Answer, RecordStatus]]) -> Remark:
    if status == RecordStatus.BOGUS:
        return remark(Cause.BOGUS, name=record.name)
    answers = [answer for answer, _ in judged]
    fault = next((answer.fault for answer in answers if answer.fault in _FAULTS), Fault.SILENT)
    of_it = [answer for answer in answers if answer.fault is fault] or answers
    return remark(_FAULTS.get(fault, Cause.SILENT), name=record.name, servers=_names(of_it))


def _waiting(judged: Sequence[tuple[Answer, RecordStatus]]) -> Remark:
    lacking = [a for a, status in judged if status != RecordStatus.RIGHT and a.status is not DnsStatus.TEMPFAIL]
    if lacking:
        return remark(Cause.LACKING, servers=_names(lacking), seconds=max(answer.ttl for answer in lacking))
    return remark(Cause.QUIET, servers=_names([a for a, status in judged if status != RecordStatus.RIGHT]))


def _in_the_way(
    record: DesiredRecord,
    status: RecordStatus,
    answers: Sequence[Answer],
    found: tuple[str, ...],
    wildcard: frozenset[str],
) -> Remark | None:
    if status != RecordStatus.CONFLICTING:
        return None
    if is_wildcards(record, answers[0], wildcard):
        return remark(Cause.WILDCARD, name=record.name, wildcard=f"*.{record.zone}")
    alias = next((answer.canonical_name for answer in answers if is_alias(record, answer)), "")
    if alias:
        return remark(Cause.ALIAS, name=record.name, target=alias)
    ours = record.value.rpartition(" ")[2].lower()
    hosts = [host for host in (text.rpartition(" ")[2].lower() for text in found) if host != ours]
    cause = Cause.LEFTOVER_MX if record.type == "MX" else Cause.LEFTOVER
    return remark(cause, name=record.name, found=_listed(hosts or found))


def is_alias(record: DesiredRecord, answer: Answer) -> bool:
    """True when the name is a CNAME that leads elsewhere, where another type is wanted."""
    known = answer.found or answer.absent
    return record.type != "CNAME" and known and answer.canonical_name not in ("", record.name)


def is_wildcards(record: DesiredRecord, answer: Answer, wildcard: frozenset[str]) -> bool:
    """True when what stands at the name is what any name below the zone answers."""
    return bool(wildcard) and record.name != record.zone and frozenset(answer.records) == wildcard


def _different(record: DesiredRecord, status: RecordStatus, found: tuple[str, ...]) -> Remark:
    if status == RecordStatus.MISSING:
        if record.purpose == "ptr":
            return remark(Cause.NO_REVERSE, name=record.name, value=record.value)
        return remark(Cause.NOTHING, name=record.name)
    if status == RecordStatus.DUPLICATE:
        cause = Cause.SPF_SEVERAL if record.purpose == "spf" else Cause.SEVERAL
        return remark(cause, name=record.name, count=len(found))
    if record.purpose in ("spf", "dmarc"):
        return _spf(record, found[0]) if record.purpose == "spf" else _dmarc(record, found[0])
    if record.purpose == "ptr":
        return remark(Cause.OTHER_REVERSE, name=record.name, found=_listed(found), value=record.value)
    if record.type in ("MX", "SRV", "CNAME", "A", "AAAA"):
        return remark(Cause.OTHER_HOST, name=record.name, found=_listed(found), value=record.value)
    return remark(Cause.OTHER_KEY if record.purpose == "dkim" else Cause.OTHER_TEXT, name=record.name)


def _spf(record: DesiredRecord, found: str) -> Remark:
    unlike = difference(record.purpose, record.type, record.value, [found])
    try:
        parse_spf_record(found)
    except BadSpfRecord:
        return remark(Cause.SPF_UNREADABLE, name=record.name, term=" ".join(unlike.extra) or found[:60])
    if unlike.missing:
        return remark(Cause.SPF_LACKS, name=record.name, add=" ".join(unlike.missing))
    return remark(Cause.OTHER_TEXT, name=record.name)


def _dmarc(record: DesiredRecord, found: str) -> Remark:
    try:
        parse_policy_record(found)
    except BadPolicyRecord:
        return remark(Cause.DMARC_UNREADABLE, name=record.name)
    unlike = difference(record.purpose, record.type, record.value, [found])
    if unlike.missing and all(piece.startswith("mailto:") for piece in unlike.missing):
        return remark(Cause.DMARC_LACKS, name=record.name, add=",".join(unlike.missing))
    tags = [piece for piece in unlike.missing if not piece.startswith("mailto:")]
    if not unlike.extra:
        return remark(Cause.DMARC_LACKS_TAG, name=record.name, add="; ".join(tags))
    return remark(Cause.DMARC_DIFFERS, name=record.name, found="; ".join(unlike.extra), value="; ".join(tags))
