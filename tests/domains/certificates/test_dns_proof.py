"""Names proven by the DNS: a real name server that a TSIG key may change, a real authority that asks it."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from domains.certificates.port import Trouble
from domains.models import Certificate, DnsAccount
from domains.services import acme_account, dns_access
from domains.services.certificate_orders import order_due
from domains.services.serving import pair_for
from domains.tls.certificate import certificate_fault
from tests.acme_server import AcmeServer
from tests.conftest import needs_program
from tests.factories import make_domain, superadmin_act
from tests.name_server import KEY_NAME, SECRET, NameServer
from tests.ports import free_port

pytestmark = [pytest.mark.django_db(transaction=True), needs_program("pebble", "named")]
HOST = "mail.acme.example"
CHALLENGE = f"_acme-challenge.{HOST}"


@pytest.fixture
def names(tmp_path):
    zones = {
        "acme.example": f'mail IN A 127.0.0.7\n{CHALLENGE}. IN TXT "somebody else\'s"\n',
        "ca.example": "@ IN A 127.0.0.1\n",
    }
    with NameServer(tmp_path / "names", zones) as server:
        yield server


@pytest.fixture
def authority(names, tmp_path, settings):
    """Nobody answers over HTTP, and the mail host's address is not one that we know."""
    with AcmeServer(tmp_path, f"127.0.0.1:{names.port}", free_port()) as server:
        settings.MAILADMIN = replace(
            settings.MAILADMIN,
            resolvers=(("127.0.0.1", names.port),),
            authoritative=False,
            hostname=HOST,
            ca_file=server.ca_file,
            private_networks=(ip_network("127.0.0.0/8"),),
            public_addresses=("127.0.0.1",),
            tls_cert=tmp_path / "own.pem",
            tls_key=tmp_path / "own.key",
        )
        acme_account.set_account(superadmin_act(), directory_url=server.directory_url, agree=True)
        yield server


def allow(names, secret=SECRET):
    dns_access.set_account(
        superadmin_act(), None, zone="acme.example", server="127.0.0.1", port=names.port, key_name=KEY_NAME,
        secret=secret,
    )  # fmt: skip


def test_a_name_is_proven_by_a_record_that_goes_again(authority, names):
    allow(names)
    assert order_due() == 1
    row = Certificate.objects.get(name=HOST)
    assert (row.method, row.trouble) == ("dns-01", "")
    assert certificate_fault(pair_for(HOST), HOST, authority.root()) == ""
    assert names.texts(CHALLENGE, "TXT") == ['"somebody else\'s"']


def test_without_access_to_the_zone_such_a_name_waits(authority, names):
    assert order_due() == 0
    assert Certificate.objects.get(name=HOST).trouble == Trouble.ELSEWHERE


def test_names_of_domains_are_proven_when_they_lead_where_the_host_does(authority, names):
    allow(names)
    make_domain()
    order_due()
    row = Certificate.objects.get(name="autoconfig.acme.example")
    assert (row.trouble, row.ordered_at) == (Trouble.ELSEWHERE, None)  # it has no address at all


def test_a_zone_that_cannot_be_changed_is_told(authority, names):
    allow(names)
    DnsAccount.objects.update(port=free_port())
    assert order_due() == 0
    row = Certificate.objects.get(name=HOST)
    assert (row.trouble, row.failures) == (Trouble.ZONE, 1)
    assert "cannot be reached" in row.detail
