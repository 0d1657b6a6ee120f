"""Desired minus seen: one row a step, with its reason."""

import pytest

from domains.dns.port import Answer, DnsStatus
from domains.dns.zone import ZoneResolver
from domains.services.plan import NEIGHBOUR, plan_of
from domains.services.publication import DesiredRecord

ZONE = "acme.example"
SPF = "v=spf1 mx ip4:192.0.2.25 -all"
MX = "10 mail.acme.example"
KEY = "v=DKIM1; k=ed25519; p=abc="
NULL, NOBODY, REVOKED = "0 .", "v=spf1 -all", "v=DKIM1; p="
BIMI = "v=BIMI1; l=https://acme.example/logo.svg"
REFUSE = "v=DMARC1; p=reject; sp=reject; np=reject"
DMARC = "v=DMARC1; p=none; rua=mailto:dmarc-reports@acme.example"
RPT = "v=TLSRPTv1; rua=mailto:tls-reports@acme.example"
FULL = "v=spf1 " + " ".join(f"exists:%{{i}}.l{number}.example" for number in range(10)) + " -all"
TEMPFAIL, BOGUS = DnsStatus.TEMPFAIL, DnsStatus.BOGUS
TYPES = {"mx": "MX", "host": "A", "autoconfig": "CNAME", "srv": "SRV", "tlsa": "TLSA"}

