"""DMARC evaluation by RFC 9989: tree walk, organizational domain, alignment, policy, and what silence means."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antispam.dmarc.evaluate import DmarcResult, evaluate_dmarc, walk_tree
from domains.dmarc.record import tree_walk_names
from domains.dns.port import Answer, DnsStatus
from domains.dns.zone import ZoneResolver


def zone(policies, **faults):
    """A resolver with these policies at ``_dmarc`` of their names."""
    return ZoneResolver(
        {(f"_dmarc.{name}", "TXT"): [text] if isinstance(text, str) else text for name, text in policies.items()},
        **faults,
    )


WALKS = [
    ("example.com", ["example.com", "com"], "two labels"),
    ("a.b.c.example.com", ["a.b.c.example.com", "b.c.example.com", "c.example.com", "example.com", "com"], "five"),
    (
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        [
            "a.b.c.d.e.f.g.h.i.j.mail.example.com",
            "g.h.i.j.mail.example.com",
            "h.i.j.mail.example.com",
            "i.j.mail.example.com",
            "j.mail.example.com",
            "mail.example.com",
            "example.com",
            "com",
        ],
        "thirteen, the example of section 4.10: to seven labels at once",
    ),
    (
        "a.b.c.d.e.f.g.com",
        [
            "a.b.c.d.e.f.g.com",
            "b.c.d.e.f.g.com",
            "c.d.e.f.g.com",
            "d.e.f.g.com",
            "e.f.g.com",
            "f.g.com",
            "g.com",
            "com",
        ],
        "eight",
    ),
]


@pytest.mark.parametrize(("domain", "names", "why"), WALKS, ids=[why for *_, why in WALKS])
async def test_the_tree_walk_asks_these_names_in_order(domain, names, why):
    assert tree_walk_names(domain) == names
    resolver = zone({})
    await walk_tree(domain, resolver)
    assert resolver.asked == [(f"_dmarc.{name}", "TXT") for name in names]
    assert len(names) <= 8


@pytest.mark.parametrize("labels", range(1, 40))
def test_no_walk_asks_more_than_eight_names(labels):
    names = tree_walk_names(".".join(["x"] * labels))
    assert len(names) == min(labels, 8)
    assert len(set(names)) == len(names)


P = "v=DMARC1; p=reject"
ORGANIZATIONAL = [
    ("mail.example.com", {"example.com": P}, "example.com", "one record above"),
    ("mail.example.com", {"mail.example.com": P, "example.com": P}, "example.com", "the fewest labels"),
    ("mail.example.com", {"mail.example.com": P}, "mail.example.com", "its own only"),
    ("mail.example.com", {}, "mail.example.com", "none: itself"),
    (
        "a.mail.example.com",
        {"mail.example.com": P + "; psd=n", "example.com": P},
        "mail.example.com",
        "psd=n ends it",
    ),
    (
        "giant.bank.example",
        {"giant.bank.example": P, "bank.example": P + "; psd=y"},
        "giant.bank.example",
        "below psd=y",
    ),
    ("a.giant.bank.example", {"bank.example": P + "; psd=y"}, "giant.bank.example", "one label below psd=y"),
    ("bank.example", {"bank.example": P + "; psd=y"}, "bank.example", "psd=y where the walk begins"),
    (
        "bank.gov.example",
        {"bank.gov.example": P + "; psd=y", "gov.example": P + "; psd=y"},
        "bank.gov.example",
        "psd=y where the walk begins does not end it, psd=y above does",
    ),
    (
        "bank.gov.example",
        {"bank.gov.example": P + "; psd=y", "gov.example": P},
        "gov.example",
        "nor when a plain one is above",
    ),
    ("mail.example.com", {"example.com": [P, P]}, "mail.example.com", "two records count as none"),
    ("mail.example.com", {"example.com": ["v=spf1 -all", P]}, "example.com", "other TXT records do not matter"),
    ("mail.example.com", {"example.com": "v=DMARC1; p=nonsense"}, "mail.example.com", "a record without a policy"),
]


@pytest.mark.parametrize(
    ("domain", "policies", "found", "why"), ORGANIZATIONAL, ids=[why for *_, why in ORGANIZATIONAL]
)
async def test_the_organizational_domain(domain, policies, found, why):
    assert (await walk_tree(domain, zone(policies))).organizational_domain == found


ORG = {"example.com": P}
STRICT = {"example.com": P + "; adkim=s; aspf=s"}
TABLE = [
    # policies, author, SPF, DKIM, result, policy, why (RFC 9989 section 4.4, appendix B.1)
    (ORG, "example.com", "example.com", [], "pass", "reject", "SPF in strict agreement"),
    (ORG, "example.com", "child.example.com", [], "pass", "reject", "SPF in relaxed agreement"),
    (STRICT, "example.com", "child.example.com", [], "fail", "reject", "SPF, strict asked"),
    (ORG, "child.example.com", "example.com", [], "pass", "reject", "SPF of the parent"),
    (ORG, "example.com", "example.net", [], "fail", "reject", "SPF elsewhere"),
    (ORG, "example.com", "", ["example.com"], "pass", "reject", "DKIM in strict agreement"),
    (ORG, "child.example.com", "", ["example.com"], "pass", "reject", "DKIM of the parent"),
    (ORG, "a.example.com", "", ["b.example.com"], "pass", "reject", "DKIM of a sibling"),
    (STRICT, "child.example.com", "", ["example.com"], "fail", "reject", "DKIM, strict asked"),
    (ORG, "example.com", "", ["sample.net"], "fail", "reject", "DKIM elsewhere"),
    (ORG, "example.com", "", ["badexample.com"], "fail", "reject", "a name that only ends alike"),
    (ORG, "example.com", "", ["com"], "fail", "reject", "the suffix itself"),
    (ORG, "example.com", "", ["a.net", "b.net", "example.com"], "pass", "reject", "one of several signatures"),
    (ORG, "example.com", "a.net", ["example.com"], "pass", "reject", "either is enough"),
    (ORG, "example.com", "EXAMPLE.com", [], "pass", "reject", "case does not matter"),
    (ORG, "example.com", "", [], "fail", "reject", "nothing passed"),
    ({}, "example.com", "example.com", [], "none", "none", "no policy anywhere"),
    ({"example.com": "v=DMARC1; p=none"}, "example.com", "", [], "fail", "none", "p=none"),
    ({"example.com": P + "; sp=quarantine"}, "a.example.com", "", [], "fail", "quarantine", "sp for a subdomain"),
    ({"example.com": P + "; sp=none"}, "example.com", "", [], "fail", "reject", "sp not for the domain itself"),
    ({"example.com": P + "; t=y"}, "example.com", "", [], "fail", "quarantine", "t=y: one step lower"),
    ({"example.com": "v=DMARC1; p=quarantine; t=y"}, "example.com", "", [], "fail", "none", "t=y under quarantine"),
    ({"example.com": P + "; pct=0"}, "example.com", "", [], "fail", "reject", "pct is gone"),
    ({"example.com": "v=DMARC1; rua=mailto:a@b.example"}, "example.com", "", [], "fail", "none", "rua without p"),
    (
        {"example.com": "v=DMARC1; p=none; np=reject"},
        "nil.example.com",
        "",
        [],
        "fail",
        "reject",
        "np: does not exist",
    ),
    (
        {"example.com": P, "a.example.com": "v=DMARC1; p=none"},
        "a.example.com",
        "",
        [],
        "fail",
        "none",
        "its own first",
    ),
    ({"bank.example": P + "; psd=y; sp=quarantine"}, "x.bank.example", "", [], "fail", "quarantine", "the suffix's"),
    (
        {"bank.example": P + "; psd=y"},
        "x.bank.example",
        "y.bank.example",
        [],
        "fail",
        "reject",
        "siblings below psd=y",
    ),
]


@pytest.mark.parametrize(
    ("policies", "author", "spf", "dkim", "result", "policy", "why"), TABLE, ids=[row[-1] for row in TABLE]
)
async def test_evaluation(policies, author, spf, dkim, result, policy, why):
    found = await evaluate_dmarc(zone(policies), [author], spf, dkim)
    assert (found.result, found.policy) == (result, policy), found.reason
    assert found.reason


AUTHORS = [
    ([], "no From"),
    ([""], "an address without a usable domain"),
    (["", "example.com"], "one usable, one not"),
    (["example.com", "example.net"], "two domains"),
]


@pytest.mark.parametrize(("authors", "why"), AUTHORS, ids=[why for _, why in AUTHORS])
async def test_an_author_that_cannot_be_told_is_a_permerror(authors, why):
    resolver = zone(ORG)
    found = await evaluate_dmarc(resolver, authors, "example.com", ["example.com"])
    assert found.result is DmarcResult.PERMERROR
    assert resolver.asked == []


async def test_several_authors_of_one_domain_are_one():
    found = await evaluate_dmarc(zone(ORG), ["example.com", "example.com"], "example.com", [])
    assert found.result is DmarcResult.PASS


SILENT = [
    ("example.com", ORG, ["_dmarc.example.com"], "example.com", [], "temperror", "the author's policy"),
    ("a.example.com", ORG, ["_dmarc.a.example.com"], "a.example.com", [], "temperror", "below the policy"),
    (
        "a.example.com",
        {"a.example.com": P},
        ["_dmarc.example.com"],
        "",
        ["example.com"],
        "temperror",
        "above, relaxed",
    ),
    ("a.example.com", {"a.example.com": P}, ["_dmarc.example.com"], "", ["a.example.com"], "pass", "above, the same"),
    ("a.example.com", {"a.example.com": P}, ["_dmarc.example.com"], "", [], "fail", "above, and nothing passed"),
    ("a.example.com", {"a.example.com": P + "; adkim=s"}, ["_dmarc.com"], "", ["b.net"], "fail", "above, strict"),
    ("example.com", ORG, ["_dmarc.b.example.com"], "b.example.com", [], "temperror", "about an identifier"),
]


@pytest.mark.parametrize(
    ("author", "policies", "failing", "spf", "dkim", "result", "why"), SILENT, ids=[row[-1] for row in SILENT]
)
@pytest.mark.parametrize("fault", ["failing", "bogus"])
async def test_silence_is_a_temperror_where_it_matters(author, policies, failing, spf, dkim, result, why, fault):
    found = await evaluate_dmarc(zone(policies, **{fault: failing}), [author], spf, dkim)
    assert found.result == result, found.reason


async def test_the_old_method_is_told_beside_when_it_differs():
    found = await evaluate_dmarc(zone({"a.example.co.uk": P + "; psd=n"}), ["a.example.co.uk"], "", [])
    assert found.organizational_domain == "a.example.co.uk"
    assert found.psl_organizational_domain == "example.co.uk"
    assert found.psl_differs


async def test_the_reason_says_where_the_old_method_would_have_judged_otherwise():
    ended = zone({"a.example.co.uk": P + "; psd=n"})
    found = await evaluate_dmarc(ended, ["a.example.co.uk"], "b.example.co.uk", [])
    assert found.result is DmarcResult.FAIL
    assert found.reason.endswith("; by the Public Suffix List b.example.co.uk would agree")
    suffix = zone({"co.uk": P})
    found = await evaluate_dmarc(suffix, ["a.co.uk"], "b.co.uk", [])
    assert found.result is DmarcResult.PASS
    assert found.reason.endswith("; by the Public Suffix List it would not agree")
    found = await evaluate_dmarc(zone(ORG), ["a.example.com"], "b.example.com", [])
    assert "Public Suffix List" not in found.reason


class OneSilent(ZoneResolver):
    """Has no answer to one question, counted from 0."""

    def __init__(self, zone, silent):
        super().__init__(zone)
        self.silent = silent

    async def lookup(self, name, rdtype):
        answer = await super().lookup(name, rdtype)
        return Answer(name, rdtype, DnsStatus.TEMPFAIL) if len(self.asked) == self.silent + 1 else answer


TREE = ["com", "example.com", "a.example.com", "b.example.com", "c.a.example.com", "c.b.example.com"]
POLICIES = st.builds(
    "; ".join,
    st.tuples(
        st.just("v=DMARC1"),
        st.sampled_from(["p=none", "p=quarantine", "p=reject"]),
        st.sampled_from(["psd=u", "psd=n", "psd=y"]),
        st.sampled_from(["aspf=r", "aspf=s"]),
        st.sampled_from(["np=none", "np=reject", "t=y"]),
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(TREE), POLICIES), st.sampled_from(TREE), st.sampled_from(TREE), st.booleans())
async def test_no_silence_of_the_dns_makes_a_pass(policies, author, identifier, signed):
    """Every single answer of the evaluation taken away in turn."""
    records = {(f"_dmarc.{name}", "TXT"): [text] for name, text in policies.items()}
    passed = ("", [identifier]) if signed else (identifier, [])
    whole = ZoneResolver(records)
    before = await evaluate_dmarc(whole, [author], *passed)
    for silent in range(len(whole.asked)):
        after = await evaluate_dmarc(OneSilent(records, silent), [author], *passed)
        assert after.result is not DmarcResult.PASS or before.result is DmarcResult.PASS, (silent, before, after)
