"""The page of certificates, from the first use to trouble, over the API too."""

from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from domains.certificates.port import LETS_ENCRYPT, AuthorityFault, Trouble
from domains.models import AcmeAccount, AuditRecord, Certificate, Domain
from domains.services import certificates
from tests.panel.people import HOSTILE, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    return AcmeAccount.objects.create(
        directory_url="https://ca.example/dir", uri="https://ca.example/1", agreed_by="rosa", agreed_at=timezone.now()
    )


def page(actor):
    return signed_in(actor).get(reverse("certificates")).content.decode()


def make(name="mail.acme.example", days=60, **fields):
    now = timezone.now()
    values = {
        "chain": "x",
        "issuer": "Authority R1",
        "method": "http-01",
        "issued_at": now,
        "not_before": now - timedelta(days=90 - days),
        "not_after": now + timedelta(days=days),
        "due_at": now + timedelta(days=days - 30),
    }
    return Certificate.objects.create(name=name, **(values | fields))


def test_the_first_visit_says_what_it_is_for_and_leads_on(rosa, near):
    body = page(rosa)
    assert "autoconfig.near.example" in body
    assert reverse("certificate-authority") in body


def test_a_good_certificate_is_told_with_its_next_step(rosa, account):
    make()
    body = page(rosa)
    assert all(text in body for text in ("All right", "Authority R1", "proven over HTTP", "Renewal", "Renew now"))


def test_trouble_is_told_in_the_authoritys_words_and_on_the_first_page(rosa, dora, account):
    problem = {"type": "urn:ietf:params:acme:error:caa", "detail": HOSTILE}
    make("mail.acme.example", chain="", trouble="challenge", detail=HOSTILE, problem=problem, failures=1)
    body = page(rosa)
    assert "urn:ietf:params:acme:error:caa" in body
    assert "<script>alert" not in body
    assert "Next attempt" in body
    assert "no new certificate for mail.acme.example" in signed_in(rosa).get("/").content.decode()
    assert "certificate for" not in signed_in(dora).get("/").content.decode()


def test_a_name_that_waits_for_its_record_is_no_alarm(rosa, account, near):
    make("autoconfig.near.example", chain="", trouble="elsewhere", domain=near.domain)
    assert "Publish its record" in page(rosa)
    assert certificates.names_in_trouble() == []


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "good"),
        ({"days": 10}, "attention"),
        ({"days": -1}, "bad"),
        ({"chain": ""}, "waiting"),
        ({"chain": "", "trouble": "elsewhere"}, "waiting"),
        ({"chain": "", "trouble": "rate"}, "bad"),
    ],
)
def test_how_a_name_stands(fields, word):
    assert certificates.standing_of(make(**fields)) == word


def test_the_button_has_it_ordered_now(rosa, account):
    row = make(failures=3, due_at=timezone.now() + timedelta(days=1))
    answer = signed_in(rosa).post(reverse("certificate-renew", args=[row.name]), follow=True)
    assert "within a minute" in answer.content.decode()
    row.refresh_from_db()
    assert row.due_at <= timezone.now()
    assert AuditRecord.objects.filter(action="certificate.renew", object_name=row.name, door="panel").exists()


@pytest.mark.parametrize("name", ["other.example", "mail.acme.example\nx", "..", "%00", "a" * 300])
def test_another_name_is_not_found(rosa, account, name):
    make()
    assert signed_in(rosa).post(reverse("certificate-renew", args=[name])).status_code == 404


def test_a_bad_directory_is_told_beside_its_field_and_the_secret_is_not_shown_again(rosa):
    data = {"authority": "", "directory_url": "http://x.example", "key_id": "kid", "secret": "s3cr3t", "agree": "on"}
    body = signed_in(rosa).post(reverse("certificate-authority"), data).content.decode()
    assert "Give the address of the authority" in body
    assert "s3cr3t" not in body


def test_the_page_asks_the_database_as_often_for_many_names(rosa, account, django_assert_max_num_queries):
    for number in range(40):
        make(f"n{number}.example")
    client = signed_in(rosa)
    with django_assert_max_num_queries(8):
        client.get(reverse("certificates"))


def test_names_are_those_that_this_host_must_show(settings, near, tmp_path):
    from dataclasses import replace

    from tests.certificates import Authority

    settings.MAILADMIN = replace(
        settings.MAILADMIN, hostname="mail.operator.example", url="https://panel.operator.example"
    )
    own = {"mail.operator.example", "panel.operator.example"}
    set_up = {"autoconfig.near.example", "autodiscover.near.example"}
    assert set(certificates.wanted_names()) == own | set_up
    Domain.objects.update(kind="parked")
    assert set(certificates.wanted_names()) == own
    Domain.objects.update(kind="mail")
    settings.MAILADMIN = replace(settings.MAILADMIN, https_port=None)
    assert set(certificates.wanted_names()) == {"mail.operator.example"}
    cert, key = Authority(tmp_path).issue("*.operator.example")
    settings.MAILADMIN = replace(settings.MAILADMIN, https_port=443, tls_given=True, tls_cert=cert, tls_key=key)
    assert set(certificates.wanted_names()) == set_up
    settings.MAILADMIN = replace(
        settings.MAILADMIN, tls_given=False, hostname="mail.localhost", url="http://192.0.2.1:8000"
    )
    assert set(certificates.wanted_names()) == set_up


def test_rows_follow_the_names(near):
    certificates.keep_names()
    assert Certificate.objects.filter(domain=near.domain).count() == 2
    over = make("old-host.example", days=-1)
    other = make("other-host.example")
    near.domain.state = "suspended"
    near.domain.save()
    certificates.keep_names()
    assert not Certificate.objects.filter(domain=near.domain).exists()
    assert not Certificate.objects.filter(pk=over.pk).exists()
    assert Certificate.objects.filter(pk=other.pk).exists()  # another host's, perhaps


def test_the_key_of_the_mail_host_is_replaced_after_a_question(rosa, account, settings):
    from dataclasses import replace

    settings.MAILADMIN = replace(settings.MAILADMIN, hostname="mail.acme.example")
    row = make(digest="a" * 64)
    client, address = signed_in(rosa), reverse("certificate-roll", args=[row.name])
    assert "two TTLs" in client.get(address).content.decode()
    body = client.post(address, follow=True).content.decode()
    row.refresh_from_db()
    assert f"3 1 1 {row.next_digest}" in body
    assert "_25._tcp.mail.acme.example" in body
    assert address not in body
    Certificate.objects.update(seen_at=timezone.now(), seen_seconds=3600)
    assert "It is used" in page(rosa)
    Certificate.objects.update(next_digest="", last_digest="b" * 64, rolled_at=timezone.now())
    assert "it may go" in page(rosa)
    assert "certificate.roll" in AuditRecord.objects.values_list("action", flat=True)


def test_the_authority_is_asked_outside_any_transaction(rosa, monkeypatch):
    asked = []

    def read_terms(url):
        asked.append((url, connection.in_atomic_block and bool(connection.savepoint_ids)))
        raise AuthorityFault(Trouble.UNREACHABLE, "nobody answers")

    monkeypatch.setattr("domains.certificates.client.read_terms", read_terms)
    data = {"authority": LETS_ENCRYPT, "agree": "on", "once": "o" * 16}
    body = signed_in(rosa).post(reverse("certificate-authority"), data).content.decode()
    assert "The authority cannot be reached: nobody answers." in body
    assert asked == [(LETS_ENCRYPT, False)]
