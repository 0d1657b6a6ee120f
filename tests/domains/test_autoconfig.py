"""What mail programs are told: each format read by another's parser, hostile requests refused."""

import plistlib
import subprocess
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from domains.autoconfig import (
    BadRequest,
    MailServer,
    apple_profile,
    outlook_text,
    parse_address,
    parse_outlook_request,
    thunderbird_text,
)
from domains.services.autoconfig import offered_servers, signed_profile
from mailadmin.runner.certificate import ensure_certificate
from tests.certificates import Authority

SERVERS = [
    MailServer("imap", "mail.acme.example", 2993, True),
    MailServer("imap", "mail.acme.example", 143, False),
    MailServer("smtp", "mail.acme.example", 587, False),
]
REQUEST = (
    '<?xml version="1.0" encoding="utf-8"?><Autodiscover '
    'xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>'
    "<EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>"
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>"
    "</Request></Autodiscover>"
)
HOSTILE = "a&b'=@acme.example"


def test_thunderbird_reads_every_server_in_order():
    root = ElementTree.fromstring(thunderbird_text("acme.example", SERVERS, "acme.example"))
    provider = root.find("emailProvider")
    assert (root.get("version"), provider.get("id")) == ("1.1", "acme.example")
    rows = [
        (
            node.tag,
            node.get("type"),
            *(node.findtext(name) for name in ("hostname", "port", "socketType", "username")),
        )
        for node in provider
        if node.get("type")
    ]
    assert rows == [
        ("incomingServer", "imap", "mail.acme.example", "2993", "SSL", "%EMAILADDRESS%"),
        ("incomingServer", "imap", "mail.acme.example", "143", "STARTTLS", "%EMAILADDRESS%"),
        ("outgoingServer", "smtp", "mail.acme.example", "587", "STARTTLS", "%EMAILADDRESS%"),
    ]


def test_outlook_reads_the_first_server_of_each_protocol():
    root = ElementTree.fromstring(outlook_text(HOSTILE, SERVERS))
    inside = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
    account = root.find(f"{inside}Response/{inside}Account")
    rows = [
        tuple(node.findtext(f"{inside}{name}") for name in ("Type", "Server", "Port", "Encryption", "LoginName"))
        for node in account.iter(f"{inside}Protocol")
    ]
    assert rows == [
        ("IMAP", "mail.acme.example", "2993", "SSL", HOSTILE),
        ("SMTP", "mail.acme.example", "587", "TLS", HOSTILE),
    ]


def test_apple_reads_one_account_and_a_second_profile_replaces_the_first():
    profile = plistlib.loads(apple_profile(HOSTILE, SERVERS, HOSTILE))
    [account] = profile["PayloadContent"]
    assert account["EmailAddress"] == account["IncomingMailServerUsername"] == HOSTILE
    assert (account["IncomingMailServerPortNumber"], account["OutgoingMailServerPortNumber"]) == (2993, 587)
    assert apple_profile(HOSTILE, SERVERS, HOSTILE) == apple_profile(HOSTILE, SERVERS, HOSTILE)
    other = plistlib.loads(apple_profile("b@acme.example", SERVERS, "b@acme.example"))
    assert other["PayloadUUID"] != profile["PayloadUUID"]
    assert apple_profile(HOSTILE, SERVERS[:2], HOSTILE) == b""


@pytest.mark.parametrize("address", ["alice@acme.example", "Alice.B+x@ACME.example", "a'&=@acme.example"])
def test_an_address_is_split(address):
    assert parse_address(address) == (address.partition("@")[0], "acme.example")
    assert parse_outlook_request(REQUEST.format(address=address.replace("&", "&amp;")).encode()) == address


@pytest.mark.parametrize(
    "address",
    ["", "@", "alice", "alice@", "@acme.example", "a<b@acme.example", 'a"b@acme.example', "a b@acme.example",
     "a\r\nb@acme.example", "a\0@acme.example", "a@b@acme.example", "%x@acme.example", "../x@acme.example",
     "a" * 65 + "@acme.example", "a@" + "x" * 5000, "é@acme.example"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address):
    with pytest.raises(BadRequest):
        parse_address(address)


ENTITY = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"\0", b"not xml", b"<a/>", b"<EMailAddress>a@b.example</EMailAddress",
        f"{ENTITY}<r><EMailAddress>&e;@acme.example</EMailAddress></r>".encode(),
        f"{BOMB}<r><EMailAddress>&b;@acme.example</EMailAddress></r>".encode(),
        b"<!DOCTYPE x><r><EMailAddress>a@acme.example</EMailAddress></r>",
        b"<r><EMailAddress>a@acme.example</EMailAddress><EMailAddress>b@acme.example</EMailAddress></r>",
        b"<r>" + b"<x>" * 2000 + b"</r>", b"<r>" + b" " * 20000 + b"</r>",
    ],
)  # fmt: skip
def test_what_is_no_request_of_outlook_is_refused(octets):
    with pytest.raises(BadRequest):
        parse_outlook_request(octets)


def test_a_closed_port_is_not_offered(settings):
    settings.MAILADMIN = replace(
        settings.MAILADMIN, submission_port=None, imap_port=None, hostname="mail.acme.example",
        public_ports={**settings.MAILADMIN.public_ports, "imaps": 2993},
    )  # fmt: skip
    assert offered_servers() == [
        MailServer("imap", "mail.acme.example", 2993, True),
        MailServer("pop3", "mail.acme.example", 995, True),
        MailServer("pop3", "mail.acme.example", 110, False),
        MailServer("smtp", "mail.acme.example", 465, True),
    ]


@pytest.mark.django_db
def test_the_profile_is_signed_by_the_certificate_in_use(settings, tmp_path):
    authority = Authority(tmp_path)
    cert, key = authority.issue("mail.acme.example")
    settings.MAILADMIN = replace(settings.MAILADMIN, tls_cert=cert, tls_key=key)
    (tmp_path / "profile").write_bytes(signed_profile("alice@acme.example", "alice@acme.example"))
    done = subprocess.run(
        ["openssl", "smime", "-verify", "-inform", "DER", "-in", tmp_path / "profile", "-CAfile", authority.ca_file,
         "-purpose", "any"],
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert plistlib.loads(done.stdout)["PayloadContent"][0]["EmailAddress"] == "alice@acme.example"


@pytest.mark.django_db
def test_the_certificate_of_a_fresh_host_signs_too(settings, tmp_path):
    ensure_certificate(tmp_path / "c.pem", tmp_path / "k.pem", "mail.acme.example")
    settings.MAILADMIN = replace(settings.MAILADMIN, tls_cert=tmp_path / "c.pem", tls_key=tmp_path / "k.pem")
    assert not signed_profile("alice@acme.example", "alice@acme.example").startswith(b"<?xml")


@pytest.mark.django_db
def test_without_a_certificate_the_profile_is_not_signed(settings, tmp_path):
    settings.MAILADMIN = replace(settings.MAILADMIN, tls_cert=tmp_path / "none")
    assert plistlib.loads(signed_profile("alice@acme.example", "alice@acme.example"))
