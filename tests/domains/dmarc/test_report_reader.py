"""Reading in pieces: the plain road and the library give the same, wherever the file is cut."""

import itertools
import random
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domains.dmarc import report as report_module
from domains.dmarc.report import BadReport, ReportHead, open_report
from domains.dmarc.report_elements import Collector, ElementReader
from domains.dmarc.report_reader import Reader, read_batches
from domains.dmarc.xml_text import safe_text
from tests.domains.dmarc.samples import make_row, report_xml

CORPUS = Path(__file__).parents[2] / "corpus" / "reports" / "aggregate"
SAMPLES = sorted(path for path in CORPUS.iterdir() if path.suffix in (".xml", ".html"))


def by_reader(pieces):
    """Return (head, rows) or the reason of the refusal, as the product reads."""
    reader = Reader(1000)
    try:
        rows = [row for batch in read_batches(pieces, reader) for row in batch]
        return reader.collector.head(), rows
    except BadReport as refusal:
        return str(refusal)


def by_library(text):
    """Return the same, read by the XML library alone."""
    collector = Collector(1000)
    elements = ElementReader(collector)
    try:
        elements.feed(text)
        elements.close()
        return collector.head(), collector.rows
    except BadReport as refusal:
        return str(refusal)


def agree(text, *cuts):
    """Check that both roads say the same of a text cut at the places."""
    places = [0, *sorted(cuts), len(text)]
    pieces = [text[first:last] for first, last in itertools.pairwise(places)]
    found, wanted = by_reader(pieces), by_library(text)
    if isinstance(wanted, str) and "well-formed" in wanted:
        assert isinstance(found, str)
    else:
        assert found == wanted


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_both_roads_agree_on_every_sample_at_every_cut(path):
    try:
        text = "".join(safe_text([path.read_bytes()]))
    except BadReport:
        return
    for cut in range(0, len(text), 7):
        agree(text, cut)


