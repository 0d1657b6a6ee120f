"""Why a record is not right: one row a cause, and a sentence for each in both languages."""

import pytest
from django.utils import translation

from domains.dns.port import Answer, DnsStatus, Fault
from domains.dns.providers import PROVIDERS
from domains.dns.remark import Cause, Remark
from domains.dns.slips import Probe
from domains.services.compare import compare, with_probes
from domains.services.desired import DesiredRecord
from domains.views.remarks import SENTENCES, pieces_of, sentence_of

ZONE = "acme.example"
KEY = "v=DKIM1; k=rsa; p=" + "abcdefghij" * 20
SPF = "v=spf1 mx ip4:192.0.2.25 -all"
DMARC = "v=DMARC1; p=none; rua=mailto:dmarc-reports@acme.example"
RECORDS = {
    "mx": DesiredRecord(ZONE, ZONE, "MX", "10 mail.acme.example", "mx", ""),
    "spf": DesiredRecord(ZONE, ZONE, "TXT", SPF, "spf", ""),
    "dkim": DesiredRecord(f"s1._domainkey.{ZONE}", ZONE, "TXT", KEY, "dkim", ""),
    "dmarc": DesiredRecord(f"_dmarc.{ZONE}", ZONE, "TXT", DMARC, "dmarc", ""),
    "np": DesiredRecord(f"_dmarc.{ZONE}", ZONE, "TXT", f"{DMARC}; np=reject", "dmarc", ""),
    "sts": DesiredRecord(f"_mta-sts.{ZONE}", ZONE, "TXT", "v=STSv1; id=1234;", "mta-sts", ""),
    "auto": DesiredRecord(f"autodiscover.{ZONE}", ZONE, "CNAME", "panel.example", "autoconfig", ""),
    "srv": DesiredRecord(f"_imaps._tcp.{ZONE}", ZONE, "SRV", "0 1 993 mail.acme.example", "srv", ""),
    "ptr": DesiredRecord("25.2.0.192.in-addr.arpa", "2.0.192.in-addr.arpa", "PTR", "mail.acme.example", "ptr", ""),
}


def answer(record, texts, alias="", host="", server="192.0.2.53:53", ttl=300):
    """One server's answer: texts, or a fault."""
    if isinstance(texts, Fault):
        return Answer(record.name, record.type, DnsStatus.TEMPFAIL, fault=texts, host=host, server=server)
    status = texts if isinstance(texts, DnsStatus) else DnsStatus.FOUND if texts else DnsStatus.NODATA
    known = () if isinstance(texts, DnsStatus) else tuple(texts)
    return Answer(record.name, record.type, status, known, ttl, False, alias or record.name, "", server, host=host)


