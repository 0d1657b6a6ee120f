"""From results to a disposition: the default table, and that no reason is lost."""

import pytest

from antispam.dkim.verify import DkimResult, DkimSignature
from antispam.dmarc.evaluate import DmarcEvaluation, DmarcResult
from antispam.evidence import Envelope, Evidence
from antispam.spf.evaluate import SpfEvaluation, SpfResult
from antispam.verdict import Disposition, decide

TABLE = [
    ("fail", "fail", "fail", "reject", "junk", "dmarc-fail-reject", "the owner asks to reject"),
    ("fail", "fail", "fail", "quarantine", "junk", "dmarc-fail-quarantine", "the owner asks to quarantine"),
    ("pass", "pass", "fail", "reject", "junk", "dmarc-fail-reject", "both pass, neither is aligned"),
    ("fail", "fail", "fail", "none", "inbox", "no-objection", "the owner only watches"),
    ("fail", "none", "none", "none", "inbox", "no-objection", "SPF alone refuses nothing"),
    ("softfail", "fail", "none", "none", "inbox", "no-objection", "DKIM alone neither"),
    ("fail", "pass", "pass", "reject", "inbox", "dmarc-pass", "an aligned signature is enough"),
    ("pass", "none", "pass", "reject", "inbox", "dmarc-pass", "an aligned SPF is enough"),
    ("temperror", "temperror", "temperror", "reject", "inbox", "no-objection", "silence is no guilt"),
    ("permerror", "permerror", "permerror", "none", "inbox", "no-objection", "several authors"),
]


@pytest.mark.parametrize(
    ("spf", "dkim", "dmarc", "policy", "disposition", "row", "why"), TABLE, ids=[row[-1] for row in TABLE]
)
def test_the_default_table(spf, dkim, dmarc, policy, disposition, row, why):
    evaluation = DmarcEvaluation(DmarcResult(dmarc), "because", policy=policy)
    verdict = decide(
        Evidence(
            Envelope("192.0.2.1", "b.example", "bob@b.example"),
            SpfEvaluation(SpfResult(spf), "why", "b.example"),
            [DkimSignature(DkimResult(dkim), "why", "b.example")],
            evaluation,
        )
    )
    assert (verdict.disposition, verdict.row) == (Disposition(disposition), row)
    assert verdict.folder == {"junk": "Junk", "inbox": "INBOX"}[disposition]
    assert len(verdict.reasons) == 3
    assert verdict.reasons[0].startswith(f"SPF: {spf}")
    assert "because" in verdict.reasons[2]
