"""What the DNS answers against what should be there: one row a verdict, with its reason."""

import pytest

from domains.dns.port import Answer, DnsStatus
from domains.services.compare import compare
from domains.services.publication import DesiredRecord

KEY = "v=DKIM1; k=ed25519; p=abc="
SPF = "v=spf1 mx ip4:192.0.2.25 -all"
DMARC = "v=DMARC1; p=none; rua=mailto:dmarc-reports@acme.example"
TLS = "v=TLSRPTv1; rua=mailto:tls-reports@acme.example"
MX = "10 mail.acme.example"
STS = "v=STSv1; id=0123456789abcdef;"
TLSA = "3 1 1 " + "ab" * 32
TYPES = {"host": "A", "alias": "CNAME", "autoconfig": "CNAME", "ptr": "PTR", "tlsa": "TLSA"}
BIMI = "v=BIMI1; l=https://acme.example/logo.svg"
SRV = "0 1 993 mail.acme.example"


def answers(*servers: object) -> list[Answer]:
    """One answer a server: a list of texts, or a status."""
    return [
        Answer("n", "TXT", server)
        if isinstance(server, DnsStatus)
        else Answer("n", "TXT", DnsStatus.FOUND if server else DnsStatus.NXDOMAIN, tuple(server))
        for server in servers
    ]


