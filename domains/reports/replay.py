"""What would have become of reported mail under another DMARC record: alignment and policy anew, message by message.

Pure. A receiver proved which domains passed SPF and DKIM; whether they are aligned, and what the policy then asks
for, is worked out again (RFC 9989 sections 4.4 and 4.7). What a receiver did for reasons of its own is not replayed:
both sides are what the records ask for.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domains.dmarc.record import PolicyRecord


@dataclass(frozen=True, slots=True)
class Reported:
    """Messages of one sender and pattern: the domains that passed, and what the receiver said of their alignment."""

    header_from: str
    kind: str
    sender: str
    dkim_domains: tuple[str, ...]
    spf_domains: tuple[str, ...]
    messages: int
    dkim_aligned: bool = False
    spf_aligned: bool = False


@dataclass(frozen=True, slots=True)
class Flip:
    """Messages that the other record would treat otherwise."""

    sender: str
    kind: str
    header_from: str
    before: str
    after: str
    messages: int


@dataclass(frozen=True, slots=True)
class Replay:
    """All messages looked at, those that stay as they are, and the flips, most messages first.

    ``undecided`` counts messages whose name may not exist, where ``np`` and ``sp`` ask for different things.
    """

    messages: int
    unchanged: int
    undecided: int
    flips: tuple[Flip, ...]


def replay(domain: str, before: PolicyRecord, after: PolicyRecord, rows: Iterable[Reported]) -> Replay:
    """Return what changes between two records of the domain."""
    counts: dict[tuple[str, str, str, str, str], int] = defaultdict(int)
    messages = unchanged = undecided = 0
    for row in rows:
        messages += row.messages
        old, _certain = _asked(domain, before, row)
        new, certain = _asked(domain, after, row)
        if not certain:
            undecided += row.messages
        if old == new:
            unchanged += row.messages
        else:
            counts[row.sender, row.kind, row.header_from, old, new] += row.messages
    flips = [Flip(*key, count) for key, count in counts.items()]
    return Replay(messages, unchanged, undecided, tuple(sorted(flips, key=lambda one: (-one.messages, one.sender))))


def _asked(domain: str, record: PolicyRecord, row: Reported) -> tuple[str, bool]:
    """Return what the record asks for (``pass`` or a policy), and whether that is certain."""
    if _aligned(domain, row.header_from, record.dkim_alignment, row.dkim_domains, row.dkim_aligned):
        return "pass", True
    if _aligned(domain, row.header_from, record.spf_alignment, row.spf_domains, row.spf_aligned):
        return "pass", True
    below = row.header_from != domain
    certain = not below or record.policy_for(True, True) == record.policy_for(True, False)
    return record.applied(record.policy_for(below, True)), certain


def _aligned(domain: str, header_from: str, mode: str, passed: Sequence[str], said: bool) -> bool:
    """True when one of the domains is aligned with From: the same, or in relaxed mode of the same organization.

    A receiver that says so without naming the domain is believed in relaxed mode.
    """
    if mode == "s":
        return header_from in passed
    return said or any(name == domain or name.endswith(f".{domain}") for name in passed)
