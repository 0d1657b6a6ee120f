"""What this process counted and what the others told: who is over a limit, now.

Pure: the clock is given. Invariants: memory is bounded (``MOST`` counts, the oldest go first); without the others'
figures a process holds each client to the full figure alone, so nobody is refused for the silence of Redis, and
nobody is without limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from antispam.limits.figures import FIGURES, Excess, Kind, limits_of

MOST = 20_000

Place = tuple[Kind, str, int]  # what is counted, of whom, in which window


@dataclass(slots=True)
class _Count:
    """One client's count in one window: ours, what of it the others know, and all of it as last told."""

    own: int = 0
    sent: int = 0
    told: int = 0

    @property
    def total(self) -> int:
        """All that is known."""
        return self.told + self.own - self.sent


class Counts:
    """The counts of one process."""

    def __init__(self) -> None:
        self.unsent: dict[Place, None] = {}
        self.excesses: dict[tuple[Kind, str], Excess] = {}  # new ones, to be told
        self.limiting_until = 0.0  # somebody is over a limit until then, and may be let in before
        self.let_in: Mapping[str, float] = {}
        self._counts: dict[Place, _Count] = {}
        self._open: dict[str, int] = {}
        self._others: dict[str, int] = {}

    # Rates

    def add(self, kind: Kind, address: str, now: float) -> Excess | None:
        """Count one more and return the limit that is passed by it."""
        return self._look(kind, address, now, 1)

    def over(self, kind: Kind, address: str, now: float) -> Excess | None:
        """Return the limit that is reached already: the next one would pass it."""
        return self._look(kind, address, now, 0)

    def watch(self, kind: Kind, address: str, now: float) -> None:
        """Count nothing, but ask what the others counted."""
        window = int(now // FIGURES[kind].seconds)
        for client, _ in limits_of(kind, address):
            place = (kind, client, window)
            if place not in self._counts:
                self._begin(place)
            self.unsent[place] = None

    def _look(self, kind: Kind, address: str, now: float, more: int) -> Excess | None:
        seconds = FIGURES[kind].seconds
        window = int(now // seconds)
        found: Excess | None = None
        for client, limit in limits_of(kind, address):
            place = (kind, client, window)
            count = self._counts.get(place)
            if more:
                count = count or self._begin(place)
                count.own += more
                self.unsent[place] = None
            if count is None or self.let_in.get(client, 0.0) > now:
                continue
            if count.total >= limit + more and found is None:
                found = Excess(kind, client, limit, (window + 1) * seconds)
        return self._noted(found)

    def _begin(self, place: Place) -> _Count:
        if len(self._counts) >= MOST:
            oldest = next(iter(self._counts))
            del self._counts[oldest]
            self.unsent.pop(oldest, None)
        count = self._counts[place] = _Count()
        return count

    def _noted(self, excess: Excess | None) -> Excess | None:
        if excess is not None:
            self.limiting_until = max(self.limiting_until, excess.until)
            if len(self.excesses) < MOST:
                self.excesses[excess.kind, excess.client] = excess
        return excess

    def take_unsent(self, most: int) -> dict[Place, int]:
        """Return what the others do not know yet, and take it as told; 0 where only their figure is asked for."""
        taken: dict[Place, int] = {}
        while self.unsent and len(taken) < most:
            place = next(iter(self.unsent))
            del self.unsent[place]
            count = self._counts[place]
            taken[place] = count.own - count.sent
            count.sent = count.own
            count.told += taken[place]
        return taken

    def hear(self, place: Place, total: int) -> None:
        """Take in the total of all processes, ours that was sent included."""
        count = self._counts.get(place)
        if count is not None:
            count.told = max(count.told, total)

    def forget(self, now: float) -> None:
        """Drop the windows that have ended."""
        ended = [place for place in self._counts if (place[2] + 1) * FIGURES[place[0]].seconds <= now]
        for place in ended:
            del self._counts[place]
            self.unsent.pop(place, None)

    # Connections at one time

    def enter(self, address: str, now: float) -> Excess | None:
        """Count a connection that begins; one over the limit is not counted."""
        limits = limits_of(Kind.OPEN, address)
        for client, limit in limits:
            held = self._open.get(client, 0) + self._others.get(client, 0)
            if held >= limit and self.let_in.get(client, 0.0) <= now:
                return self._noted(Excess(Kind.OPEN, client, limit, now + 60))
        for client, _ in limits:
            self._open[client] = self._open.get(client, 0) + 1
        return None

    def leave(self, address: str) -> None:
        """Count a connection that ended."""
        for client, _ in limits_of(Kind.OPEN, address):
            held = self._open.get(client, 0) - 1
            if held > 0:
                self._open[client] = held
            else:
                self._open.pop(client, None)
                self._others.pop(client, None)

    def held(self) -> dict[str, int]:
        """Return the clients with open connections here, and how many."""
        return dict(self._open)

    def hear_open(self, client: str, others: int) -> None:
        """Take in what the other processes hold open."""
        if client in self._open:
            self._others[client] = others

    def alone(self) -> None:
        """Count alone from now on: what the others held open is not known any more."""
        self._others.clear()
