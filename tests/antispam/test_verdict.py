"""The decision table: what each row takes by default, what a domain may choose, and one reply for all recipients."""

import itertools

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from antispam.arc.verify import ArcEvaluation, ArcResult
from antispam.disposition.rows import EDITABLE, ROWS, Disposition, Table
from antispam.dmarc.evaluate import DmarcResult
from antispam.spf.evaluate import SpfResult
from antispam.story.sentences import told
from antispam.verdict import decide
from tests.antispam.evidence_words import evidence

LIST = {"mailing_list": "dev.lists.example"}
FORWARDER = {"known_forwarder": "groups.io"}
KNOWN = {"known_network": True}
UNASKED = {"known_network": None}
SEALED = {"arc": ArcEvaluation(ArcResult.PASS, "the chain holds", trusted_sealer="google.com")}
STRANGER = {"arc": ArcEvaluation(ArcResult.PASS, "the chain holds")}
BROKEN = {"arc": ArcEvaluation(ArcResult.FAIL, "the seal of station 1 does not hold")}
UNSEALED = {"arc": ArcEvaluation(ArcResult.TEMPERROR, "the DNS did not answer about a key")}
SILENT = {"walk_failed": "the DNS did not answer about _dmarc.bank.example"}

# spf, dkim, dmarc, policy, what else, disposition, row, why
TABLE = [
    # reject: refused only when nothing speaks for a detour
    ("fail", "fail", "fail", "reject", {}, "refuse", "dmarc-fail-reject", "a plain forgery"),
    ("fail", "none", "fail", "reject", {}, "refuse", "dmarc-fail-reject", "unsigned, from anywhere"),
    ("none", "none", "fail", "reject", {}, "refuse", "dmarc-fail-reject", "no SPF, no DKIM at all"),
    ("softfail", "fail", "fail", "reject", {}, "refuse", "dmarc-fail-reject", "softfail is no pass"),
    ("neutral", "neutral", "fail", "reject", {}, "refuse", "dmarc-fail-reject", "neutral is no pass"),
    ("permerror", "permerror", "fail", "reject", {}, "refuse", "dmarc-fail-reject", "broken records are answers"),
    ("pass", "none", "fail", "reject", {}, "refuse", "dmarc-fail-reject", "the forger's own SPF passes"),
    ("none", "pass", "fail", "reject", {}, "refuse", "dmarc-fail-reject", "the forger signs with a name of its own"),
    ("pass", "pass", "fail", "reject", {}, "refuse", "dmarc-fail-reject", "both pass, neither is aligned"),
    ("pass", "policy", "fail", "reject", {}, "refuse", "dmarc-fail-reject", "a signature that we do not take"),
    ("fail", "fail fail fail", "fail", "reject", {}, "refuse", "dmarc-fail-reject", "many broken signatures"),
    # reject, with a sign
    ("fail", "fail", "fail", "reject", LIST, "junk", "dmarc-fail-reject-detour", "a list broke the signature"),
    ("pass", "fail", "fail", "reject", LIST, "junk", "dmarc-fail-reject-detour", "the list's own SPF passes"),
    ("pass", "pass", "fail", "reject", LIST, "junk", "dmarc-fail-reject-detour", "the list signs"),
    ("fail", "pass", "fail", "reject", FORWARDER, "junk", "dmarc-fail-reject-detour", "a forwarder signs"),
    ("pass", "pass", "fail", "reject", FORWARDER, "junk", "dmarc-fail-reject-detour", "a forwarder with SRS"),
    ("fail", "fail", "fail", "reject", KNOWN, "junk", "dmarc-fail-reject-detour", "good mail came from there"),
    ("fail", "none", "fail", "reject", KNOWN, "junk", "dmarc-fail-reject-detour", "an unsigned forward"),
    ("fail", "fail", "fail", "reject", UNASKED, "junk", "dmarc-fail-reject-detour", "nobody looked at the network"),
    ("fail", "fail", "fail", "reject", LIST | KNOWN, "junk", "dmarc-fail-reject-detour", "two signs"),
    ("fail", "pass", "fail", "reject", LIST | FORWARDER | KNOWN, "junk", "dmarc-fail-reject-detour", "all of them"),
    ("fail", "fail", "fail", "reject", LIST | UNASKED, "junk", "dmarc-fail-reject-detour", "a sign was enough"),
    ("fail", "fail", "fail", "reject", SEALED, "junk", "dmarc-fail-reject-detour", "a trusted domain sealed it"),
    ("fail", "fail", "fail", "reject", STRANGER, "refuse", "dmarc-fail-reject", "anybody can seal"),
    ("fail", "fail", "fail", "reject", BROKEN, "refuse", "dmarc-fail-reject", "a broken chain says nothing"),
    ("fail", "fail", "fail", "reject", UNSEALED, "junk", "dmarc-fail-reject-unsure", "the seal's key is silent"),
    ("fail", "fail", "fail", "quarantine", SEALED, "junk", "dmarc-fail-quarantine", "nor a trusted seal"),
    ("fail", "fail", "none", "none", BROKEN, "inbox", "no-objection", "a broken chain alone does nothing"),
    # reject, and an answer is missing: it might have been the pass
    ("temperror", "none", "fail", "reject", {}, "junk", "dmarc-fail-reject-unsure", "SPF might have passed"),
    ("temperror", "fail", "fail", "reject", {}, "junk", "dmarc-fail-reject-unsure", "the broken signature too"),
    ("fail", "temperror", "fail", "reject", {}, "junk", "dmarc-fail-reject-unsure", "the signature might be good"),
    (
        "fail",
        "fail temperror",
        "fail",
        "reject",
        {},
        "junk",
        "dmarc-fail-reject-unsure",
        "the second signature might",
    ),
    ("pass", "temperror pass", "fail", "reject", {}, "junk", "dmarc-fail-reject-unsure", "one of two keys is silent"),
    ("temperror", "temperror", "fail", "reject", {}, "junk", "dmarc-fail-reject-unsure", "all is silent"),
    ("fail", "fail", "fail", "reject", SILENT, "junk", "dmarc-fail-reject-unsure", "the tree walk stopped half-way"),
    (
        "temperror",
        "fail",
        "fail",
        "reject",
        LIST,
        "junk",
        "dmarc-fail-reject-unsure",
        "silence comes before the sign",
    ),
    ("temperror", "fail", "fail", "reject", KNOWN, "junk", "dmarc-fail-reject-unsure", "before the network too"),
    # quarantine: always Junk, sign or none
    ("fail", "fail", "fail", "quarantine", {}, "junk", "dmarc-fail-quarantine", "the owner asks to quarantine"),
    ("none", "none", "fail", "quarantine", {}, "junk", "dmarc-fail-quarantine", "nothing passes"),
    ("pass", "pass", "fail", "quarantine", {}, "junk", "dmarc-fail-quarantine", "neither is aligned"),
    ("fail", "fail", "fail", "quarantine", LIST, "junk", "dmarc-fail-quarantine", "a list does not excuse it"),
    ("fail", "pass", "fail", "quarantine", FORWARDER, "junk", "dmarc-fail-quarantine", "nor a forwarder"),
    ("fail", "fail", "fail", "quarantine", KNOWN, "junk", "dmarc-fail-quarantine", "nor a known network"),
    ("temperror", "fail", "fail", "quarantine", {}, "junk", "dmarc-fail-quarantine", "Junk loses nothing"),
    ("fail", "temperror", "fail", "quarantine", UNASKED, "junk", "dmarc-fail-quarantine", "the network is not asked"),
    # none: recorded
    ("fail", "fail", "fail", "none", {}, "inbox", "dmarc-fail-none", "the owner only watches"),
    ("none", "none", "fail", "none", {}, "inbox", "dmarc-fail-none", "nothing passes, nothing is asked for"),
    ("pass", "pass", "fail", "none", {}, "inbox", "dmarc-fail-none", "not aligned, not asked for"),
    ("fail", "fail", "fail", "none", LIST, "inbox", "dmarc-fail-none", "a list under none"),
    ("temperror", "temperror", "fail", "none", {}, "inbox", "dmarc-fail-none", "silence under none"),
    # SPF and DKIM by themselves do nothing
    ("fail", "none", "none", "none", {}, "inbox", "no-objection", "SPF alone refuses nothing"),
    ("softfail", "none", "none", "none", {}, "inbox", "no-objection", "softfail neither"),
    ("none", "fail", "none", "none", {}, "inbox", "no-objection", "DKIM alone neither"),
    ("softfail", "fail", "none", "none", {}, "inbox", "no-objection", "nor both"),
    ("fail", "fail fail", "none", "none", {}, "inbox", "no-objection", "nor many times"),
    (
        "permerror",
        "permerror",
        "none",
        "none",
        {},
        "inbox",
        "no-objection",
        "broken records are their owner's matter",
    ),
    ("temperror", "temperror", "none", "none", {}, "inbox", "no-objection", "silence without a policy"),
    ("fail", "policy", "none", "none", {}, "inbox", "no-objection", "a weak key without a policy"),
    ("none", "none", "none", "none", {}, "inbox", "no-objection", "a domain without any records"),
    ("pass", "pass", "none", "none", {}, "inbox", "no-objection", "all is well without DMARC"),
    ("fail", "none", "none", "none", LIST, "inbox", "no-objection", "a list of a domain without a policy"),
    # pass
    ("fail", "pass", "pass", "reject", {}, "inbox", "dmarc-pass", "an aligned signature is enough"),
    ("pass", "none", "pass", "reject", {}, "inbox", "dmarc-pass", "an aligned SPF is enough"),
    ("pass", "fail", "pass", "quarantine", {}, "inbox", "dmarc-pass", "a broken signature beside it"),
    ("temperror", "pass", "pass", "reject", {}, "inbox", "dmarc-pass", "SPF is silent, the signature stands"),
    ("pass", "temperror", "pass", "reject", {}, "inbox", "dmarc-pass", "the key is silent, SPF stands"),
    ("pass", "pass", "pass", "none", LIST, "inbox", "dmarc-pass", "a list that keeps signatures whole"),
    # DMARC itself has no answer
    ("fail", "fail", "temperror", "none", {}, "inbox", "dmarc-temperror", "no policy was read"),
    ("temperror", "temperror", "temperror", "reject", {}, "inbox", "dmarc-temperror", "silence is no guilt"),
    ("fail", "fail", "temperror", "reject", {}, "inbox", "dmarc-temperror", "the identifier's tree is silent"),
    # the author cannot be told
    ("pass", "pass", "permerror", "none", {}, "junk", "from-unclear", "two authors would dodge any policy"),
    ("fail", "fail", "permerror", "none", {}, "junk", "from-unclear", "no From at all"),
    ("permerror", "permerror", "permerror", "none", LIST, "junk", "from-unclear", "a list writes one From"),
    ("temperror", "none", "permerror", "none", KNOWN, "junk", "from-unclear", "whoever sends it"),
]


