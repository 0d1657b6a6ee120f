"""The decision table: named rows in order, each a condition over the evidence with the dispositions that suit it.

The first row whose condition holds decides. The conditions are the same for everybody; what a row does is the
choice of each domain (``Table``), among dispositions that make sense for it. Results are evidence: no row looks at
SPF or DKIM alone, for both fail for honest mail every day. To refuse by default takes a DMARC failure under
``reject``, answers to every question asked of the DNS, and no sign that the message took a detour.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from antispam.disposition.signs import missing_answers, signs_of_detour
from antispam.dmarc.evaluate import DmarcResult
from antispam.evidence import Evidence


class Disposition(StrEnum):
    """What happens to a message, the mildest first."""

    INBOX = "inbox"
    JUNK = "junk"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a condition holds, and why or why not in one sentence."""

    hit: bool
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what it is called, when it holds, what it does unless a domain chose otherwise."""

    name: str
    condition: Callable[[Evidence], Finding]
    default: Disposition
    choices: Sequence[Disposition]


@dataclass(frozen=True, slots=True)
class Table:
    """What one domain of ours makes of the rows.

    ``domain`` is the recipients', ``owner`` the one whose choices these are: the target of an alias domain.
    """

    domain: str = ""
    chosen: Mapping[str, Disposition] = field(default_factory=lambda: MappingProxyType({}))
    owner: str = ""

    def disposition_of(self, row: Row) -> Disposition:
        """Return what the row does here; a choice that does not suit the row counts as none."""
        chosen = self.chosen.get(row.name, row.default)
        return chosen if chosen in row.choices else row.default


DEFAULT_TABLE = Table()


def _author_is_unclear(evidence: Evidence) -> Finding:
    unclear = evidence.dmarc.result is DmarcResult.PERMERROR
    return Finding(unclear, evidence.dmarc.reason if unclear else "From names one author domain")


def _passed(evidence: Evidence) -> Finding:
    return Finding(evidence.dmarc.result is DmarcResult.PASS, f"DMARC: {evidence.dmarc.result.value}")


def _had_no_answer(evidence: Evidence) -> Finding:
    silent = evidence.dmarc.result is DmarcResult.TEMPERROR
    return Finding(silent, evidence.dmarc.reason if silent else "DMARC was evaluated")


def _fails_under(policy: str) -> Callable[[Evidence], Finding]:
    def condition(evidence: Evidence) -> Finding:
        dmarc = evidence.dmarc
        if dmarc.result is not DmarcResult.FAIL:
            return Finding(False, "DMARC did not fail")
        return Finding(dmarc.policy == policy, f"DMARC failed under the policy {dmarc.policy}")

    return condition


_fails_under_reject = _fails_under("reject")


def _fails_without_answers(evidence: Evidence) -> Finding:
    finding = _fails_under_reject(evidence)
    if not finding.hit:
        return finding
    missing = missing_answers(evidence)
    if not missing:
        return Finding(False, "every check had its answers")
    return Finding(True, f"{finding.why}, but there was no answer for {', '.join(missing)}")


def _fails_on_a_detour(evidence: Evidence) -> Finding:
    finding = _fails_under_reject(evidence)
    if not finding.hit:
        return finding
    signs = signs_of_detour(evidence)
    if not signs:
        return Finding(False, "nothing speaks for a forwarder or a mailing list")
    return Finding(True, f"{finding.why}, but {'; '.join(signs)}")


def _always(evidence: Evidence) -> Finding:
    return Finding(True, "no other row holds")


_INBOX, _JUNK, _REFUSE = Disposition.INBOX, Disposition.JUNK, Disposition.REFUSE

ROWS: Sequence[Row] = (
    Row("from-unclear", _author_is_unclear, _JUNK, (_REFUSE, _JUNK, _INBOX)),
    Row("dmarc-pass", _passed, _INBOX, (_INBOX,)),
    Row("dmarc-temperror", _had_no_answer, _INBOX, (_JUNK, _INBOX)),
    Row("dmarc-fail-reject-unsure", _fails_without_answers, _JUNK, (_JUNK, _INBOX)),
    Row("dmarc-fail-reject-detour", _fails_on_a_detour, _JUNK, (_REFUSE, _JUNK, _INBOX)),
    Row("dmarc-fail-reject", _fails_under_reject, _REFUSE, (_REFUSE, _JUNK, _INBOX)),
    Row("dmarc-fail-quarantine", _fails_under("quarantine"), _JUNK, (_JUNK, _INBOX)),
    Row("dmarc-fail-none", _fails_under("none"), _INBOX, (_JUNK, _INBOX)),
    Row("no-objection", _always, _INBOX, (_INBOX,)),
)
EDITABLE: Sequence[Row] = tuple(row for row in ROWS if len(row.choices) > 1)