RECORD = (
    "<record><row><source_ip>192.0.2.1</source_ip><count>3</count><policy_evaluated><disposition>none</disposition>"
    "<dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>a.example</header_from>"
    "</identifiers><auth_results><spf><domain>a.example</domain><result>pass</result></spf></auth_results></record>"
)
HEAD = (
    "<feedback><report_metadata><org_name>o</org_name><report_id>1</report_id><date_range><begin>1760054400</begin>"
    "<end>1760140799</end></date_range></report_metadata><policy_published><domain>a.example</domain><p>none</p>"
    "</policy_published>"
)
OTHER_POLICY = "<policy_published><domain>b.example</domain></policy_published>"
PREFIXED = (HEAD + RECORD * 2 + "</feedback>").replace("<", "<n:").replace("<n:/", "</n:")
ODD = {
    "plain": HEAD + RECORD * 3 + "</feedback>",
    "a record in a comment": HEAD + RECORD + "<!--" + RECORD + "-->" + RECORD + "</feedback>",
    "a record in CDATA": HEAD + RECORD + "<x><![CDATA[" + RECORD + "]]></x>" + RECORD + "</feedback>",
    "a record in an instruction": HEAD + RECORD + "<?x " + RECORD + "?>" + RECORD + "</feedback>",
    "a comment that opens in the head": HEAD + "<!--" + RECORD * 2 + "--></feedback>",
    "a record in another element": HEAD + RECORD + "<extension>" + RECORD + "</extension>" + RECORD + "</feedback>",
    "a record in a record": HEAD + RECORD.replace("</row>", "</row>" + RECORD) + RECORD + "</feedback>",
    "an end tag in a comment": HEAD + RECORD.replace("</row>", "</row><!--</record>-->") + RECORD + "</feedback>",
    "an end tag in an attribute": HEAD + RECORD.replace("<row>", "<row a='</record>'>") + RECORD + "</feedback>",
    "an attribute": HEAD + RECORD.replace("<row>", "<row a='1'>") + RECORD + "</feedback>",
    "a reference": HEAD + RECORD.replace("none<", "no&#110;e<") + RECORD + "</feedback>",
    "the end of CDATA in text": HEAD + RECORD.replace("none<", "]]><") + "</feedback>",
    "the root ends early": HEAD + RECORD + "</feedback>" + RECORD,
    "two roots": (HEAD + RECORD + "</feedback>") * 2,
    "never closed": HEAD + RECORD * 2,
    "crossed tags": HEAD + RECORD.replace("</row><identifiers>", "<identifiers></row>") + "</feedback>",
    "text in between": HEAD + "noise" + RECORD + "noise" + RECORD + "noise</feedback>",
    "mixed content": HEAD + RECORD.replace("<result>pass", "<result>pa<x>y</x>ss") + "</feedback>",
    "capitals": (HEAD + RECORD).upper() + "</FEEDBACK>",
    "capital end": HEAD + RECORD + RECORD.replace("</record>", "</Record>") + "</feedback>",
    "no results": HEAD + RECORD[: RECORD.index("<auth_results>")] + "</record>" + RECORD + "</feedback>",
    "no results and a bare end": HEAD + RECORD[: RECORD.index("<spf><domain>")] + "</record></feedback>",
    "empty results": HEAD + RECORD[: RECORD.index("<auth_results>")] + "<auth_results/></record></feedback>",
    "results twice": HEAD + RECORD.replace("</row>", "</row><auth_results></auth_results>") + "</feedback>",
    "a head twice": HEAD + HEAD.removeprefix("<feedback>") + RECORD + "</feedback>",
    "an empty head, then one": HEAD.replace("<report_m", "<report_metadata/><report_m") + RECORD + "</feedback>",
    "two policies": HEAD + OTHER_POLICY + RECORD + "</feedback>",
    "a head that is not closed": HEAD.replace("</policy_published>", "") + RECORD + "</feedback>",
    "a head with a record": HEAD.replace("<policy_pub", RECORD + "<policy_pub") + RECORD + "</feedback>",
    "two namespaces": HEAD.replace("<feedback>", '<feedback xmlns="urn:a" xmlns="urn:b">') + RECORD + "</feedback>",
    "an old namespace": HEAD.replace("<feedback>", '<feedback xmlns="http://dmarc.org/dmarc-xml/0.1">') + RECORD
    + "</feedback>",
    "schema instances": HEAD.replace("<feedback>", '<feedback xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">') + RECORD + "</feedback>",
    "an empty tail": HEAD + RECORD.split("<policy_evaluated>")[0] + "</row></record></feedback>",
    "the head at the end": "<feedback>" + RECORD * 2 + HEAD.removeprefix("<feedback>") + "</feedback>",
    "half of the head at the end": HEAD.replace("policy_published", "x") + RECORD + OTHER_POLICY + "</feedback>",
    "another domain at the end": HEAD + RECORD + OTHER_POLICY + "</feedback>",
    "an odd record first": HEAD + RECORD.replace("<record>", "<record >").replace("a.e", "b.e") + RECORD * 2
    + "</feedback>",
    "a namespace of its own": HEAD + RECORD.replace("<record>", "<record xmlns='urn:x'>") + RECORD + "</feedback>",
    "the newer namespace": HEAD.replace("<feedback>", '<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">')
    + RECORD * 2
    + "</feedback>",
    "prefixes": PREFIXED.replace("feedback>", 'feedback xmlns:n="urn:ietf:params:xml:ns:dmarc-2.0">', 1),
    "an unknown prefix": HEAD + RECORD.replace("<spf>", "<n:spf>").replace("</spf>", "</n:spf>") + "</feedback>",
    "no source": HEAD + RECORD + RECORD.replace("192.0.2.1", "nowhere") + "</feedback>",
    "no number": HEAD + RECORD + RECORD.replace(">3<", ">many<") + "</feedback>",
    "signed number": HEAD + RECORD.replace(">3<", ">+3<") + "</feedback>",
    "another order": HEAD + RECORD.replace("<source_ip>192.0.2.1</source_ip><count>3</count>", "<count>3</count>"
    "<source_ip>192.0.2.1</source_ip>") + RECORD + "</feedback>",
    "two sources": HEAD + RECORD.replace("<count>", "<source_ip>192.0.2.2</source_ip><count>") + "</feedback>",
    "two rows": HEAD + RECORD.replace("</row>", "</row><row><count>9</count></row>") + "</feedback>",
    "two counts": HEAD + RECORD.replace("<policy_evaluated>", "<count>4</count><policy_evaluated>") + "</feedback>",
    "a long comment in a tail": HEAD + RECORD.replace("none<", "n" * 5000 + "<") + RECORD + "</feedback>",
    "only ends": HEAD + "</record>" * 5 + "</feedback>",
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_both_roads_agree_on_odd_shapes(name):
    for text in (ODD[name], '<?xml version="1.0" encoding="UTF-8"?>\n' + ODD[name].replace("><", ">\n  <")):
        agree(text)
        for cut in range(0, len(text), 11):
            agree(text, cut, cut + 40)


def test_the_plain_road_is_taken(monkeypatch):
    documents = []
    real = ElementReader.feed
    monkeypatch.setattr(ElementReader, "feed", lambda self, text: (documents.append(text), real(self, text)))
    assert len(by_reader([ODD["plain"].replace("><", ">\n<")])[1]) == 3
    assert documents == []
    odd = (
        HEAD.replace("<org_name>", "<org_name lang='en'>")
        + RECORD * 2
        + RECORD.replace("none<", "<!---->none<")
        + RECORD
    )
    assert len(by_reader([odd + "</feedback>"])[1]) == 4
    assert [text.count("<record>") for text in documents] == [0, 1]


def test_a_line_in_a_refusal_is_that_of_the_file():
    text = (HEAD + RECORD * 3).replace("><", ">\n<") + "\n<oops></feedback>"
    wanted = f"line {text.count(chr(10)) + 1}"
    assert wanted in by_reader([text])
    assert wanted in by_library(text)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(ODD)), st.integers(0, 2**32), st.integers(1, 6))
