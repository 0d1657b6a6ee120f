"""What mail programs read: our own answers come back whole, hostile ones raise only Unreadable."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domains import autoconfig
from domains.autoconfig import MailServer
from domains.client_settings import (
    Security,
    Setting,
    Unreadable,
    outlook_request,
    read_outlook,
    read_outlook_place,
    read_profile,
    read_srv,
    read_thunderbird,
)

SERVERS = [
    MailServer("imap", "mail.acme.example", 993, True),
    MailServer("imap", "mail.acme.example", 143, False),
    MailServer("smtp", "mail.acme.example", 465, True),
    MailServer("smtp", "mail.acme.example", 587, False),
]
ALICE = "alice@acme.example"
ALL = [
    Setting(server.protocol, server.host, server.port, Security.TLS if server.tls else Security.STARTTLS, ALICE)
    for server in SERVERS
]


READERS = (lambda octets: read_thunderbird(octets, ALICE), read_outlook, read_outlook_place, read_profile)


def test_what_we_say_to_thunderbird():
    assert read_thunderbird(autoconfig.thunderbird_text("acme.example", SERVERS, "acme.example"), ALICE) == ALL


def test_in_an_alias_domain_the_name_to_sign_in_with_is_that_of_its_home():
    found = read_thunderbird(
        autoconfig.thunderbird_text("alias.example", SERVERS, "acme.example"), "alice@alias.example"
    )
    assert {setting.username for setting in found} == {ALICE}


def test_what_we_say_to_outlook():
    assert read_outlook(autoconfig.outlook_text(ALICE, SERVERS)).settings == (ALL[0], ALL[2])
    assert read_outlook(autoconfig.outlook_text(ALICE, SERVERS[1::2])).settings == (ALL[1], ALL[3])


def test_what_outlook_asks_is_what_we_read():
    assert autoconfig.parse_outlook_request(outlook_request(ALICE)) == ALICE


def test_what_we_say_to_apple():
    assert read_profile(autoconfig.apple_profile(ALICE, SERVERS, ALICE)) == ([ALL[0], ALL[2]], False)
    assert read_profile(autoconfig.apple_profile(ALICE, SERVERS[1::2], ALICE))[0] == [ALL[1], ALL[3]]


OUTLOOK = (
    '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">%s</Autodiscover>'
)


@pytest.mark.parametrize(
    ("inner", "url", "address"),
    [
        ("<Response><Account><Action>redirectUrl</Action><RedirectUrl>https://a.example/</RedirectUrl></Account>"
         "</Response>", "https://a.example/", ""),
        ("<Response><Account><Action>redirectAddr</Action><RedirectAddr>b@b.example</RedirectAddr></Account>"
         "</Response>", "", "b@b.example"),
    ],
)  # fmt: skip
def test_outlook_is_sent_on(inner, url, address):
    said = read_outlook((OUTLOOK % inner).encode())
    assert (said.redirect_url, said.redirect_address, said.settings) == (url, address, ())


@pytest.mark.parametrize(
    ("ssl", "encryption", "security"),
    [("on", "", Security.TLS), ("off", "", Security.PLAIN), ("on", "TLS", Security.STARTTLS),
     ("", "SSL", Security.TLS), ("on", "None", Security.PLAIN), ("", "", Security.TLS)],
)  # fmt: skip
def test_outlooks_words_for_encryption(ssl, encryption, security):
    inner = (
        "<Response><Account><Action>settings</Action><Protocol><Type>IMAP</Type><Server>m.example</Server>"
        f"<Port>993</Port><SSL>{ssl}</SSL><Encryption>{encryption}</Encryption></Protocol></Account></Response>"
    )
    (setting,) = read_outlook((OUTLOOK % inner).encode()).settings
    assert setting.security is security


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"<html>", b"{}", b"<a/>", b"\x00" * 100, b"<clientConfig/>" * 9000, (OUTLOOK % "").encode(),
        (OUTLOOK % "<Response><Error><Message>no</Message></Error></Response>").encode(), b'{"Url": 1}', b"[1]",
        b'<!DOCTYPE x [<!ENTITY a "b">]><clientConfig>&a;</clientConfig>', b"<?xml version='1.0'?><plist></plist>",
        b"<?xml version='1.0'?><plist><integer>x</integer></plist>", "<clientConfig/>x".encode("utf-16"),
        b"<?xml version='1.0'?><!DOCTYPE p [<!ENTITY a 'b'>]><plist><string>&a;</string></plist>", b"[" * 60_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("reader", READERS)
def test_hostile_files_are_unreadable(octets, reader):
    with pytest.raises(Unreadable, match=r"\w"):
        reader(octets)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets(octets):
    framed = [
        octets,
        b"<?xml version='1.0'?><plist>" + octets + b"</plist>",
        b"<clientConfig>" + octets + b"</clientConfig>",
    ]
    for text in framed:
        for reader in READERS:
            try:
                reader(text)
            except Unreadable:
                continue


def test_servers_that_nobody_could_call_are_left_out():
    rows = [
        ("imap", "a b", "993", "SSL"),
        ("imap", "m.example", "0", "SSL"),
        ("exchange", "m.example", "1", "SSL"),
        ("imap", "m.example", "993", "carrier pigeon"),
        ("imap", "imap.%EMAILDOMAIN%", "143", "plain"),
    ]
    text = "".join(
        f'<incomingServer type="{kind}"><hostname>{host}</hostname><port>{port}</port><socketType>{way}</socketType>'
        "<username>%EMAILLOCALPART%</username></incomingServer>"
        for kind, host, port, way in rows
    )
    text = f"<clientConfig><emailProvider>{text}</emailProvider></clientConfig>"
    assert read_thunderbird(text.encode(), ALICE) == [
        Setting("imap", "imap.acme.example", 143, Security.PLAIN, "alice")
    ]


def test_srv_records_by_priority_and_weight():
    records = ["10 1 993 late.example", "5 1 993 light.example", "5 9 993 heavy.example"]
    assert read_srv("imaps", records, ALICE).host == "heavy.example"
    assert read_srv("submission", ["0 0 0 ."], ALICE) is None
    with pytest.raises(Unreadable):
        read_srv("imaps", ["nonsense"], ALICE)