TABLE = [
    ("bimi", BIMI, [[BIMI]], "right", "the exact text"),
    ("bimi", BIMI, [["v=BIMI1;l=https://acme.example/logo.svg;a=;avp=brand"]], "right", "a tag beside"),
    ("bimi", BIMI, [[BIMI + "; a=https://x.example/c.pem"]], "wrong", "a certificate that is not ours"),
    ("bimi", BIMI, [["v=BIMI1; l=; a=;"]], "wrong", "declined"),
    ("bimi", BIMI, [["other"]], "missing", "no BIMI record"),
    ("bimi", BIMI, [[BIMI, "v=BIMI1; l="]], "duplicate", "which one counts?"),
    ("mx", "0 .", [["0 ."]], "right", "the null MX alone"),
    ("mx", "0 .", [["0 .", MX]], "conflicting", "a leftover beside the null MX"),
    ("mx", "0 .", [[MX]], "wrong", "mail would go there"),
    ("mx", "0 .", [["10 ."]], "wrong", "the null MX has the preference 0"),
    ("mx", "0 .", [[]], "missing", "without MX, the address is tried"),
    ("spf", "v=spf1 -all", [["v=spf1 -all"]], "right", "nobody sends"),
    ("spf", "v=spf1 -all", [["v=spf1 include:x.example -all"]], "wrong", "a parked domain has no senders"),
    ("spf", "v=spf1 -all", [["v=spf1 ~all"]], "wrong", "only half a no"),
    ("dkim", "v=DKIM1; p=", [["v=DKIM1; k=rsa; p="]], "right", "revoked in other words"),
    ("dkim", "v=DKIM1; p=", [[KEY]], "wrong", "a key that is not revoked"),
    ("dkim", KEY, [["v=DKIM1; k=ed25519; p="]], "wrong", "revoked too early"),
    ("dkim", KEY, [[KEY]], "right", "the exact text"),
    ("dkim", KEY, [[KEY], [KEY], [KEY]], "right", "the exact text everywhere"),
    ("dkim", KEY, [[KEY + " "]], "wrong", "a space more"),
    ("dkim", KEY, [[KEY.upper()]], "wrong", "another case"),
    ("dkim", KEY, [["v=DKIM1;k=ed25519;p=abc="]], "wrong", "the same tags in other words"),
    ("dkim", KEY, [[KEY, KEY.replace("abc", "xyz")]], "duplicate", "two keys at one selector"),
    ("dkim", KEY, [[]], "missing", "nothing"),
    ("dkim", KEY, [[KEY], []], "waiting", "at one of two servers"),
    ("dkim", KEY, [[], [KEY]], "waiting", "at the other of two servers"),
    ("dkim", KEY, [[KEY], ["old"]], "waiting", "an old text at one server"),
    ("dkim", KEY, [DnsStatus.TEMPFAIL], "unreachable", "SERVFAIL or silence"),
    ("dkim", KEY, [DnsStatus.TEMPFAIL, DnsStatus.TEMPFAIL], "unreachable", "all silent"),
    ("dkim", KEY, [DnsStatus.TEMPFAIL, [KEY]], "waiting", "one silent, the other right: not seen everywhere"),
    ("spf", SPF, [DnsStatus.TEMPFAIL, [SPF]], "right", "one silent, the other right: enough for what is no key"),
    ("dkim", KEY, [DnsStatus.TEMPFAIL, []], "missing", "one silent, the other without"),
    ("dkim", KEY, [DnsStatus.BOGUS, [KEY]], "bogus", "DNSSEC fails at one"),
    ("dkim", KEY, [], "unreachable", "no server to ask"),
    ("spf", SPF, [[SPF]], "right", "the exact text"),
    ("spf", SPF, [["unrelated", SPF]], "right", "other TXT records beside"),
    ("spf", SPF, [["v=spf1 include:other.example mx ip4:192.0.2.25 ~all"]], "right", "a further sender and ~all"),
    ("spf", SPF, [["V=SPF1 MX IP4:192.0.2.25 -ALL"]], "right", "in capitals"),
    ("spf", SPF, [["v=spf1 +mx +ip4:192.0.2.25 -all"]], "right", "with explicit plus"),
    ("spf", SPF, [["v=spf1 mx ip4:192.0.2.25/32 -all"]], "right", "the same network, spelt otherwise"),
    ("spf", SPF, [["v=spf1 mx ip4:192.0.2.25 ipv4:192.0.2.26 -all"]], "wrong", "a syntax error is a permerror"),
    ("spf", SPF, [["v=spf1 -all"]], "wrong", "our senders are not in it"),
    ("spf", SPF, [["v=spf1 ip4:192.0.2.25 -all"]], "wrong", "mx is not in it"),
    ("spf", SPF, [["v=spf1 ?mx ip4:192.0.2.25 -all"]], "wrong", "mx is neutral only"),
    ("spf", SPF, [["v=spf1 -all mx ip4:192.0.2.25"]], "wrong", "nothing after all is looked at"),
    ("spf", SPF, [["v=spf1 ~all mx ip4:192.0.2.25"]], "wrong", "nothing after a soft all either"),
    ("spf", SPF, [["v=spf10 mx ip4:192.0.2.25 -all"]], "missing", "not an SPF record"),
    ("spf", SPF, [["unrelated"]], "missing", "other TXT records only"),
    ("spf", SPF, [[SPF, "v=spf1 -all"]], "duplicate", "two SPF records are a permerror"),
    ("dmarc", DMARC, [[DMARC]], "right", "the exact text"),
    (
        "dmarc",
        DMARC,
        [["v=DMARC1; p=none; rua=mailto:a@x.example,mailto:dmarc-reports@acme.example"]],
        "right",
        "more",
    ),
    ("dmarc", DMARC, [["v=DMARC1;p=none;rua=mailto:DMARC-reports@acme.example!10m"]], "right", "other spelling"),
    ("dmarc", DMARC, [["v=DMARC1; p=reject; rua=mailto:dmarc-reports@acme.example"]], "wrong", "another policy"),
    ("dmarc", DMARC, [["v=DMARC1; p=none"]], "wrong", "reports go nowhere"),
    ("dmarc", DMARC, [[f"{DMARC}; sp=reject; adkim=s"]], "right", "tags that we leave to their owner"),
    ("dmarc", f"{DMARC}; np=reject", [[DMARC]], "wrong", "a chosen tag is missing"),
    ("dmarc", f"{DMARC}; np=reject", [[f"{DMARC}; np=reject"]], "right", "a chosen tag is there"),
    ("dmarc", DMARC, [[DMARC, "v=DMARC1; p=reject"]], "duplicate", "two records count as none"),
    ("dmarc", DMARC, [["v=spf1 -all"]], "missing", "not a DMARC record"),
    ("dmarc-report", "v=DMARC1;", [["v=DMARC1"]], "right", "leave without the semicolon"),
    ("dmarc-report", "v=DMARC1;", [["v=DMARC1; rua=mailto:x@y.example"]], "right", "leave with another address"),
    ("dmarc-report", "v=DMARC1;", [["v=spf1 -all"]], "missing", "not a DMARC record"),
    ("tls-rpt", TLS, [[TLS]], "right", "the exact text"),
    ("tls-rpt", TLS, [["v=TLSRPTv1; rua=mailto:other@x.example"]], "wrong", "another address"),
    ("mx", MX, [[MX]], "right", "the exact text"),
    ("mx", MX, [["5 MAIL.acme.example"]], "right", "another preference, another case"),
    ("mx", MX, [["10 old.acme.example"]], "wrong", "another host"),
    ("mx", MX, [["0 ."]], "wrong", "a null MX"),
    ("mx", MX, [[MX, "20 old.acme.example"]], "conflicting", "a leftover host takes mail away"),
    ("mx", MX, [[]], "missing", "nothing"),
    ("srv", SRV, [[SRV]], "right", "the exact text"),
    ("srv", SRV, [["5 7 993 mail.acme.example"]], "right", "another priority"),
    ("srv", SRV, [["0 1 143 mail.acme.example"]], "wrong", "another port"),
    ("srv", SRV, [[SRV, "0 1 993 old.acme.example"]], "conflicting", "two hosts"),
    ("host", "192.0.2.25", [["192.0.2.25"]], "right", "the address"),
    ("host", "2001:db8::25", [["2001:DB8::25"]], "right", "another case"),
    ("host", "192.0.2.25", [["192.0.2.26"]], "wrong", "another address"),
    ("mta-sts", STS, [[STS]], "right", "the exact text"),
    ("mta-sts", STS, [["v=STSv1; id=older;"]], "wrong", "the id of an older policy"),
    ("mta-sts", STS, [[STS, "v=STSv1; id=older;"]], "duplicate", "two records count as none"),
    ("mta-sts", STS, [["unrelated"]], "missing", "not an MTA-STS record"),
    ("alias", "panel.example", [["PANEL.example"]], "right", "the same host"),
    ("alias", "panel.example", [["old.example"]], "conflicting", "another host"),
    ("ptr", "mail.acme.example", [["mail.acme.example"]], "right", "the host's name"),
    ("ptr", "mail.acme.example", [["dynamic.provider.example"]], "wrong", "the provider's name"),
    ("ptr", "mail.acme.example", [[]], "missing", "no reverse name"),
    ("tlsa", TLSA, [[TLSA.upper()]], "right", "in capitals"),
    ("tlsa", TLSA, [[TLSA, "3 1 1 " + "cd" * 32]], "right", "the next key beside the one in use"),
    ("tlsa", TLSA, [["3 1 1 " + "cd" * 32]], "wrong", "another key"),
    ("tlsa", TLSA, [["3 0 1 " + "ab" * 32]], "wrong", "the whole certificate"),
    ("alias", "panel.example", [[]], "missing", "no alias"),
    (
        "autoconfig",
        "panel.example",
        [["autodiscover.outlook.example"]],
        "conflicting",
        "a leftover of another provider",
    ),
    ("ownership", "mailadmin-ownership=t", [["mailadmin-ownership=t", "x"]], "right", "the token among others"),
    ("ownership", "mailadmin-ownership=t", [["mailadmin-ownership=u"]], "wrong", "another token"),
    ("ownership", "mailadmin-ownership=t", [["mailadmin-ownership=t"], []], "waiting", "at one of two servers"),
    ("ownership", "mailadmin-ownership=t", [["mailadmin-ownership=t"], DnsStatus.TEMPFAIL], "waiting", "one silent"),
]


@pytest.mark.parametrize(
    ("purpose", "value", "seen", "status", "why"), TABLE, ids=[f"{row[0]}: {row[4]}" for row in TABLE]
)
def test_verdicts(purpose, value, seen, status, why):
    record = DesiredRecord("n", "n", TYPES.get(purpose, "TXT"), value, purpose, "")
    assert compare(record, answers(*seen)).status == status


def test_found_names_each_text_of_this_kind_once():
    record = DesiredRecord("n", "n", "TXT", SPF, "spf", "")
    assert compare(record, answers(["other", SPF], [SPF])).found == (SPF,)


@pytest.mark.parametrize(
    ("wildcard", "canonical", "status"),
    [((), "", "right"), (("t",), "", "conflicting"), ((), "parking.example", "conflicting")],
    ids=["its own", "a wildcard's", "an alias's"],
)
def test_only_a_text_of_its_own_proves_a_domain(wildcard, canonical, status):
    record = DesiredRecord("_own.acme.example", "acme.example", "TXT", "t", "ownership", "")
    answer = Answer(record.name, "TXT", DnsStatus.FOUND, ("t",), 60, canonical_name=canonical)
    assert compare(record, [answer], wildcard).status == status
