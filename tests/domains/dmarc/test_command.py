"""``manage.py dmarc_report``: lines of JSON, and the exit status."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command

from domains.models import DmarcReport, Domain, DomainState, FailureReport, TlsReport
from tests.domains.dmarc.samples import make_row, report_xml, zipped
from tests.domains.dmarc.test_corpus import CORPUS, EXPECTED


def run(*arguments: Any) -> tuple[list[dict[str, Any]], int]:
    """Return the lines and the exit status of one call."""
    output = io.StringIO()
    try:
        call_command("dmarc_report", *map(str, arguments), stdout=output)
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    return [json.loads(line) for line in output.getvalue().splitlines()], status


@pytest.mark.parametrize(
    "name", ["aggregate/rfc9990.xml", "failure/rfc9991.eml", "tls/rfc8460.json", "mails/two-reports.eml"]
)
def test_each_report_is_one_line(name):
    path = CORPUS / name
    lines, status = run(path)
    assert status == 0
    parts = [line.pop("part", path.name) for line in lines]
    assert [{"name": part, **line} for part, line in zip(parts, lines, strict=True)] == [
        {**values, "file": str(path)} for values in EXPECTED[name]
    ]


def test_an_unreadable_file_does_not_hide_the_others(tmp_path):
    bad = tmp_path / "bad.xml"
    bad.write_bytes(report_xml().replace(b"</feedback>", b""))
    lines, status = run(bad, tmp_path / "absent", CORPUS / "aggregate" / "rfc7489.xml")
    assert status == 1
    assert [line.get("error", "")[:27] for line in lines] == [
        "The file is not well-formed",
        "No such file or directory",
        "",
    ]
    assert "records" not in lines[0]


def test_a_folder_means_the_files_below_it(tmp_path):
    (tmp_path / "2024" / ".hidden").mkdir(parents=True)
    (tmp_path / "2024" / "b.xml").write_bytes(report_xml(report_id="b"))
    (tmp_path / "2024" / ".hidden" / "c.xml").write_bytes(b"no report")
    (tmp_path / "a.zip").write_bytes(zipped({"1.xml": report_xml(report_id="1"), "2.xml": report_xml(report_id="2")}))
    lines, status = run(tmp_path)
    assert status == 0
    assert [(Path(line["file"]).name, line.get("part"), line["report_id"]) for line in lines] == [
        ("b.xml", None, "b"),
        ("a.zip", "1.xml", "1"),
        ("a.zip", "2.xml", "2"),
    ]


def test_a_hyphen_reads_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(report_xml())))
    ((line,), status) = run("-")
    assert (line["file"], line["type"], status) == ("-", "aggregate", 0)


def test_own_files_may_hold_more_than_mailed_ones(tmp_path, monkeypatch):
    monkeypatch.setattr("domains.dmarc.report.MAXIMUM_RECORDS", 3)
    path = tmp_path / "many.xml"
    path.write_bytes(report_xml(rows=(make_row(),) * 5))
    ((line,), status) = run(path)
    assert (len(line["records"]), status) == (5, 0)


def test_what_is_printed_cannot_steer_a_terminal(capfd):
    call_command("dmarc_report", str(CORPUS / "failure" / "hostile-words.eml"))
    printed = capfd.readouterr().out
    assert printed.isascii()
    assert "\x1b" not in printed


@pytest.mark.django_db
def test_store_says_what_became_of_each(tmp_path, monkeypatch):
    Domain.objects.create(name="example.org", state=DomainState.ACTIVE)
    (tmp_path / "a.xml").write_bytes(report_xml(report_id="a"))
    (tmp_path / "b.xml").write_bytes(report_xml("far.example", report_id="b"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(report_xml(report_id="c"))))
    lines, status = run("--store", "--jobs", "1", tmp_path, "-", tmp_path / "a.xml")
    assert status == 1
    assert [(line.get("state"), line.get("report_id")) for line in lines if "error" not in line] == [
        ("stored", "a"),
        ("stored", "c"),
        ("known", "a"),
    ]
    ((refused,),) = ([line for line in lines if "error" in line],)
    assert (Path(refused["file"]).name, "not a domain of ours" in refused["error"]) == ("b.xml", True)
    assert {line["file"] for line in lines} == {str(tmp_path / "a.xml"), str(tmp_path / "b.xml"), "-"}
    assert DmarcReport.objects.filter(road="command").count() == 2


@pytest.mark.django_db
def test_store_takes_every_kind(tmp_path):
    Domain.objects.create(name="example.org", state=DomainState.ACTIVE)
    names = ["failure/rfc9991.eml", "tls/rfc8460.json", "mails/tls-report.eml", "mails/forwarded.eml"]
    one_bad = tmp_path / "several.zip"
    one_bad.write_bytes(zipped({"1.xml": b"hello", "2.xml": report_xml(report_id="r-2")}))
    lines, status = run("--store", "--jobs", "1", *(CORPUS / name for name in names), one_bad)
    assert status == 1
    found = [(Path(line["file"]).name, line.get("state"), line.get("report_id")) for line in lines]
    assert sorted(found, key=str) == [
        ("forwarded.eml", "stored", "r-1"),
        ("rfc8460.json", "stored", None),
        ("rfc9991.eml", "stored", None),
        ("several.zip", "stored", "r-2"),
        ("several.zip", None, None),
        ("tls-report.eml", "known", None),
    ]
    assert (DmarcReport.objects.count(), TlsReport.objects.count(), FailureReport.objects.count()) == (2, 1, 1)
