"""Watched mailboxes elsewhere: every message once, whatever dies; scoped; passwords sealed and never moved along."""

import gzip
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from domains.errors import Forbidden, NotFound, Refused
from domains.models import AuditRecord, DmarcReport, ReportFile, ReportMailbox
from domains.reports.budget import Budget
from domains.services import report_mailboxes
from domains.services.report_mailboxes import (
    delete_mailbox,
    fetch,
    fetch_all,
    mailboxes_for,
    set_mailbox,
    try_mailbox,
)
from tests.dns_fixtures import dns, dns_settings  # noqa: F401
from tests.domains.dmarc.samples import mail, report_mail, report_xml
from tests.domains.intake.test_imap_pull import LOOPBACK, _lab, fill, service  # noqa: F401
from tests.factories import domain_admin_act, make_domain, owner_act, superadmin_act
from tests.mailboxes.imap.service import ADDRESS, PASSWORD

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_lab")]


def results(domain: str = "reporter.example", authserv: str = "mx.far.example") -> bytes:
    return f"Authentication-Results: {authserv}; dmarc=pass header.from={domain}\r\n".encode()


def watch(service, act=None, **changes) -> ReportMailbox:  # noqa: F811
    values = {"host": "localhost", "port": service.tls_port, "user": ADDRESS, "password": PASSWORD}
    return set_mailbox(act or superadmin_act(), **(values | changes))


def test_every_new_message_is_taken_in_once(service):  # noqa: F811
    make_domain("example.net")
    fill(service, results() + report_mail(), report_mail(report_id="r-2"), b"From: a@b.example\r\n\r\nhello\r\n")
    row = watch(service, trusted_results="MX.far.example")
    assert fetch(row.pk) == 3
    first, second, third = ReportFile.objects.order_by("id")
    assert (first.road, first.state, first.submitter, first.authenticated) == (
        "imap",
        "stored",
        "reporter.example",
        True,
    )
    assert (second.state, second.submitter, second.authenticated) == ("stored", "reporter.example", False)
    assert (third.state, third.reason) == ("broken", "The mail holds no report.")
    assert DmarcReport.objects.count() == 2
    assert fetch(row.pk) == 0
    fill(service, report_mail(report_id="r-3"))
    assert fetch_all() == 1
    row.refresh_from_db()
    assert (row.taken, row.fault, row.checked_at is not None) == (4, "", True)


def test_without_a_trusted_server_reports_are_not_authenticated(service):  # noqa: F811
    fill(service, results() + report_mail())
    assert fetch(watch(service).pk) == 1
    assert not DmarcReport.objects.get().authenticated


def test_two_runs_at_once_take_each_message_once(service):  # noqa: F811
    fill(service, *(report_mail(report_id=f"r-{n}") for n in range(6)))
    row = watch(service)
    counts: list[int] = []

    def work() -> None:
        try:
            counts.append(fetch(row.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (sum(counts), ReportFile.objects.count(), DmarcReport.objects.count()) == (6, 6, 6)


def test_a_run_that_dies_goes_on_where_it_stood(service, monkeypatch):  # noqa: F811
    fill(service, *(report_mail(report_id=f"r-{n}") for n in range(5)))
    row = watch(service)
    real, seen = report_mailboxes.reports.take_in_file, []

    def dies(pk):
        seen.append(pk)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return real(pk)

    monkeypatch.setattr(report_mailboxes.reports, "take_in_file", dies)
    with pytest.raises(KeyboardInterrupt):
        fetch(row.pk)
    assert ReportFile.objects.filter(state="pending").count() == 1  # what it held is worked by the sweep
    assert fetch(row.pk) == 2
    assert report_mailboxes.reports.take_in_pending() == 1
    assert (ReportFile.objects.count(), DmarcReport.objects.count()) == (5, 5)


def test_a_new_folder_of_the_same_name_begins_again_and_counts_once(service):  # noqa: F811
    fill(service, report_mail())
    row = watch(service)
    fetch(row.pk)
    ReportMailbox.objects.update(uid_validity=1)
    assert fetch(row.pk) == 1
    assert sorted(ReportFile.objects.values_list("state", flat=True)) == ["known", "stored"]


def test_taken_messages_are_moved_and_a_missing_folder_is_told(service):  # noqa: F811
    fill(service, report_mail())
    with pytest.raises(Refused, match="Nothing can be moved to Nowhere"):
        watch(service, move_to="Nowhere")
    row = watch(service, move_to="Archive")
    assert fetch(row.pk) == 1
    assert try_mailbox(superadmin_act(), row.pk).messages == 0
    assert fetch(row.pk) == 0


def test_a_message_that_is_too_large_is_named_and_passed_over(service, monkeypatch):  # noqa: F811
    monkeypatch.setattr(report_mailboxes, "MESSAGE_OCTETS", 1000)
    fill(service, b"From: a@b.example\r\n\r\n" + b"x" * 2000 + b"\r\n", report_mail())
    assert fetch(watch(service).pk) == 2
    large = ReportFile.objects.order_by("id").first()
    assert (large.state, bytes(large.content)) == ("broken", b"")
    assert "more than 25 MB are not fetched" in large.reason


def test_what_fails_is_said_in_words_and_the_next_mailbox_is_read(service):  # noqa: F811
    fill(service, report_mail())
    broken, row = watch(service), watch(service, folder="Archive")
    watch(service)
    ReportMailbox.objects.filter(pk=broken.pk).update(port=1)
    assert fetch(broken.pk) == 0  # the password is bound to its place
    broken.refresh_from_db()
    assert "cannot be opened; give it again" in broken.fault
    ReportMailbox.objects.filter(pk=broken.pk).delete()
    gone = watch(service, enabled=False, folder="Nowhere")
    ReportMailbox.objects.update(enabled=True)
    assert fetch_all() == 1
    gone.refresh_from_db()
    row.refresh_from_db()
    assert gone.fault.startswith("There is no folder Nowhere that can be opened")
    assert row.fault == ""
    assert try_mailbox(superadmin_act(), gone.pk).fault == gone.fault


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"password": "wrong password"}, "password", "refuses this user and password"),
        ({"password": ""}, "password", "The password is missing"),
        ({"password": "a\r\nb"}, "password", "printable"),
        ({"user": "a\r\nx LOGOUT"}, "user", "Printable text"),
        ({"folder": "Nowhere"}, "folder", "no folder Nowhere"),
        ({"host": "not a host"}, "host", "name of the IMAP server"),
        ({"host": "nowhere.example"}, "host", "has no address. Only"),
        ({"port": 70000}, "port", "A port is a number"),
        ({"port": 1}, "host", "Nothing answers at localhost port 1"),
        ({"security": "none"}, "security", "Allowed are tls, starttls"),
        ({"trusted_results": "a; b"}, "trusted_results", "a name such as"),
        ({"move_to": "INBOX"}, "move_to", "another folder"),
    ],
)
def test_what_cannot_be_kept_is_said_beside_its_field(service, changes, field, said):  # noqa: F811
    with pytest.raises(Refused) as refusal:
        watch(service, **changes)
    assert said in refusal.value.errors[field], refusal.value.errors
    assert not ReportMailbox.objects.exists()


