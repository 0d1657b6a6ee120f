"""Switching MTA-STS: the steps that lose no mail, the records and the policy that follow (RFC 8461)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from domains.errors import NotFound, Refused
from domains.models import AuditRecord, Domain
from domains.services import mta_sts, provision
from domains.services.publication import desired_records
from domains.tls.mta_sts import parse_policy, policy_id
from tests.certificates import Authority
from tests.domains.test_check import publish, statuses
from tests.factories import domain_admin_act, make_domain, superadmin_act

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def trusted(settings, tmp_path):
    """A mail host with a certificate that clients trust."""
    authority = Authority(tmp_path)
    cert, key = authority.issue("mail.acme.example")
    settings.MAILADMIN = replace(
        settings.MAILADMIN, hostname="mail.acme.example", tls_cert=cert, tls_key=key, ca_file=authority.ca_file
    )


def switch(*modes):
    for mode in modes:
        mta_sts.change_mode(superadmin_act(), "acme.example", mode, without_reports=True)
    return Domain.objects.get(name="acme.example")


def records(domain):
    return {(row.name, row.type): row for row in desired_records(domain) if row.purpose == "mta-sts"}


def test_it_is_off_until_somebody_switches_it_on():
    domain = make_domain()
    assert domain.mta_sts == "off"
    assert records(domain) == {}
    assert mta_sts.policy_text_at("mta-sts.acme.example") is None


def test_testing_publishes_two_recommended_records_and_the_policy():
    make_domain()
    domain = switch("testing")
    found = records(domain)
    policy = parse_policy(mta_sts.policy_text_at("mta-sts.acme.example"))
    assert (policy.mode, policy.mx, policy.max_age) == ("testing", ("mail.acme.example",), 86400)
    assert found["_mta-sts.acme.example", "TXT"].value == f"v=STSv1; id={policy_id(policy)};"
    assert found["mta-sts.acme.example", "CNAME"].value == "mail.acme.example"
    assert not any(row.required for row in found.values())


@pytest.mark.parametrize(
    ("url", "type_", "value"),
    [
        ("https://panel.operator.example", "CNAME", "panel.operator.example"),
        ("https://203.0.113.7", "A", "203.0.113.7"),
        ("https://[2001:db8::7]", "AAAA", "2001:db8::7"),
        ("http://localhost:8000", "CNAME", "mail.acme.example"),
    ],
)
def test_the_policy_host_leads_to_the_panel(settings, url, type_, value):
    settings.MAILADMIN = replace(settings.MAILADMIN, url=url)
    make_domain()
    assert records(switch("testing"))["mta-sts.acme.example", type_].value == value


def test_the_id_follows_the_policy(settings):
    make_domain()
    seen = [records(switch(mode))["_mta-sts.acme.example", "TXT"].value for mode in ("testing", "enforce", "testing")]
    assert seen[0] == seen[2] != seen[1]
    settings.MAILADMIN = replace(settings.MAILADMIN, hostname="new.acme.example")
    domain = Domain.objects.get()
    assert records(domain)["_mta-sts.acme.example", "TXT"].value not in seen


@pytest.mark.parametrize(
    ("modes", "words"),
    [
        (["enforce"], "testing"),
        (["none"], "testing"),
        (["testing", "off"], "none"),
        (["testing", "enforce", "off"], "none"),
        (["testing", "none", "off"], "until"),
        (["testing", "enforce", "none", "enforce"], "testing"),
        (["testing", "strict"], "none"),
    ],
)
def test_a_step_that_could_lose_mail_is_refused(modes, words):
    make_domain()
    with pytest.raises(Refused, match=words):
        switch(*modes)
    assert Domain.objects.get().mta_sts == ([*modes[:-1]] or ["off"])[-1]


def test_it_is_off_a_week_after_it_was_withdrawn():
    make_domain()
    domain = switch("testing", "enforce", "none")
    assert parse_policy(mta_sts.policy_text_at("mta-sts.acme.example")).mode == "none"
    Domain.objects.update(mta_sts_at=timezone.now() - timedelta(days=7, seconds=1))
    assert records(switch("off")) == {}
    assert records(domain)  # published until then


def test_nothing_is_enforced_with_a_certificate_that_senders_do_not_trust(settings):
    make_domain()
    switch("testing")
    settings.MAILADMIN = replace(settings.MAILADMIN, hostname="other.acme.example")
    with pytest.raises(Refused, match="certificate"):
        switch("enforce")


def test_a_change_is_audited_once():
    make_domain()
    switch("testing", "testing")
    rows = AuditRecord.objects.filter(action="domain.mta_sts")
    assert [row.changes for row in rows] == [{"mta_sts": ["off", "testing"]}]


def test_a_foreign_domain_is_absent():
    make_domain()
    with pytest.raises(NotFound):
        mta_sts.change_mode(domain_admin_act(), "acme.example", "testing")


@pytest.mark.parametrize(
    "host",
    [
        "acme.example",
        "mta-sts.other.example",
        "mta-sts.",
        "mta-sts",
        "",
        "x.mta-sts.acme.example",
        "mta-sts.acme.example.evil.example",
    ],
)
def test_no_other_host_has_a_policy(host):
    make_domain()
    switch("testing")
    assert mta_sts.policy_text_at(host) is None


def test_a_suspended_domain_serves_none():
    make_domain()
    switch("testing")
    provision.change_domain(superadmin_act(), "acme.example", "suspended")
    assert mta_sts.policy_text_at("mta-sts.acme.example") is None


def test_what_was_emitted_is_right(dns_settings):
    make_domain()
    publish(dns_settings, switch("testing"))
    assert statuses()["mta-sts"] == {"right"}
    switch("enforce")
    assert statuses()["mta-sts"] == {"right", "wrong"}
