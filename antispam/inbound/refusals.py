"""Traces of what was refused before a transaction: few enough that no flood of them fills the database.

One a minute for each address and reply, and ``RATE`` a second over all in the long run; the next trace that is
written says how many were not.
"""

import time
from collections.abc import Callable

from antispam.limits.figures import Excess
from domains.trace import MessageTrace
from domains.trace_buffer import trace_buffer
from mailboxes.connection import Peer
from mailboxes.smtp.port import Session
from mailboxes.smtp.replies import Reply

RATE = 1.0
BURST = 60.0
AGAIN_SECONDS = 60.0
REMEMBERED = 4096


def cause_of(excess: Excess) -> str:
    """Return the limit in words, for the trace alone."""
    return f"limit {excess.kind} of {excess.limit} for {excess.client}"


def refusal_of(excess: Excess) -> Reply:
    """Return what one over a limit is told within a session."""
    return Reply(450, "4.7.0", excess.words(), cause=cause_of(excess))


class RefusedConnections:
    """Writes the traces of one worker's refusals."""

    def __init__(self) -> None:
        self._room = BURST
        self._at = 0.0
        self._last: dict[tuple[str, str, str], float] = {}
        self._unwritten = 0

    def note(
        self, client: Session | Peer, stage: str, reply: Reply, begun: Callable[[], MessageTrace] | None = None
    ) -> None:
        """Write the trace of a refusal, or count it only; ``begun`` gives the stages before, if there were any."""
        if not self._may_write((client.client_address, stage, reply.text), time.monotonic()):
            self._unwritten += 1
            return
        detail: dict[str, object] = {"reply": reply.as_text(), "cause": reply.cause}
        if begun is not None and stage != "connect":
            trace = begun()
        else:
            trace = MessageTrace("in", client_address=client.client_address)
            detail |= {"address": client.client_address, "port": client.client_port}
        if self._unwritten:
            detail["others_not_recorded"] = self._unwritten
            self._unwritten = 0
        trace.outcome = "refused"
        trace.add(stage, "refused", reply.text, detail)
        trace_buffer().add(trace)

    def _may_write(self, what: tuple[str, str, str], now: float) -> bool:
        self._room = min(BURST, self._room + (now - self._at) * RATE)
        self._at = now
        if self._room < 1 or now - self._last.get(what, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return False
        self._room -= 1
        if len(self._last) >= REMEMBERED:
            del self._last[next(iter(self._last))]
        self._last[what] = now
        return True
