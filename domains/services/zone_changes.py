"""From the steps of a plan to changes of record sets, and back again; pure.

The steps speak as ``dns.port`` does, a change speaks as zone files do and carries the set as its primary has it, so
that nothing is changed that somebody else changed meanwhile.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from domains.dns.port import Answer
from domains.dns.texts import zone_text
from domains.dns.update import Held, Question, SetChange
from domains.services.plan import PlanStep


@dataclass(frozen=True, slots=True)
class Set:
    """All texts of one name and type, as ``dns.port`` spells them."""

    name: str
    type: str
    ttl: int
    texts: tuple[str, ...]


def changes_of(steps: Sequence[PlanStep], held: Mapping[Question, Held]) -> list[SetChange]:
    """Return one change for each set that the applicable steps touch, in their order."""
    return [_change(question, rows, held[question]) for question, rows in _by_set(steps).items()]


def _by_set(steps: Sequence[PlanStep]) -> dict[Question, list[PlanStep]]:
    rows: dict[Question, list[PlanStep]] = {}
    for step in steps:
        if step.applicable:
            rows.setdefault((step.record.name, step.record.type), []).append(step)
    return rows


def _change(question: Question, steps: Sequence[PlanStep], held: Held) -> SetChange:
    name, rdtype = question
    gone = list(dict.fromkeys(text for step in steps for text in step.removes))
    come = list(dict.fromkeys(text for step in steps for text in step.adds))
    stays = set(held.answer.records) - set(gone)
    return SetChange(
        name,
        rdtype,
        held.ttl if stays else steps[0].record.ttl,
        held.raw,
        tuple(held.raw_of(text) for text in gone),
        tuple(zone_text(rdtype, text) for text in come),
    )


def sets_after(steps: Sequence[PlanStep], seen: Mapping[Question, Sequence[Answer]]) -> list[Set]:
    """Return every set that the steps touch as it will be, with what stays in it."""
    return [_after(question, rows, seen.get(question, ())) for question, rows in _by_set(steps).items()]


def _after(question: Question, steps: Sequence[PlanStep], answers: Sequence[Answer]) -> Set:
    here = next((answer.records for answer in answers if answer.found), ())
    gone = {text for step in steps for text in step.removes}
    come = [text for step in steps for text in step.adds]
    texts = dict.fromkeys([*(text for text in here if text not in gone), *come])
    return Set(*question, steps[0].record.ttl, tuple(texts))


# ---- Undoing ----------------------------------------------------------------------------------------------------


def as_json(change: SetChange, ttl_before: int) -> dict[str, Any]:
    """Return a change as it is kept."""
    return asdict(change) | {"ttl_before": ttl_before}


def from_json(change: Mapping[str, Any]) -> SetChange:
    """Return a kept change as a value."""
    before, removes, adds = (tuple(change[name]) for name in ("before", "removes", "adds"))
    return SetChange(change["name"], change["type"], change["ttl"], before, removes, adds)


def happened(change: Mapping[str, Any], held: Held) -> bool | None:
    """Return whether a kept change shows in what the primary has; None when it has something else again."""
    before = set(change["before"])
    after = (before - set(change["removes"])) | set(change["adds"])
    now = set(held.raw)
    return True if now == after else False if now == before else None


def can_be_undone(change: Mapping[str, Any], held: Held) -> bool:
    """True when all that came is still there, and nothing that went."""
    now = set(held.raw)
    return set(change["adds"]) <= now and not set(change["removes"]) & now


def undoing(change: Mapping[str, Any], held: Held) -> SetChange:
    """Return the change that takes a kept one back."""
    return SetChange(
        change["name"],
        change["type"],
        change["ttl_before"] or change["ttl"],
        held.raw,
        tuple(change["adds"]),
        tuple(change["removes"]),
    )


def questions_of(changes: Collection[Mapping[str, Any]]) -> list[Question]:
    """Return what has to be asked to judge kept changes."""
    return [(change["name"], change["type"]) for change in changes]
