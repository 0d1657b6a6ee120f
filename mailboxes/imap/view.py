"""This session's sequence numbers, and the changes it has not yet been told.

UIDs are kept as runs, not one by one, so a large quiet mailbox costs little. A message that another session removed
keeps its number until EXPUNGE may be said (RFC 9051 §7.5.1).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailboxes.imap.numset import NumberSet, Ranges, merge, ranges_of
from mailboxes.imap.port import Changes, FlagState


class UidRuns:
    """Ascending UIDs as runs; sequence numbers count from 1."""

    __slots__ = ("_before", "_first", "_last")

    def __init__(self, runs: Iterable[tuple[int, int]] = ()) -> None:
        self._first: list[int] = []
        self._last: list[int] = []
        self._before: list[int] = []  # how many messages stand before each run
        for low, high in runs:
            self.extend(low, high)

    def __len__(self) -> int:
        return self._before[-1] + self._last[-1] - self._first[-1] + 1 if self._first else 0

    @property
    def last(self) -> int:
        """The highest UID, 0 when there is none."""
        return self._last[-1] if self._last else 0

    def extend(self, low: int, high: int) -> None:
        """Add UIDs above the highest."""
        if self._last and low == self._last[-1] + 1:
            self._last[-1] = high
            return
        count = len(self)
        self._first.append(low)
        self._last.append(high)
        self._before.append(count)

    def sequence_of(self, uid: int) -> int | None:
        """Return a UID's number, None when it is not here."""
        run = bisect_right(self._first, uid) - 1
        if run < 0 or uid > self._last[run]:
            return None
        return self._before[run] + uid - self._first[run] + 1

    def uid_of(self, sequence: int) -> int:
        """Return the UID with a number from 1 to ``len``."""
        run = bisect_left(self._before, sequence) - 1
        return self._first[run] + sequence - self._before[run] - 1

    def runs(self) -> Ranges:
        """Return all UIDs as ranges."""
        return tuple(zip(self._first, self._last, strict=True))

    def within(self, ranges: Ranges) -> Ranges:
        """Return the UIDs here that the ranges name, as ranges."""
        found: list[tuple[int, int]] = []
        for low, high in ranges:
            run = max(bisect_right(self._first, low) - 1, 0)
            while run < len(self._first) and self._first[run] <= high:
                if self._last[run] >= low:
                    found.append((max(low, self._first[run]), min(high, self._last[run])))
                run += 1
        return merge(found)

    def without(self, uids: Iterable[int]) -> "UidRuns":
        """Return the runs without some UIDs."""
        return UidRuns(_subtract(self.runs(), sorted(set(uids))))


def _subtract(runs: Ranges, gone: Sequence[int]) -> Iterator[tuple[int, int]]:
    at = 0
    for start, high in runs:
        low = start
        while at < len(gone) and gone[at] < low:
            at += 1
        while at < len(gone) and gone[at] <= high:
            if gone[at] > low:
                yield low, gone[at] - 1
            low = gone[at] + 1
            at += 1
        if low <= high:
            yield low, high


@dataclass(frozen=True, slots=True)
class News:
    """What is to be said: expunged messages by number in saying order and by UID, the new count or None, flags.

    ``held_back`` is the MODSEQ below which all has been said, when an EXPUNGE is held back, else None.
    """

    expunged: Sequence[int]
    vanished: Ranges
    exists: int | None
    flags: Sequence[tuple[int, FlagState]]
    held_back: int | None = None


class View:
    """One selected mailbox as the client knows it."""

    __slots__ = (
        "_gone",
        "_told",
        "all_told_modseq",
        "known_modseq",
        "mailbox_id",
        "name",
        "read_only",
        "saved",
        "uids",
    )

    def __init__(self, mailbox_id: int, name: str, runs: Ranges, known_modseq: int, read_only: bool) -> None:
        self.mailbox_id = mailbox_id
        self.name = name
        self.uids = UidRuns(runs)
        self.known_modseq = known_modseq
        self.all_told_modseq = known_modseq  # all changes up to it have been told, EXPUNGE too
        self.read_only = read_only
        self.saved: Ranges = ()  # the UIDs that ``$`` stands for
        self._gone: set[int] = set()
        self._told: dict[int, int] = {}

    def resolve(self, numbers: NumberSet, by_uid: bool) -> Ranges:
        """Return the set as UIDs known here; raises ValueError when no sequence number of it exists.

        What was saved may be empty (RFC 5182 §2.1).
        """
        if numbers.saved:
            return self.uids.within(self.saved)
        if by_uid:
            return self.uids.within(numbers.resolve(self.uids.last))
        count = len(self.uids)
        ranges = [(max(low, 1), min(high, count)) for low, high in numbers.resolve(count) if low <= count]
        if not count or not ranges:
            raise ValueError("There is no message with such a number")
        return self.uids.within(tuple((self.uids.uid_of(low), self.uids.uid_of(high)) for low, high in ranges))

    def tell(self, states: Iterable[FlagState]) -> None:
        """Note states that the client has been told already, or asked not to be."""
        self._told.update((state.uid, state.modseq) for state in states if state.modseq > self.known_modseq)

    def apply(self, changes: Changes, may_expunge: bool) -> News:
        """Take changes in and return what to say now; expunged messages are held back unless they may be said."""
        self._gone.update(uid for uid in changes.expunged if self.uids.sequence_of(uid) is not None)
        vanished = ranges_of(sorted(self._gone)) if may_expunge else ()
        expunged = self._say_expunged() if may_expunge else []
        last = self.uids.last
        new = [state.uid for state in changes.changed if state.uid > last]
        for uid in new:
            self.uids.extend(uid, uid)
        flags = [
            (sequence, state)
            for state in changes.changed
            if state.uid <= last and self._told.get(state.uid) != state.modseq
            if (sequence := self.uids.sequence_of(state.uid)) is not None
        ]
        self.known_modseq = max(self.known_modseq, changes.highest_modseq)
        self._told.clear()
        if not self._gone:
            self.all_told_modseq = self.known_modseq
        held_back = self.all_told_modseq if self._gone else None
        return News(expunged, vanished, len(self.uids) if new else None, flags, held_back)

    @property
    def has_held(self) -> bool:
        """True while an EXPUNGE is held back."""
        return bool(self._gone)

    def _say_expunged(self) -> list[int]:
        """Return the numbers from the highest down, so that each is right when it is said."""
        if not self._gone:
            return []
        numbers = sorted((self.uids.sequence_of(uid) or 0 for uid in self._gone), reverse=True)
        self.uids = self.uids.without(self._gone)
        self._gone.clear()
        return numbers