TABLE = [
    ("mx", [], Cause.NOTHING, {"name": ZONE}, "nothing there"),
    ("ptr", [], Cause.NO_REVERSE, {"value": "mail.acme.example"}, "nothing there"),
    (
        "mx",
        ["10 mail.acme.example.acme.example"],
        Cause.TARGET_DOUBLED,
        {"value": "mail.acme.example."},
        "zone added",
    ),
    ("mx", ["10 mail"], Cause.TARGET_SHORT, {"value": "mail.acme.example"}, "a relative target"),
    ("srv", ["0 1 993 mail.acme.example.acme.example"], Cause.TARGET_DOUBLED, {}, "zone added"),
    ("auto", ["panel.example.acme.example"], Cause.TARGET_DOUBLED, {"value": "panel.example."}, "zone added"),
    ("mx", ["10 old.example"], Cause.OTHER_HOST, {"found": "10 old.example"}, "mail goes elsewhere"),
    ("mx", ["10 mail.acme.example", "20 old.example"], Cause.LEFTOVER_MX, {"found": "old.example"}, "one beside"),
    ("srv", ["0 1 993 mail.acme.example", "0 1 993 old.example"], Cause.LEFTOVER, {"found": "old.example"}, "beside"),
    ("auto", ["autodiscover.outlook.example"], Cause.LEFTOVER, {"found": "autodiscover.outlook.example"}, "instead"),
    ("ptr", ["dyn.provider.example"], Cause.OTHER_REVERSE, {"found": "dyn.provider.example"}, "the provider's name"),
    ("spf", [f'"{SPF}"'], Cause.QUOTED, {}, "quotes inside the text"),
    ("spf", ["v=spf1 include:x.example -all"], Cause.SPF_LACKS, {"add": "mx ip4:192.0.2.25"}, "our terms"),
    ("spf", ["v=spf1 mx ipv4:192.0.2.25 -all"], Cause.SPF_UNREADABLE, {"term": "ipv4:192.0.2.25"}, "syntax"),
    ("spf", [SPF, "v=spf1 -all"], Cause.SPF_SEVERAL, {"count": "2"}, "two SPF records"),
    ("dkim", [f'"{KEY[:100]}" "{KEY[100:]}"'], Cause.QUOTED, {}, "quoted parts became text"),
    ("dkim", [KEY.replace(";", "\\;")], Cause.QUOTED, {}, "backslashes became text"),
    ("dkim", [KEY[:100] + " " + KEY[100:]], Cause.SPACED, {}, "a space inside"),
    ("dkim", [KEY.replace("p=", "p=\n")], Cause.SPACED, {}, "a line break inside"),
    ("dkim", [KEY[:150]], Cause.CUT, {"have": "150", "all": str(len(KEY))}, "the end is missing"),
    ("dkim", [KEY[60:]], Cause.CUT, {}, "the beginning is missing"),
    ("dkim", [KEY[100:], KEY[:100]], Cause.IN_PIECES, {"count": "2"}, "a record for each part"),
    ("dkim", ["v=DKIM1; k=rsa; p=other"], Cause.OTHER_KEY, {}, "another key"),
    ("dkim", [KEY, "v=DKIM1; k=rsa; p=other"], Cause.SEVERAL, {"count": "2"}, "two keys"),
    ("dmarc", ["v=DMARC1; p=none"], Cause.DMARC_LACKS, {"add": "mailto:dmarc-reports@acme.example"}, "no reports"),
    ("dmarc", [DMARC.replace("none", "reject")], Cause.DMARC_DIFFERS, {"found": "p=reject", "value": "p=none"}, "p"),
    ("np", [DMARC], Cause.DMARC_LACKS_TAG, {"add": "np=reject"}, "a tag is missing"),
    ("dmarc", ["v=DMARC1; p=maybe"], Cause.DMARC_UNREADABLE, {}, "no policy and no address"),
    ("dmarc", [DMARC, "v=DMARC1; p=reject"], Cause.SEVERAL, {"count": "2"}, "two DMARC records"),
    ("sts", ["v=STSv1; id=1;"], Cause.OTHER_TEXT, {}, "an older id"),
    ("dkim", Fault.SILENT, Cause.SILENT, {"servers": "192.0.2.53:53"}, "silence"),
    ("dkim", Fault.REFUSED, Cause.REFUSED, {}, "an error code"),
    ("dkim", Fault.LAME, Cause.LAME, {}, "a server that does not know the zone"),
    ("dkim", Fault.LOOP, Cause.LOOP, {}, "aliases without end"),
    ("dkim", DnsStatus.BOGUS, Cause.BOGUS, {}, "signatures do not hold"),
]


@pytest.mark.parametrize(("kind", "texts", "cause", "values", "why"), TABLE, ids=[f"{r[0]}: {r[4]}" for r in TABLE])
def test_causes(kind, texts, cause, values, why):
    record = RECORDS[kind]
    found = compare(record, [answer(record, texts)])
    assert found.remark is not None
    assert found.remark.cause is cause
    assert values.items() <= found.remark.values.items()


def test_an_alias_in_the_way_is_a_conflict_and_one_that_leads_to_the_text_is_right():
    record = RECORDS["dkim"]
    empty = compare(record, [answer(record, [], alias="www.acme.example")])
    other = compare(record, [answer(record, ["parked"], alias="www.acme.example")])
    for found in (empty, other):
        assert found.status == "conflicting"
        assert found.remark == Remark(Cause.ALIAS, {"name": record.name, "target": "www.acme.example"})
    assert compare(record, [answer(record, [KEY], alias="k1.keys.example")]).status == "right"


def test_a_wildcard_is_in_the_way_only_while_it_gives_the_wrong_text():
    record = RECORDS["dkim"]
    faked = compare(record, [answer(record, ["v=spf1 -all"])], ["v=spf1 -all"])
    assert faked.status == "conflicting"
    assert faked.remark == Remark(Cause.WILDCARD, {"name": record.name, "wildcard": "*.acme.example"})
    assert compare(record, [answer(record, [KEY])], [KEY]).status == "right", "verifiers find the key"
    assert compare(record, [answer(record, ["other"])], ["v=spf1 -all"]).status == "wrong", "a record of its own"
    apex = RECORDS["spf"]
    assert compare(apex, [answer(apex, ["v=spf1 -all"])], ["v=spf1 -all"]).status == "wrong", "not below the zone"


