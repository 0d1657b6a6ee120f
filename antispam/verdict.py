"""From results to a disposition, with the row of the table that decided and every reason kept.

Results are evidence: SPF or DKIM failing without DMARC neither refuses nor moves a message. A DMARC failure under
``quarantine`` or ``reject`` goes to Junk, where its owner can still find it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from antispam.dkim.verify import DkimResult
from antispam.dmarc.evaluate import DmarcResult
from antispam.evidence import Evidence


class Disposition(StrEnum):
    """What happens to an accepted message by default."""

    INBOX = "inbox"
    JUNK = "junk"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The disposition, the folder it means, the row that decided, and the reasons in order."""

    disposition: Disposition
    row: str
    reasons: Sequence[str]

    @property
    def folder(self) -> str:
        """The default folder's name."""
        return "Junk" if self.disposition is Disposition.JUNK else "INBOX"


def decide(evidence: Evidence) -> Verdict:
    """Return the verdict by the default table."""
    spf, dmarc = evidence.spf, evidence.dmarc
    good = [signature.domain for signature in evidence.dkim if signature.result is DkimResult.PASS]
    signatures = f"DKIM: valid for {', '.join(good)}" if good else "DKIM: no valid signature"
    reasons = [
        f"SPF: {spf.result.value} for {spf.domain}",
        signatures,
        f"DMARC: {dmarc.result.value}, {dmarc.reason}",
    ]
    if dmarc.result is DmarcResult.FAIL and dmarc.policy in ("quarantine", "reject"):
        return Verdict(Disposition.JUNK, f"dmarc-fail-{dmarc.policy}", reasons)
    if dmarc.result is DmarcResult.PASS:
        return Verdict(Disposition.INBOX, "dmarc-pass", reasons)
    return Verdict(Disposition.INBOX, "no-objection", reasons)
