"""The plan of a zone: what is desired minus what was seen, as steps that say what they would do and what they risk.

Pure: records, answers and the resolver port in, steps out. A step touches texts of its own purpose alone, at names
that are desired; whatever else stands there stays. Nothing is planned on silence, on servers that disagree, or where
only the owner can say which of several records counts: such a step is blocked, with its risk as the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from domains.dmarc.merge import merge_policy
from domains.dns.port import Answer, DnsStatus, Resolver
from domains.models.record import RecordStatus
from domains.services.compare import compare
from domains.services.desired import DesiredRecord
from domains.services.publication_parked import NO_SENDERS, NULL_MX
from domains.spf.merge import CannotMerge, Obstacle, fitted
from domains.tls.reporting import merge_reporting

Question = tuple[str, str]


class Action(StrEnum):
    """What a step does."""

    ADD = "add"
    CHANGE = "change"
    LEAVE = "leave"  # it is right
    BLOCKED = "blocked"  # it is not right, and somebody has to decide or wait


class Risk(StrEnum):
    """What to know before a step, or why it is blocked."""

    NONE = ""
    MOVES_MAIL = "moves-mail"  # mail goes to another server from then on
    ENDS_MAIL = "ends-mail"  # a parked domain: no mail goes there, and none is believed, from then on
    LEFTOVER_MX = "leftover-mx"  # an old server may still get some of the mail
    WEAKENS = "weakens"  # the policy of its owner asks for more
    REPLACES = "replaces"  # what its owner wrote there is gone
    DUPLICATE = "duplicate"  # several records of which one counts
    ALIAS = "alias"  # the name is a CNAME: nothing can stand beside it
    EXCLUDES = "excludes"  # authorities that others use for names of the zone may not issue any more
    OTHER_ZONE = "other-zone"  # it belongs to a zone that this plan does not change
    UNSETTLED = "unsettled"  # the servers disagree, or the change is not everywhere yet
    UNREACHABLE = "unreachable"  # nothing is known
    BOGUS = "bogus"  # DNSSEC validation failed
    FOREIGN = "foreign"  # something of others stands there
    SPF_BAD_RECORD = "spf-bad-record"
    SPF_EXCLUDED = "spf-excluded"
    SPF_BUDGET = "spf-budget"


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One record: the texts that go and come; ``detail`` names the term or fault that a risk is about."""

    record: DesiredRecord
    action: Action
    removes: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    risk: Risk = Risk.NONE
    detail: str = ""

    @property
    def id(self) -> str:
        """Name the step by what it does: one that would do something else has another name."""
        parts = (self.record.name, self.record.type, self.record.purpose, *self.removes, "\n", *self.adds)
        return blake2b("\0".join(parts).encode(), digest_size=6).hexdigest()

    @property
    def applicable(self) -> bool:
        """True when there is something to do that can be done."""
        return self.action in (Action.ADD, Action.CHANGE)

    @property
    def needs_consent(self) -> bool:
        """True when somebody could lose something by it, mail or certificates: a person says so first."""
        return self.applicable and self.risk in CONSENT


CONSENT = frozenset({Risk.MOVES_MAIL, Risk.ENDS_MAIL, Risk.LEFTOVER_MX, Risk.WEAKENS, Risk.EXCLUDES})
_UNKNOWN = {
    RecordStatus.UNREACHABLE: Risk.UNREACHABLE,
    RecordStatus.BOGUS: Risk.BOGUS,
    RecordStatus.WAITING: Risk.UNSETTLED,
    RecordStatus.DUPLICATE: Risk.DUPLICATE,
}
_OBSTACLES = {
    Obstacle.DUPLICATE: Risk.DUPLICATE,
    Obstacle.BAD_RECORD: Risk.SPF_BAD_RECORD,
    Obstacle.EXCLUDED: Risk.SPF_EXCLUDED,
    Obstacle.BUDGET: Risk.SPF_BUDGET,
    Obstacle.SILENT: Risk.UNREACHABLE,
}
NEIGHBOUR = "_mailadmin-neighbour"  # a name that nobody has
_BESIDE = ("A", "AAAA", "TXT")  # what usually stands where an alias is wanted
# One text of ours at a name of its own: another text of the kind is an old one.
_REPLACED = frozenset({"dkim", "mta-sts", "bimi"})


async def plan_of(
    zone: str, desired: Sequence[DesiredRecord], seen: Mapping[Question, Sequence[Answer]], resolver: Resolver
) -> list[PlanStep]:
    """Return a step for each record; ``seen`` holds the answers of every server asked, by name and type."""
    ours: dict[Question, set[str]] = {}
    for row in desired:
        ours.setdefault((row.name, row.type), set()).add(row.value.lower())
    return [
        await _step(zone, row, seen.get((row.name, row.type), ()), ours[row.name, row.type], resolver)
        for row in desired
        if not row.managed
    ]


