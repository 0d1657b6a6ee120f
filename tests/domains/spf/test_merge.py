"""Our mechanisms merged into records of others: nothing of theirs is touched, and there is never a second record."""

import pytest

from domains.dns.zone import ZoneResolver
from domains.spf.budget import measure
from domains.spf.merge import CannotMerge, Obstacle, check_budget, fitted, flattened, lacking, merge

OURS = "v=spf1 mx ip4:192.0.2.25 ip6:2001:db8::25 -all"
OWN = ["192.0.2.25", "2001:db8::25"]
ADDED = "mx ip4:192.0.2.25 ip6:2001:db8::25"


@pytest.mark.parametrize(
    ("existing", "merged"),
    [
        ([], OURS),
        (["google-site-verification=x"], OURS),  # other TXT texts are not SPF
        (["v=spf1 -all"], f"v=spf1 {ADDED} -all"),
        (["v=spf1 ~all"], f"v=spf1 {ADDED} ~all"),  # never stricter than its owner
        (["v=spf1 ?ALL"], f"v=spf1 {ADDED} ?ALL"),
        (["v=spf1 +all"], f"v=spf1 {ADDED} +all"),
        (["v=spf1"], f"v=spf1 {ADDED}"),  # no all is added: it would change what is said of others
        (["v=spf1 include:_a.example a ~all"], f"v=spf1 include:_a.example a {ADDED} ~all"),
        (["v=spf1 a redirect=_b.example"], f"v=spf1 a {ADDED} redirect=_b.example"),
        (["v=spf1 redirect=_b.example"], f"v=spf1 {ADDED} redirect=_b.example"),
        (["v=spf1 a exp=e.example -all x=y"], f"v=spf1 a exp=e.example {ADDED} -all x=y"),
        (["v=spf1 exists:a=b.example exp=e.example"], f"v=spf1 exists:a=b.example {ADDED} exp=e.example"),
        (["V=SPF1  +MX  -all"], "V=SPF1  +MX  ip4:192.0.2.25 ip6:2001:db8::25 -all"),  # the owner's spelling
        (["v=spf1 ip6:2001:0DB8:0::25 mx -all"], "v=spf1 ip6:2001:0DB8:0::25 mx ip4:192.0.2.25 -all"),
        (["v=spf1 -all mx"], f"v=spf1 {ADDED} -all mx"),  # behind all nothing counts
        (["v=spf1 -ip4:198.51.100.0/24 -all"], f"v=spf1 -ip4:198.51.100.0/24 {ADDED} -all"),
    ],
)
def test_merged(existing, merged):
    result = merge(existing, OURS)
    assert result.text == merged
    assert lacking(result.text, OURS) == []
    assert merge([result.text], OURS).text == result.text
    assert merge([result.text], OURS).added == ()


@pytest.mark.parametrize(
    ("existing", "obstacle", "detail"),
    [
        (["v=spf1 a -all", "v=spf1 mx -all"], Obstacle.DUPLICATE, ""),
        (["v=spf1 ipv4:192.0.2.1 -all"], Obstacle.BAD_RECORD, "ipv4"),
        (["v=spf1 -mx -all"], Obstacle.EXCLUDED, "-mx"),
        (["v=spf1 ?ip4:192.0.2.0/24 -all"], Obstacle.EXCLUDED, "?ip4:192.0.2.0/24"),
        (["v=spf1 ~ip6:2001:db8::/32 -all"], Obstacle.EXCLUDED, "~ip6:2001:db8::/32"),
        (["v=spf1 ü -all"], Obstacle.BAD_RECORD, "ASCII"),
        (["v=spf1 a\nv=spf1 -all"], Obstacle.BAD_RECORD, ""),
    ],
)
def test_left_alone(existing, obstacle, detail):
    with pytest.raises(CannotMerge) as caught:
        merge(existing, OURS)
    assert caught.value.obstacle is obstacle
    assert detail in caught.value.detail


async def test_a_merge_beyond_the_budget_is_refused_and_a_flattened_one_fits():
    full = "v=spf1 " + " ".join(f"exists:%{{i}}.l{number}.example" for number in range(10)) + " -all"
    resolver = ZoneResolver({("acme.example", "MX"): ["10 mail.acme.example"]})
    before = await measure(resolver, "acme.example", full)
    after = await measure(resolver, "acme.example", merge([full], OURS).text)
    assert (before.lookups, after.lookups) == (10, 11)
    with pytest.raises(CannotMerge) as caught:
        check_budget(before, after)
    assert (caught.value.obstacle, caught.value.detail) == (Obstacle.BUDGET, "11")
    light = flattened(OURS, frozenset(), OWN)
    assert light == "v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -all"
    check_budget(before, await measure(resolver, "acme.example", merge([full], light).text))


async def test_a_record_that_is_over_budget_already_may_still_get_what_costs_nothing():
    full = "v=spf1 " + " ".join(f"exists:%{{i}}.l{number}.example" for number in range(12)) + " -all"
    resolver = ZoneResolver({})
    before = await measure(resolver, "acme.example", full)
    check_budget(
        before, await measure(resolver, "acme.example", merge([full], flattened(OURS, frozenset(), OWN)).text)
    )


async def test_what_nobody_can_weigh_gets_only_what_costs_nothing():
    resolver = ZoneResolver({("acme.example", "MX"): ["10 mail.acme.example"]}, failing=["_spf.far.example"])
    theirs = "v=spf1 include:_spf.far.example -all"
    with pytest.raises(CannotMerge) as caught:
        await fitted(resolver, "acme.example", [theirs], OURS)
    assert (caught.value.obstacle, caught.value.detail) == (Obstacle.SILENT, "_spf.far.example")
    light = flattened(OURS, frozenset(), OWN)
    fit = await fitted(resolver, "acme.example", [theirs], OURS, light)
    assert fit.text == "v=spf1 include:_spf.far.example ip4:192.0.2.25 ip6:2001:db8::25 -all"


@pytest.mark.parametrize(
    ("text", "flat"),
    [
        ("v=spf1 mx -all", "v=spf1 mx -all"),  # nothing would be left that names us
        ("v=spf1 a:Mail.acme.example ip4:192.0.2.25 -all", "v=spf1 ip4:192.0.2.25 -all"),
        ("v=spf1 a:other.example ip4:192.0.2.25 -all", "v=spf1 a:other.example ip4:192.0.2.25 -all"),
        (
            "v=spf1 include:_x.example mx:other.example ip4:192.0.2.25",
            "v=spf1 include:_x.example mx:other.example ip4:192.0.2.25",
        ),
    ],
)
def test_only_our_own_hosts_are_flattened(text, flat):
    assert flattened(text, frozenset({"mail.acme.example"}), ["192.0.2.25"]) == flat


@pytest.mark.parametrize("addresses", [[], ["192.0.2.26"], ["192.0.2.25", "192.0.2.26"]])
def test_a_host_whose_addresses_do_not_all_stand_in_the_record_is_not_flattened(addresses):
    text = "v=spf1 mx ip4:192.0.2.25 -all"
    assert flattened(text, frozenset(), addresses) == text
