"""Ready to move MX? Every check over real sockets: the DNS, an MX that answers well or badly, a policy elsewhere."""

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from ipaddress import ip_network

import pytest

from domains.errors import NotFound
from domains.models import Domain
from domains.services import preflight as service
from domains.services.preflight import preflight
from domains.smtp_probe import see_mx
from tests.certificates import Authority
from tests.domains.test_check import publish
from tests.factories import domain_admin_act, make_account, make_domain, superadmin_act
from tests.http_server import HttpServer, answer

pytestmark = pytest.mark.django_db

HOST = "mail.acme.example"
OUTSIDE = "127.0.0.9"


@contextmanager
def an_mx(certificate, banner=f"220 {HOST} ESMTP", starttls=True, addresses=("127.0.0.1",)):
    """An MX that knows EHLO and STARTTLS; gives its port, the same at every address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listeners = [socket.create_server((addresses[0], 0))]
    port = listeners[0].getsockname()[1]
    listeners += [socket.create_server((address, port)) for address in addresses[1:]]

    def serve(connection):
        with suppress(OSError, ValueError), connection, connection.makefile("rb") as lines:
            connection.sendall(f"{banner}\r\n".encode())
            for line in lines:
                word = line.strip().upper().split()[0]
                if word == b"EHLO":
                    connection.sendall(b"250-hello\r\n250 STARTTLS\r\n" if starttls else b"250 hello\r\n")
                elif word == b"STARTTLS":
                    connection.sendall(b"220 go\r\n")
                    context.wrap_socket(connection, server_side=True).close()

    def accept(listener):
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    for listener in listeners:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
    yield port
    for listener in listeners:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def house(dns_settings, settings, authority):
    """Our host with a public address at which it answers, and acme.example published, moved nowhere yet."""
    certificate = authority.issue(HOST)
    settings.MAILADMIN = replace(
        settings.MAILADMIN,
        public_addresses=(OUTSIDE,),
        ca_file=authority.ca_file,
        tls_cert=certificate[0],
        tls_key=certificate[1],
        private_networks=(ip_network("127.0.0.0/8"),),
    )
    make_account("alice@acme.example")
    dns_settings.zone[HOST, "A"] = [OUTSIDE]
    publish(dns_settings, Domain.objects.get(name="acme.example"))
    dns_settings.zone["acme.example", "MX"] = ["10 mx.old.example"]
    with an_mx(certificate, addresses=("127.0.0.1", OUTSIDE)) as port:
        called_at(settings, port, port)
        yield dns_settings


def called_at(settings, inside, outside):
    config = settings.MAILADMIN
    settings.MAILADMIN = replace(
        config, bind=("127.0.0.1",), mx_port=inside, public_ports={**config.public_ports, "mx": outside}
    )


def verdicts():
    return {check.name: check.status.value for check in preflight(superadmin_act(), "acme.example")}


def text_of(name):
    return next(check.text for check in preflight(superadmin_act(), "acme.example") if check.name == name)


def is_ready():
    return Domain.objects.get(name="acme.example").switch_ready_at is not None


GOOD = {
    "recipients": "pass", "host": "pass", "listener": "pass", "tls": "pass", "disk": "pass", "spf": "pass",
    "dkim": "pass", "dmarc": "pass", "old-mx": "pass",
}  # fmt: skip


def test_a_domain_whose_server_is_right_is_ready_and_its_mail_still_goes_elsewhere(house):
    assert verdicts() == GOOD
    assert is_ready()
    assert "mx.old.example" in text_of("old-mx")


def test_without_anybody_who_takes_the_mail_it_is_not_ready(house):
    from mailboxes.models import Account

    Account.objects.all().delete()
    assert verdicts() == GOOD | {"recipients": "fail"}
    assert not is_ready()


def test_what_was_ready_is_so_no_more_after_a_failed_look(house):
    verdicts()
    del house.zone[HOST, "A"]
    assert verdicts()["host"] == "fail"
    assert not is_ready()


@pytest.mark.parametrize(
    ("name", "rdtype", "texts", "check", "verdict"),
    [
        (HOST, "A", [OUTSIDE, "192.0.2.9"], "host", "fail"),
        ("acme.example", "TXT", ["v=spf1 include:old.example -all"], "spf", "fail"),
        ("_dmarc.acme.example", "TXT", [], "dmarc", "warning"),
        ("acme.example", "MX", ["0 ."], "null-mx", "warning"),
        ("_mta-sts.acme.example", "TXT", ["v=STSv1; id=1"], "mta-sts", "warning"),
    ],
)
def test_each_wrong_record_has_its_check(house, name, rdtype, texts, check, verdict):
    house.zone[name, rdtype] = texts
    assert verdicts()[check] == verdict


def test_without_a_visible_key_it_is_not_ready(house):
    for name, rdtype in list(house.zone):
        if "_domainkey" in name:
            del house.zone[name, rdtype]
    assert verdicts() == GOOD | {"dkim": "fail"}


def test_a_long_ttl_of_the_old_mx_is_to_be_lowered_first(house, monkeypatch):
    monkeypatch.setattr("tests.dns_server.TTL", 86400)
    assert verdicts()["old-mx"] == "warning"
    assert "86400" in text_of("old-mx")


def test_a_listener_that_is_off_silent_or_another_fails(house, settings, authority):
    inside, outside = settings.MAILADMIN.mx_port, settings.MAILADMIN.public_ports["mx"]
    called_at(settings, None, outside)
    assert verdicts()["listener"] == "fail"
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        free = nobody.getsockname()[1]
    called_at(settings, free, outside)
    assert verdicts()["listener"] == "fail"
    with an_mx(authority.issue(HOST), "220 other.example ESMTP") as other:
        called_at(settings, other, outside)
        assert verdicts()["listener"] == "fail"
    called_at(settings, inside, free)
    assert verdicts()["listener"] == "warning"
    assert "seen from itself" in text_of("listener")


@pytest.mark.parametrize(
    ("names", "starttls", "verdict"), [((HOST,), False, "fail"), (("x.example",), True, "warning")]
)
def test_tls_is_offered_and_trusted(house, settings, authority, names, starttls, verdict):
    with an_mx(authority.issue(*names, days=21), starttls=starttls) as port:
        called_at(settings, port, settings.MAILADMIN.public_ports["mx"])
        assert verdicts()["tls"] == verdict


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        ("version: STSv1\nmode: enforce\nmx: mx.old.example\nmax_age: 604800\n", "fail"),
        ("version: STSv1\nmode: testing\nmx: mx.old.example\nmax_age: 604800\n", "pass"),
        (f"version: STSv1\nmode: enforce\nmx: {HOST}\nmax_age: 604800\n", "pass"),
        ("version: STSv1\nmode: enforce\nmx: *.acme.example\nmax_age: 604800\n", "pass"),
        ("version: STSv1\nmode: enforce\nmx: *.old.example\nmax_age: 604800\n", "fail"),
        ("nonsense", "warning"),
    ],
)
def test_a_policy_elsewhere_may_forbid_the_move(house, settings, authority, policy, verdict):
    house.zone["_mta-sts.acme.example", "TXT"] = ["v=STSv1; id=1"]
    house.zone["mta-sts.acme.example", "A"] = ["127.0.0.1"]
    certificate = authority.issue("mta-sts.acme.example")
    with HttpServer(lambda _: answer(body=policy.encode()), certificate) as server:
        settings.MAILADMIN = replace(settings.MAILADMIN, sts_port=server.port)
        assert verdicts()["mta-sts"] == verdict


def test_a_full_disk_stops_the_move(house, monkeypatch):
    usage = service.shutil.disk_usage("/")
    monkeypatch.setattr(service.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    assert verdicts()["disk"] == "fail"


def test_a_foreign_domain_is_absent(house):
    other = make_domain("other.example")
    with pytest.raises(NotFound):
        preflight(domain_admin_act(other), "acme.example")


@pytest.mark.parametrize("banner", ["554 go away", "hello", "220-" + "x" * 100_000, "\x00\xff"])
def test_a_hostile_mx_is_a_fault_not_an_exception(authority, banner):
    with an_mx(authority.issue(HOST), banner) as port:
        assert see_mx("127.0.0.1", port, HOST, None, seconds=1).fault