def test_waiting_names_the_servers_that_lack_it_and_how_long_they_may():
    record = RECORDS["dkim"]
    rows = [answer(record, [KEY], server="192.0.2.1:53"), answer(record, [], host="ns2.provider.example", ttl=3600)]
    found = compare(record, rows)
    assert found.status == "waiting"
    assert found.remark == Remark(Cause.LACKING, {"servers": "ns2.provider.example", "seconds": "3600"})
    assert [status for _, status in found.judged] == ["right", "missing"]
    silent = compare(record, [rows[0], answer(record, Fault.SILENT, host="ns3.provider.example")])
    assert silent.remark == Remark(Cause.QUIET, {"servers": "ns3.provider.example"})


@pytest.mark.parametrize(
    ("kind", "probe", "texts", "wildcard", "expected"),
    [
        ("dmarc", Probe(Cause.DOUBLED_ZONE, f"_dmarc.{ZONE}.{ZONE}", "TXT"), [DMARC], [], "doubled-zone"),
        ("dmarc", Probe(Cause.DOUBLED_ZONE, f"_dmarc.{ZONE}.{ZONE}", "TXT"), [DMARC], [DMARC], "nothing"),
        ("dmarc", Probe(Cause.DOUBLED_LABEL, f"_dmarc._dmarc.{ZONE}", "TXT"), [DMARC], [], "doubled-label"),
        ("dmarc", Probe(Cause.DOUBLED_ZONE, f"_dmarc.{ZONE}.{ZONE}", "TXT"), ["unrelated"], [], "nothing"),
        ("spf", Probe(Cause.OLD_TYPE, ZONE, "SPF"), [f'"{SPF}"'], [], "old-type"),
        ("spf", Probe(Cause.AT_WWW, f"www.{ZONE}", "TXT"), [SPF], [], "at-www"),
        ("spf", Probe(Cause.AT_WWW, f"www.{ZONE}", "TXT"), ["v=spf1 -all"], [], "nothing"),
        ("auto", Probe(Cause.OCCUPIED, f"autodiscover.{ZONE}", "A"), ["192.0.2.9"], [], "occupied"),
        ("auto", Probe(Cause.OCCUPIED, f"autodiscover.{ZONE}", "A"), ["192.0.2.9"], ["192.0.2.9"], "nothing"),
    ],
)
def test_further_questions_tell_the_slip_unless_a_wildcard_answers_them(kind, probe, texts, wildcard, expected):
    record = RECORDS[kind]
    before = compare(record, [answer(record, [])])
    reply = Answer(probe.name, probe.rdtype, DnsStatus.FOUND, tuple(texts))
    after = with_probes(record, before, [(probe, reply, wildcard)])
    assert after.remark.cause == expected
    assert after.status == ("conflicting" if expected == "occupied" else "missing")


def test_every_cause_has_a_sentence_that_its_values_fill():
    names = ("name", "at", "found", "value", "have", "all", "count", "add", "term", "target", "wildcard", "servers")
    values = dict.fromkeys(names, "<`x`>") | {"seconds": "90"}
    for language in ("en", "fr"):
        with translation.override(language):
            for cause in Cause:
                text = sentence_of(Remark(cause, values), RECORDS["spf"])
                assert text.count("`") % 2 == 0, cause
                assert "%(" not in text
    assert set(SENTENCES) == set(Cause)


def test_a_sentence_names_the_entry_as_the_provider_takes_it():
    remark = Remark(Cause.DOUBLED_ZONE, {"at": "x"})
    empty = next(provider for provider in PROVIDERS if provider.name == "Porkbun")
    assert "`@`" in sentence_of(remark, RECORDS["spf"])
    assert "`(empty)`" in sentence_of(remark, RECORDS["spf"], empty)
    assert "`_dmarc`" in sentence_of(remark, RECORDS["dmarc"], empty)


def test_the_sentence_of_the_guide():
    record = RECORDS["spf"]
    found = compare(record, [answer(record, ["v=spf1 mx -all"])])
    text = sentence_of(found.remark, record)
    assert text == "The SPF record at `acme.example` lacks this server. Add `ip4:192.0.2.25` before its `all`."
    assert [piece.text for piece in pieces_of(text) if piece.code] == ["acme.example", "ip4:192.0.2.25", "all"]
