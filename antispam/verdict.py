"""From evidence to a disposition, by the decision table, with every row that was tried and every reason kept.

One message has one reply, whatever its recipients: it is refused only when the tables of all their domains refuse it
and none of them has to stay reachable. Otherwise those who would refuse it get it into Junk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from antispam.disposition.rows import DEFAULT_TABLE, ROWS, Disposition, Table
from antispam.dkim.policy import DkimResult
from antispam.evidence import Evidence

__all__ = ["Disposition", "Tried", "Verdict", "decide"]

_STRICTNESS = list(Disposition)


@dataclass(frozen=True, slots=True)
class Tried:
    """One row as it was tried: whether it held, and why or why not."""

    row: str
    hit: bool
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The disposition, the row that decided, the reasons in order, and the rows tried in order.

    ``tables`` are those that decided; ``may_refuse`` says whether they could refuse at all.
    ``shares`` is what the message meets in each domain of its recipients; ``disposition`` is the strictest of them.
    """

    disposition: Disposition
    row: str
    reasons: Sequence[str]
    tried: Sequence[Tried] = ()
    tables: Sequence[Table] = (DEFAULT_TABLE,)
    shares: Mapping[str, Disposition] = field(default_factory=dict)
    may_refuse: bool = True

    @property
    def refused(self) -> bool:
        """True when nobody gets it."""
        return self.disposition is Disposition.REFUSE

    @property
    def table(self) -> Table:
        """The strictest of the tables."""
        return max(self.tables, key=lambda table: _STRICTNESS.index(self.shares[table.domain]))

    @property
    def folder(self) -> str:
        """The default folder's name."""
        return folder_of(self.disposition)

    def folder_in(self, domain: str) -> str:
        """Return the default folder's name for recipients in a domain of ours (A-labels)."""
        return folder_of(self.shares.get(domain, self.disposition))


def folder_of(disposition: Disposition) -> str:
    """Return the folder that a disposition means."""
    return "INBOX" if disposition is Disposition.INBOX else "Junk"


def decide(evidence: Evidence, tables: Sequence[Table] = (DEFAULT_TABLE,), may_refuse: bool = True) -> Verdict:
    """Return the verdict by the tables of the recipients' domains; ``may_refuse`` is False while one of the
    recipients must stay reachable or a table could not be read.
    """
    tried: list[Tried] = []
    for row in ROWS:
        finding = row.condition(evidence)
        tried.append(Tried(row.name, finding.hit, finding.why))
        if finding.hit:
            break
    shares = {table.domain: table.disposition_of(row) for table in tables}
    if not may_refuse or set(shares.values()) != {Disposition.REFUSE}:
        shares = {domain: _milder(share) for domain, share in shares.items()}
    disposition = max(shares.values(), key=_STRICTNESS.index)
    return Verdict(disposition, row.name, _reasons(evidence), tried, tables, shares, may_refuse)


def _milder(share: Disposition) -> Disposition:
    """Return Junk for what would refuse."""
    return Disposition.JUNK if share is Disposition.REFUSE else share


def _reasons(evidence: Evidence) -> Sequence[str]:
    spf, dmarc = evidence.spf, evidence.dmarc
    good = [signature.domain for signature in evidence.dkim if signature.result is DkimResult.PASS]
    return [
        f"SPF: {spf.result.value} for {spf.domain}",
        f"DKIM: valid for {', '.join(good)}" if good else "DKIM: no valid signature",
        f"DMARC: {dmarc.result.value}, {dmarc.reason}",
    ]
