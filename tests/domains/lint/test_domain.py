"""Whole domains as the DNS shows them: each part found and judged, silence said as silence."""

import asyncio
from dataclasses import replace

import pytest

from domains.dns.zone import ZoneResolver
from domains.lint.domain import COMMON_SELECTORS, PolicyAnswer, lint_domain
from domains.lint.finding import Kind, Level

DOMAIN = "acme.example"
POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mail.acme.example\r\nmax_age: 604800\r\n"
GOOD = {
    (DOMAIN, "MX"): ["10 mail.acme.example"],
    ("mail.acme.example", "A"): ["193.0.6.139"],
    (DOMAIN, "TXT"): ["v=spf1 mx -all", "something=else"],
    (f"s1._domainkey.{DOMAIN}", "TXT"): ["v=DKIM1; k=ed25519; p=" + "A" * 43 + "="],
    (f"_dmarc.{DOMAIN}", "TXT"): ["v=DMARC1; p=reject; rua=mailto:d@acme.example"],
    (f"_mta-sts.{DOMAIN}", "TXT"): ["v=STSv1; id=1;"],
    (f"_smtp._tls.{DOMAIN}", "TXT"): ["v=TLSRPTv1; rua=mailto:t@acme.example"],
    (DOMAIN, "CAA"): ['0 issue "ca.example.net"'],
}


def look(zone, policy=PolicyAnswer(POLICY), name=DOMAIN, selectors=(), **faults):  # noqa: B008
    async def fetch(domain):
        assert domain == name
        return policy

    resolver = ZoneResolver(zone, **faults)
    rows = asyncio.run(lint_domain(name, resolver, fetch, selectors))
    return rows, resolver


def codes(rows, notes=False):
    return {row.code.value for linted in rows for row in linted.findings if notes or row.level is not Level.NOTE}