def test_the_password_never_goes_to_another_host_or_user(service):  # noqa: F811
    row = watch(service)
    values = {"host": "localhost", "port": service.tls_port, "user": ADDRESS}
    set_mailbox(superadmin_act(), row.pk, **values, folder="Archive")
    for changes in ({"host": "mail.acme.example"}, {"user": "mallory"}, {"port": 1993}):
        with pytest.raises(Refused, match="kept for one host and user alone"):
            set_mailbox(superadmin_act(), row.pk, **(values | changes), enabled=False)
    row.refresh_from_db()
    assert (row.host, row.folder, PASSWORD.encode() in bytes(row.password_sealed)) == ("localhost", "Archive", False)
    assert PASSWORD not in repr(list(AuditRecord.objects.values_list("changes", flat=True)))


def test_who_may_set_what(service):  # noqa: F811
    own, foreign = make_domain("example.net"), make_domain("foreign.example")
    act = domain_admin_act(own)
    everywhere = watch(service)
    with pytest.raises(Refused, match="only a superadministrator watches for all"):
        watch(service, act)
    with pytest.raises(Refused, match="There is no domain"):
        watch(service, act, domain=foreign.name)
    row = watch(service, act, domain=own.name)
    assert list(mailboxes_for(act)) == [row]
    assert set(mailboxes_for(superadmin_act())) == {row, everywhere}
    for call in (try_mailbox, delete_mailbox):
        with pytest.raises(NotFound):
            call(act, everywhere.pk)
    from tests.factories import make_account

    with pytest.raises(Forbidden):
        mailboxes_for(owner_act(make_account("alice@foreign.example")))
    delete_mailbox(act, row.pk)
    actions = AuditRecord.objects.filter(object_type="report_mailbox").order_by("id").values_list("action", "domain")
    assert list(actions)[1:] == [("report_mailbox.create", own.name), ("report_mailbox.delete", own.name)]


def test_a_domains_mailbox_brings_nothing_about_other_domains(service):  # noqa: F811
    own = make_domain("example.net")
    act = domain_admin_act(own)
    fill(service, results() + report_mail("example.org"), results() + mail(gzip.compress(report_xml("example.net"))))
    row = watch(service, act, domain=own.name, trusted_results="mx.far.example")
    assert fetch(row.pk) == 2
    first, second = ReportFile.objects.order_by("id")
    assert (first.state, second.state) == ("broken", "stored"), first.reason
    assert first.reason == "The report is about example.org, and its mailbox is watched for example.net alone."


def test_a_domains_mailbox_brings_no_more_than_a_day_may_and_goes_on_tomorrow(service, monkeypatch):  # noqa: F811
    own = make_domain("example.net")
    monkeypatch.setattr(report_mailboxes, "AUTHENTICATED", Budget(0, 0, all_files=2, all_octets=10**9, reports=0))
    fill(service, *(report_mail("example.net", report_id=f"r-{n}") for n in range(4)))
    row = watch(service, domain=own.name)
    assert (fetch(row.pk), fetch(row.pk)) == (2, 0)
    row.refresh_from_db()
    assert row.fault == "It brought as much as a day may; it goes on tomorrow."
    ReportFile.objects.update(received_at=timezone.now() - timedelta(days=1))
    assert fetch(row.pk) == 2
