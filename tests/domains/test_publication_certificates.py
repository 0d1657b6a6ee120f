"""The records that name the authority: desired once there is one, judged with the owner's own, planned with care."""

from dataclasses import replace

import pytest
from django.utils import timezone

from domains.models import AcmeAccount, Domain
from domains.services.check import check_now
from domains.services.planning import plan_now
from domains.services.publication import desired_records, zone_text
from domains.services.publication_certificates import certificate_records
from tests.factories import make_domain, superadmin_act

pytestmark = pytest.mark.django_db
VALUE = '0 issue "ca.example; accounturi=https://ca.example/acct/1"'


@pytest.fixture
def account():
    return AcmeAccount.objects.create(
        directory_url="https://ca.example/dir",
        uri="https://ca.example/acct/1",
        caa_identities=["ca.example", "ca.test"],
        agreed_by="rosa",
        agreed_at=timezone.now(),
    )


def rows(domain):
    return [row for row in desired_records(domain) if row.purpose == "caa"]


def test_without_an_authority_nobody_is_kept_out(dns_settings):
    assert rows(make_domain()) == []


def test_the_mail_host_and_the_domain_name_our_account(dns_settings, account, settings):
    domain, other = make_domain(), make_domain("other.example")
    assert [(row.name, row.zone, row.value, row.required) for row in rows(domain)] == [
        ("mail.acme.example", "acme.example", VALUE, False),
        ("acme.example", "acme.example", VALUE, False),
    ]
    assert [(row.name, row.zone) for row in rows(other)] == [
        ("mail.acme.example", "acme.example"),
        ("other.example", "other.example"),
    ]
    assert f"acme.example. 3600 IN CAA {VALUE}\n" in zone_text(desired_records(domain), "acme.example")
    settings.MAILADMIN = replace(settings.MAILADMIN, tls_given=True)
    assert [row.name for row in rows(domain)] == ["acme.example"]
    settings.MAILADMIN = replace(settings.MAILADMIN, tls_given=False, https_port=None)
    assert [row.name for row in rows(domain)] == ["mail.acme.example"]


def status():
    return {state.record.name: str(state.status) for state in check_now(superadmin_act(), "acme.example")
            if state.record.purpose == "caa"}  # fmt: skip


@pytest.mark.parametrize(
    ("published", "word"),
    [
        ([], "missing"),
        ([VALUE], "right"),
        ([VALUE, '0 issue "other.example"', '0 iodef "mailto:a@acme.example"'], "right"),
        (['0 issue "ca.example"'], "right"),
        (['0 issue "other.example"'], "wrong"),
    ],
)
def test_the_owners_own_authorities_are_the_owners_choice(dns_settings, account, published, word):
    make_domain()
    if published:
        dns_settings.zone["acme.example", "CAA"] = published
    assert status()["acme.example"] == word


def steps():
    found = plan_now(superadmin_act(), "acme.example")
    return {step.record.name: step for step in found if step.record.purpose == "caa"}


def test_the_plan_keeps_nobody_out_unasked(dns_settings, account):
    make_domain()
    first = steps()
    assert (first["acme.example"].action, first["acme.example"].risk) == ("add", "excludes")
    assert first["acme.example"].needs_consent
    assert (first["mail.acme.example"].action, first["mail.acme.example"].risk) == ("add", "")
    dns_settings.zone["acme.example", "CAA"] = ['0 issue "other.example"']
    beside = steps()["acme.example"]
    assert (beside.action, beside.risk, beside.removes, beside.adds) == ("add", "", (), (VALUE,))


def test_many_domains_ask_once_for_the_authority(account, django_assert_max_num_queries):
    for number in range(5):
        make_domain(f"d{number}.example")
    domains = list(Domain.objects.all())
    with django_assert_max_num_queries(2):
        for domain in domains:
            assert len(list(certificate_records(domain, "acme.example"))) >= 1
