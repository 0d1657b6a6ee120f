"""From "I own acme.org" to everything green: the steps of a domain in an order that never breaks mail.

Pure: facts in, steps out, exactly one of them next while something is left to do. What leads mail or mail programs
here (MX, SRV, autoconfig) comes after what harms nothing, and after somebody here takes the mail.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domains.dmarc.merge import merge_policy
from domains.models.record import RecordStatus
from domains.services.check import RecordState
from domains.spf.merge import CannotMerge, Obstacle, merge
from domains.tls.reporting import merge_reporting

READY_FOR = timedelta(days=1)
_MOVES = frozenset({"mx"})
_PROGRAMS = frozenset({"srv", "autoconfig"})
_LATER = frozenset({"mta-sts"})
_MERGED = frozenset({"spf", "dmarc", "tls-rpt"})
_PROOF = frozenset({"ownership"})


class Stage(StrEnum):
    """What a step is about."""

    PROVE = "prove"
    MAILBOX = "mailbox"
    PUBLISH = "publish"
    SIGN = "sign"
    READY = "ready"
    MOVE = "move"
    TEST = "test"
    PROGRAMS = "programs"
    TIGHTEN = "tighten"  # a choice for later, without which the domain is complete


class Standing(StrEnum):
    """Where a step stands."""

    DONE = "done"
    NEXT = "next"
    WAITING = "waiting"  # it is next, and the DNS has to catch up
    AHEAD = "ahead"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a domain.

    ``states`` are its records as last seen, ``parked`` says that it neither sends nor receives, ``receives`` that a
    mailbox or an alias takes its mail, ``ready_at`` when nothing spoke against moving its MX, ``keys_until`` until
    when old answers about its keys are remembered; ``received`` and ``sent`` are the traces of a message from and to
    another server, empty for none.
    """

    name: str
    states: Sequence[RecordState]
    now: datetime
    pending: bool = False
    parked: bool = False
    receives: bool = False
    signs: bool = False
    keys_until: datetime | None = None
    ready_at: datetime | None = None
    received: str = ""
    sent: str = ""
    tightened: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``states`` are its records that are not right yet.

    ``until`` is until when servers may remember an old answer, when the records are published now or are under way;
    ``ttl`` is the time to live, in seconds, that this is told from.
    """

    stage: Stage
    standing: Standing
    states: tuple[RecordState, ...] = ()
    until: datetime | None = None
    ttl: int = 0

    @property
    def is_next(self) -> bool:
        """True for the one step to take now."""
        return self.standing in (Standing.NEXT, Standing.WAITING)


def steps_of(facts: Facts) -> list[Step]:
    """Return the steps in their order."""
    steps: list[Step] = []
    next_found = False
    for stage, done, states in _stages(facts):
        missing = tuple(state for state in states if state.status != RecordStatus.RIGHT)
        if done:
            steps.append(Step(stage, Standing.DONE, missing))
        elif stage is Stage.TIGHTEN:
            steps.append(Step(stage, Standing.LATER))
        elif next_found:
            steps.append(Step(stage, Standing.AHEAD, missing))
        else:
            next_found = True
            steps.append(_next(facts, stage, missing))
    return steps


def progress_of(steps: Sequence[Step]) -> tuple[int, int]:
    """Return how many steps are done, and of how many; what is for later does not count."""
    counted = [step for step in steps if step.stage is not Stage.TIGHTEN]
    return sum(step.standing is Standing.DONE for step in counted), len(counted)


def _stages(facts: Facts) -> Iterator[tuple[Stage, bool, list[RecordState]]]:
    """Give each stage of the domain, whether it is done, and the records of its own zone that belong to it."""
    own = [state for state in facts.states if state.record.zone == facts.name]

    def among(purposes: frozenset[str]) -> list[RecordState]:
        return [state for state in own if state.record.purpose in purposes]

    moves, programs = among(_MOVES), among(_PROGRAMS)
    harmless = [state for state in own if state.record.purpose not in _MOVES | _PROGRAMS | _LATER | _PROOF]
    if facts.pending:
        yield Stage.PROVE, False, among(_PROOF)
    if facts.parked:
        every = [state for state in own if state.record.purpose not in _PROOF]
        yield Stage.PUBLISH, _all_right([state for state in every if state.record.required]), every
        return
    moved = _all_right(moves)
    yield Stage.MAILBOX, facts.receives, []
    yield Stage.PUBLISH, _all_right([state for state in harmless if state.record.required]), harmless
    yield Stage.SIGN, facts.signs, []
    ready = facts.ready_at is not None and facts.now - facts.ready_at < READY_FOR
    yield Stage.READY, moved or ready, []
    yield Stage.MOVE, moved, moves
    yield Stage.TEST, bool(facts.received and facts.sent), []
    if programs:
        yield Stage.PROGRAMS, _all_right(programs), programs
    yield Stage.TIGHTEN, facts.tightened, []


def _all_right(states: Sequence[RecordState]) -> bool:
    return all(state.status == RecordStatus.RIGHT for state in states)


def _next(facts: Facts, stage: Stage, missing: tuple[RecordState, ...]) -> Step:
    if stage is Stage.SIGN:
        return Step(stage, Standing.WAITING, missing, facts.keys_until)
    needed = [state for state in missing if state.record.required] or list(missing)
    ttl = max((_stale_seconds(state) for state in needed), default=0)
    if not any(state.status == RecordStatus.WAITING for state in needed):
        return Step(stage, Standing.NEXT, missing, facts.now + timedelta(seconds=ttl) if ttl else None, ttl)
    looked_at = max((state.checked_at for state in needed if state.checked_at is not None), default=facts.now)
    return Step(stage, Standing.WAITING, missing, looked_at + timedelta(seconds=ttl) if ttl else None, ttl)


def _stale_seconds(state: RecordState) -> int:
    """Return how long an answer that was seen and is not right may be remembered."""
    stale = (answer for answer in state.seen if answer["status"] != RecordStatus.RIGHT)
    return max((answer["ttl"] or 0 for answer in stale), default=0)


def elsewhere(states: Sequence[RecordState]) -> tuple[str, ...]:
    """Return the hosts other than ours that get the domain's mail, as last seen."""
    moves = [state for state in states if state.record.purpose == "mx"]
    ours = {_host_of(state.record.value) for state in moves}
    found = dict.fromkeys(_host_of(text) for state in moves for text in state.found)
    return tuple(host for host in found if host not in ours and host not in ("", "."))


def _host_of(text: str) -> str:
    """Return the host of an MX text."""
    return text.rpartition(" ")[2].lower()


@dataclass(frozen=True, slots=True)
class Paste:
    """The text to publish for a record: ours, with what others wrote at its name kept.

    ``obstacle`` is why they cannot become one, ``weakens`` how ours asks for less than what stands there.
    """

    value: str
    obstacle: Obstacle | None = None
    weakens: str = ""


def to_publish(state: RecordState) -> Paste:
    """Return what to paste for a record as it was last seen."""
    row, found = state.record, state.found
    if row.purpose not in _MERGED or not found:
        return Paste(row.value)
    if state.status == RecordStatus.DUPLICATE:
        return Paste(row.value, Obstacle.DUPLICATE)
    if row.purpose == "tls-rpt":
        return Paste(merge_reporting(found[0], row.value))
    if row.purpose == "dmarc":
        merged = merge_policy(found[0], row.value)
        return Paste(merged.text, weakens=merged.weakens)
    try:
        return Paste(merge(found, row.value).text)
    except CannotMerge as error:
        return Paste(row.value, error.obstacle)