@pytest.mark.parametrize(
    ("spf", "dkim", "dmarc", "policy", "signs", "disposition", "row", "why"), TABLE, ids=[row[-1] for row in TABLE]
)
def test_the_default_table(spf, dkim, dmarc, policy, signs, disposition, row, why):
    verdict = decide(evidence(spf, dkim, dmarc, policy, **signs))
    assert (verdict.disposition, verdict.row) == (Disposition(disposition), row)
    assert verdict.folder == {"junk": "Junk", "inbox": "INBOX", "refuse": "Junk"}[disposition]
    assert len(verdict.reasons) == 3
    assert verdict.reasons[0].startswith(f"SPF: {spf}")
    assert "because" in verdict.reasons[2]


def test_every_row_of_the_default_table_is_in_the_table_above():
    assert {row[6] for row in TABLE} == {row.name for row in ROWS}
    assert len(TABLE) >= 60


@pytest.mark.parametrize("row", TABLE, ids=[row[-1] for row in TABLE])
def test_why_a_row_held_or_not_is_told_in_french_too(row):
    spf, dkim, dmarc, policy, signs = row[:5]
    with override("fr"):
        for tried in decide(evidence(spf, dkim, dmarc, policy, **signs)).tried:
            assert tried.why == "because" or told(tried.why) != tried.why
            assert "good mail" not in told(tried.why)


