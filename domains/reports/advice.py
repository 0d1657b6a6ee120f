"""How far a domain may go with its DMARC policy, by its reports: none, quarantine on trial, quarantine, reject. Pure.

Says what is known, who would lose mail at each step, and the next step when the evidence is there; else the threshold
that is not reached. A step is proposed, never taken. Only reports that are believed count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from domains.dmarc.record import PolicyRecord
from domains.reports.kinds import Kind

LOOKED_DAYS = 28
LEAST_DAYS = 14  # with reports, of the last LOOKED_DAYS
LEAST_MESSAGES = 100  # of known senders
LEAST_REPORTERS = 2
REST_DAYS = 14  # since the policy was changed last
LEAST_MISTAKE = 10  # messages of one sender set up wrong that are worth waiting for
UNKNOWN_SHARE = 0.05  # of all mail, failing and unnamed, above which its owner should look first
_OURS = (Kind.OWN, Kind.ALIGNED, Kind.MISALIGNED)


class Step(StrEnum):
    """A step of the ramp; ``trial`` is quarantine with ``t=y`` (RFC 9989 section 4.7)."""

    NONE = "none"
    TRIAL = "trial"
    QUARANTINE = "quarantine"
    REJECT = "reject"


STEPS = tuple(Step)
# The share of our own mail that may fail at a step.
MOST_LOST = {Step.NONE: 1.0, Step.TRIAL: 0.02, Step.QUARANTINE: 0.01, Step.REJECT: 0.005}


@dataclass(frozen=True, slots=True)
class Traffic:
    """Messages of one sender in one name that passed or failed DMARC."""

    header_from: str
    kind: str
    sender: str
    passed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the advice rests on; ``changed_days`` is since when the policy stands, None when it never changed."""

    days: int
    messages: int
    reporters: int
    changed_days: int | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """One sender and how many of its messages would be hit."""

    sender: str
    kind: str
    header_from: str
    messages: int


@dataclass(frozen=True, slots=True)
class StepView:
    """What a step would do: mail of ours that it hits, mail passed on that it hits, and what it keeps out."""

    step: Step
    losses: tuple[Loss, ...]
    forwarded: tuple[Loss, ...]
    stopped: int
    share: float  # of our own mail that would be hit


@dataclass(frozen=True, slots=True)
class Reason:
    """Why no step is proposed, or what comes with it: a code, with the figures of its sentence."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Advice:
    """The whole advice; ``proposed`` is None while something speaks against every further step."""

    known: Known
    current: Step
    proposed: Step | None
    refusals: tuple[Reason, ...]
    views: tuple[StepView, ...]
    early: tuple[Reason, ...]


def step_of(record: PolicyRecord) -> Step:
    """Return where on the ramp a record stands; ``t=y`` steps down (RFC 9989 section 4.7)."""
    if record.policy == "none":
        return Step.NONE
    if record.testing:
        return Step.QUARANTINE if record.policy == "reject" else Step.TRIAL
    return Step.REJECT if record.policy == "reject" else Step.QUARANTINE


def advise(domain: str, record: PolicyRecord, known: Known, traffic: Sequence[Traffic]) -> Advice:
    """Return what to do next with the policy of the domain."""
    current = step_of(record)
    views = tuple(_view(step, traffic) for step in STEPS[1:])
    following = STEPS[STEPS.index(current) + 1] if current is not Step.REJECT else None
    refusals = _refusals(current, following, known, traffic, views)
    proposed = following if not refusals else None
    return Advice(known, current, proposed, refusals, views, _early(domain, record, known, traffic))


def _view(step: Step, traffic: Sequence[Traffic]) -> StepView:
    ours = [one for one in traffic if one.kind in _OURS]
    whole = sum(one.passed + one.failed for one in ours)
    lost = sum(one.failed for one in ours)
    return StepView(
        step,
        _losses(ours),
        _losses([one for one in traffic if one.kind == Kind.FORWARDER]),
        sum(one.failed for one in traffic if one.kind in (Kind.IMPOSTOR, Kind.UNKNOWN)),
        lost / whole if whole else 0.0,
    )


def _losses(traffic: Sequence[Traffic]) -> tuple[Loss, ...]:
    found = [Loss(one.sender, one.kind, one.header_from, one.failed) for one in traffic if one.failed]
    return tuple(sorted(found, key=lambda loss: (-loss.messages, loss.sender, loss.header_from)))


def _refusals(
    current: Step, following: Step | None, known: Known, traffic: Sequence[Traffic], views: Sequence[StepView]
) -> tuple[Reason, ...]:
    if following is None:
        return (Reason("at-the-top"),)
    found: list[Reason] = []
    good = sum(one.passed for one in traffic if one.kind in _OURS)
    if known.days < LEAST_DAYS:
        found.append(Reason("too-few-days", {"days": known.days, "least": LEAST_DAYS, "of": LOOKED_DAYS}))
    if known.reporters < LEAST_REPORTERS:
        found.append(Reason("too-few-reporters", {"reporters": known.reporters, "least": LEAST_REPORTERS}))
    if good < LEAST_MESSAGES:
        found.append(Reason("too-few-messages", {"messages": good, "least": LEAST_MESSAGES}))
    if known.changed_days is not None and known.changed_days < REST_DAYS:
        found.append(Reason("changed-lately", {"days": known.changed_days, "least": REST_DAYS}))
    for one in _mistakes(traffic):
        found.append(Reason("mend-first", {"sender": one[0], "messages": one[1]}))
    view = next(one for one in views if one.step is following)
    if view.share > MOST_LOST[following]:
        share, most = f"{100 * view.share:.1f}", f"{100 * MOST_LOST[following]:g}"
        found.append(Reason("too-much-lost", {"share": share, "most": most}))
    unnamed = sum(one.failed for one in traffic if one.kind == Kind.UNKNOWN)
    if known.messages and unnamed / known.messages > UNKNOWN_SHARE:
        found.append(Reason("look-first", {"messages": unnamed, "most": f"{100 * UNKNOWN_SHARE:g}"}))
    return tuple(found)


def _mistakes(traffic: Sequence[Traffic]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for one in traffic:
        if one.kind == Kind.MISALIGNED:
            counts[one.sender] = counts.get(one.sender, 0) + one.failed
    return sorted(
        ((name, count) for name, count in counts.items() if count >= LEAST_MISTAKE), key=lambda one: (-one[1], one[0])
    )


def _early(domain: str, record: PolicyRecord, known: Known, traffic: Sequence[Traffic]) -> tuple[Reason, ...]:
    """Return what can be asked for before the next step: names that do not exist, names that send nothing."""
    if known.days < LEAST_DAYS or not known.messages:
        return ()
    found: list[Reason] = []
    if record.nonexistent_policy != "reject" and record.policy_for(True, False) != "reject":
        found.append(Reason("np-reject"))
    below = [one for one in traffic if one.header_from.endswith(f".{domain}")]
    sending = sorted({one.header_from for one in below if one.kind in _OURS})
    forged = sum(one.failed for one in below if one.kind in (Kind.IMPOSTOR, Kind.UNKNOWN))
    if forged and not sending and record.policy_for(True, True) != "reject":
        found.append(Reason("sp-reject", {"messages": forged}))
    return tuple(found)
