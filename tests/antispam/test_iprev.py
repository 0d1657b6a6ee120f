"""The client's name (RFC 8601 section 2.7.3): only one that leads back is known."""

import pytest

from antispam.iprev import evaluate_iprev
from domains.dns.zone import ZoneResolver

PTR = ("10.2.0.192.in-addr.arpa", "PTR")
V6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
TABLE = [
    ("192.0.2.10", {PTR: ["mail.good.example"], ("mail.good.example", "A"): ["192.0.2.10"]}, "pass", "both ways"),
    ("192.0.2.10", {PTR: ["Mail.Good.example."], ("mail.good.example", "A"): ["192.0.2.10"]}, "pass", "as written"),
    ("192.0.2.10", {PTR: ["a.example", "b.example"], ("b.example", "A"): ["192.0.2.10"]}, "pass", "the second name"),
    ("192.0.2.10", {PTR: ["mail.bank.example"], ("mail.bank.example", "A"): ["192.0.2.1"]}, "fail", "a stolen name"),
    ("192.0.2.10", {PTR: ["gone.example"]}, "fail", "a name without address"),
    (
        "192.0.2.10",
        {PTR: [f"n{n}.example" for n in range(9)], ("n8.example", "A"): ["192.0.2.10"]},
        "fail",
        "too many",
    ),
    ("192.0.2.10", {}, "permerror", "no name"),
    (
        "192.0.2.10",
        {PTR: ["a\\)\\032by\\032mail.example"], ("a\\)\\032by\\032mail.example", "A"): ["192.0.2.10"]},
        "fail",
        "a name of no host",
    ),
    ("2001:db8::1", {(V6, "PTR"): ["six.example"], ("six.example", "AAAA"): ["2001:db8::1"]}, "pass", "IPv6"),
    ("2001:db8::1", {(V6, "PTR"): ["six.example"], ("six.example", "A"): ["192.0.2.1"]}, "fail", "the other family"),
]


@pytest.mark.parametrize(("address", "zone", "result", "why"), TABLE, ids=[row[-1] for row in TABLE])
async def test_the_name_of_an_address(address, zone, result, why):
    found = await evaluate_iprev(ZoneResolver(zone), address)
    assert found.result == result
    assert bool(found.name) is (result == "pass")


@pytest.mark.parametrize("silent", [PTR[0], "mail.good.example"])
async def test_silence_is_a_temperror(silent):
    zone = {PTR: ["mail.good.example"], ("mail.good.example", "A"): ["192.0.2.10"]}
    found = await evaluate_iprev(ZoneResolver(zone, failing={silent}), "192.0.2.10")
    assert (found.result, found.name) == ("temperror", "")