DKIM = st.sampled_from(["pass", "fail", "policy", "neutral", "temperror", "permerror"])
ANY = st.builds(
    evidence,
    spf=st.sampled_from([word.value for word in SpfResult]),
    dkim=st.lists(DKIM, max_size=5).map(" ".join),
    dmarc=st.sampled_from([word.value for word in DmarcResult]),
    policy=st.sampled_from(["none", "quarantine", "reject"]),
    walk_failed=st.sampled_from(["", "silence"]),
    arc=st.builds(ArcEvaluation, st.sampled_from(ArcResult), st.just("why")),
    known_network=st.sampled_from([True, False, None]),
    mailing_list=st.sampled_from(["", "dev.lists.example"]),
    known_forwarder=st.sampled_from(["", "groups.io"]),
)
CHOSEN = st.fixed_dictionaries({row.name: st.sampled_from(Disposition) for row in EDITABLE})


@given(ANY)
def test_without_a_dmarc_failure_the_default_table_neither_refuses_nor_moves(found):
    verdict = decide(found)
    if found.dmarc.result not in (DmarcResult.FAIL, DmarcResult.PERMERROR):
        assert verdict.disposition is Disposition.INBOX
    if verdict.refused:
        assert (found.dmarc.result, found.dmarc.policy) == (DmarcResult.FAIL, "reject")
        assert found.known_network is False


