"""The samples in ``tests/corpus/reports`` against the table beside them, each result and each refusal exactly."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domains.dmarc.archive import BadArchive
from domains.dmarc.report import BadReport
from domains.dmarc.report_files import FailureReport, OpenReport, TlsReport, reports_in
from domains.dmarc.report_json import failure_json, head_json, row_json, tls_json
from tests.domains.dmarc.samples import zipped

CORPUS = Path(__file__).parents[2] / "corpus" / "reports"
TABLE = CORPUS / "expected.json"
EXPECTED: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
SAMPLES = sorted(path for path in CORPUS.glob("*/*") if not path.name.startswith("."))


def seen(octets: bytes, name: str) -> list[dict[str, Any]]:
    """Return what a file holds as JSON values: one for each report, or for what is none with its reason."""
    found: list[dict[str, Any]] = []
    for part, report in reports_in(io.BytesIO(octets), name):
        values: dict[str, Any]
        match report:
            case OpenReport(head, rows):
                try:
                    values = {**head_json(head), "records": [row_json(row) for row in rows]}
                except (BadArchive, BadReport) as refusal:
                    values = {"error": str(refusal)}
            case FailureReport():
                values = failure_json(report)
            case TlsReport():
                values = tls_json(report)
            case _:
                values = {"error": report.reason}
        found.append(json.loads(json.dumps({"name": part, **values})))
    return found


def test_every_sample_has_its_line():
    assert {str(path.relative_to(CORPUS)) for path in SAMPLES} == set(EXPECTED)
    assert len(SAMPLES) >= 100


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_sample_is_read_exactly_as_the_table_says(name):
    assert seen((CORPUS / name).read_bytes(), Path(name).name) == EXPECTED[name]


PLAIN = (CORPUS / "aggregate" / "rfc7489.xml").read_bytes()
OTHER = (CORPUS / "aggregate" / "rfc9990.xml").read_bytes()
TLS = (CORPUS / "tls" / "rfc8460.json").read_bytes()
FORWARDED = (CORPUS / "mails" / "forwarded.eml").read_bytes()
FAILURE = (CORPUS / "failure" / "rfc9991.eml").read_bytes()
NO_REPORT = (CORPUS / "mails" / "no-report.eml").read_bytes()
MBOX_LINE = b"From reporter@reporter.example Fri Oct 10 12:00:05 2025\n"


def false_size(octets: bytes) -> bytes:
    """Return a zip archive whose directory promises a shorter file."""
    place = octets.rfind(b"PK\x01\x02") + 24
    return octets[:place] + (99).to_bytes(4, "little") + octets[place + 4 :]


PACKED = {
    "gzip named zip": ("report.zip", gzip.compress(PLAIN), ["aggregate/rfc7489.xml"]),
    "zip named gzip": ("report.xml.gz", zipped({"report.xml": PLAIN}), ["aggregate/rfc7489.xml"]),
    "plain named gzip": ("report.xml.gz", PLAIN, ["aggregate/rfc7489.xml"]),
    "zip with folders": ("a.zip", zipped({"a/": b"", "a/b/": b"", "a/b/r.xml": PLAIN}), ["aggregate/rfc7489.xml"]),
    "zip of a file manager": ("a.zip", zipped({"r.xml": PLAIN, "__MACOSX/._r.xml": b"x"}), ["aggregate/rfc7489.xml"]),
    "zip of several": (
        "a.zip",
        zipped({"2024/1.xml": PLAIN, "2024/2.xml": OTHER, "2025/t.json": TLS}),
        ["aggregate/rfc7489.xml", "aggregate/rfc9990.xml", "tls/rfc8460.json"],
    ),
    "gzip in two members": ("r", gzip.compress(PLAIN[:99]) + gzip.compress(PLAIN[99:]), ["aggregate/rfc7489.xml"]),
    "gzip with zeros after": ("r", gzip.compress(PLAIN) + bytes(512), ["aggregate/rfc7489.xml"]),
    "gzip of JSON": ("r.json.gz", gzip.compress(TLS), ["tls/rfc8460.json"]),
    "stored zip": ("r", zipped({"report": PLAIN}, zipfile.ZIP_STORED), ["aggregate/rfc7489.xml"]),
    "one bad of two": (
        "r",
        zipped({"1.xml": b"hello", "2.xml": PLAIN}),
        ["no XML nor JSON", "aggregate/rfc7489.xml"],
    ),
    "an mbox": (
        "r.mbox",
        MBOX_LINE + FORWARDED + b"\n" + MBOX_LINE + FAILURE + b"\n" + MBOX_LINE + NO_REPORT + b"\nFrom here on\n",
        ["mails/forwarded.eml", "failure/rfc9991.eml", "mails/no-report.eml"],
    ),
    "nested zip": ("r", zipped({"i.zip": zipped({"r.xml": PLAIN})}), ["holds another archive"]),
    "nested gzip": ("r", gzip.compress(gzip.compress(PLAIN)), ["holds another archive"]),
    "many members": ("r", zipped({f"{n}.xml": PLAIN for n in range(101)}), ["more than 100 entries"]),
    "false size": ("r", false_size(zipped({"r.xml": PLAIN})), ["damaged"]),
    "ratio bomb": ("r", gzip.compress(PLAIN + b" " * 10_000_000), ["200 times"]),
    "zip bomb": ("r", zipped({"r.xml": PLAIN + b" " * 10_000_000}), ["200 times"]),
    "cut": ("r", gzip.compress(PLAIN)[:-4], ["ends too early"]),
    "nothing": ("r", b"", ["is empty"]),
    "a picture": ("r.png", b"\x89PNG\r\n\x1a\n", ["neither XML nor JSON nor gzip nor zip"]),
}


@pytest.mark.parametrize("name", PACKED)
def test_packed_files_are_what_they_hold(name):
    file_name, octets, expected = PACKED[name]
    found = seen(octets, file_name)
    assert len(found) == len(expected)
    for values, wanted in zip(found, expected, strict=True):
        if wanted in EXPECTED:
            assert {**values, "name": ""} == {**EXPECTED[wanted][0], "name": ""}
        else:
            assert wanted in values["error"]


CUT = ["aggregate/rfc9990-prefixed.xml", "mails/odd-base64-lines.eml", "failure/rfc9991.eml", "tls/rfc8460.json"]


@pytest.mark.parametrize("name", CUT)
def test_a_sample_cut_at_every_octet_is_read_or_refused(name):
    octets = (CORPUS / name).read_bytes()
    for length in range(len(octets)):
        assert all("error" in values or "type" in values for values in seen(octets[:length], name))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_samples_are_read_or_refused(data):
    octets = bytearray(data.draw(st.sampled_from(SAMPLES)).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    assert all("error" in values or "type" in values for values in seen(bytes(octets), "damaged"))


@given(st.binary(max_size=500))
def test_any_octets_are_read_or_refused(octets):
    assert all("error" in values or "type" in values for values in seen(octets, "any"))
