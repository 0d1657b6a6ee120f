"""Whose reverse path may be written to after the 250: only one that the message itself proved."""

import pytest

from antispam.dmarc.evaluate import Alignment, DmarcEvaluation, DmarcResult
from antispam.evidence import Envelope, Evidence
from antispam.spf.evaluate import SpfEvaluation, SpfResult

PASS, FAIL, NONE, TEMPERROR = DmarcResult.PASS, DmarcResult.FAIL, DmarcResult.NONE, DmarcResult.TEMPERROR


def evidence(mail_from: str, dmarc: DmarcResult, spf: SpfResult, aligned: bool, organization: str) -> Evidence:
    alignments = [Alignment("spf", "b.example", aligned, "relaxed")] if spf is SpfResult.PASS else []
    evaluation = DmarcEvaluation(
        dmarc, "", "mail.b.example", organizational_domain=organization, alignments=alignments
    )
    identity = "mailfrom" if mail_from else "helo"
    return Evidence(
        Envelope("192.0.2.9", "client.example", mail_from),
        SpfEvaluation(spf, mail_from.rpartition("@")[2], "", identity),
        [],
        evaluation,
    )


@pytest.mark.parametrize(
    ("mail_from", "dmarc", "spf", "aligned", "organization", "proven", "why"),
    [
        ("bob@b.example", PASS, "pass", True, "b.example", True, "SPF and DMARC"),
        ("bob@b.example", NONE, "pass", True, "b.example", True, "aligned SPF, no policy"),
        (
            "bob@b.example",
            PASS,
            "fail",
            False,
            "b.example",
            True,
            "DKIM of the author's organisation, as over a list",
        ),
        ("x@news.b.example", PASS, "none", False, "b.example", True, "a neighbour in the organisation"),
        ("eve@c.example", PASS, "fail", False, "b.example", False, "DKIM of b, but the path is another's"),
        ("eve@c.example", PASS, "none", False, "b.example", False, "and says nothing itself"),
        ("eve@xb.example", PASS, "none", False, "b.example", False, "only its end looks like it"),
        ("eve@c.example", PASS, "pass", False, "b.example", True, "DMARC by DKIM, and the path is proven by SPF"),
        ("eve@c.example", FAIL, "pass", False, "b.example", False, "SPF of a path that is not the author's"),
        ("bob@b.example", FAIL, "fail", False, "b.example", False, "nothing"),
        ("bob@b.example", TEMPERROR, "temperror", False, "b.example", False, "silence proves nothing"),
        ("bob@mail.b.example", PASS, "none", False, "", True, "an organisation that is not known is the domain"),
        ("bob@b.example", PASS, "none", False, "", False, "and no more than the domain"),
        ("", PASS, "pass", True, "b.example", False, "nobody"),
    ],
)
def test_who_may_be_told(
    mail_from: str, dmarc: DmarcResult, spf: str, aligned: bool, organization: str, proven: bool, why: str
) -> None:
    assert evidence(mail_from, dmarc, SpfResult(spf), aligned, organization).proves_sender is proven, why