@given(ANY, CHOSEN)
def test_no_silence_of_the_dns_leads_to_a_refusal_whatever_a_domain_chose(found, chosen):
    results = (found.spf.result, found.dmarc.result, found.arc.result, *(entry.result for entry in found.dkim))
    silent = "temperror" in results
    verdict = decide(found, [Table("acme.example", chosen)])
    if (silent or found.dmarc.walk_failed) and verdict.row != "from-unclear":
        assert not verdict.refused


@given(ANY, CHOSEN, CHOSEN)
def test_no_pass_is_ever_moved_and_the_rows_tried_end_with_the_one_that_decided(found, one, other):
    verdict = decide(found, [Table("a.example", one), Table("b.example", other)])
    if found.dmarc.result is DmarcResult.PASS:
        assert verdict.disposition is Disposition.INBOX
    assert [tried.hit for tried in verdict.tried] == [False] * (len(verdict.tried) - 1) + [True]
    assert [tried.row for tried in verdict.tried] == [row.name for row in ROWS][: len(verdict.tried)]
    assert all(tried.why for tried in verdict.tried)


FORGERY = evidence("fail", "fail", "fail", "reject")
REFUSE, JUNK, INBOX = Disposition.REFUSE, Disposition.JUNK, Disposition.INBOX


def table(domain, disposition):
    return Table(domain, {"dmarc-fail-reject": disposition})


@pytest.mark.parametrize("choice", list(Disposition))
def test_a_domain_chooses_what_a_row_does(choice):
    verdict = decide(FORGERY, [table("acme.example", choice)])
    assert (verdict.disposition, verdict.row) == (choice, "dmarc-fail-reject")


@pytest.mark.parametrize(("row", "choice"), list(itertools.product(ROWS, Disposition)))
def test_what_does_not_suit_a_row_counts_as_no_choice(row, choice):
    meant = Table("a.example", {row.name: choice}).disposition_of(row)
    assert meant is (choice if choice in row.choices else row.default)


TOGETHER = [
    ((REFUSE, REFUSE), True, REFUSE, (REFUSE, REFUSE), "all refuse"),
    ((REFUSE, JUNK), True, JUNK, (JUNK, JUNK), "one would take it"),
    ((REFUSE, INBOX), True, JUNK, (JUNK, INBOX), "each keeps its own folder"),
    ((JUNK, INBOX), True, JUNK, (JUNK, INBOX), "nobody refuses"),
    ((INBOX, INBOX), True, INBOX, (INBOX, INBOX), "all take it"),
    ((REFUSE, REFUSE), False, JUNK, (JUNK, JUNK), "somebody has to stay reachable"),
    ((REFUSE, INBOX), False, JUNK, (JUNK, INBOX), "the others' folder stays"),
]


@pytest.mark.parametrize(("chosen", "may", "whole", "shares", "why"), TOGETHER, ids=[row[-1] for row in TOGETHER])
def test_several_domains_give_one_reply(chosen, may, whole, shares, why):
    names = ("a.example", "b.example")
    verdict = decide(FORGERY, [table(*pair) for pair in zip(names, chosen, strict=True)], may)
    assert verdict.disposition is whole
    assert tuple(verdict.shares[name] for name in names) == shares
    if not verdict.refused:
        folders = [verdict.folder_in(name) for name in names]
        assert folders == ["INBOX" if share is INBOX else "Junk" for share in shares]