TABLE = [
    ("spf", SPF, [[SPF]], "leave", (), (), "", "right"),
    ("spf", SPF, [[]], "add", (), (SPF,), "", "nothing there"),
    ("spf", SPF, [["site-verification=x"]], "add", (), (SPF,), "", "another text at the name is not touched"),
    ("spf", SPF, [["x", "v=spf1 a ~all"]], "change", ("v=spf1 a ~all",), ("v=spf1 a mx ip4:192.0.2.25 ~all",), "",
     "merged, and the other text is not touched"),
    ("spf", SPF, [["v=spf1 a -all", "v=spf1 -all"]], "blocked", (), (), "duplicate", "which one counts?"),
    ("spf", SPF, [["v=spf1 -mx -all"]], "blocked", (), (), "spf-excluded", "its owner says no"),
    ("spf", SPF, [["v=spf1 nonsense -all"]], "blocked", (), (), "spf-bad-record", "cannot be read"),
    ("spf", SPF, [[FULL]], "blocked", (), (), "spf-budget", "eleven look-ups"),
    ("spf", SPF, [TEMPFAIL], "blocked", (), (), "unreachable", "silence plans nothing"),
    ("spf", SPF, [BOGUS], "blocked", (), (), "bogus", "a failed validation plans nothing"),
    ("spf", SPF, [[SPF], []], "blocked", (), (), "unsettled", "on its way to every server"),
    ("spf", SPF, [["v=spf1 a -all"], ["v=spf1 -all"]], "blocked", (), (), "unsettled", "the servers disagree"),
    ("mx", MX, [[]], "add", (), (MX,), "", "nothing there"),
    ("mx", MX, [["20 mail.acme.example"]], "leave", (), (), "", "another preference"),
    ("mx", MX, [["10 mx.old.example"]], "change", ("10 mx.old.example",), (MX,), "moves-mail", "mail moves"),
    ("mx", MX, [["5 mail.acme.example", "10 mx.old.example"]], "change", ("10 mx.old.example",), (), "leftover-mx",
     "the old one goes"),
    ("mx", NULL, [[]], "add", (), (NULL,), "", "a parked domain says that it takes no mail"),
    ("mx", NULL, [[NULL]], "leave", (), (), "", "said"),
    ("mx", NULL, [["10 ."]], "change", ("10 .",), (NULL,), "ends-mail", "the null MX has the preference 0"),
    ("mx", NULL, [[MX]], "change", (MX,), (NULL,), "ends-mail", "mail ends"),
    ("mx", NULL, [[NULL, MX]], "change", (MX,), (), "ends-mail", "the old one goes"),
    ("mx", MX, [[NULL]], "change", (NULL,), (MX,), "moves-mail", "parked no more"),
    ("spf", NOBODY, [["v=spf1 a -all"]], "change", ("v=spf1 a -all",), (NOBODY,), "ends-mail", "no sender is left"),
    ("spf", NOBODY, [["V=SPF1  -all"]], "leave", (), (), "", "the same in other words"),
    ("dmarc", REFUSE, [["v=DMARC1; p=none; rua=mailto:Dmarc-Reports@n.acme.example"]], "change",
     ("v=DMARC1; p=none; rua=mailto:Dmarc-Reports@n.acme.example",), (REFUSE,), "replaces",
     "no report arrives at the old address"),
    ("dmarc", REFUSE, [["v=DMARC1; p=none; rua=mailto:dmarc-reports@n.acme.example,mailto:x@b.example"]], "change",
     ("v=DMARC1; p=none; rua=mailto:dmarc-reports@n.acme.example,mailto:x@b.example",),
     ("v=DMARC1; p=reject; rua=mailto:x@b.example; sp=reject; np=reject",), "replaces", "the owner's address stays"),
    ("bimi", BIMI, [["v=BIMI1; l=;"]], "change", ("v=BIMI1; l=;",), (BIMI,), "replaces", "a logo instead of none"),
    ("dkim", REVOKED, [["v=DKIM1; k=rsa; p="]], "leave", (), (), "", "revoked is revoked"),
    ("dkim", REVOKED, [[KEY]], "change", (KEY,), (REVOKED,), "replaces", "an old key stands there"),
    ("dkim", KEY, [["old"]], "change", ("old",), (KEY,), "replaces", "our selector"),
    ("dkim", KEY, [["one", "two"]], "blocked", (), (), "duplicate", "two keys at a selector"),
    ("dmarc", DMARC, [["v=DMARC1; p=reject"]], "change", ("v=DMARC1; p=reject",), (DMARC,), "weakens", "policy"),
    ("dmarc", DMARC, [["v=DMARC1; p=none; rua=mailto:a@b.example; fo=1; pct=5"]], "change",
     ("v=DMARC1; p=none; rua=mailto:a@b.example; fo=1; pct=5",),
     ("v=DMARC1; p=none; rua=mailto:a@b.example,mailto:dmarc-reports@acme.example; fo=1",), "replaces",
     "what its owner added stays"),
    ("dmarc", DMARC, [["v=DMARC1; nonsense"]], "change", ("v=DMARC1; nonsense",), (DMARC,), "replaces", "unreadable"),
    ("tls-rpt", RPT, [["v=TLSRPTv1; rua=mailto:a@b.example"]], "change", ("v=TLSRPTv1; rua=mailto:a@b.example",),
     ("v=TLSRPTv1; rua=mailto:a@b.example,mailto:tls-reports@acme.example",), "", "both get them"),
    ("tls-rpt", RPT, [["v=TLSRPTv1;rua=https://b.example/r,mailto:tls-reports@acme.example"]], "leave", (), (), "",
     "ours is among them"),
    ("dmarc", DMARC, [["v=DMARC1; p=none", DMARC]], "blocked", (), (), "duplicate", "two policies"),
    ("host", "192.0.2.25", [["192.0.2.9"]], "blocked", (), (), "foreign", "an address of others"),
    ("autoconfig", "mail.acme.example", [["old.example"]], "blocked", (), (), "foreign", "an alias of others"),
    ("tlsa", "3 1 1 " + "ab" * 32, [["3 1 1 " + "cd" * 32]], "add", (), ("3 1 1 " + "ab" * 32,), "", "both keys"),
]  # fmt: skip


def answered(name, rdtype, servers, canonical=""):
    found = DnsStatus.FOUND
    return [
        Answer(name, rdtype, server)
        if isinstance(server, DnsStatus)
        else Answer(name, rdtype, found if server else DnsStatus.NXDOMAIN, tuple(server), canonical_name=canonical)
        for server in servers
    ]


