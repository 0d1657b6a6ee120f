"""Taking in reports: stored once, replaced only by whom may, scoped, broken ones kept with their reason."""

import gzip
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from domains import tasks
from domains.audit import Act, system_act
from domains.dmarc.report import MAXIMUM_MESSAGES, DkimResult, SpfResult
from domains.errors import Forbidden, NotFound, Refused
from domains.models import (
    AuditRecord,
    AuthPattern,
    DmarcDay,
    DmarcRecord,
    DmarcReport,
    Domain,
    DomainState,
    ReportFile,
    ReportFileState,
    Role,
    Sender,
    Trace,
)
from domains.services import reports, stored_reports
from domains.services.report_disputes import settle_dispute
from domains.services.report_sources import sources_of
from domains.services.report_volume import volume_of
from domains.services.reports import store_upload, take_in, take_in_file
from tests.domains.dmarc.samples import END, mail, make_row, report_mail, report_xml, zipped

pytestmark = pytest.mark.django_db


def make_domain(name: str = "example.org", state: str = DomainState.ACTIVE) -> Domain:
    return Domain.objects.create(name=name, skeleton=name, state=state, ownership_token="token")


def admin_of(*domains: Domain, role: str = Role.DOMAIN_ADMIN) -> Act:
    return Act("Alice", role, "panel", None, frozenset(domain.pk for domain in domains))


def make_file(content: bytes, **fields) -> ReportFile:
    return ReportFile.objects.create(road="mail", content=content, **fields)


@pytest.fixture
def domain() -> Domain:
    return make_domain()


def test_a_report_is_stored_with_its_rows(domain):
    rows = (make_row(), make_row("2001:db8::25", 3, dkim="fail", disposition="quarantine", dkim_results=()))
    report, created = take_in(gzip.compress(report_xml(rows=rows)), "a.zip", "mail", "Reporter.example", True, "t1")
    assert created
    report.refresh_from_db()
    assert (report.org_name, report.submitter, report.authenticated) == ("Reporter Inc.", "reporter.example", True)
    assert (report.records_count, report.messages_count, report.trace_id) == (2, 10, "t1")
    assert report.policy == {"domain": "example.org", "p": "none"}
    first, second = DmarcRecord.objects.order_by("id")
    assert (first.source_ip, first.messages, first.day) == ("192.0.2.10", 7, date(2025, 10, 10))
    assert (first.dkim_aligned, first.spf_aligned, first.disposition) == (True, False, "none")
    pattern = AuthPattern.objects.get(pattern_id=first.pattern_id)
    assert pattern.dkim == [{"domain": "example.org", "selector": "k1", "result": "pass", "human_result": ""}]
    assert (pattern.header_from, pattern.month) == ("example.org", date(2025, 10, 1))
    assert (second.source_ip, second.dkim_aligned, second.domain) == ("2001:db8::25", False, domain)


def test_the_day_is_where_most_of_the_period_lies(domain):
    begin = datetime(2025, 10, 9, 16, tzinfo=UTC)
    take_in(report_xml(begin=begin, end=begin + timedelta(days=1)), "", "api")
    assert DmarcRecord.objects.get().day == date(2025, 10, 10)


def test_the_same_report_by_two_roads_counts_once(domain):
    xml = report_xml()
    first, created = take_in(xml, "", "api", act=system_act())
    again, created_again = take_in(
        zipped({"r.xml": xml.replace(b"\n", b"\r\n")}), "", "mail", "reporter.example", True
    )
    assert (created, created_again, again.pk) == (True, False, first.pk)
    assert DmarcRecord.objects.count() == 1
    first.refresh_from_db()
    assert (first.submitter, first.authenticated) == ("reporter.example", True)


CHANGED = (make_row(count=8),)


