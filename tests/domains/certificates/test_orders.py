"""Certificates from a real authority: ordered, renewed, refused, tried again, never ordered in vain."""

from datetime import timedelta

import pytest
from cryptography import x509
from django.utils import timezone

from domains.certificates.port import Trouble
from domains.models import AcmeAccount, AcmeChallenge, AuditRecord, Certificate, Notice
from domains.services import certificate_orders, certificates, mta_sts
from domains.services.certificate_orders import order_due
from domains.services.serving import pair_for
from domains.tls.certificate import certificate_fault
from mailadmin.runner.certificate import ensure_certificate
from tests.conftest import needs_program
from tests.factories import make_domain, superadmin_act

pytestmark = [pytest.mark.django_db(transaction=True), needs_program("pebble")]
HOST = "mail.acme.example"


def row_of(name=HOST):
    return Certificate.objects.get(name=name)


def test_the_mail_host_gets_a_certificate_that_clients_trust(authority, account, settings):
    assert order_due() == 1
    row = row_of()
    assert (row.trouble, row.failures, row.method) == ("", 0, "http-01")
    assert row.issuer.startswith("Pebble")
    assert certificate_fault(pair_for(HOST), HOST, authority.root()) == ""
    assert row.due_at == row.not_before + (row.not_after - row.not_before) * 2 / 3
    assert not AcmeChallenge.objects.exists()
    assert AuditRecord.objects.filter(action="certificate.issue", object_name=HOST).count() == 1
    assert b"PRIVATE" not in bytes(row.key_sealed)
    assert order_due() == 0


def test_the_mail_host_goes_on_with_the_key_of_its_own_files(authority, account, settings):
    config = settings.MAILADMIN
    ensure_certificate(config.tls_cert, config.tls_key, HOST)
    order_due()
    assert pair_for(HOST).key.strip() == config.tls_key.read_bytes().strip()


def test_a_renewal_keeps_the_key(authority, account):
    order_due()
    first = pair_for(HOST)
    certificates.renew(superadmin_act(), HOST)
    assert order_due() == 1
    assert pair_for(HOST).key == first.key
    assert pair_for(HOST).chain != first.chain


def test_names_of_domains_follow_what_is_switched_on(authority, account, dns_settings):
    make_domain()
    for label in ("autoconfig", "autodiscover", "mta-sts"):
        dns_settings.zone[f"{label}.acme.example", "CNAME"] = [HOST]
    assert order_due() == 3
    assert set(Certificate.objects.values_list("name", flat=True)) == {
        HOST, "autoconfig.acme.example", "autodiscover.acme.example",
    }  # fmt: skip
    mta_sts.change_mode(superadmin_act(), "acme.example", "testing")
    assert order_due() == 1
    assert certificate_fault(pair_for("mta-sts.acme.example"), "mta-sts.acme.example", authority.root()) == ""


def test_nothing_is_ordered_for_a_name_that_leads_elsewhere(authority, account, dns_settings):
    dns_settings.zone[HOST, "A"] = ["127.0.0.9"]
    assert order_due() == 0
    row = row_of()
    assert (row.trouble, row.detail, row.failures, row.ordered_at) == (Trouble.ELSEWHERE, row.detail, 0, None)
    assert "127.0.0.9" in row.detail
    dns_settings.zone[HOST, "A"] = ["127.0.0.1"]
    assert order_due() == 0  # not yet
    certificates.renew(superadmin_act(), HOST)
    assert order_due() == 1


def test_another_address_that_leads_here_all_the_same_is_found_out(authority, account, settings, monkeypatch):
    from dataclasses import replace

    settings.MAILADMIN = replace(settings.MAILADMIN, public_addresses=("192.0.2.1",))
    monkeypatch.setattr(certificate_orders, "HTTP_PORTS", {80: authority.http_port})
    assert order_due() == 1


def test_a_failed_proof_is_kept_with_the_authoritys_words_and_tried_again_later(
    authority, account, dns_settings, monkeypatch
):
    monkeypatch.setattr("mailadmin.domain_hosts.challenge_content", lambda name, token: "something else")
    before = timezone.now()
    assert order_due() == 0
    row = row_of()
    assert (row.trouble, row.failures) == (Trouble.CHALLENGE, 1)
    assert row.problem["type"] == "urn:ietf:params:acme:error:unauthorized"
    assert timedelta(minutes=59) < row.due_at - before < timedelta(hours=2)
    assert row_of().name in certificates.names_in_trouble()
    assert not AcmeChallenge.objects.exists()
    monkeypatch.undo()
    assert order_due() == 0  # it waits
    Certificate.objects.update(due_at=timezone.now())
    assert order_due() == 1
    assert (row_of().failures, row_of().problem) == (0, {})


def test_failures_in_a_row_are_told_once_and_their_end_too(authority, account, monkeypatch):
    monkeypatch.setattr("mailadmin.domain_hosts.challenge_content", lambda name, token: "something else")
    for _ in range(4):
        order_due()
        Certificate.objects.update(due_at=timezone.now())
        AcmeAccount.objects.update(rest_until=None)
    assert list(Notice.objects.values_list("type", "domain")) == [("certificate.failed", None)]
    assert Notice.objects.get().data["name"] == HOST
    monkeypatch.undo()
    order_due()
    assert set(Notice.objects.values_list("type", flat=True)) == {"certificate.failed", "certificate.issued"}


def test_an_authority_that_is_away_is_left_alone_for_a_while(authority, account, dns_settings):
    make_domain()
    dns_settings.zone["autoconfig.acme.example", "CNAME"] = [HOST]
    authority.stop()
    assert order_due() == 0
    assert row_of().trouble == Trouble.UNREACHABLE
    assert row_of("autoconfig.acme.example").trouble == ""  # not even asked
    assert AcmeAccount.objects.get().rest_until > timezone.now() + timedelta(minutes=10)


def test_an_account_that_the_authority_forgot_is_told(authority, account):
    authority.stop()
    authority.start()  # pebble keeps nothing
    assert order_due() == 0
    row = row_of()
    assert row.trouble == Trouble.REFUSED
    assert row.problem["type"].endswith("accountDoesNotExist")


def test_a_name_blocked_by_the_authority_is_refused_in_its_words(authority, account):
    authority.stop()
    authority.options = {"domainBlocklist": [HOST]}
    with authority:
        AcmeAccount.objects.all().delete()
        from domains.services import acme_account

        acme_account.set_account(superadmin_act(), directory_url=authority.directory_url, agree=True)
        assert order_due() == 0
        assert row_of().problem["type"].endswith("rejectedIdentifier")


def test_no_more_orders_than_the_hour_allows(authority, account, monkeypatch):
    monkeypatch.setattr(certificate_orders, "HOURLY", 0)
    assert order_due() == 0
    assert row_of().ordered_at is None


def test_without_an_account_nothing_is_asked(dns_settings):
    assert order_due() == 0
    assert dns_settings.asked == []


def test_the_chain_is_served_whole(authority, account):
    order_due()
    assert len(x509.load_pem_x509_certificates(pair_for(HOST).chain)) == 2


class Killed(BaseException):
    """The process ends here."""


def test_a_run_that_dies_does_not_begin_the_same_order_each_minute(authority, account, monkeypatch):
    def die(*_arguments):
        raise Killed

    monkeypatch.setattr("domains.certificates.client.order", die)
    with pytest.raises(Killed):
        order_due()
    monkeypatch.undo()
    assert order_due() == 0
    assert timedelta(minutes=50) < row_of().due_at - timezone.now() < timedelta(minutes=61)
    Certificate.objects.update(due_at=timezone.now())
    assert order_due() == 1
