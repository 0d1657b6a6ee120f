"""Reports on one domain that come to another's address: taken for their own when a record names it, else refused."""

import gzip
import json

import pytest
from django.utils import timezone

from domains.models import DmarcReport, Domain, DomainKind, RecordObservation, ReportFile, TlsReport
from domains.services.dmarc_policy import set_policy
from domains.services.reports import take_in_file
from tests.domains.dmarc.samples import mail, report_mail
from tests.factories import make_domain, superadmin_act

pytestmark = pytest.mark.django_db


@pytest.fixture
def about() -> Domain:
    return make_domain("about.example")


@pytest.fixture
def arrived() -> Domain:
    return make_domain("arrived.example")


def came(content: bytes, arrived: Domain | None, road: str = "mail") -> ReportFile:
    file = ReportFile.objects.create(domain=arrived, road=road, content=content, submitter="r.example")
    take_in_file(file.pk)
    file.refresh_from_db()
    return file


def test_a_report_that_strays_is_refused_with_the_reason(about, arrived):
    file = came(report_mail("about.example"), arrived)
    assert (file.state, file.domain) == ("broken", arrived)
    assert file.reason == (
        "The report is about about.example and came to an address of arrived.example, which no record of "
        "about.example names (RFC 9990)."
    )
    assert not DmarcReport.objects.exists()


def test_one_whose_record_names_the_address_is_taken_for_its_own_domain(about, arrived):
    set_policy(superadmin_act(), about.name, report_addresses=["dmarc-reports@arrived.example"])
    assert came(report_mail("about.example"), arrived).state == "stored"
    assert DmarcReport.objects.get().domain == about
    # it goes one way only
    assert came(report_mail("arrived.example"), about).state == "broken"


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("v=DMARC1; p=none; rua=mailto:a@else.example,mailto:dmarc-reports@Arrived.example!10m", "stored"),
        ("v=DMARC1; p=none; rua=mailto:arrived.example@else.example", "broken"),
        ("v=DMARC1; p=none; ruf=mailto:x@arrived.example", "broken"),
        ("rubbish mailto:x@arrived.example", "broken"),
    ],
)
def test_the_record_last_seen_in_the_dns_authorises_too(about, arrived, text, state):
    RecordObservation.objects.create(
        domain=about,
        purpose="dmarc",
        name="_dmarc.about.example",
        type="TXT",
        found=[text],
        checked_at=timezone.now(),
    )
    assert came(report_mail("about.example"), arrived).state == state


def test_domains_above_and_below_need_no_record(about):
    below = make_domain("mail.about.example")
    assert came(report_mail("mail.about.example"), about).state == "stored"
    assert came(report_mail("about.example"), below).state == "stored"
    assert [report.domain for report in DmarcReport.objects.order_by("id")] == [below, about]


def test_a_parked_domain_names_where_its_reports_go(arrived):
    parked = make_domain("parked.example")
    Domain.objects.filter(pk=parked.pk).update(kind=DomainKind.PARKED, reports_to="dmarc-reports@arrived.example")
    assert came(report_mail("parked.example"), arrived).state == "stored"


def test_without_a_domain_any_of_ours_is_taken_and_no_other(about):
    assert came(report_mail("about.example"), None, "imap").state == "stored"
    foreign = came(report_mail("foreign.example"), None, "imap")
    assert (foreign.state, "not a domain of ours" in foreign.reason) == ("broken", True)


def test_tls_reports_stray_alike(about, arrived):
    policy = {
        "policy": {"policy-type": "sts", "policy-domain": "about.example"},
        "summary": {"total-successful-session-count": 5, "total-failure-session-count": 0},
    }
    report = {
        "organization-name": "Reporter",
        "date-range": {"start-datetime": "2025-10-10T00:00:00Z", "end-datetime": "2025-10-10T23:59:59Z"},
        "contact-info": "x",
        "report-id": "t-1",
        "policies": [policy],
    }
    content = mail(gzip.compress(json.dumps(report).encode()), "r.json.gz", "application/tlsrpt+gzip")
    file = came(content, arrived)
    assert (file.state, "which no record of about.example names" in file.reason) == ("broken", True)
    assert came(content, about).state == "stored"
    assert TlsReport.objects.get().domain == about
