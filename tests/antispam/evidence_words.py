"""Evidence in a few words: what a test says of it, and nothing held against it otherwise."""

from typing import Any

from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import DkimSignature
from antispam.dmarc.evaluate import DmarcEvaluation, DmarcResult
from antispam.evidence import Envelope, Evidence
from antispam.spf.evaluate import SpfEvaluation, SpfResult


def evidence(
    spf: str = "none",
    dkim: str = "none",
    dmarc: str = "none",
    policy: str = "none",
    *,
    signer: str = "b.example",
    walk_failed: str = "",
    author: str = "bank.example",
    known_network: bool | None = False,
    **signs: Any,
) -> Evidence:
    """Return it; ``dkim`` may hold several results, parted by spaces."""
    signatures = [DkimSignature(DkimResult(word), "why", signer) for word in dkim.split() if word != "none"]
    evaluation = DmarcEvaluation(
        DmarcResult(dmarc), "because", author_domain=author, policy=policy, walk_failed=walk_failed
    )
    return Evidence(
        Envelope("192.0.2.1", "b.example", "bob@b.example"),
        SpfEvaluation(SpfResult(spf), "b.example", "why"),
        signatures,
        evaluation,
        known_network=known_network,
        **signs,
    )
