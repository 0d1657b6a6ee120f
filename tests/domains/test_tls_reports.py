"""TLS reports taken in by mail and by API; MTA-STS is enforced only when they are clean."""

import gzip
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from domains.errors import Forbidden, NotFound, Refused
from domains.models import Domain, ReportFile, TlsReport
from domains.services import mta_sts, tls_reports
from domains.services.reports import take_in_file
from tests.api.people import call, make_token
from tests.domains.dmarc.test_intake import mail
from tests.domains.test_mta_sts import trusted  # noqa: F401
from tests.factories import domain_admin_act, make_domain, superadmin_act

pytestmark = pytest.mark.django_db


def report(name="acme.example", failed=0, number="1", days=1, kind="sts"):
    end = timezone.now() - timedelta(days=days)
    failures = [{"result-type": "certificate-expired", "failed-session-count": failed}] if failed else []
    found = {
        "organization-name": "Reporter",
        "report-id": number,
        "date-range": {"start-datetime": (end - timedelta(days=1)).isoformat(), "end-datetime": end.isoformat()},
        "policies": [
            {
                "policy": {"policy-type": kind, "policy-domain": name},
                "summary": {"total-successful-session-count": 10, "total-failure-session-count": failed},
                "failure-details": failures,
            }
        ],
    }
    return json.dumps(found).encode()


def take(octets, **values):
    return tls_reports.take_in(octets, "", **{"act": superadmin_act()} | values)


@pytest.fixture
def testing():
    domain = make_domain()
    mta_sts.change_mode(superadmin_act(), domain.name, "testing")
    return domain


def enforce(**values):
    return mta_sts.change_mode(superadmin_act(), "acme.example", "enforce", **values)


def test_clean_reports_open_the_way(testing):
    with pytest.raises(Refused):
        enforce()
    take(gzip.compress(report()))
    assert enforce().mta_sts == "enforce"


def test_a_failure_closes_it_whoever_says_yes(testing):
    take(report())
    take(report(failed=3, number="2"))
    with pytest.raises(Refused) as caught:
        enforce(without_reports=True)
    assert "certificate-expired" in caught.value.errors["mta_sts"]


def test_without_reports_somebody_answers_for_it(testing):
    assert enforce(without_reports=True).mta_sts == "enforce"


@pytest.mark.parametrize(
    ("octets", "values"),
    [
        (report(days=20), {}),
        (report(), {"submitter": "stranger.example", "authenticated": False}),
    ],
    ids=["old", "not authenticated"],
)
def test_what_does_not_count(testing, octets, values):
    take(octets, **values)
    assert TlsReport.objects.count() == 1
    assert tls_reports.standing_of(testing).reports == 0


def test_failures_under_dane_are_shown_and_do_not_count(testing):
    take(report(failed=2, kind="tlsa"))
    row = TlsReport.objects.get()
    assert (row.failed, row.failures[0]["policy"]) == (0, "tlsa")
    assert tls_reports.standing_of(testing).clean


def test_the_same_report_counts_once():
    make_domain()
    octets = report()
    assert take(octets)[1]
    assert not take(gzip.compress(octets))[1]
    assert TlsReport.objects.count() == 1


def test_reports_on_others_and_by_others_are_refused():
    make_domain()
    for octets in (report("elsewhere.example"), b"{}", b"<feedback/>", b""):
        with pytest.raises(Refused):
            take(octets)
    with pytest.raises(Refused):
        take(report(), act=domain_admin_act())
    with pytest.raises(Forbidden):
        take(report(), act=domain_admin_act().__class__("o", "owner", "api"))


@pytest.mark.parametrize("state", ["pending", "deleted"])
def test_reports_on_a_domain_that_is_not_served_are_refused(state):
    domain = make_domain()
    Domain.objects.update(state=state)
    with pytest.raises(Refused):
        take(report())
    with pytest.raises(Refused):
        take(report(), act=domain_admin_act(domain))


def test_mail_to_the_report_address_is_read():
    domain = make_domain()
    content = mail(gzip.compress(report()), "report.json.gz", "application/tlsrpt+gzip")
    values = {"domain": domain, "road": "mail", "file_name": "tls-reports", "content": content}
    good = ReportFile.objects.create(**values, submitter="reporter.example", authenticated=True)
    assert take_in_file(good.pk) == "stored"
    assert TlsReport.objects.get().authenticated
    again = ReportFile.objects.create(**values, submitter="reporter.example", authenticated=True)
    assert take_in_file(again.pk) == "known"
    wrong = mail(b'{"no": "report"}', "report.json", "application/tlsrpt+json")
    bad = ReportFile.objects.create(**values | {"content": wrong})
    assert take_in_file(bad.pk) == "broken"
    bad.refresh_from_db()
    assert "no list of policies" in bad.reason


def test_the_calls():
    make_domain()
    make_token("superadmin", "superadmin", None)
    answer = call("POST", "/tls/reports", body=gzip.compress(report()), content_type="application/octet-stream")
    assert answer.status_code == 201
    assert answer.json()["items"][0]["succeeded"] == 10
    listed = call("GET", "/domains/acme.example/tls/reports").json()
    assert [row["report_id"] for row in listed["items"]] == ["1"]
    with pytest.raises(NotFound):
        mta_sts.change_mode(domain_admin_act(), "acme.example", "testing")
    assert Domain.objects.get().mta_sts == "off"