def test_both_roads_agree_on_damaged_text(name, seed, changes):
    chance = random.Random(seed)
    text = list(ODD[name])
    for _ in range(changes):
        text[chance.randrange(len(text))] = chance.choice("<>/&\"'= ax!-?[]\n")
    damaged = "".join(text)
    with suppress(BadReport):
        damaged = "".join(safe_text([damaged.encode()]))
        agree(damaged, chance.randrange(len(damaged)))


def test_rows_with_equal_results_share_them():
    first, second, third = by_reader([HEAD + RECORD * 2 + RECORD.replace("a.example", "b.example") + "</feedback>"])[
        1
    ]
    assert first.outcome is second.outcome
    assert first.pattern is second.pattern
    assert first.pattern != third.pattern
    assert first.pattern.digest != third.pattern.digest
    assert {first: 1}[second] == 1


def chunks_of(octets, size=1000):
    return [octets[start : start + size] for start in range(0, len(octets), size)]


def test_the_head_is_known_before_the_rows_are_read():
    octets = report_xml(rows=(make_row(),) * 1000)
    taken = []
    head, rows = open_report(taken.append(chunk) or chunk for chunk in chunks_of(octets))
    assert isinstance(head, ReportHead)
    assert head.report_id == "r-1"
    assert len(taken) < 5
    assert len(list(rows)) == 1000


def test_a_refusal_may_come_after_the_head():
    octets = report_xml(rows=(make_row(),) * 100).replace(b"</feedback>", b"<oops></feedback>")
    _head, rows = open_report(chunks_of(octets))
    with pytest.raises(BadReport, match="well-formed"):
        list(rows)


def test_rows_before_the_head_are_bounded(monkeypatch):
    monkeypatch.setattr(report_module, "MAXIMUM_HEADLESS_RECORDS", 50)
    headless = "<feedback>" + RECORD * 200 + HEAD.removeprefix("<feedback>") + "</feedback>"
    with pytest.raises(BadReport, match="More than 50 records stand before"):
        open_report(chunks_of(headless.encode()))


def test_a_hundred_thousand_records_are_read_in_little_memory():
    head, _, rest = report_xml().decode().partition("<record>")
    record = ("<record>" + rest).removesuffix("</feedback>\n")
    pieces = (record.replace("192.0.2.10", f"10.0.{n // 250}.{n % 250}") * 400 for n in range(250))
    chunks = (text.encode() for text in (head, *pieces, "</feedback>"))
    tracemalloc.start()
    _head, rows = open_report(chunks)
    assert sum(row.count for row in rows) == 700_000
    assert tracemalloc.get_traced_memory()[1] < 80 * 2**20
    tracemalloc.stop()
