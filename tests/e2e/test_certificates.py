"""A whole installation gets its certificates from a real authority and renews them under open sessions."""

import http.client
import imaplib
import socket
import ssl
import subprocess
import sys

import pytest

from tests.acme_server import NAME, AcmeServer
from tests.conftest import needs_program
from tests.dns_server import DnsServer
from tests.e2e.installation import ROOT, ApiError, Installation, eventually
from tests.ports import free_port

pytestmark = needs_program("pebble")
HOST = "mail.cert.example"
STS = "mta-sts.cert.example"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The installation on 127.0.0.3, its name server and its authority."""
    folder = tmp_path_factory.mktemp("cert")
    http_port = free_port("127.0.0.3")
    with DnsServer() as dns:
        dns.zone[NAME, "A"] = ["127.0.0.1"]
        dns.zone[HOST, "A"] = ["127.0.0.3"]
        with AcmeServer(folder, f"127.0.0.1:{dns.port}", http_port) as authority:
            settings = {
                "MAILADMIN_RESOLVER": f"127.0.0.1:{dns.port}",
                "MAILADMIN_CA_FILE": str(authority.ca_file),
                "MAILADMIN_WORKERS": "1",
            }
            house = Installation(folder / "house", "127.0.0.3", HOST, settings, {"http": http_port})
            try:
                house.start()
                yield house, dns, authority
            finally:
                house.stop()


def order(house):
    """Do what the schedule does each minute."""
    program = "import django; django.setup(); from domains.tasks import order_certificates; order_certificates()"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment(house), check=True, timeout=120)


def environment(house):
    from mailadmin.runner.places import embedded_database_url, embedded_redis_url

    data = house.folder / "data"
    return house.environment() | {
        "DJANGO_SETTINGS_MODULE": "mailadmin.settings",
        "DATABASE_URL": embedded_database_url(data),
        "REDIS_URL": embedded_redis_url(data),
    }


def shown(house, port, name, root):
    """The certificate that a client sees and trusts, None when it does not trust it."""
    context = ssl.create_default_context(cafile=root)
    try:
        with (
            socket.create_connection(("127.0.0.3", house.ports[port]), 5) as plain,
            context.wrap_socket(plain, server_hostname=name) as talking,
        ):
            return talking.getpeercert(True)
    except ssl.SSLCertVerificationError:
        return None


def test_from_self_signed_to_renewed_under_open_sessions(world):
    house, dns, authority = world
    root = authority.root()
    house.api("POST", "/domains", {"name": "cert.example"})
    house.api("PATCH", "/domains/cert.example", {"mta_sts": "testing"})
    dns.zone[STS, "CNAME"] = [HOST]
    house.api("POST", "/mailboxes", {"address": "alice@cert.example", "password": "tall giraffes 1 read"})
    assert shown(house, "imaps", HOST, root) is None
    with pytest.raises(ApiError) as refused:
        house.api("PUT", "/acme-account", {"directory_url": authority.directory_url})
    assert [error["field"] for error in refused.value.problem["errors"]] == ["agree"]
    house.api("PUT", "/acme-account", {"directory_url": authority.directory_url, "agree": True})
    order(house)
    for port in ("imaps", "submissions", "https"):
        eventually(lambda port=port: shown(house, port, HOST, root), 40)
    eventually(lambda: shown(house, "https", STS, root), 40)
    first = shown(house, "imaps", HOST, root)

    context = ssl.create_default_context(cafile=root)
    context.check_hostname = False  # it is called by its address
    mail = imaplib.IMAP4_SSL("127.0.0.3", house.ports["imaps"], ssl_context=context, timeout=20)
    mail.login("alice@cert.example", "tall giraffes 1 read")
    mail.select("INBOX")
    browser = http.client.HTTPSConnection("127.0.0.3", house.ports["https"], context=context, timeout=20)
    browser.request("GET", "/healthz")
    assert browser.getresponse().read()
    socket_before = browser.sock

    assert house.api("POST", f"/certificates/{HOST}/renew")["name"] == HOST
    order(house)
    for port in ("imaps", "https"):
        eventually(lambda port=port: shown(house, port, HOST, root) not in (first, None), 40)
        assert mail.noop()[0] == "OK"
        browser.request("GET", "/healthz")
        assert browser.getresponse().read()
        assert browser.sock is socket_before
    assert mail.append("INBOX", None, None, b"Subject: still here\r\n\r\nx\r\n")[0] == "OK"
    mail.logout()
    items = {row["name"]: row for row in house.api("GET", "/certificates")["items"]}
    assert items[HOST]["standing"] == items[STS]["standing"] == "good"
    assert items["autoconfig.cert.example"]["standing"] == "waiting"


def test_plain_smtp_shows_the_same_after_starttls(world):
    house, _dns, authority = world
    import smtplib

    with smtplib.SMTP("127.0.0.3", house.ports["mx"], timeout=20) as client:
        client._host = HOST
        client.starttls(context=ssl.create_default_context(cafile=authority.root()))
        assert client.ehlo()[0] == 250