def test_a_domain_in_order():
    rows, _ = look(GOOD)
    assert codes(rows) == set()
    assert codes(rows, True) == {"dkim-selectors", "dnssec-off"}
    found = {row.kind: row for row in rows if row.text}
    assert found[Kind.DKIM].name == "s1._domainkey.acme.example"
    assert found[Kind.SPF].budget.lookups == 1
    assert found[Kind.MTA_STS_POLICY].text == POLICY


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({(DOMAIN, "MX"): []}, {"mx-missing", "tree-void"}),
        ({(DOMAIN, "MX"): ["0 ."]}, set()),
        ({("mail.acme.example", "A"): []}, {"host-no-address"}),
        ({("mail.acme.example", "A"): ["10.0.0.1"]}, {"host-private"}),
        ({("mail.acme.example", "A"): [], ("mail.acme.example", "CNAME"): ["h.acme.example"],
          ("h.acme.example", "A"): ["193.0.6.139"]}, {"host-alias"}),
        ({(DOMAIN, "TXT"): []}, {"spf-missing"}),
        ({(DOMAIN, "TXT"): ["v=spf1 mx -all", "v=spf1 a -all"]}, {"spf-duplicate"}),
        ({(DOMAIN, "TXT"): ["v=spf1mx -all"]}, {"spf-version"}),
        ({(DOMAIN, "TXT"): ["v=spf1 include:no.example -all"]}, {"tree-no-record"}),
        ({(DOMAIN, "TXT"): ["v=spf1 include:acme.example -all"]}, {"tree-cycle"}),
        ({(DOMAIN, "TXT"): ["v=spf1 include:many.example -all"],
          ("many.example", "TXT"): ["v=spf1 " + "mx " * 10 + "-all"],
          ("many.example", "MX"): ["1 mail.acme.example"]}, {"spf-lookups"}),
        ({(DOMAIN, "TXT"): ["v=spf1 include:two.example include:bad.example -all"],
          ("two.example", "TXT"): ["v=spf1 -all", "v=spf1 a -all"], ("bad.example", "TXT"): ["v=spf1 nonsense"]},
         {"tree-duplicate", "tree-bad-record"}),
        ({(DOMAIN, "TXT"): ["v=spf1 a:x1.example a:x2.example a:x3.example -all"]}, {"tree-void", "spf-voids"}),
        ({(DOMAIN, "TXT"): ["v=spf1 include:big.example -all"],
          ("big.example", "TXT"): ["v=spf1 " + "mx " * 60 + "-all"],
          ("big.example", "MX"): ["1 mail.acme.example"]},
         {"spf-lookups", "tree-unread"}),
        ({(f"s2._domainkey.{DOMAIN}", "TXT"): ["v=DKIM1; p=", "v=DKIM1; p="]}, {"dkim-duplicate"}),
        ({(f"_smtp._tls.{DOMAIN}", "TXT"): ["v=TLSRPTv1; rua=mailto:a@acme.example"] * 2}, {"tlsrpt-duplicate"}),
        ({(f"_dmarc.{DOMAIN}", "TXT"): []}, {"dmarc-missing"}),
        ({(f"_dmarc.{DOMAIN}", "TXT"): ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, {"dmarc-duplicate"}),
        ({(f"_dmarc.{DOMAIN}", "TXT"): ["v=DMARC1; p=reject; rua=mailto:d@other.example"]},
         {"dmarc-external-denied"}),
        ({(f"_dmarc.{DOMAIN}", "TXT"): ["v=DMARC1; p=reject; rua=mailto:d@other.example"],
          (f"{DOMAIN}._report._dmarc.other.example", "TXT"): ["v=DMARC1;"]}, set()),
        ({(f"_mta-sts.{DOMAIN}", "TXT"): ["v=STSv1; id=1;", "v=STSv1; id=2;"]}, {"sts-duplicate"}),
        ({("_25._tcp.mail.acme.example", "TLSA"): ["3 1 1 " + "ab" * 32]}, {"tlsa-unsigned"}),
        ({(f"default._bimi.{DOMAIN}", "TXT"): ["v=BIMI1; l=http://x.example/l.svg; a=https://x.example/a.pem"]},
         {"bimi-bad-url"}),
    ],
)  # fmt: skip
def test_what_is_amiss(change, expected):
    rows, _ = look(GOOD | change)
    assert codes(rows) == expected


def test_a_name_that_does_not_exist():
    rows, resolver = look({("other.example", "A"): ["193.0.6.139"]})
    assert codes(rows) == {"dns-no-domain"}
    assert resolver.asked == [(DOMAIN, "MX")]


def test_silence_is_said_and_nothing_is_called_missing():
    rows, _ = look(GOOD, failing=[DOMAIN, f"_dmarc.{DOMAIN}"])
    assert codes(rows) == {"dns-silent"}
    assert "caa-missing" not in codes(rows, True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({(f"_mta-sts.{DOMAIN}", "TXT"): []}, "sts-missing"),
        ({(f"_smtp._tls.{DOMAIN}", "TXT"): []}, "tlsrpt-missing"),
        ({(DOMAIN, "CAA"): []}, "caa-missing"),
        ({(DOMAIN, "DS"): ["1 13 2 ab"]}, "dnssec-unseen"),
        ({(DOMAIN, "TXT"): ["v=spf1 include:a.example include:a.example -all"],
          ("a.example", "TXT"): ["v=spf1 -all"]},
         "spf-overlapping"),
    ],
)  # fmt: skip
def test_what_is_good_to_know(change, code):
    rows, _ = look(GOOD | change)
    assert code in codes(rows, True)


def test_a_signed_zone_is_told_by_a_resolver_that_is_believed():
    class Believed(ZoneResolver):
        async def lookup(self, name, rdtype):
            answer = await super().lookup(name, rdtype)
            return replace(answer, authenticated=answer.found)

    zone = GOOD | {(DOMAIN, "DS"): ["1 13 2 ab"], ("_25._tcp.mail.acme.example", "TLSA"): ["3 1 1 " + "ab" * 32]}
    rows = asyncio.run(lint_domain(DOMAIN, Believed(zone)))
    assert "dnssec-on" in codes(rows, True)
    assert codes(rows) == set()


