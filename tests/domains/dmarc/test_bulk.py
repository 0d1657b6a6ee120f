"""Years of files from a disk: several processes, each report once, an outcome for every file."""

import gzip
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import Sum

from domains.models import DmarcDaily, DmarcDirtyDay, DmarcRecord, DmarcReport, Domain
from domains.services import report_bulk
from domains.services.report_bulk import take_in_paths
from tests.domains.dmarc.samples import BEGIN, make_row, report_xml, zipped

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("jobs", [1, 2])
def test_many_files_by_several_processes(tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(report_bulk, "CHUNK", 4)
    for name in ("example.org", "example.net"):
        Domain.objects.create(name=name, skeleton=name, ownership_token="token")
    paths = []
    for number in range(20):
        begin = BEGIN + timedelta(days=number // 2)
        rows = (make_row(count=number), make_row("192.0.2.11", 1))
        name = ("example.org", "example.net")[number % 2]
        xml = report_xml(name, report_id=f"r-{number}", begin=begin, end=begin + timedelta(hours=23), rows=rows)
        path = tmp_path / f"{number}.xml.gz"
        path.write_bytes(gzip.compress(xml))
        paths.append(path)
    several = tmp_path / "several.zip"
    several.write_bytes(zipped({f"{n}.xml": report_xml(report_id=f"z-{n}") for n in range(3)}))
    broken = tmp_path / "broken.xml"
    broken.write_bytes(b"<html/>")
    done = list(take_in_paths([*paths, several, broken, tmp_path / "missing.xml", paths[0]], "command", jobs))
    states = sorted((Path(one.path).name, str(one.state)) for one in done if one.path not in map(str, paths))
    assert states == [("broken.xml", "broken"), ("missing.xml", "broken")] + [("several.zip", "stored")] * 3
    assert all(one.reason for one in done if one.state == "broken")
    assert sorted(one.state for one in done if one.path == str(paths[0])) == ["known", "stored"]
    assert DmarcReport.objects.count() == 23
    assert DmarcRecord.objects.count() == 43
    assert DmarcDaily.objects.aggregate(all=Sum("messages"))["all"] == sum(range(20)) + 20 + 21
    assert not DmarcDirtyDay.objects.exists()
