"""Adding up: a roll-up is what the facts say, however reports come, change and go, and whoever is judged anew."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO
from ipaddress import ip_network

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domains.dmarc.report import SpfResult
from domains.models import (
    DmarcDaily,
    DmarcDay,
    DmarcRecord,
    DmarcReport,
    DmarcSource,
    Domain,
    Installation,
    Sender,
    SourceCorrection,
)
from domains.services import report_basis, report_months, report_rollup, senders
from domains.services.report_store import Content
from domains.services.reports import take_in, take_in_many
from tests.domains.dmarc.samples import BEGIN, END, make_row, report_xml
from tests.factories import superadmin_act

pytestmark = pytest.mark.django_db


@pytest.fixture
def domain() -> Domain:
    return Domain.objects.create(name="example.org", skeleton="example.org", ownership_token="token")


def said_by_facts() -> Counter:
    facts = DmarcRecord.objects.filter(report__standing="counted").select_related("report")
    found: Counter = Counter()
    for fact in facts:
        found[fact.day, fact.source_ip, fact.disposition, fact.dkim_aligned, fact.spf_aligned] += fact.messages
    return found


def said_by_daily() -> Counter:
    found: Counter = Counter()
    for row in DmarcDaily.objects.all():
        found[row.day, row.source_ip, row.disposition, row.dkim_aligned, row.spf_aligned] += row.messages
    return found


rows = st.builds(
    lambda last, count, dkim, spf, done: make_row(f"192.0.2.{last}", count, dkim=dkim, spf=spf, disposition=done),
    st.integers(1, 3),
    st.integers(0, 9),
    st.sampled_from(["pass", "fail"]),
    st.sampled_from(["pass", "fail"]),
    st.sampled_from(["none", "reject"]),
)
deeds = st.tuples(st.integers(0, 2), st.integers(0, 2), st.lists(rows, max_size=4), st.sampled_from(["a", "b", ""]))


@given(st.lists(deeds, max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_roll_ups_are_what_the_facts_say(domain, done):
    DmarcReport.objects.all().delete()
    DmarcDaily.objects.all().delete()
    DmarcDay.objects.all().delete()
    for number, day, some, submitter in done:
        begin = BEGIN + timedelta(days=day)
        xml = report_xml(report_id=f"r-{number}", begin=begin, end=begin + timedelta(hours=23), rows=tuple(some))
        take_in(xml, "", "mail", submitter, bool(submitter))
    assert said_by_daily() == said_by_facts()
    by_day: Counter = Counter()
    for row in DmarcDay.objects.all():
        by_day[row.day] += row.messages
    assert +by_day == +Counter({key[0]: 0 for key in said_by_facts()}) + sum(
        (Counter({key[0]: count}) for key, count in said_by_facts().items()), Counter()
    )


def test_one_day_is_added_up_again_without_doubling(domain):
    take_in(report_xml(), "", "upload")
    before = list(DmarcDaily.objects.values_list("source_ip", "messages", "records"))
    report_rollup.mark_dirty([(domain.pk, BEGIN.date())] * 3)
    assert report_rollup.roll_up() == 1
    assert list(DmarcDaily.objects.values_list("source_ip", "messages", "records")) == before
    assert report_rollup.roll_up() == 0


def test_a_judgement_that_changes_changes_all_days(domain):
    for day in range(3):
        begin = BEGIN + timedelta(days=day)
        row = make_row(dkim="fail", spf="fail", dkim_results=(), spf_results=())
        take_in(report_xml(report_id=f"r-{day}", begin=begin, end=begin, rows=(row,)), "", "upload")
    assert set(DmarcDaily.objects.values_list("kind", flat=True)) == {"impostor"}
    SourceCorrection.objects.create(domain=domain, network=str(ip_network("192.0.2.0/24")), kind="own", name="Attic")
    assert report_rollup.reclassify(domain.pk, ["192.0.2.10"]) == 1
    assert list(DmarcDaily.objects.values_list("kind", "sender").distinct()) == [("own", "Attic")]
    assert list(DmarcDay.objects.values_list("kind", "messages")) == [("own", 7)] * 3
    source = DmarcSource.objects.get()
    assert (source.first_day, source.last_day) == (date(2025, 10, 10), date(2025, 10, 12))
    assert source.evidence[0]["code"] == "correction"


def test_a_sender_that_is_listed_later_is_judged_so_for_past_days_too(domain):
    chimp = {"dkim": "fail", "dkim_results": (), "spf": "fail"}
    row = make_row(**chimp, spf_results=(SpfResult("mail1.mcsv.net", "mfrom", "pass"),))
    take_in(report_xml(rows=(row,)), "", "upload")
    assert set(DmarcDaily.objects.values_list("kind", flat=True)) == {"unknown"}
    sender = senders.store(superadmin_act(), "example.org", Sender(kind="service", value="mailchimp", name="Chimp"))
    assert report_rollup.judge_marked(domain.pk) == 1
    assert list(DmarcDay.objects.values_list("kind", flat=True)) == ["service-misaligned"]
    senders.change_sender(superadmin_act(), "example.org", sender.pk, note="ask Ann")
    assert report_rollup.judge_marked() == 0
    senders.delete_sender(superadmin_act(), "example.org", sender.pk)
    assert report_rollup.judge_marked() == 1
    assert set(DmarcDaily.objects.values_list("kind", flat=True)) == {"unknown"}


def test_when_our_own_hosts_change_all_sources_are_judged_anew(domain, settings):
    Installation.objects.create(key_fingerprint="x")
    assert report_basis.mark_when_changed()
    assert not report_basis.mark_when_changed()
    take_in(report_xml(rows=(make_row(dkim="fail", spf="pass", dkim_results=()),)), "", "upload")
    assert set(DmarcDaily.objects.values_list("kind", flat=True)) == {"unknown"}
    settings.MAILADMIN = replace(settings.MAILADMIN, public_addresses=("192.0.2.10",))
    assert report_basis.mark_when_changed()
    assert report_rollup.judge_marked() == 1
    assert set(DmarcDaily.objects.values_list("kind", flat=True)) == {"own"}
    assert not report_basis.mark_when_changed()


@pytest.mark.parametrize("lies_first", [True, False])
def test_a_forged_report_changes_no_judgement_that_rests_on_believed_ones(domain, lies_first):
    nothing = {"dkim": "fail", "spf": "fail", "dkim_results": ()}
    lie = report_xml(
        report_id="lie", rows=(make_row(**nothing, spf_results=(SpfResult("lists.gnu.org", "mfrom", "pass"),)),)
    )
    true = report_xml(report_id="true", rows=(make_row(**nothing, spf_results=()),))
    for forged in (True, False) if lies_first else (False, True):
        take_in(lie if forged else true, "", "mail", "evil.example" if forged else "good.example", not forged)
    assert set(DmarcDaily.objects.values_list("kind", flat=True)) == {"impostor"}
    report_rollup.reclassify(domain.pk)
    assert DmarcSource.objects.get().kind == "impostor"


def test_many_files_are_stored_and_each_has_its_outcome(domain):
    good = [(f"{number}.xml", report_xml(report_id=f"r-{number}")) for number in range(5)]
    files = [*good, ("bad.xml", b"<html/>"), ("0.xml", good[0][1]), ("foreign.xml", report_xml("example.com"))]
    outcomes = {
        (one.name, one.state): one.reason
        for one in take_in_many(((name, BytesIO(octets)) for name, octets in files), "folder")
    }
    assert sorted(outcomes) == sorted(
        [(f"{number}.xml", "stored") for number in range(5)]
        + [("0.xml", "known"), ("bad.xml", "broken"), ("foreign.xml", "broken")]
    )
    assert "example.com" in outcomes["foreign.xml", "broken"]
    assert DmarcDay.objects.get().messages == 35
    assert DmarcDay.objects.get().believed


@pytest.mark.parametrize("count", [0, 1, 5_000, 12_345])
def test_lines_come_back_whole_from_memory_and_from_a_file(count, monkeypatch):
    monkeypatch.setattr("domains.services.report_store.SPILL_OCTETS", 100_000)
    monkeypatch.setattr("domains.services.report_store.CHUNK", 1_001)
    content = Content((make_row(count=number) for number in range(count)), "head")
    lines = b"".join(content.lines("2025-10-10\t1\t")).splitlines()
    assert len(lines) == content.records == count
    assert all(line.startswith(b"2025-10-10\t1\t") for line in lines)
    assert [int(line.split(b"\t")[3]) for line in lines] == list(range(count))
    content.close()


def test_months_are_made_when_needed_and_dropped_when_old(domain):
    old = BEGIN.replace(year=2019, month=2)
    for begin, name in ((old, "old"), (BEGIN, "new")):
        take_in(report_xml(report_id=name, begin=begin, end=begin + (END - BEGIN)), "", "folder")
    assert date(2019, 2, 1) in report_months.months()
    report_months.make_months(END + timedelta(days=90))
    assert date(2026, 3, 1) in report_months.months()
    assert report_months.remove_months(date(2019, 3, 1)) == 1
    assert DmarcRecord.objects.get().day == BEGIN.date()
    assert DmarcDaily.objects.count() == 2
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM domains_authpattern")
        assert cursor.fetchone() == (1,)


def test_more_streams_than_one_batch_are_judged(domain, monkeypatch):
    monkeypatch.setattr(report_rollup, "JUDGED", 3)
    xml = report_xml(rows=tuple(make_row(f"192.0.2.{last}") for last in range(1, 12)))
    take_in(xml, "", "upload")
    assert DmarcSource.objects.count() == 11
    assert said_by_daily() == said_by_facts()
    assert report_rollup.reclassify(domain.pk) == 11
    with CaptureQueriesContext(connection) as queries:
        take_in(xml.replace(b"r-1<", b"r-2<"), "", "upload")
    judgements = [query for query in queries if query["sql"].startswith(report_rollup.KEEP[:30])]
    assert judgements == []
