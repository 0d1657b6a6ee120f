"""Which certificate a client sees, by the name it asks for; and how new ones come into use."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from django.utils import timezone

from domains.models import Certificate
from domains.services.sealing import seal
from domains.services.serving import certificate_identity
from domains.tls.pair import chain_digest, covers, read_pair
from mailadmin.runner.issued import IssuedCertificates
from mailadmin.runner.tls import Certificates
from tests.certificates import Authority

HOST = "mail.acme.example"


class Ordered:
    """What was ordered, as a test says."""

    def __init__(self, **pairs):
        self.pairs = pairs
        self.fault = None

    def look(self):
        if self.fault:
            raise self.fault
        return self.pairs


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def shown(certificates, name):
    """The names on the certificate that a client sees who asks for ``name``."""
    server, client = socket.socketpair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def answer():
        with certificates.current().wrap_socket(server, server_side=True):
            pass

    thread = threading.Thread(target=answer)
    thread.start()
    with context.wrap_socket(client, server_hostname=name) as talking:
        der = talking.getpeercert(True)
    thread.join(5)
    found = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return found.value.get_values_for_type(x509.DNSName)


def test_the_name_asked_for_chooses_and_the_host_answers_for_others(authority):
    own, ordered = authority.issue("own.example"), {}
    for name in (HOST, "mta-sts.acme.example"):
        ordered[name] = read_pair(*authority.issue(name))
    certificates = Certificates(*own, hostname=HOST, issued=Ordered(**ordered))
    assert shown(certificates, HOST) == ["own.example"]  # nothing read yet
    certificates.look()
    assert shown(certificates, "mta-sts.acme.example") == ["mta-sts.acme.example"]
    assert shown(certificates, "MTA-STS.acme.example") == ["mta-sts.acme.example"]
    for name in (HOST, "unknown.example", None):
        assert shown(certificates, name) == [HOST], name


def test_files_that_the_operator_set_win_for_what_they_cover(authority):
    own = authority.issue("*.acme.example")
    ordered = {
        name: read_pair(*authority.issue(name)) for name in (HOST, "panel.acme.example", "autoconfig.b.example")
    }
    certificates = Certificates(*own, hostname=HOST, given=True, issued=Ordered(**ordered))
    certificates.look()
    for name in (HOST, "panel.acme.example", None):
        assert shown(certificates, name) == ["*.acme.example"], name
    assert shown(certificates, "autoconfig.b.example") == ["autoconfig.b.example"]


def test_files_written_anew_are_used_without_being_told(authority):
    own = authority.issue("first.example")
    certificates = Certificates(*own, hostname=HOST)
    assert shown(certificates, HOST) == ["first.example"]
    for path, other in zip(own, authority.issue("second.example"), strict=True):
        path.write_bytes(other.read_bytes())
    certificates.look()
    assert shown(certificates, HOST) == ["second.example"]


def test_a_fault_leaves_what_there_was_and_is_told_once(authority, caplog):
    own, ordered = authority.issue("own.example"), Ordered(**{HOST: read_pair(*authority.issue(HOST))})
    certificates = Certificates(*own, hostname=HOST, issued=ordered)
    certificates.current()
    certificates.look()
    own[1].write_text("broken")
    ordered.fault = RuntimeError("the database is away")
    for _ in range(3):
        certificates.look()
    assert shown(certificates, HOST) == [HOST]
    assert shown(certificates, "x.example") == [HOST]
    assert len(caplog.records) == 1


def test_one_that_cannot_be_loaded_is_left_out(authority):
    good = read_pair(*authority.issue(HOST))
    other = read_pair(*authority.issue("other.example"))
    broken = type(good)(good.chain, other.key)
    certificates = Certificates(*authority.issue("own.example"), hostname=HOST, issued=Ordered(**{HOST: broken}))
    certificates.look()
    assert shown(certificates, HOST) == ["own.example"]


@pytest.mark.parametrize(
    ("names", "asked", "yes"),
    [
        (("a.example",), "a.example", True),
        (("*.a.example",), "b.a.example", True),
        (("*.a.example",), "a.example", False),
        (("*.a.example",), "c.b.a.example", False),
        (("a.example",), "b.example", False),
    ],
)
def test_what_a_certificate_covers(authority, names, asked, yes):
    assert covers(read_pair(*authority.issue(*names)).chain, asked) is yes


# ---- From the database ------------------------------------------------------------------------------------------


def keep(pair, name, domain=None, **fields):
    """A row as an order leaves it."""
    now = timezone.now()
    return Certificate.objects.update_or_create(
        name=name,
        defaults={
            "domain": domain,
            "chain": pair.chain.decode(),
            "key_sealed": seal(certificate_identity(name), pair.key),
            "digest": chain_digest(pair.chain),
            "issued_at": now,
            "not_before": now,
            "not_after": now + timedelta(days=20),
        }
        | fields,
    )


@pytest.mark.django_db(transaction=True)
def test_rows_are_read_when_they_change(authority):
    from tests.factories import make_domain

    domain = make_domain()
    keep(read_pair(*authority.issue(HOST)), HOST)
    keep(read_pair(*authority.issue("mta-sts.acme.example")), "mta-sts.acme.example", domain)
    Certificate.objects.create(name="autoconfig.acme.example", domain=domain)
    every, own = IssuedCertificates(own_names_only=False), IssuedCertificates(own_names_only=True)
    assert set(own.look()) == {HOST}
    first = every.look()
    assert set(first) == {HOST, "mta-sts.acme.example"}
    assert every.look() is first
    renewed = read_pair(*authority.issue(HOST, days=30))
    keep(renewed, HOST)
    assert every.look()[HOST] == renewed
    assert every.look()["mta-sts.acme.example"] is first["mta-sts.acme.example"]
    Certificate.objects.filter(domain=domain).delete()
    assert set(every.look()) == {HOST}


@pytest.mark.django_db(transaction=True)
def test_a_key_sealed_for_another_name_serves_nobody(authority, caplog):
    keep(read_pair(*authority.issue(HOST)), HOST)
    Certificate.objects.update(name="other.example", issued_at=datetime.now(UTC))
    assert IssuedCertificates(own_names_only=False).look() == {}
    assert "other.example" in caplog.text
