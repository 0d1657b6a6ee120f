"""The folder for reports on disk: taken once, put away; half-written and odd things left; deaths survived."""

import gzip
import os
import time
from pathlib import Path

import pytest

from domains.models import DmarcReport, FailureReport
from domains.services import report_folder
from domains.services.report_folder import places, standing, take_in_folder
from tests.domains.dmarc.samples import report_mail, report_xml, zipped
from tests.domains.intake.test_failure_reports import failure_mail
from tests.factories import make_domain

pytestmark = pytest.mark.django_db
LATER = 3600.0


@pytest.fixture(autouse=True)
def incoming(settings, tmp_path) -> Path:
    from dataclasses import replace

    settings.MAILADMIN = replace(settings.MAILADMIN, data=tmp_path)
    make_domain("acme.example")
    places().incoming.mkdir(parents=True)
    return places().incoming


def xml(number: int, domain: str = "acme.example") -> bytes:
    return report_xml(domain, report_id=f"f-{number}")


def lay(path: Path, octets: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)
    return path


def taken() -> int:
    return take_in_folder(time.time() + LATER)


def below(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()
    )


def test_files_of_every_kind_are_taken_and_put_away_under_their_paths(incoming):
    lay(incoming / "2024" / "01" / "a.xml.gz", gzip.compress(xml(1)))
    lay(incoming / "b.zip", zipped({"x.xml": xml(2), "y.xml": xml(3)}))
    lay(incoming / "c.eml", report_mail("acme.example", report_id="f-4"))
    lay(incoming / "d.eml", failure_mail("acme.example"))
    assert taken() == 4
    assert below(places().done) == ["2024/01/a.xml.gz", "b.zip", "c.eml", "d.eml"]
    assert below(incoming) == []
    assert set(DmarcReport.objects.values_list("report_id", "road")) == {(f"f-{n}", "folder") for n in range(1, 5)}
    assert FailureReport.objects.get().road == "folder"
    assert taken() == 0


def test_what_is_not_taken_goes_aside_with_its_reason(incoming):
    lay(incoming / "rubbish.xml", b"rubbish")
    lay(incoming / "foreign.xml", xml(1, "foreign.example"))
    lay(incoming / "half.zip", zipped({"a.xml": xml(2), "b.xml": b"<html/>"}))
    lay(incoming / "empty.xml", b"")
    assert taken() == 4
    failed = places().failed
    assert below(failed) == [
        "empty.xml",
        "empty.xml.reason",
        "foreign.xml",
        "foreign.xml.reason",
        "rubbish.xml",
        "rubbish.xml.reason",
    ]
    assert "not a domain of ours" in (failed / "foreign.xml.reason").read_text()
    assert "neither XML" in (failed / "rubbish.xml.reason").read_text()
    assert below(places().done) == ["half.zip", "half.zip.reason"]
    assert (standing().waiting, standing().failed) == (0, 3)


def test_half_written_and_hidden_files_are_left(incoming):
    fresh = lay(incoming / "fresh.xml", xml(1))
    for name in (".hidden.xml", "b.xml.part", "c.xml.TMP"):
        lay(incoming / name, xml(2))
    assert take_in_folder(time.time()) == 0
    assert fresh.exists()
    os.utime(fresh, (1, 1))  # an old time of change of content, set just now, as by cp -p
    assert take_in_folder(time.time()) == 0
    assert taken() == 1
    assert below(incoming) == [".hidden.xml", "b.xml.part", "c.xml.TMP"]


def test_links_pipes_and_unreadable_files_are_put_aside_unopened(incoming, tmp_path):
    secret = lay(tmp_path / "secret.xml", xml(1))
    (incoming / "link.xml").symlink_to(secret)
    (incoming / "folder").symlink_to(tmp_path)
    (incoming / "dangling.xml").symlink_to(tmp_path / "nothing")
    os.mkfifo(incoming / "pipe.xml")
    lay(incoming / "good.xml", xml(2))
    assert taken() == 5
    names = [name for name in below(places().failed) if name.endswith(".reason")]
    assert names == ["dangling.xml.reason", "folder.reason", "link.xml.reason", "pipe.xml.reason"]
    assert "It is a link" in (places().failed / "link.xml.reason").read_text()
    assert secret.exists()
    assert DmarcReport.objects.get().report_id == "f-2"


def test_a_name_that_is_taken_gets_a_number(incoming):
    for number in range(3):
        lay(incoming / "r.xml", xml(number))
        assert taken() == 1
    assert below(places().done) == ["r.xml", "r.xml.1", "r.xml.2"]


def test_a_death_between_storing_and_moving_counts_nothing_twice(incoming, monkeypatch):
    monkeypatch.setattr(report_folder, "CHUNK", 4)
    for number in range(10):
        lay(incoming / f"{number}.xml", xml(number))
    died = []

    def die(name):
        died.append(name)
        if len(died) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(report_folder, "fail_point", die)
    with pytest.raises(KeyboardInterrupt):
        taken()
    assert (len(below(places().done)), DmarcReport.objects.count()) == (4, 8)
    assert taken() == 6
    assert (len(below(places().done)), DmarcReport.objects.count()) == (10, 10)


def test_a_file_that_faults_us_is_put_aside_and_holds_up_nothing(incoming, monkeypatch, caplog):
    for number in range(4):
        lay(incoming / f"{number}.xml", xml(number))
    real = report_folder.store_many

    def store_many(files, road):
        for name, file in files:
            if name.endswith("2.xml"):
                raise ValueError("a fault of ours")
            yield from real([(name, file)], road)

    monkeypatch.setattr(report_folder, "store_many", store_many)
    assert taken() == 4
    assert below(places().done) == ["0.xml", "1.xml", "3.xml"]
    assert (places().failed / "2.xml.reason").read_text() == "The file could not be worked; the fault is logged.\n"
    assert DmarcReport.objects.count() == 3
    assert "a fault of ours" in caplog.text


def test_large_files_go_in_smaller_chunks(incoming, monkeypatch):
    monkeypatch.setattr(report_folder, "CHUNK_OCTETS", 10)
    chunks = report_folder._chunks([(Path("a"), 4), (Path("b"), 4), (Path("c"), 4), (Path("d"), 99), (Path("e"), 1)])
    assert [[path.name for path in chunk] for chunk in chunks] == [["a", "b"], ["c"], ["d"], ["e"]]


def test_deep_folders_end_somewhere(incoming):
    lay(incoming.joinpath(*"abcdefgh") / "r.xml", xml(1))
    lay(incoming.joinpath(*"abcdefghi") / "deeper.xml", xml(2))
    assert taken() == 1
    assert DmarcReport.objects.get().report_id == "f-1"
