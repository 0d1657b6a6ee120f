"""The cost of SPF records: trees, counts, overlaps and faults, over a DNS that can fail."""

import pytest

from domains.dns.zone import ZoneResolver
from domains.spf.budget import MAXIMUM_TERMS, Trouble, cost_of, measure, walk


def zone(records, **more):
    return ZoneResolver({key: [texts] if isinstance(texts, str) else texts for key, texts in records.items()}, **more)


HOSTS = {
    ("acme.example", "MX"): "10 mail.acme.example",
    ("four.example", "A"): "192.0.2.4",
    ("both.example", "A"): "192.0.2.4",
    ("both.example", "AAAA"): "2001:db8::4",
    ("_spf.example", "TXT"): "v=spf1 a:both.example include:_more.example -all",
    ("_more.example", "TXT"): "v=spf1 ip4:192.0.2.0/24 exists:%{i}.list.example ~all",
}


@pytest.mark.parametrize(
    ("text", "lookups", "voids"),
    [
        ("v=spf1 -all", 0, 0),
        ("v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all", 0, 0),
        ("v=spf1 mx -all", 1, 0),
        ("v=spf1 ptr -all", 1, 0),
        ("v=spf1 a:both.example -all", 1, 0),
        ("v=spf1 a:four.example -all", 1, 1),  # a client of IPv6 finds nothing
        ("v=spf1 a:none.example mx:none.example exists:none.example -all", 3, 3),
        ("v=spf1 include:_spf.example -all", 4, 0),
        ("v=spf1 include:_SPF.example. -all", 4, 0),
        ("v=spf1 include:_spf.example include:_more.example -all", 6, 0),
        ("v=spf1 redirect=_more.example", 2, 0),
        ("v=spf1 -all redirect=_more.example", 0, 0),  # all ends the record
        ("v=spf1 -all mx", 0, 0),
        ("v=spf1 include:%{d}.x.example -all", 1, 0),
    ],
)
async def test_counts(text, lookups, voids):
    budget = await measure(zone(HOSTS), "acme.example", text)
    assert (budget.lookups, budget.voids) == (lookups, voids)
    assert budget.within is (voids <= 2)


async def test_the_tree_says_what_each_term_costs():
    budget = await measure(zone(HOSTS), "acme.example", "v=spf1 mx include:_spf.example -all")
    assert [(node.term, node.lookups) for node in walk(budget.tree)] == [
        ("mx", 1),
        ("include:_spf.example", 4),
        ("a:both.example", 1),
        ("include:_more.example", 2),
        ("exists:%{i}.list.example", 1),
    ]


async def test_a_record_read_twice_overlaps():
    text = "v=spf1 include:_spf.example include:_more.example -all"
    assert (await measure(zone(HOSTS), "acme.example", text)).overlapping == ("_more.example",)


async def test_what_an_added_service_costs():
    assert (await cost_of(zone(HOSTS), "acme.example", "include:_spf.example")).lookups == 4
    assert (await cost_of(zone(HOSTS), "acme.example", "ip4:192.0.2.1")).lookups == 0


@pytest.mark.parametrize(
    ("texts", "trouble"),
    [
        ([], Trouble.NO_RECORD),
        (["v=spf1 -all", "v=spf1 ~all"], Trouble.DUPLICATE),
        (["v=spf1 bogus:x -all"], Trouble.BAD_RECORD),
        (["v=spf10 -all", "other"], Trouble.NO_RECORD),
    ],
)
async def test_an_include_that_does_not_work_is_named(texts, trouble):
    budget = await measure(zone({("x.example", "TXT"): texts}), "acme.example", "v=spf1 include:x.example -all")
    assert [(node.trouble, node.lookups) for node in budget.tree] == [(trouble, 1)]


async def test_silence_is_neither_void_nor_missing():
    resolver = zone(HOSTS, failing=["_spf.example", "four.example"])
    budget = await measure(resolver, "acme.example", "v=spf1 include:_spf.example a:four.example -all")
    assert [node.trouble for node in budget.tree] == [Trouble.SILENT, Trouble.SILENT]
    assert budget.voids == 0


async def test_a_cycle_ends():
    around = {("b.example", "TXT"): "v=spf1 include:c.example -all", ("c.example", "TXT"): "v=spf1 include:b.example"}
    budget = await measure(zone(around), "b.example", "v=spf1 include:c.example -all")
    assert [(node.target, node.trouble) for node in walk(budget.tree)] == [("c.example", ""), ("b.example", "cycle")]


async def test_a_tree_that_grows_without_end_is_read_to_a_bound():
    wide = " ".join(f"include:n{number}.example" for number in range(9))
    resolver = zone({(f"n{number}.example", "TXT"): f"v=spf1 {wide} -all" for number in range(9)})
    budget = await measure(resolver, "acme.example", f"v=spf1 {wide} -all")
    assert len(resolver.asked) <= MAXIMUM_TERMS
    assert not budget.within
    assert any(node.trouble is Trouble.UNREAD for node in walk(budget.tree))


async def test_a_record_of_very_many_terms_is_read_to_a_bound():
    resolver = zone({})
    budget = await measure(resolver, "acme.example", "v=spf1 " + "mx " * 10_000)
    assert (len(resolver.asked), budget.tree[-1].trouble) == (MAXIMUM_TERMS, Trouble.UNREAD)


async def test_the_record_itself_may_be_wrong():
    assert (await measure(zone({}), "acme.example", "v=spf1 nonsense")).trouble is Trouble.BAD_RECORD
