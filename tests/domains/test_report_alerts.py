"""Alerts from stored reports: told once while they last, by threads too; closed when over; quiet when asked."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from domains import tasks
from domains.audit import Act
from domains.dmarc.report import DkimResult, SpfResult
from domains.errors import NotFound
from domains.models import (
    AuditRecord,
    DkimKey,
    DmarcSource,
    Domain,
    Notice,
    RecordHistory,
    ReportAlert,
    Role,
    Sender,
    Trace,
)
from domains.services.report_alerts import alerts_of_domain, mute_alert, sentence_of, watch_reports
from domains.services.reports import take_in
from domains.trace import MessageTrace
from domains.trace_terms import trace_terms
from tests.domains.dmarc.samples import make_row, report_xml

pytestmark = pytest.mark.django_db
CHIMP = (SpfResult("mcsv.net", "mfrom", "pass"),)
NOW = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def domain() -> Domain:
    made = Domain.objects.create(name="example.org", skeleton="example.org", ownership_token="token")
    Sender.objects.create(domain=made, kind="relay", value="192.0.2.10", name="Office")
    return made


def reported(age: int, impostors: int = 5, road: str = "upload", **row) -> None:
    begin = NOW - timedelta(days=age)
    rows = (
        make_row("192.0.2.10", 50, **({"spf": "pass"} | row)),
        make_row("198.51.100.9", impostors, dkim="fail", dkim_results=(), spf_results=()),
    )
    take_in(report_xml(report_id=f"r-{age}", begin=begin, end=begin, rows=rows), "", road)


def test_a_wave_is_told_once_closed_after_days_and_told_again_later(domain):
    for age in range(3, 30):
        reported(age)
    assert watch_reports(NOW) == 0
    for age in (1, 2):
        reported(age, impostors=400)
    assert watch_reports(NOW) == 1
    assert watch_reports(NOW + timedelta(hours=1)) == 0
    row = ReportAlert.objects.get()
    assert "Impostors sent 400 messages a day" in sentence_of(row)
    assert Notice.objects.get().type == "report.impostor-wave"
    watch_reports(NOW + timedelta(days=4))
    row.refresh_from_db()
    assert row.closed_at is not None or row.code != "impostor-wave"


def test_reports_that_nobody_authenticated_call_nobody(domain):
    for age in range(1, 30):
        reported(age, impostors=5 if age > 2 else 900, road="mail")
    assert watch_reports(NOW) == 0


def test_old_days_that_come_late_call_nobody(domain):
    for age in range(60, 90):
        reported(age, impostors=5 if age > 62 else 900)
    assert [alert.code for alert in ReportAlert.objects.all()] == []
    assert watch_reports(NOW) == 0


def test_the_first_reports_of_a_domain_make_nobody_new(domain):
    stranger = make_row(
        "203.0.113.9", 500, dkim="fail", dkim_results=(), spf_results=(SpfResult("mcsv.net", "mfrom", "pass"),)
    )
    take_in(
        report_xml(report_id="first", begin=NOW - timedelta(days=2), end=NOW - timedelta(days=2), rows=(stranger,)),
        "",
        "upload",
    )
    assert watch_reports(NOW) == 0
    take_in(report_xml(report_id="older", begin=NOW - timedelta(days=40), end=NOW - timedelta(days=40)), "", "upload")
    watch_reports(NOW)
    assert ReportAlert.objects.get().figures == {"address": "203.0.113.9", "messages": 500}


def test_an_address_of_two_streams_is_counted_once(domain):
    reported(30)
    begin = NOW - timedelta(days=2)
    mailchimp = {"dkim": "fail", "dkim_results": (), "spf_results": CHIMP}
    own = (DkimResult("example.org", "zz9", "pass"),)
    rows = (make_row("203.0.113.9", 60, **mailchimp), make_row("203.0.113.9", 5, spf="pass", dkim_results=own))
    take_in(report_xml(report_id="two", begin=begin, end=begin, rows=rows), "", "upload")
    watch_reports(NOW)
    assert ReportAlert.objects.get(code="new-source").figures["messages"] == 60


def test_new_addresses_that_change_ranks_open_no_more_alerts_than_can_be_read(domain):
    reported(20)
    for age, busiest in ((3, 0), (2, 20), (1, 40)):
        begin = NOW - timedelta(days=age)
        rows = tuple(
            make_row(
                f"203.0.113.{busiest + number}", 100 * (4 - age), dkim="fail", dkim_results=(), spf_results=CHIMP
            )
            for number in range(15)
        )
        take_in(report_xml(report_id=f"wave-{age}", begin=begin, end=begin, rows=rows), "", "upload")
        watch_reports(NOW)
    assert ReportAlert.objects.filter(code="new-source", closed_at=None).count() == 10


def test_a_service_that_breaks_lowers_the_share_that_passes(domain):
    Sender.objects.create(domain=domain, kind="service", value="mailchimp", name="Mailchimp")
    chimp = (SpfResult("mail1.mcsv.net", "mfrom", "pass"),)
    for age in range(1, 30):
        begin, broken = NOW - timedelta(days=age), age <= 2
        results = (DkimResult("example.org", "k1", "fail" if broken else "pass"),)
        one = make_row(
            "203.0.113.9", 100, dkim="fail" if broken else "pass", dkim_results=results, spf="fail", spf_results=chimp
        )
        take_in(report_xml(report_id=f"r-{age}", begin=begin, end=begin, rows=(one,)), "", "upload")
    assert set(DmarcSource.objects.values_list("kind", flat=True)) == {"service-aligned", "service-misaligned"}
    watch_reports(NOW)
    assert ReportAlert.objects.get(code="pass-rate").figures["share"] <= 50


def test_silence_lasts_as_long_as_nobody_reports(domain):
    for age in range(5, 20):
        reported(age)
    assert watch_reports(NOW) == 1
    for months in (1, 2, 6):
        watch_reports(NOW + timedelta(days=30 * months))
    row = ReportAlert.objects.get(code="silence")
    assert (row.closed_at, row.figures["days"]) == (None, 185)


def test_who_asks_for_reports_and_sends_mail_should_hear_something(domain):
    wanted = {"domain": domain, "purpose": "dmarc", "name": "_dmarc.example.org", "type": "TXT", "kind": "seen"}
    earlier = NOW - timedelta(days=9)
    for status in ("missing", "right"):
        RecordHistory.objects.create(at=earlier, until=earlier, status=status, **wanted)
    for number in range(50):
        Trace.objects.create(
            id=MessageTrace("out").id, direction="out", received_at=NOW, outcome="sent", domains=["example.org"],
            terms=trace_terms("", [], (), ["example.org"]),
        )  # fmt: skip
        assert watch_reports(NOW) == (number == 49)
    assert "the domain sent 50 messages" in sentence_of(ReportAlert.objects.get())
    RecordHistory.objects.create(at=NOW, until=NOW, status="wrong", **wanted)
    watch_reports(NOW + timedelta(days=4))
    assert ReportAlert.objects.get().closed_at is not None


def test_a_key_that_fails_is_named(domain):
    DkimKey.objects.create(
        domain=domain, selector="k1", algorithm="ed25519", state="active", public_key="x", private_key_sealed=b"x"
    )
    for age in (1, 2):
        reported(age, dkim="fail", dkim_results=(DkimResult("example.org", "k1", "fail"),))
    watch_reports(NOW)
    assert ReportAlert.objects.get(code="key-failures").key == "k1"


def test_who_is_quiet_about_it_is_recorded(domain):
    row = ReportAlert.objects.create(domain=domain, code="silence", figures={"days": 5}, opened_at=NOW, last_at=NOW)
    act = Act("Alice", Role.DOMAIN_ADMIN, "panel", None, frozenset({domain.pk}))
    for _turn in range(2):
        assert mute_alert(act, "example.org", row.pk, " known  outage ").note == "known outage"
    assert AuditRecord.objects.get().action == "report_alert.mute"
    for stranger in (Act("Charlie", Role.DOMAIN_ADMIN, "panel", None, frozenset()),):
        with pytest.raises(NotFound):
            mute_alert(stranger, "example.org", row.pk)
    assert alerts_of_domain(domain).get() == row


@pytest.mark.django_db(transaction=True)
def test_two_watches_at_once_tell_it_once(domain):
    for age in range(1, 30):
        reported(age, impostors=5 if age > 2 else 900)

    def watch() -> None:
        try:
            tasks.watch_reports()
        finally:
            connection.close()

    threads = [threading.Thread(target=watch) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ReportAlert.objects.filter(code="impostor-wave").count() == 1
    assert Notice.objects.filter(type="report.impostor-wave").count() == 1