@pytest.mark.parametrize(
    ("first", "second", "replaced"),
    [
        (("a.example", True), ("a.example", True), True),
        (("a.example", True), ("b.example", True), False),
        (("a.example", True), ("a.example", False), False),
        (("a.example", False), ("a.example", False), False),
        (("a.example", False), ("b.example", True), True),
        (("", False), ("", False), False),
    ],
)
def test_who_may_replace_by_mail(domain, first, second, replaced):
    take_in(report_xml(), "", "mail", *first)
    report, created = take_in(report_xml(rows=CHANGED), "", "mail", *second)
    assert created
    assert report.standing == ("counted" if replaced else "disputed")
    assert sorted(DmarcReport.objects.values_list("standing", "messages_count")) == (
        [("counted", 8), ("replaced", 7)] if replaced else [("counted", 7), ("disputed", 8)]
    )
    assert [day.messages for day in DmarcDay.objects.all()] == [8 if replaced else 7]


@pytest.mark.parametrize("again", [("c.example", True), ("a.example", True), ("", False)])
def test_what_is_disputed_is_known_when_it_comes_again(domain, again):
    take_in(report_xml(), "", "mail", "a.example", True)
    disputed, _created = take_in(report_xml(rows=CHANGED), "", "mail", "b.example", True)
    same, created = take_in(report_xml(rows=CHANGED), "", "mail", *again)
    assert (same, created) == (disputed, False)
    assert DmarcDay.objects.get().messages == 7


def test_an_administrator_settles_a_dispute(domain):
    first, _created = take_in(report_xml(), "", "mail", "a.example", True)
    disputed, _created = take_in(report_xml(rows=CHANGED), "", "mail", "", False)
    with pytest.raises(NotFound):
        settle_dispute(admin_of(make_domain("example.net")), "example.org", disputed.pk)
    for _turn in range(2):
        assert settle_dispute(admin_of(domain), "example.org", disputed.pk).standing == "counted"
    first.refresh_from_db()
    assert first.standing == "replaced"
    assert DmarcDay.objects.get().messages == 8
    assert AuditRecord.objects.get().action == "report.settle"


def test_a_report_that_somebody_believed_brings_is_believed(domain):
    take_in(report_xml(), "", "mail", "a.example", False)
    assert not DmarcDay.objects.get().believed
    take_in(report_xml(), "", "mail", "a.example", True)
    assert DmarcDay.objects.get().believed


def test_an_administrator_replaces_and_both_changes_are_recorded(domain):
    take_in(report_xml(), "", "mail", "a.example", True)
    act = admin_of(domain)
    assert store_upload(act, report_xml(rows=CHANGED), "r.xml")[1]
    assert store_upload(act, report_xml(report_id="r-2"), "r.xml")[1]
    assert not store_upload(act, report_xml(report_id="r-2"), "r.xml")[1]
    actions = list(AuditRecord.objects.order_by("id").values_list("action", "object_name", "domain", "door"))
    assert actions == [
        ("report.replace", "r-1", "example.org", "panel"),
        ("report.take_in", "r-2", "example.org", "panel"),
    ]
    assert list(DmarcReport.objects.order_by("id").values_list("standing", flat=True)) == [
        "replaced",
        "counted",
        "counted",
    ]


def test_other_periods_and_organisations_are_other_reports(domain):
    for changes in ({}, {"end": END + timedelta(days=1)}, {"org_name": "Other"}, {"report_id": "r-9"}):
        assert take_in(report_xml(**changes), "", "mail")[1]
    assert DmarcReport.objects.count() == 4


def test_a_report_on_a_subdomain_belongs_to_the_nearest_domain(domain):
    nearer = make_domain("mail.example.org")
    assert take_in(report_xml("a.mail.example.org"), "", "mail")[0].domain == nearer
    assert take_in(report_xml("www.example.org"), "", "mail")[0].domain == domain


