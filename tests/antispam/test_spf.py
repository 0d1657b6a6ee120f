"""SPF beside the public suite: what silence may never do, limits at their edges, and what hostile records cost."""

import time
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antispam.spf.evaluate import EXPLANATION_OCTETS, SpfResult, evaluate_spf
from antispam.spf.macros import shortened
from domains.dns.port import Answer, DnsStatus
from domains.dns.zone import ZoneResolver

CLIENT = "192.0.2.1"
PTR = (ip_address(CLIENT).reverse_pointer, "PTR")
A = ("a.example", "TXT")


async def judged(zone, client=CLIENT, mail_from="bob@a.example", helo="h.example", **faults):
    return await evaluate_spf(ZoneResolver(zone, **faults), client, mail_from, helo)


class OneSilent(ZoneResolver):
    """Has no answer to one question, counted from 0."""

    def __init__(self, zone, silent):
        super().__init__(zone)
        self.silent = silent

    async def lookup(self, name, rdtype):
        answer = await super().lookup(name, rdtype)
        return Answer(name, rdtype, DnsStatus.TEMPFAIL) if len(self.asked) == self.silent + 1 else answer


NAMES = ["a.example", "b.example", "c.example", "d.example"]
SPECS = [*NAMES, "%{d}", "%{h}", "%{p}", "%{ir}.%{v}.bl.example", "gone.example"]
TERMS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "-", "~", "?"]),
        st.one_of(
            st.sampled_from(["all", "a", "mx", "ptr", "ip4:192.0.2.0/24", "ip4:198.51.100.9"]),
            st.builds(
                "{}:{}".format, st.sampled_from(["a", "mx", "ptr", "include", "exists"]), st.sampled_from(SPECS)
            ),
        ),
    ),
)
RECORDS = st.builds(
    lambda terms, end: " ".join(["v=spf1", *terms, *end]),
    st.lists(TERMS, max_size=4),
    st.lists(st.builds("redirect={}".format, st.sampled_from(SPECS)), max_size=1),
)
ADDRESSES = st.sampled_from([CLIENT, "192.0.2.77", "198.51.100.9"])
ZONES = st.fixed_dictionaries(
    {A: st.builds(lambda text: [text], RECORDS)},
    optional={(name, "TXT"): st.builds(lambda text: [text], RECORDS) for name in NAMES[1:]}
    | {(name, "A"): st.lists(ADDRESSES, min_size=1, max_size=2) for name in NAMES}
    | {(name, "MX"): st.lists(st.builds("10 {}".format, st.sampled_from(NAMES)), min_size=1) for name in NAMES}
    | {PTR: st.lists(st.sampled_from(NAMES), min_size=1, max_size=2)},
)


@settings(max_examples=300, deadline=None)
@given(ZONES)
async def test_no_silence_of_the_dns_makes_a_pass(zone):
    """Every single answer of the evaluation taken away in turn."""
    whole = ZoneResolver(zone)
    before = await evaluate_spf(whole, CLIENT, "bob@a.example", "b.example")
    for silent in range(len(whole.asked)):
        after = await evaluate_spf(OneSilent(zone, silent), CLIENT, "bob@a.example", "b.example")
        assert after.result is not SpfResult.PASS or before.result is SpfResult.PASS, (silent, before, after)


GUARDS = [
    ("v=spf1 -ptr:bad.example +all", "a name that may not send"),
    ("v=spf1 ~ptr ip4:192.0.2.0/24", "the same, softer"),
    ("v=spf1 -exists:%{p}.bl.example +all", "a list asked by name"),
    ("v=spf1 -include:b.example +all", "inside an include whose match is a fail"),
    ("v=spf1 redirect=%{p}", "a record found by name"),
]


@pytest.mark.parametrize(("record", "why"), GUARDS, ids=[why for _, why in GUARDS])
async def test_a_name_that_cannot_be_asked_for_is_a_temperror_where_it_guards(record, why):
    zone = {A: [record], ("b.example", "TXT"): ["v=spf1 ptr:bad.example -all"]}
    assert (await judged(zone, failing={PTR[0]})).result is SpfResult.TEMPERROR


async def test_a_name_that_cannot_be_asked_for_does_not_match_where_it_would_only_help():
    """RFC 7208 section 5.5: the terms behind it decide."""
    assert (await judged({A: ["v=spf1 ptr ip4:192.0.2.1 -all"]}, failing={PTR[0]})).result is SpfResult.PASS
    assert (await judged({A: ["v=spf1 ptr -all"]}, failing={PTR[0]})).result is SpfResult.FAIL