async def step_of(purpose, value, servers, zone=ZONE, canonical=""):
    row = DesiredRecord(f"n.{ZONE}", ZONE, TYPES.get(purpose, "TXT"), value, purpose, "")
    seen = {(row.name, row.type): answered(row.name, row.type, servers, canonical)}
    [step] = await plan_of(zone, [row], seen, ZoneResolver({(row.name, "MX"): [MX]}))
    return step


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}: {row[-1]}")
async def test_step(row):
    purpose, value, servers, action, removes, adds, risk, _reason = row
    step = await step_of(purpose, value, servers)
    assert (step.action, step.removes, step.adds, step.risk) == (action, removes, adds, risk)


async def test_our_own_look_ups_are_left_out_where_ten_are_made_already():
    light = "v=spf1 ip4:192.0.2.25 -all"
    row = DesiredRecord(ZONE, ZONE, "TXT", SPF, "spf", "", suffices=light)
    resolver = ZoneResolver({(ZONE, "MX"): [MX]})
    [step] = await plan_of(ZONE, [row], {(ZONE, "TXT"): answered(ZONE, "TXT", [[FULL]])}, resolver)
    assert (step.action, step.adds) == ("change", (FULL.replace(" -all", " ip4:192.0.2.25 -all"),))
    [step] = await plan_of(ZONE, [row], {(ZONE, "TXT"): answered(ZONE, "TXT", [list(step.adds)])}, resolver)
    assert step.action == "leave"


async def test_a_name_that_is_an_alias_is_left_to_its_owner():
    step = await step_of("dkim", KEY, [["old"]], canonical="keys.provider.example")
    assert (step.action, step.risk, step.detail) == ("blocked", "alias", "keys.provider.example")


@pytest.mark.parametrize(
    ("records", "action", "detail"),
    [
        ({(f"n.{ZONE}", "A"): ["192.0.2.9"]}, "blocked", "A 192.0.2.9"),
        ({(f"n.{ZONE}", "TXT"): ["x"]}, "blocked", "TXT x"),
        ({(f"below.n.{ZONE}", "A"): ["192.0.2.9"]}, "add", ""),
        ({(f"n.{ZONE}", "A"): ["192.0.2.9"], (f"{NEIGHBOUR}.{ZONE}", "A"): ["192.0.2.9"]}, "add", ""),
    ],
    ids=["an address", "a text", "only names below", "what a wildcard answers"],
)
async def test_an_alias_stands_beside_nothing(records, action, detail):
    row = DesiredRecord(f"n.{ZONE}", ZONE, "CNAME", "mail.acme.example", "autoconfig", "")
    seen = {(row.name, "CNAME"): [Answer(row.name, "CNAME", DnsStatus.NODATA, canonical_name=row.name)]}
    [step] = await plan_of(ZONE, [row], seen, ZoneResolver(records))
    assert (step.action, step.detail) == (action, detail)
    assert step.risk == ("foreign" if detail else "")


async def test_an_absent_end_of_an_alias_is_no_place_to_add():
    step = await step_of("dkim", KEY, [[]], canonical="keys.provider.example")
    assert (step.action, step.risk) == ("blocked", "alias")


async def test_another_zone_is_named_not_changed():
    step = await step_of("host", "192.0.2.25", [[]], zone="bee.example")
    assert (step.action, step.risk, step.detail) == ("blocked", "other-zone", ZONE)


async def test_what_was_never_asked_is_not_planned():
    row = DesiredRecord(ZONE, ZONE, "MX", MX, "mx", "")
    [step] = await plan_of(ZONE, [row], {}, ZoneResolver({}))
    assert (step.action, step.risk) == ("blocked", "unreachable")


async def test_a_second_address_of_ours_joins_the_first():
    rows = [DesiredRecord(f"n.{ZONE}", ZONE, "A", text, "host", "") for text in ("192.0.2.1", "192.0.2.2")]
    seen = {(f"n.{ZONE}", "A"): answered(f"n.{ZONE}", "A", [["192.0.2.1"]])}
    steps = await plan_of(ZONE, rows, seen, ZoneResolver({}))
    assert [(step.action, step.adds) for step in steps] == [("leave", ()), ("add", ("192.0.2.2",))]
