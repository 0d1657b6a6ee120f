"""Aggregate reports: the corpus against its table, bounds, and the round trip."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domains.dmarc import report as report_module
from domains.dmarc.report import (
    AggregateReport,
    BadReport,
    DkimResult,
    PolicyReason,
    ReportRow,
    SpfResult,
    parse_report,
    serialise_report,
)
from tests.domains.dmarc.samples import make_report, make_row, report_xml

CORPUS = Path(__file__).parents[2] / "corpus" / "reports" / "aggregate"


def test_results_and_reasons_of_a_row():
    row = parse_report((CORPUS / "rfc7489.xml").read_bytes()).rows[1]
    assert row.envelope_to == "customer.example"
    assert row.envelope_from == "example.net"
    assert row.reasons == (PolicyReason("local_policy", "arc=pass"),)
    assert row.spf_results == (SpfResult("example.net", "", "softfail"),)
    assert row.dkim_results == ()


def test_wrong_types_in_results_are_put_right():
    row = parse_report((CORPUS / "wrong-types.xml").read_bytes()).rows[0]
    assert row.spf_results == (SpfResult("bounce.example.net", "", "fail"),)


def test_markup_in_a_name_stays_text():
    name = "<script>alert(1)</script>"
    assert parse_report(report_xml(org_name=name)).org_name == name


def test_a_reference_and_a_doctype_across_a_piece_border_are_seen():
    start, rest = report_xml(org_name="A & B").split(b"A &amp; B")
    for shift in range(12):
        pad = b" " * (64 * 1024 - len(start) - len(b"<!---->") - shift)
        octets = start + b"<!--" + pad + b"-->A &amp; B&lt;" + rest
        assert parse_report(octets).org_name == "A & B<"
    for shift in range(12):
        octets = (
            b" <!--" + b" " * (64 * 1024 - 8 - shift) + b"--><!DOCTYPE feedback>" + report_xml().split(b"\n", 1)[1]
        )
        with pytest.raises(BadReport, match="document type"):
            parse_report(octets)


def test_an_encoding_that_could_hide_markup_is_not_used():
    octets = report_xml(org_name="+ADw-b").replace(b"UTF-8", b"UTF-7")
    assert parse_report(octets).org_name == "+ADw-b"


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "empty"),
        (b"\0 \0", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"<feedback>" * 100_000, "deep"),
        (b"<feedback><record>" + b"<x/>" * 100_000, "more than 5000 elements"),
        (b"<feedback>" + b"<a>" * 10_000_000, "deep"),
        (b"<feedback" + b" a='1'" * 100_000 + b"/>", "well-formed"),
        (b"just words", "well-formed"),
        (b"<feedback/>", "which domain"),
    ],
    ids=["nothing", "nul", "bom", "nested", "wide", "ten million deep", "attributes", "words", "bare"],
)
def test_hostile_shapes_are_refused(octets, reason):
    with pytest.raises(BadReport, match=reason):
        parse_report(octets)


FOUR_MEGABYTES = 4 * 2**20
START, _, REST = report_xml().partition(b"<record>")
RECORD = b"<record>" + REST.removesuffix(b"</feedback>\n")
ODD_RECORD = RECORD.replace(b"<row>", b"<row a='1'>")
REASONS = RECORD.replace(b"<spf>fail</spf>", b"<reason><type>other</type></reason>" * 1500, 1)


@pytest.mark.parametrize(
    "unit",
    [b"&", b"<", b"]", b"<a@b.example>", b"<!---->", b"<?a?>", b"<![CDATA[]]>", b"<a/>", RECORD, ODD_RECORD, REASONS],
    ids=["ampersands", "angles", "brackets", "addresses", "comments", "instructions", "CDATA", "elements", "records",
         "odd records", "reasons"],
)  # fmt: skip
def test_hostile_files_cost_little(unit):
    octets = START + unit * (FOUR_MEGABYTES // len(unit)) + b"</feedback>"
    before = time.process_time()
    with suppress(BadReport):
        parse_report(octets)
    assert time.process_time() - before < 2.5


def test_too_many_records_are_refused(monkeypatch):
    monkeypatch.setattr(report_module, "MAXIMUM_RECORDS", 3)
    rows = (make_row(),)
    assert len(parse_report(report_xml(rows=rows * 3)).rows) == 3
    with pytest.raises(BadReport, match="more than 3 records"):
        parse_report(report_xml(rows=rows * 4))


def test_long_texts_are_cut():
    report = parse_report(report_xml(org_name="x" * 5000, report_id="y" * 5000))
    assert (len(report.org_name), len(report.report_id)) == (300, 300)


def test_a_later_century_is_read():
    begin = datetime(2106, 2, 7, tzinfo=UTC)
    assert parse_report(report_xml(begin=begin, end=begin + timedelta(days=1))).begin == begin


words = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp"), exclude_characters="\ufeff\uffff\ufffe"
    ),
    max_size=20,
)
filled = words.filter(bool)
hosts = st.from_regex(r"[a-z]{1,10}\.(example|test)", fullmatch=True)
dkim = st.builds(DkimResult, hosts, words, st.sampled_from(report_module.DKIM_RESULTS), words)
spf = st.builds(
    SpfResult, hosts, st.sampled_from(["", "mfrom", "helo"]), st.sampled_from(report_module.SPF_RESULTS), words
)
reasons = st.builds(PolicyReason, st.sampled_from(["forwarded", "local_policy", "other"]), words)
passes = st.sampled_from(["pass", "fail"])
addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6).filter(lambda a: a.ipv4_mapped is None)).map(str)
rows = st.builds(
    ReportRow,
    addresses,
    st.integers(0, report_module.MAXIMUM_MESSAGES),
    st.sampled_from(report_module.DISPOSITIONS),
    passes,
    passes,
    hosts,
    hosts | st.just(""),
    hosts | st.just(""),
    st.lists(dkim, max_size=3).map(tuple),
    st.lists(spf, max_size=2).map(tuple),
    st.lists(reasons, max_size=2).map(tuple),
)
begins = st.integers(1_300_000_000, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
newer = st.fixed_dictionaries({"p": st.just("none"), "np": st.just("reject"), "testing": st.just("y")})
older = st.fixed_dictionaries({"p": st.just("reject"), "pct": st.just("50")})


@st.composite
def reports(draw):
    schema = draw(st.sampled_from(["rfc7489", "rfc9990"]))
    begin = draw(begins)
    return AggregateReport(
        org_name=draw(filled),
        org_email=draw(words),
        report_id=draw(filled),
        begin=begin,
        end=begin + timedelta(seconds=draw(st.integers(0, 86_400 * 366))),
        domain=draw(hosts),
        policy=draw(newer if schema == "rfc9990" else older),
        schema=schema,
        rows=tuple(draw(st.lists(rows, max_size=4))),
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reports())
def test_what_is_written_is_read_back(report):
    assert parse_report(serialise_report(report)) == report


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_reports_raise_only_bad_report(data):
    octets = bytearray(report_xml())
    for _ in range(data.draw(st.integers(1, 8))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BadReport):
        parse_report(bytes(octets))


def test_totals():
    assert make_report(rows=(make_row(count=2), make_row(count=3))).messages == 5