def chain(length):
    """A record of which each includes the next; the last one passes."""
    zone = {(f"n{step}.example", "TXT"): [f"v=spf1 include:n{step + 1}.example"] for step in range(length)}
    return zone | {A: ["v=spf1 include:n0.example"], (f"n{length}.example", "TXT"): ["v=spf1 +all"]}


LIMITS = [
    (chain(9), "pass", "ten look-ups"),
    (chain(10), "permerror", "eleven"),
    ({A: ["v=spf1 include:a.example"]}, "permerror", "a loop of one"),
    ({A: ["v=spf1 redirect=b.example"], ("b.example", "TXT"): ["v=spf1 redirect=a.example"]}, "permerror", "of two"),
    ({A: ["v=spf1 a:x.example a:y.example +all"]}, "pass", "two void look-ups"),
    ({A: ["v=spf1 a:x.example a:y.example exists:z.example +all"]}, "permerror", "three"),
    ({A: ["v=spf1 mx +all"], ("a.example", "MX"): [f"1 m{n}.example" for n in range(10)]}, "pass", "ten MX hosts"),
    (
        {A: ["v=spf1 mx +all"], ("a.example", "MX"): [f"1 m{n}.example" for n in range(11)]},
        "permerror",
        "eleven hosts",
    ),
    ({A: ["v=spf1 -all redirect=b.example"]}, "fail", "redirect behind all is not looked at"),
    ({A: ["v=spf1 -all", "v=spf1 +all"]}, "permerror", "two records"),
    ({A: ["v=spf10 +all"]}, "none", "another version"),
    ({A: ["V=SPF1 +ALL"]}, "pass", "upper case"),
    ({A: ["v=spf1 A:M.Example. -all"], ("m.example", "A"): [CLIENT]}, "pass", "the root's dot"),
    ({("a.example", "CNAME"): ["b.example"], ("b.example", "TXT"): ["v=spf1 +all"]}, "pass", "an alias"),
    (
        {("a.example", "CNAME"): ["b.example"], ("b.example", "CNAME"): ["a.example"]},
        "temperror",
        "aliases in a ring",
    ),
    ({A: ["v=spf1 " + "ip4:198.51.100.1 " * 900 + "+all"]}, "pass", "fifteen thousand octets"),
    ({A: ["v=spf1 " + "ip4:198.51.100.1 " * 3800 + "+all"]}, "permerror", "64 kB"),
    ({A: ["v=spf1 +all \xe9"]}, "permerror", "beyond ASCII"),
]


@pytest.mark.parametrize(("zone", "result", "why"), LIMITS, ids=[why for *_, why in LIMITS])
async def test_limits_and_corners(zone, result, why):
    found = await judged(zone)
    assert found.result == result, found.reason


async def test_a_mapped_address_is_the_ipv4_address():
    assert (await judged({A: ["v=spf1 ip4:192.0.2.1 -all"]}, client="::ffff:192.0.2.1")).result is SpfResult.PASS


@pytest.mark.parametrize("domain", ["[192.0.2.1]", "localhost", "a..example", "x" * 64 + ".example"])
async def test_what_can_have_no_record_is_not_asked_for(domain):
    resolver = ZoneResolver({})
    found = await evaluate_spf(resolver, CLIENT, f"bob@{domain}", "h.example")
    assert (found.result, resolver.asked) == (SpfResult.NONE, [])


async def test_an_explanation_is_one_short_line_of_ascii():
    zone = {A: ["v=spf1 -all exp=e.example"], ("e.example", "TXT"): ["Go\r\nto%_\x00" + "%{s}" * 4000]}
    found = await judged(zone)
    assert found.explanation.startswith("Goto bob@a.examplebob@a.example")
    assert len(found.explanation) == EXPLANATION_OCTETS


@pytest.mark.parametrize("spec", ["%{l}" * 4000, "%{S}" * 4000, "%{lr-}" * 2700, "%{l128r}" * 2000])
async def test_endless_macros_cost_little(spec):
    zone = {A: [f"v=spf1 exists:{spec}.example -all"]}
    began = time.process_time()
    await judged(zone, mail_from=".".join("a" * 32) + "@a.example")
    assert time.process_time() - began < 1.0


@given(st.text(alphabet="ab.", max_size=600))
def test_a_long_name_loses_labels_from_the_left(name):
    expected = name.removesuffix(".")
    while len(expected) > 253 and "." in expected:
        expected = expected.partition(".")[2]
    assert shortened(name) == expected
