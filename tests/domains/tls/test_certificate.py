"""The certificate as a client would judge it: trust, name and time, each by a real handshake."""

import pytest

from domains.tls.certificate import certificate_fault
from domains.tls.pair import read_pair
from mailadmin.runner.certificate import ensure_certificate
from tests.certificates import Authority


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.mark.parametrize(
    ("names", "days", "trusted", "fault"),
    [
        (("mail.acme.example",), 20, True, ""),
        (("other.example", "mail.acme.example"), 20, True, ""),
        (("*.acme.example",), 20, True, ""),
        (("mail.other.example",), 20, True, "mail.acme.example"),
        (("mail.acme.example",), -1, True, "expired"),
        (("mail.acme.example",), 20, False, "issuer"),
    ],
)
def test_what_a_client_would_say(authority, names, days, trusted, fault):
    paths = authority.issue(*names, days=days)
    found = certificate_fault(read_pair(*paths), "mail.acme.example", authority.ca_file if trusted else None)
    assert (found == "") == (fault == "")
    assert fault in found


def test_a_self_signed_certificate_is_not_trusted(tmp_path):
    paths = tmp_path / "c.pem", tmp_path / "k.pem"
    ensure_certificate(*paths, "mail.acme.example")
    assert "self-signed" in certificate_fault(read_pair(*paths), "mail.acme.example", None)