def test_an_include_that_is_silent():
    zone = GOOD | {(DOMAIN, "TXT"): ["v=spf1 include:mute.example -all"]}
    rows, _ = look(zone, failing=["mute.example"])
    assert codes(rows) == {"tree-silent"}


def test_bogus_answers():
    rows, _ = look(GOOD, bogus=[f"_dmarc.{DOMAIN}"])
    assert codes(rows) == {"dns-bogus"}


P = "v=DMARC1; p=reject; rua=mailto:d@acme.example"


@pytest.mark.parametrize(
    ("records", "holds"),
    [
        ({"acme.example": P}, "acme.example"),
        ({"sub.acme.example": P, "acme.example": P}, "acme.example"),
        ({"sub.acme.example": f"{P}; psd=n", "acme.example": P}, "sub.acme.example"),
        ({"acme.example": P, "example": f"{P}; psd=y"}, "acme.example"),
        ({"sub.acme.example": P, "example": f"{P}; psd=y"}, "example"),
        ({"acme.example": "v=DMARC1; p=none\nv=DMARC1; p=reject"}, ""),
        ({}, ""),
    ],
)
def test_the_policy_of_a_parent_holds_for_a_subdomain(records, holds):
    """RFC 9989 section 4.10.1: the organizational domain's, else the public suffix's; not simply the next above."""
    name = "a.sub.acme.example"
    zone = {key: rows for key, rows in GOOD.items() if "_dmarc" not in key[0]} | {
        (name, "MX"): ["10 mail.acme.example"]
    }
    zone |= {(f"_dmarc.{owner}", "TXT"): text.split("\n") for owner, text in records.items()}
    rows, _ = look(zone, name=name)
    (row,) = [row for row in rows if row.kind is Kind.DMARC]
    assert row.name == (f"_dmarc.{holds}" if holds else f"_dmarc.{name}")
    assert ("dmarc-inherited" in codes([row], True)) is bool(holds)
    assert ("dmarc-missing" in codes([row])) is not bool(holds)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (PolicyAnswer(fault="HTTP 404"), {"policy-fault"}),
        (PolicyAnswer(POLICY.replace("mail.acme.example", "*.other.example")), {"policy-unlisted"}),
        (PolicyAnswer(POLICY.replace("mail.acme.example", "*.acme.example")), set()),
        (PolicyAnswer("<html>"), {"policy-line", "policy-version", "policy-mode", "policy-no-mx", "policy-age"}),
    ],
)
def test_the_policy_behind_the_record(policy, expected):
    rows, _ = look(GOOD, policy)
    assert codes(rows) == expected


def test_a_wildcard_of_keys_is_one_row():
    zone = GOOD | {(f"no-such-selector-mailadmin._domainkey.{DOMAIN}", "TXT"): ["v=DKIM1; p="]}
    rows, resolver = look(zone)
    assert [row.name for row in rows if row.kind is Kind.DKIM] == [f"*._domainkey.{DOMAIN}"]
    assert "dkim-wildcard" in codes(rows, True)
    assert (f"{COMMON_SELECTORS[0]}._domainkey.{DOMAIN}", "TXT") not in resolver.asked


def test_own_selectors_are_looked_up_too():
    zone = GOOD | {(f"a2026._domainkey.{DOMAIN}", "TXT"): ["v=DKIM1; p="]}
    rows, _ = look(zone, selectors=["a2026"])
    assert f"a2026._domainkey.{DOMAIN}" in [row.name for row in rows]


def test_octets_of_other_scripts_are_read_as_utf_8():
    zone = GOOD | {(DOMAIN, "TXT"): ["v=spf1 mx –all".encode().decode("latin-1")]}
    rows, _ = look(zone)
    assert codes(rows) == {"not-ascii"}
