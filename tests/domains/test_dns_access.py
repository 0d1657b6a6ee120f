"""The access to a zone: proven before it is kept, sealed, refused with the field that is wrong."""

import asyncio
import base64
from dataclasses import replace
from ipaddress import ip_network

import pytest

from domains.audit import Act, system_act
from domains.dns.update import UpdateFault, UpdateTrouble
from domains.errors import Forbidden, NotFound, Refused
from domains.models import AuditRecord, DnsAccount
from domains.services import dns_access
from domains.services.dns_access import access_of, account_for_name, delete_account, set_account
from tests.conftest import needs_program
from tests.factories import make_domain
from tests.name_server import KEY_NAME, SECRET, NameServer

pytestmark = [
    pytest.mark.django_db,
    needs_program("named", "nsupdate"),
]

ZONE = "acme.example"


@pytest.fixture
def server(tmp_path, settings):
    private = (ip_network("127.0.0.0/8"),)
    settings.MAILADMIN = replace(settings.MAILADMIN, private_networks=private)
    with NameServer(tmp_path / "named", {ZONE: "", "operator.example": ""}) as running:
        yield running


@pytest.fixture
def given(server):
    return {"server": "127.0.0.1", "port": server.port, "key_name": KEY_NAME, "secret": SECRET}


def test_a_proven_access_is_kept_sealed(given, server):
    domain = make_domain(ZONE)
    row = set_account(system_act(), ZONE, **given)
    assert base64.b64decode(SECRET) not in bytes(row.secret_sealed)
    assert account_for_name(f"_dmarc.{ZONE}", domain) == row
    access = asyncio.run(access_of(row))
    assert (access.address, access.port, access.secret) == ("127.0.0.1", server.port, base64.b64decode(SECRET))
    told = AuditRecord.objects.get(action="dns_account.set")
    assert SECRET not in str(told.changes)


def test_an_empty_secret_keeps_the_one_that_is_there(given):
    make_domain(ZONE)
    set_account(system_act(), ZONE, **given)
    set_account(system_act(), ZONE, **given | {"secret": ""})
    assert DnsAccount.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("server", "not a server"),
        ("port", 70000),
        ("port", 1),
        ("key_name", "other-key"),
        ("key_name", 'a"; };'),
        ("key_name", "two\nlines"),
        ("secret", "not base64 !"),
        ("secret", base64.b64encode(b"another secret").decode()),
        ("algorithm", "hmac-md5"),
        ("zone", "other.example"),
        ("zone", "example"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field(given, field, value):
    make_domain(ZONE)
    wrong = given | {field: value}
    with pytest.raises(Refused) as caught:
        set_account(system_act(), ZONE, **wrong)
    assert list(caught.value.errors) == [field if (field, value) != ("port", 1) else "server"]
    assert not DnsAccount.objects.exists()


def test_an_address_inside_is_not_reached(given, settings):
    settings.MAILADMIN = replace(settings.MAILADMIN, private_networks=())
    make_domain(ZONE)
    with pytest.raises(Refused) as caught:
        set_account(system_act(), ZONE, **given)
    assert "public" in caught.value.errors["server"]


def test_the_zones_of_the_installation_are_a_superadministrators(given):
    stranger = Act("charlie@x.example", "domain_admin", "api")
    with pytest.raises(Forbidden):
        set_account(stranger, None, **given, zone="operator.example")
    row = set_account(system_act(), None, **given, zone="operator.example")
    assert account_for_name("a.keys.operator.example") == row
    assert account_for_name("elsewhere.example") is None


def test_a_foreign_domain_is_not_found(given):
    make_domain(ZONE)
    stranger = Act("charlie@x.example", "domain_admin", "api")
    with pytest.raises(NotFound):
        set_account(stranger, ZONE, **given)


def test_forgetting_takes_the_key_away(given):
    make_domain(ZONE)
    set_account(system_act(), ZONE, **given)
    delete_account(system_act(), ZONE)
    assert not DnsAccount.objects.exists()
    with pytest.raises(NotFound):
        delete_account(system_act(), ZONE)


def test_every_trouble_has_its_sentence():
    assert all(dns_access.sentence_of(UpdateFault(trouble, "why")) for trouble in UpdateTrouble)