async def _step(
    zone: str, row: DesiredRecord, answers: Sequence[Answer], ours: set[str], resolver: Resolver
) -> PlanStep:
    verdict = compare(row, answers)
    if verdict.status == RecordStatus.RIGHT:
        return PlanStep(row, Action.LEAVE)
    if row.zone != zone:
        return PlanStep(row, Action.BLOCKED, risk=Risk.OTHER_ZONE, detail=row.zone)
    if verdict.status in _UNKNOWN:
        return PlanStep(row, Action.BLOCKED, risk=_UNKNOWN[RecordStatus(verdict.status)])
    alias = next((a.canonical_name for a in answers if a.canonical_name not in ("", row.name)), "")
    if alias and row.type != "CNAME":
        return PlanStep(row, Action.BLOCKED, risk=Risk.ALIAS, detail=alias)
    if len({frozenset(a.records) for a in answers if a.found or a.absent}) > 1:
        return PlanStep(row, Action.BLOCKED, risk=Risk.UNSETTLED)
    if row.type == "CNAME" and (beside := await _beside(row, answers, resolver)):
        return PlanStep(row, Action.BLOCKED, risk=Risk.FOREIGN, detail=beside)
    if verdict.status == RecordStatus.MISSING or all(text.lower() in ours for text in verdict.found):
        excludes = row.purpose == "caa" and row.name == row.zone
        return PlanStep(row, Action.ADD, adds=(row.value,), risk=Risk.EXCLUDES if excludes else Risk.NONE)
    return await _change(row, verdict.found, resolver)


async def _beside(row: DesiredRecord, answers: Sequence[Answer], resolver: Resolver) -> str:
    """Return what stands at the name of an alias that is to come, which nothing may stand beside (RFC 1034 3.6.2).

    What a neighbour that nobody has gets too is a wildcard's, and in nobody's way.
    """
    if not any(answer.status is DnsStatus.NODATA for answer in answers):
        return ""
    for rdtype in _BESIDE:
        found = (await resolver.lookup(row.name, rdtype)).records
        neighbour = f"{NEIGHBOUR}.{row.name.partition('.')[2]}"
        if found and (await resolver.lookup(neighbour, rdtype)).records != found:
            return f"{rdtype} {', '.join(found)}"
    return ""


async def _change(row: DesiredRecord, found: tuple[str, ...], resolver: Resolver) -> PlanStep:
    """Return the step of a record in whose place something else stands."""
    if row.value == NO_SENDERS:
        return PlanStep(row, Action.CHANGE, found, (row.value,), Risk.ENDS_MAIL)
    if row.purpose == "spf":
        return await _spf(row, found, resolver)
    if row.type == "MX":
        return _mx(row, found)
    if row.purpose == "dmarc":
        return _dmarc(row, found)
    if row.purpose == "tls-rpt":
        return PlanStep(row, Action.CHANGE, found, (merge_reporting(found[0], row.value),))
    if row.purpose in _REPLACED:
        return PlanStep(row, Action.CHANGE, found, (row.value,), Risk.REPLACES)
    if row.purpose in ("ownership", "tlsa", "caa"):
        return PlanStep(row, Action.ADD, adds=(row.value,))
    return PlanStep(row, Action.BLOCKED, risk=Risk.FOREIGN, detail=", ".join(found))


def _mx(row: DesiredRecord, found: tuple[str, ...]) -> PlanStep:
    """Return the step that leaves our host alone in the set, with the preference it has when it is there."""
    if row.value == NULL_MX:
        others = tuple(text for text in found if text != NULL_MX)
        return PlanStep(row, Action.CHANGE, others, () if row.value in found else (row.value,), Risk.ENDS_MAIL)
    ours = row.value.rpartition(" ")[2].lower()
    others = tuple(text for text in found if text.rpartition(" ")[2].lower() != ours)
    if len(others) == len(found):
        return PlanStep(row, Action.CHANGE, others, (row.value,), Risk.MOVES_MAIL)
    return PlanStep(row, Action.CHANGE, others, (), Risk.LEFTOVER_MX)


def _dmarc(row: DesiredRecord, found: tuple[str, ...]) -> PlanStep:
    own_address = f"dmarc-reports@{row.name.removeprefix('_dmarc.')}"
    merged = merge_policy(found[0], row.value, own_address)
    if merged.weakens:
        return PlanStep(row, Action.CHANGE, found, (merged.text,), Risk.WEAKENS, merged.weakens)
    return PlanStep(row, Action.CHANGE, found, (merged.text,), Risk.REPLACES)


async def _spf(row: DesiredRecord, found: tuple[str, ...], resolver: Resolver) -> PlanStep:
    try:
        merged = await fitted(resolver, row.name, found, row.value, row.suffices)
    except CannotMerge as error:
        return PlanStep(row, Action.BLOCKED, risk=_OBSTACLES[error.obstacle], detail=error.detail)
    return PlanStep(row, Action.CHANGE, found, (merged.text,))
