"""What a look at a domain's records changes: in their history, and in what somebody has to be told.

Pure. A record is known by its ``Spot``; all values wanted there are one matter (the addresses of a host, say).
Silence is not evidence: a server that does not answer neither opens nor closes a trouble of a record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

RIGHT = "right"
SILENT = "unreachable"
PASSING = timedelta(hours=1)  # changes to and fro within it are one entry
ENOUGH_LOOKS = 2
BETWEEN_LOOKS = timedelta(minutes=5)  # two looks at the same moment see the same passing fault
TEXTS = 10
TEXT_LENGTH = 1000


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """One record: what it is for, its name, its type."""

    purpose: str
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Look:
    """How a record was seen: ``certain`` when every server asked says the same; how many of them lack it."""

    status: str
    wanted: tuple[str, ...]
    found: tuple[str, ...] = ()
    required: bool = True
    certain: bool = False
    lacking: int = 0
    asked: int = 0


def texts(values: Iterable[str]) -> tuple[str, ...]:
    """Return texts as they are kept: in one order, few, cut, without NUL."""
    kept = sorted({value.replace("\0", "\ufffd")[:TEXT_LENGTH] for value in values})
    return tuple(kept[:TEXTS])


def joined(looks: Iterable[Look]) -> Look:
    """Return the looks at one spot as one: the first that is not right gives the status."""
    rows = list(looks)
    worst = next((row for row in rows if row.status != RIGHT), rows[0])
    return replace(
        worst,
        wanted=texts(value for row in rows for value in row.wanted),
        found=texts(value for row in rows for value in row.found),
        required=any(row.required for row in rows),
    )


# ---- History ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """The newest entry of a record's history."""

    kind: str
    at: datetime
    status_before: str
    status: str
    wanted: tuple[str, ...]
    found: tuple[str, ...]
    before: tuple[str, ...] = ()
    here: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """An entry to write; with ``folds`` it is drawn together with the newest one instead."""

    kind: str
    status_before: str
    status: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    wanted: tuple[str, ...]
    found: tuple[str, ...]
    here: bool = False
    folds: bool = False
    lacking: int = 0
    asked: int = 0


def changes_of(last: Entry | None, look: Look | None, now: datetime) -> list[Change]:
    """Return what a look adds to a record's history; ``look`` is None when the record is no longer wanted."""
    if last is None:
        return [] if look is None else [_first(look)]
    if look is None:
        return [_wanted(last, ())] if last.wanted else []
    done = []
    if look.wanted != last.wanted:
        done.append(_wanted(last, look.wanted))
        last = replace(last, kind="wanted", at=now, status="unchecked", wanted=look.wanted)
    seen = _seen(last, look, now)
    return [*done, seen] if seen is not None else done


def _first(look: Look) -> Change:
    found = look.found
    return Change("seen", "", look.status, (), found, look.wanted, found, lacking=look.lacking, asked=look.asked)


def _wanted(last: Entry, wanted: tuple[str, ...]) -> Change:
    return Change("wanted", last.status, "unchecked", last.wanted, wanted, wanted, last.found)


def _seen(last: Entry, look: Look, now: datetime) -> Change | None:
    """Return the change in what is seen; a silent server leaves what was seen as it was."""
    found = last.found if look.status == SILENT else look.found
    if look.status == last.status and found == last.found:
        return None
    here = last.kind == "applied" or (last.here and now - last.at < PASSING)
    same = last.kind == "seen" and last.here == here
    folds = same and bool(last.status_before) and now - last.at < PASSING
    before = last.before if folds else last.found
    status_before = last.status_before if folds else last.status
    servers = look.lacking, look.asked
    return Change("seen", status_before, look.status, before, found, look.wanted, found, here, folds, *servers)


# ---- Troubles ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trouble:
    """A record that was right and is not: ``looks`` saw it so; ``told`` once somebody was."""

    since: datetime
    status: str
    required: bool
    looks: int = 1
    told: bool = False


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a look makes of a record: the trouble that is left, and what to tell (``wrong``, ``right`` or nothing)."""

    trouble: Trouble | None = None
    tell: str = ""


def weigh(trouble: Trouble | None, look: Look, was_right: bool, now: datetime) -> Weighed:
    """Weigh a look at a record: two in a row or a certain one tell that it is wrong; one tells that it is right."""
    if look.status == SILENT:
        return Weighed(trouble)
    if look.status == RIGHT:
        return Weighed(None, "right" if trouble is not None and trouble.told else "")
    if trouble is None:
        if not was_right:
            return Weighed()
        trouble = Trouble(now, look.status, look.required, looks=0)
    trouble = replace(trouble, status=look.status, required=look.required, looks=trouble.looks + 1)
    if trouble.told or not (look.certain or lasts(trouble.looks, trouble.since, now)):
        return Weighed(trouble)
    return Weighed(replace(trouble, told=True), "wrong")


def lasts(looks: int, since: datetime, now: datetime) -> bool:
    """True when so many looks in a row since then are more than a passing fault."""
    return looks >= ENOUGH_LOOKS and now - since >= BETWEEN_LOOKS


def turned(before: Iterable[Trouble], after: Iterable[Trouble]) -> str:
    """Return ``bad`` or ``good`` when the domain became so by what was told of records that mail needs."""
    had, has = (any(row.told and row.required for row in rows) for rows in (before, after))
    return "" if had == has else "bad" if has else "good"


def by_spot(looks: Iterable[tuple[Spot, Look]]) -> Mapping[Spot, Look]:
    """Return the looks drawn together by record, in the order of the records."""
    rows: dict[Spot, list[Look]] = {}
    for spot, look in looks:
        rows.setdefault(spot, []).append(look)
    return {spot: joined(found) for spot, found in rows.items()}
