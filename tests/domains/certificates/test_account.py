"""The account at the authority: made once its terms are agreed to, its key sealed, bad values refused by name."""

import json
from pathlib import Path

import pytest
from django.db import connection

from domains.certificates import client
from domains.errors import Forbidden, Refused
from domains.models import AcmeAccount, AuditRecord
from domains.services import acme_account
from domains.services.acme_account import opened, set_account
from domains.services.certificate_orders import order_due
from tests.conftest import needs_program
from tests.factories import domain_admin_act, superadmin_act

pytestmark = [pytest.mark.django_db(transaction=True), needs_program("pebble")]


def test_the_account_is_kept_with_its_key_sealed(authority, account):
    row = AcmeAccount.objects.get()
    assert row.uri.startswith(f"https://ca.example:{authority.port}/")
    assert row.terms_url
    assert b"PRIVATE" not in bytes(row.key_sealed)
    assert opened(row).key_pem.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert "PRIVATE" not in repr(opened(row))
    assert AuditRecord.objects.filter(action="acme_account.set").count() == 1


def test_without_agreement_there_is_no_account_and_the_terms_are_named(authority):
    with pytest.raises(Refused) as refused:
        set_account(superadmin_act(), directory_url=authority.directory_url)
    assert client.read_terms(authority.directory_url).terms_url in refused.value.errors["agree"]
    assert not AcmeAccount.objects.exists()


def test_the_contact_changes_at_the_authority_and_the_account_stays(authority, account):
    changed = set_account(superadmin_act(), directory_url=authority.directory_url, contact="hostmaster@acme.example")
    assert (changed.uri, changed.contact) == (account.uri, "hostmaster@acme.example")
    assert set_account(superadmin_act(), directory_url=authority.directory_url).contact == ""
    assert AcmeAccount.objects.get().contact == ""


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"directory_url": ""}, "directory_url"),
        ({"directory_url": "http://ca.example/dir"}, "directory_url"),
        ({"directory_url": "https://user@ca.example/dir"}, "directory_url"),
        ({"directory_url": "https://ca.example/d\nir"}, "directory_url"),
        ({"directory_url": "https://ca.example/d\0ir"}, "directory_url"),
        ({"directory_url": "https://ca.example:99999/dir"}, "directory_url"),
        ({"directory_url": "https://" + "a" * 600}, "directory_url"),
        ({"directory_url": "https://127.0.0.1:1/dir"}, "directory_url"),
        ({"directory_url": "https://[::1/dir"}, "directory_url"),
        ({"contact": "nobody"}, "contact"),
        ({"contact": "a@acme.example,b@acme.example"}, "contact"),
        ({"contact": "a@acme.example\nb"}, "contact"),
        ({"key_id": "kid", "secret": "???"}, "secret"),
        ({"key_id": "", "secret": "abcd"}, "key_id"),
        ({"key_id": "k\nid", "secret": "abcd"}, "key_id"),
    ],
)
def test_what_cannot_be_is_refused_by_name(authority, fields, name):
    values = {"directory_url": authority.directory_url, "agree": True} | fields
    with pytest.raises(Refused) as refused:
        set_account(superadmin_act(), **values)
    assert list(refused.value.errors) == [name]
    assert not AcmeAccount.objects.exists()


def test_a_directory_inside_is_not_reached(authority, settings):
    from dataclasses import replace

    settings.MAILADMIN = replace(settings.MAILADMIN, private_networks=())
    with pytest.raises(Refused) as refused:
        set_account(superadmin_act(), directory_url=authority.directory_url, agree=True)
    assert "not a public address" in refused.value.errors["directory_url"]


def test_what_is_no_directory_is_refused(authority, live_server):
    with pytest.raises(Refused) as refused:
        set_account(superadmin_act(), directory_url=f"https://ca.example:{authority.port}/nonce-plz", agree=True)
    assert "directory_url" in refused.value.errors


def test_an_external_account_binding_is_asked_for_and_used(authority, tmp_path):
    example = json.loads(
        Path("/usr/share/doc/pebble/examples/pebble-config-external-account-bindings.json").read_text()
    )
    keys = example["pebble"]["externalAccountMACKeys"]
    authority.stop()
    authority.options = {"externalAccountBindingRequired": True, "externalAccountMACKeys": keys}
    with authority:
        given = {"directory_url": authority.directory_url, "agree": True}
        with pytest.raises(Refused) as refused:
            set_account(superadmin_act(), **given)
        assert list(refused.value.errors) == ["key_id"]
        with pytest.raises(Refused):
            set_account(superadmin_act(), **given, key_id="kid-1", secret=keys["kid-2"])
        set_account(superadmin_act(), **given, key_id="kid-1", secret=keys["kid-1"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(a)::text FROM domains_acmeaccount a")
        assert keys["kid-1"] not in cursor.fetchone()[0]
    assert not AuditRecord.objects.filter(changes__icontains=keys["kid-1"]).exists()


def test_another_directory_replaces_the_account(authority, account, dns_settings):
    other = authority.directory_url.replace("ca.example", "localhost")
    dns_settings.zone["localhost", "A"] = ["127.0.0.1"]
    changed = set_account(superadmin_act(), directory_url=other, agree=True)
    assert AcmeAccount.objects.get().uri == changed.uri != account.uri
    assert opened(AcmeAccount.objects.get()).directory_url == other


def test_others_neither_see_nor_set_it(authority):
    with pytest.raises(Forbidden):
        acme_account.account_for(domain_admin_act())
    with pytest.raises(Forbidden):
        set_account(domain_admin_act(), directory_url=authority.directory_url, agree=True)


def test_an_account_that_the_authority_forgot_is_made_anew_by_who_agrees_again(authority, account):
    given = {"directory_url": authority.directory_url}
    assert set_account(superadmin_act(), **given, agree=True).uri == account.uri
    key = bytes(AcmeAccount.objects.get().key_sealed)
    authority.stop()
    with pytest.raises(Refused):
        set_account(superadmin_act(), **given, agree=True)
    authority.start()  # pebble keeps nothing
    assert set_account(superadmin_act(), **given).uri == account.uri
    set_account(superadmin_act(), **given, agree=True)
    assert bytes(AcmeAccount.objects.get().key_sealed) != key
    assert order_due() == 1