def test_foreign_domains_are_refused_alike(domain):
    foreign = make_domain("example.net")
    make_domain("pending.example", DomainState.PENDING)
    below = make_domain("team.example.org")
    for name in ("example.com", "notexample.org", "pending.example"):
        with pytest.raises(Refused, match=f"about {name}, which is not a domain of ours"):
            take_in(report_xml(name), "", "mail")
    act = admin_of(domain)
    for name in ("example.net", "example.com", "team.example.org", "a.team.example.org"):
        with pytest.raises(Refused, match=f"about {name}, which is not a domain of ours"):
            store_upload(act, report_xml(name), "r.xml")
    assert not DmarcReport.objects.exists()
    assert store_upload(admin_of(foreign, below), report_xml("example.net"), "")[1]


def test_counts_that_no_sum_can_hold_are_refused(domain):
    most = make_row(count=MAXIMUM_MESSAGES)
    assert take_in(report_xml(rows=(most,)), "", "mail")[0].messages_count == MAXIMUM_MESSAGES
    with pytest.raises(Refused, match="more messages than can be"):
        take_in(report_xml(rows=(most, make_row("192.0.2.11", 1)), report_id="r-2"), "", "mail")


def test_a_mailbox_owner_may_not_bring_reports(domain):
    with pytest.raises(Forbidden):
        store_upload(admin_of(domain, role=Role.OWNER), report_xml(), "")


def test_the_future_is_refused(domain):
    begin = timezone.now().replace(microsecond=0) + timedelta(days=30)
    with pytest.raises(Refused, match="future"):
        take_in(report_xml(begin=begin, end=begin + timedelta(days=1)), "", "api")


def test_a_mailed_file_is_stored_once(domain):
    file = make_file(report_mail(), domain=domain, submitter="reporter.example", authenticated=True)
    assert take_in_file(file.pk) == "stored"
    assert take_in_file(file.pk) is None
    file.refresh_from_db()
    assert (file.state, file.reason, file.report) == ("stored", "", DmarcReport.objects.get())
    again = make_file(report_mail(), domain=domain)
    assert take_in_file(again.pk) == "known"
    again.refresh_from_db()
    assert (again.report, bytes(again.content)) == (file.report, b"")
    assert take_in_file(10**9) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"Subject: hi\r\n\r\nhello", "The mail holds no report."),
        (report_mail("example.com"), "about example.com"),
        (mail(b"rubbish"), "neither XML nor JSON nor gzip nor zip"),
        (mail(gzip.compress(b"<feedback>" + b" " * 30_000_000)), "200 times"),
        (mail(b"<html/>", "report.xml"), "web page"),
        (b"", "The file is empty."),
    ],
    ids=["no report", "foreign", "rubbish", "bomb", "web page", "nothing"],
)
def test_a_broken_file_is_kept_with_its_reason(domain, content, reason):
    file = make_file(content, domain=domain)
    assert take_in_file(file.pk) == "broken"
    file.refresh_from_db()
    assert reason in file.reason
    assert bytes(file.content) == content
    assert list(stored_reports.broken_files_of(domain)) == [file]
    assert not DmarcReport.objects.exists()


def test_a_report_that_strays_to_another_report_address_is_taken_as_what_it_is(domain):
    stray = make_file(report_mail(), domain=domain, file_name="dmarc-failures")
    assert take_in_file(stray.pk) == "stored"
    stray.refresh_from_db()
    assert (stray.report, stray.reason, stray.reader) == (DmarcReport.objects.get(), "", reports.READER)


def test_good_and_bad_parts_of_one_mail(domain):
    good = report_mail()
    part = b"--=_b\r\nContent-Type: application/zip; name=x.zip\r\n\r\nrubbish\r\n--=_b--\r\n"
    file = make_file(good.replace(b"--=_b--\r\n", part), domain=domain)
    assert take_in_file(file.pk) == "stored"
    file.refresh_from_db()
    assert "'x.zip' is neither XML nor JSON nor gzip nor zip" in file.reason


