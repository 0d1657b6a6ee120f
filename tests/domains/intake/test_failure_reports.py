"""Failure reports: stored once by every road, scoped, redacted early, and the mail that brought one is not kept."""

import gzip
from datetime import timedelta

import pytest
from django.utils import timezone

from domains.errors import Forbidden, NotFound, Refused
from domains.models import AuditRecord, Domain, FailureReport, RecordObservation, ReportFile
from domains.services import failure_reports
from domains.services.failure_reports import change_keeping, failures_of, get_failure, keep_failures
from domains.services.reports import take_in_file
from tests.factories import domain_admin_act, make_domain, superadmin_act

pytestmark = pytest.mark.django_db


def failure_mail(domain: str = "acme.example", number: int = 1) -> bytes:
    """A failure report after RFC 9991, of one message in the name of ``domain``."""
    values = {
        "Feedback-Type": "auth-failure",
        "Version": "1",
        "User-Agent": "Reporter/1.0",
        "Auth-Failure": "dmarc",
        "Identity-Alignment": "none",
        "Delivery-Result": "reject",
        "Original-Mail-From": "<alice@acme.example>",
        "Original-Rcpt-To": "<zoe@far.example>",
        "Arrival-Date": "Thu, 1 Oct 2026 10:00:00 +0000",
        "Source-IP": "192.0.2.77",
        "Reported-Domain": domain,
        "DKIM-Domain": domain,
        "DKIM-Selector": "k1",
        "Authentication-Results": f"far.example; dmarc=fail header.from={domain}; spf=fail smtp.mailfrom=bob@x.org",
    }
    feedback = "".join(f"{name}: {value}\r\n" for name, value in values.items())
    head = f"From: Alice <alice@{domain}>\r\nTo: zoe@far.example\r\nSubject: Our salaries {number}\r\n"
    head += f"Message-ID: <{number}@{domain}>\r\nDate: Thu, 1 Oct 2026 10:00:00 +0000\r\n"
    return (
        "From: reports@far.example\r\nTo: dmarc-failures@acme.example\r\nSubject: FW: x\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is a failure report.\r\n"
        f"--b\r\nContent-Type: message/feedback-report\r\n\r\n{feedback}\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\n{head}\r\nThe secret body.\r\n--b--\r\n"
    ).encode()


@pytest.fixture
def acme() -> Domain:
    return make_domain("acme.example")


def came(content: bytes, domain: Domain | None, **fields) -> ReportFile:
    values = {"road": "mail", "file_name": "dmarc-failures", "submitter": "far.example", "trace_id": ""} | fields
    file = ReportFile.objects.create(domain=domain, content=content, **values)
    take_in_file(file.pk)
    file.refresh_from_db()
    return file


def test_it_is_stored_with_what_tells_why_it_failed_and_nothing_of_the_body(acme):
    file = came(failure_mail(), acme, authenticated=True)
    assert (file.state, file.reason, bytes(file.content)) == ("stored", "", b"")
    row = FailureReport.objects.get()
    assert (row.domain, row.source_ip, row.header_from, row.mail_from) == (
        acme,
        "192.0.2.77",
        "acme.example",
        "alice@acme.example",
    )
    assert (row.subject, row.failures, row.authenticated) == ("Our salaries 1", ["dmarc"], True)
    assert row.details["dkim_selector"] == "k1"
    assert row.details["delivery_result"] == "reject"
    assert "secret body" not in str(row.__dict__)


def test_the_same_report_by_any_road_is_stored_once(acme):
    came(failure_mail(), acme)
    again = came(b"Received: by another road\r\n" + failure_mail(), acme, authenticated=True)
    by_imap = came(failure_mail(), acme, road="imap", file_name="INBOX 1")
    assert (again.state, by_imap.state) == ("known", "known")
    row = FailureReport.objects.get()
    assert (row.submitter, row.authenticated) == ("far.example", True)
    assert came(failure_mail(number=2), acme).state == "stored"
    assert FailureReport.objects.count() == 2


def test_it_belongs_to_the_nearest_domain_and_foreign_ones_are_refused(acme):
    below = make_domain("news.acme.example")
    assert came(failure_mail("a.news.acme.example"), acme).state == "stored"
    assert FailureReport.objects.get().domain == below
    foreign = came(failure_mail("foreign.example"), acme)
    assert (foreign.state, "not a domain of ours" in foreign.reason) == ("broken", True)
    other = make_domain("other.example")
    strayed = came(failure_mail("other.example"), acme)
    assert (strayed.state, "no record of other.example names" in strayed.reason) == ("broken", True)
    seen = {"purpose": "dmarc", "name": "_dmarc.other.example", "type": "TXT", "checked_at": timezone.now()}
    for tag, state in (("rua", "broken"), ("ruf", "stored")):
        text = f"v=DMARC1; p=none; {tag}=mailto:dmarc-failures@acme.example"
        RecordObservation.objects.update_or_create(domain=other, **seen, defaults={"found": [text]})
        assert came(failure_mail("other.example"), acme).state == state
    assert len(failures_of(other)) == 1


def test_what_is_none_is_kept_with_its_reason(acme):
    odd = came(b"From: a@b.example\r\nSubject: hello\r\n\r\nhi\r\n", acme)
    assert (odd.state, odd.reason) == ("broken", "The mail holds no report.")
    assert bytes(odd.content).endswith(b"hi\r\n")


def test_an_aggregate_report_that_holds_a_failure_report_is_none(acme):
    packed = came(gzip.compress(failure_mail()), acme)
    assert packed.state == "broken"
    assert not FailureReport.objects.exists()


def test_persons_are_taken_out_early_and_the_rest_later(acme):
    came(failure_mail(), acme)
    now = timezone.now()
    assert keep_failures(now + timedelta(days=6)) == 0
    assert keep_failures(now + timedelta(days=8)) == 1
    row = FailureReport.objects.get()
    text = str(row.__dict__)
    assert (row.subject, row.source_ip, row.mail_from) == ("", "192.0.2.0", "alice@acme.example")
    assert row.details["original_rcpt_to"] == ["…@far.example"]
    for gone in ("zoe@", "bob@", "salaries", "192.0.2.77", "<1@"):
        assert gone not in text, gone
    assert row.details["dkim_selector"] == "k1"
    assert keep_failures(now + timedelta(days=8)) == 0
    assert keep_failures(now + timedelta(days=31)) == 1
    assert not FailureReport.objects.exists()


def test_the_days_are_set_by_a_superadministrator_alone(acme):
    with pytest.raises(Forbidden):
        change_keeping(domain_admin_act(acme), file_days=1, failure_days=1, redact_days=0)
    with pytest.raises(Refused, match="From 1 to 3650 days"):
        change_keeping(superadmin_act(), file_days=0, failure_days=1, redact_days=0)
    change_keeping(superadmin_act(), file_days=10, failure_days=5, redact_days=0)
    assert AuditRecord.objects.get(action="report.keeping").changes["redact_days"] == [7, 0]
    came(failure_mail(), acme)
    assert keep_failures(timezone.now() + timedelta(minutes=1)) == 1
    assert failure_reports.keeping().failure_days == 5


def test_one_is_found_in_reach_alone(acme):
    came(failure_mail(), acme)
    row = FailureReport.objects.get()
    assert get_failure(domain_admin_act(acme), "acme.example", row.pk) == row
    with pytest.raises(NotFound):
        get_failure(domain_admin_act(make_domain("x.example")), "acme.example", row.pk)
    assert list(failures_of(acme, "192.0.2.7")) == [row]
    assert not failures_of(acme, "nothing")
