"""Hostile files by every road: nothing of them counts, each has its reason, and one file by all roads counts once."""

import gzip
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from domains.audit import Act
from domains.errors import Refused
from domains.models import DmarcRecord, DmarcReport, Domain, ReportFile, TlsReport
from domains.services import report_folder
from domains.services.report_files import hand_in
from domains.services.reports import take_in, take_in_file
from tests.domains.dmarc.samples import mail, make_row, report_xml, zipped
from tests.factories import domain_admin_act, make_domain, superadmin_act

XML = report_xml("acme.example")


def replaced(old: bytes, new: bytes) -> bytes:
    assert old in XML
    return XML.replace(old, new, 1)


def many_members() -> bytes:
    return zipped({f"{number}.xml": XML for number in range(20_000)})


def false_size() -> bytes:
    """A zip whose directory says that its member has ten octets."""
    octets = bytearray(zipped({"r.xml": b" " * 30_000_000 + XML}))
    place = octets.rfind(b"PK\x01\x02")
    octets[place + 24 : place + 28] = struct.pack("<L", 10)
    return bytes(octets)


def nested() -> bytes:
    octets = XML
    for _ in range(5):
        octets = zipped({"r.zip": octets})
    return octets


BOMB = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><feedback>&b;</feedback>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><feedback>&x;</feedback>'

HOSTILE: dict[str, Callable[[], bytes]] = {
    "zip bomb": lambda: zipped({"r.xml": b"<feedback>" + b" " * 300_000_000}),
    "gzip bomb": lambda: gzip.compress(b"<feedback>" + b" " * 100_000_000),
    "nested zips": nested,
    "many members": many_members,
    "false size": false_size,
    "entities": lambda: BOMB,
    "external": lambda: OUTSIDE,
    "deep": lambda: gzip.compress(b"<feedback>" + b"<a>" * 5_000_000, 1),
    "negative count": lambda: replaced(b"<count>7</count>", b"<count>-7</count>"),
    "huge count": lambda: replaced(b"<count>7</count>", b"<count>" + str(2**70).encode() + b"</count>"),
    "1970": lambda: replaced(b"<begin>", b"<begin>0</begin><end>1</end></date_range><date_range><begin>"),
    "2106": lambda: replaced(b"<end>", b"<end>4294967295</end><end>"),
    "html": lambda: b"<!doctype html><html><body>Sign in</body></html>",
    "nul": lambda: b"\0" * 1000,
    "foreign": lambda: report_xml("foreign.example"),
    "nothing": lambda: b"",
}  # fmt: skip


def by_mail(octets: bytes, domain: Domain, folder: Path) -> str:
    file = ReportFile.objects.create(domain=domain, road="mail", content=mail(octets, "r.bin"), submitter="x.example")
    assert take_in_file(file.pk) == "broken"
    file.refresh_from_db()
    return file.reason


def by_imap(octets: bytes, domain: Domain, folder: Path) -> str:
    file = ReportFile.objects.create(road="imap", content=mail(octets, "r.bin"), authenticated=True)
    assert take_in_file(file.pk) == "broken"
    file.refresh_from_db()
    return file.reason


def by_upload(octets: bytes, domain: Domain, folder: Path) -> str:
    found = hand_in(superadmin_act(), octets, "r.bin", domain)
    assert (found.state, found.kept is not None) == ("broken", True)
    return found.reason


def by_api(octets: bytes, domain: Domain, folder: Path) -> str:
    with pytest.raises(Refused) as refusal:
        take_in(octets, "", "api", act=superadmin_act())
    return str(refusal.value)


def by_folder(octets: bytes, domain: Domain, folder: Path) -> str:
    (folder / "r.bin").write_bytes(octets)
    assert report_folder.take_in_folder(time.time() + 3600) == 1
    return (report_folder.places().failed / "r.bin.reason").read_text()


ROADS = {"mail": by_mail, "imap": by_imap, "upload": by_upload, "api": by_api, "folder": by_folder}


@pytest.fixture
def incoming(settings, tmp_path) -> Path:
    settings.MAILADMIN = replace(settings.MAILADMIN, data=tmp_path)
    report_folder.places().incoming.mkdir(parents=True)
    return report_folder.places().incoming


@pytest.fixture
def acme(db) -> Domain:
    return make_domain("acme.example")


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_by_every_road(acme, incoming, road, what):
    octets = HOSTILE[what]()
    if (road, what) in (("folder", "gzip bomb"), ("folder", "zip bomb")):
        octets = octets[:100_000]  # an administrator's own file may be larger; it is still no report
    started = time.process_time()
    reason = ROADS[road](octets, acme, incoming)
    assert time.process_time() - started < 10
    assert reason.strip()
    assert "\0" not in reason
    assert not DmarcReport.objects.exists()
    assert not TlsReport.objects.exists()


@pytest.mark.parametrize("road", ROADS)
def test_words_in_a_report_are_only_words(acme, incoming, road):
    hostile = "<script>alert(1)</script>=cmd|' /C calc'!A0"
    octets = report_xml("acme.example", org_name=hostile, rows=(make_row(header_from="=1+1"),))
    if road in ("mail", "imap"):
        file = ReportFile.objects.create(domain=acme, road=road, content=mail(octets, "r.xml"), submitter="x.example")
        assert take_in_file(file.pk) == "stored"
    elif road == "upload":
        assert hand_in(superadmin_act(), octets, "r.xml").state == "stored"
    elif road == "api":
        assert take_in(octets, "", "api", act=superadmin_act())[1]
    else:
        (incoming / "r.xml").write_bytes(octets)
        assert report_folder.take_in_folder(time.time() + 3600) == 1
    assert DmarcReport.objects.get().org_name == hostile


@pytest.mark.parametrize("road", ["upload", "api"])
def test_an_administrator_brings_nothing_on_a_domain_of_others(acme, incoming, road):
    make_domain("others.example")
    act = domain_admin_act(acme)
    octets = report_xml("others.example")
    if road == "upload":
        assert "not a domain of ours" in hand_in(act, octets, "r.xml", acme).reason
    else:
        with pytest.raises(Refused, match="not a domain of ours"):
            take_in(octets, "", "api", act=act)
    assert not DmarcReport.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_file_fifty_times_at_once_by_all_roads_counts_once(incoming):
    acme = make_domain("acme.example")
    for number in range(10):
        (incoming / f"{number}.xml").write_bytes(XML)
    mails = [ReportFile.objects.create(domain=acme, road="mail", content=mail(XML, "r.xml")).pk for _ in range(14)]
    act: Act = superadmin_act()
    work: list[Callable[[], object]] = [lambda: report_folder.take_in_folder(time.time() + 3600)]
    work += [lambda pk=pk: take_in_file(pk) for pk in mails]  # type: ignore[misc]
    work += [lambda: hand_in(act, XML, "r.xml")] * 13
    work += [lambda: take_in(XML, "", "api", act=act)] * 13
    faults: list[BaseException] = []

    def run(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,)) for job in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert DmarcReport.objects.count() == 1
    assert sum(DmarcRecord.objects.values_list("messages", flat=True)) == 7
    assert set(ReportFile.objects.values_list("state", flat=True)) <= {"stored", "known"}