def test_only_the_first_files_of_a_mail_are_read(domain, monkeypatch):
    monkeypatch.setattr(reports, "MAIL_REPORTS", 2)
    parts = {f"{n}.xml": report_xml(report_id=f"r-{n}") for n in range(3)}
    file = make_file(mail(zipped(parts)), domain=domain)
    assert take_in_file(file.pk) == "stored"
    file.refresh_from_db()
    assert file.reason == "The file holds more than 2 reports; the others were left."
    assert sorted(DmarcReport.objects.values_list("report_id", flat=True)) == ["r-0", "r-1"]


def test_a_file_that_cannot_be_worked_now_does_not_hold_up_the_others(domain, monkeypatch):
    first, second = (make_file(report_mail(report_id=f"r-{n}"), domain=domain) for n in range(2))
    real = take_in_file

    def locked(pk):
        if pk == first.pk:
            raise OperationalError("deadlock detected")
        return real(pk)

    monkeypatch.setattr(reports, "take_in_file", locked)
    assert reports.take_in_pending() == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("pending", "stored")


def test_a_fault_of_ours_sets_the_file_aside(domain, monkeypatch, caplog):
    file = make_file(report_mail(), domain=domain)
    monkeypatch.setattr(reports, "reports_in", lambda *arguments: [][1])
    assert take_in_file(file.pk) == "broken"
    file.refresh_from_db()
    assert file.reason == "The file could not be worked; the fault is logged."
    assert "IndexError" in caplog.text


def test_the_trace_tells_what_became_of_the_report(domain):
    Trace.objects.create(id="t" * 26, direction="in", received_at=timezone.now(), outcome="delivered")
    take_in_file(make_file(report_mail(), domain=domain, trace_id="t" * 26).pk)
    take_in_file(make_file(b"", domain=domain, trace_id="t" * 26).pk)
    events = Trace.objects.get().events.values_list("stage", "outcome", "reason")
    assert list(events) == [("report", "stored", ""), ("report", "broken", "The file is empty.")]


def test_the_tasks_work_what_waits(domain):
    files = [make_file(report_mail(report_id=f"r-{n}"), domain=domain) for n in range(3)]
    tasks.take_in_report_file(files[0].pk)
    assert DmarcReport.objects.count() == 1
    tasks.take_in_reports()
    assert DmarcReport.objects.count() == 3
    assert set(ReportFile.objects.values_list("state", flat=True)) == {ReportFileState.STORED}


def test_worked_files_are_removed_after_their_time(domain):
    worked, waiting = (make_file(b"", domain=domain) for _ in range(2))
    take_in_file(worked.pk)
    later = timezone.now() + timedelta(days=91)
    assert reports.remove_old_files(timezone.now()) == 0
    assert reports.remove_old_files(later) == 1
    assert ReportFile.objects.get() == waiting


@pytest.mark.django_db(transaction=True)
def test_the_same_report_many_times_at_once_is_stored_once():
    domain = make_domain()
    files = [make_file(report_mail(), domain=domain, submitter=f"{n}.example") for n in range(8)]

    def work(pk: int) -> None:
        try:
            take_in_file(pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(file.pk,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert DmarcReport.objects.count() == 1
    states = sorted(ReportFile.objects.values_list("state", flat=True))
    assert states == ["known"] * 7 + ["stored"]


def test_figures_by_day_and_source(domain, django_assert_num_queries):
    other = make_domain("example.net")
    take_in(report_xml("example.net", rows=(make_row(count=1000),)), "", "api")
    rows = (
        make_row("192.0.2.1", 10),
        make_row("192.0.2.1", 5, dkim="fail", spf="pass", disposition="pass"),
        make_row("192.0.2.2", 4, dkim="fail", disposition="quarantine"),
        make_row("192.0.2.3", 2, dkim="fail", disposition="reject"),
        make_row("192.0.2.3", 1, spf="pass"),
    )
    take_in(report_xml(rows=rows), "", "api")
    later = {"begin": END + timedelta(days=1, seconds=1), "end": END + timedelta(days=2), "report_id": "r-2"}
    take_in(report_xml(rows=(make_row("192.0.2.1", 1),), **later), "", "api")
    first, last = date(2025, 10, 9), date(2025, 10, 12)
    with django_assert_num_queries(1):
        volume = volume_of(domain, first, last)
    assert [(day.day, one.dispositions, one.passed, one.messages) for day, one in volume.days.items()] == [
        (9, {}, 0, 0),
        (10, {"none": 11, "pass": 5, "quarantine": 4, "reject": 2}, 16, 22),
        (11, {}, 0, 0),
        (12, {"none": 1}, 1, 1),
    ]
    with django_assert_num_queries(2):  # which blocks of days there are, then the sums
        sources = sources_of(domain, first, last)
    assert [(s.source_ip, s.messages, s.dmarc_pass, s.spf_aligned, s.dkim_aligned) for s in sources] == [
        ("192.0.2.1", 16, 16, 5, 11),
        ("192.0.2.2", 4, 0, 0, 0),
        ("192.0.2.3", 3, 1, 1, 1),
    ]
    assert sources[1].class_ == "impostor"
    assert sources[0].dispositions == {"none": 11, "pass": 5}
    assert (sources[0].first_day, sources[0].last_day) == (date(2025, 10, 10), last)
    assert sources_of(domain, last, last)[0].messages == 1
    assert len(stored_reports.reports_of(domain)) == 2
    assert volume_of(other, date(2025, 10, 10), date(2025, 10, 10)).total.messages == 1000


def test_sources_are_named_by_what_was_proven(domain, settings):
    settings.MAILADMIN = replace(settings.MAILADMIN, hostname="mail.example.org", public_addresses=("192.0.2.1",))
    Sender.objects.create(domain=domain, kind="relay", value="198.51.100.0/24", name="Office")
    Sender.objects.create(domain=domain, kind="service", value="mailchimp", name="Mailchimp")
    signed = (DkimResult("example.org", "k2", "pass"),)
    forged = (DkimResult("mcsv.net", "k2", "fail"), DkimResult("example.org", "k2", "fail"))
    sendgrid = (SpfResult("bounce.sendgrid.net", "mfrom", "pass"),)
    rows = (
        make_row("192.0.2.1", 9),
        make_row("198.51.100.7", 8, spf_results=sendgrid),  # an address that is listed says most
        make_row("203.0.113.1", 7, dkim_results=signed, spf_results=(SpfResult("mail1.mcsv.net", "mfrom", "pass"),)),
        make_row("203.0.113.2", 6, dkim_results=(), spf_results=sendgrid),
        make_row("203.0.113.3", 5, dkim_results=forged, spf_results=(SpfResult("mcsv.net", "mfrom", "fail"),)),
        make_row("203.0.113.4", 4, dkim_results=(DkimResult("example.org", "other", "pass"),)),
        make_row("203.0.113.5", 1, dkim_results=signed),
        make_row("203.0.113.5", 2, dkim_results=(), spf_results=sendgrid),  # most of its messages say so
    )
    take_in(report_xml(rows=rows), "", "api")
    sources = sources_of(domain, date(2025, 10, 10), date(2025, 10, 10))
    assert {source.source_ip: source.name for source in sources} == {
        "192.0.2.1": "mail.example.org",
        "198.51.100.7": "Office",
        "203.0.113.1": "Mailchimp",
        "203.0.113.2": "Twilio SendGrid",
        "203.0.113.3": "",
        "203.0.113.4": "example.net",
        "203.0.113.5": "Twilio SendGrid",
    }


def test_a_kill_between_parsing_and_commit_leaves_the_file_waiting(domain, monkeypatch):
    class Killed(BaseException):
        pass

    def die(file):
        raise Killed

    file = make_file(report_mail(), domain=domain)
    monkeypatch.setattr(reports, "_trace", die)
    with pytest.raises(Killed), transaction.atomic():
        take_in_file(file.pk)
    file.refresh_from_db()
    assert file.state == "pending"
    assert not DmarcReport.objects.exists()
