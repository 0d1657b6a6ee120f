"""Servers that do not behave: each ends in one plain sentence, within its time."""

import asyncio
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_network

import pytest

from domains import mail_probe
from domains.client_settings import Security
from domains.dns.zone import ZoneResolver

HOST = "mail.acme.example"


@pytest.fixture(autouse=True)
def _lab(settings):
    """Loopback may be called."""
    settings.MAILADMIN = replace(settings.MAILADMIN, private_networks=(ip_network("127.0.0.1/32"),))


def probed(octets, protocol="imap", security=Security.STARTTLS, zone=None, keep=True):
    """Probe a server that says these octets, each after a line of ours; it stays silent afterwards."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                for piece in octets:
                    connection.sendall(piece)
                    if piece is not octets[-1]:
                        connection.recv(1000)
                while keep and connection.recv(1000):
                    pass

    threading.Thread(target=serve, daemon=True).start()
    resolver = ZoneResolver(zone if zone is not None else {(HOST, "A"): ["127.0.0.1"]})
    with listener:
        port = listener.getsockname()[1]
        return asyncio.run(mail_probe.probe(HOST, port, protocol, security, resolver))


@pytest.mark.parametrize(
    ("octets", "protocol", "said"),
    [
        ([b"* BYE busy\r\n"], "imap", "does not greet as IMAP does: * BYE busy"),
        ([b"SSH-2.0-x\r\n"], "imap", "does not greet as IMAP does"),
        ([b"554 no\r\n"], "smtp", "The server answers: 554 no"),
        ([b"-ERR\r\n"], "pop3", "does not greet as POP3 does"),
        ([b"* OK\r\n", b"a NO not here\r\n"], "imap", "STARTTLS is answered: a NO not here"),
        ([b"* OK\r\n", b"* x\r\n" * 200], "imap", "has no end"),
        ([b"220 x\r\n", b"250-x\r\n" * 200], "smtp", "has no end"),
        ([b"220 x\r\n", b"250 x\r\n", b"502 no\r\n"], "smtp", "The server answers: 502 no"),
        ([b"+OK\r\n", b"-ERR\r\n"], "pop3", "STLS is answered: -ERR"),
        ([b"* OK\r\n", b"a OK\r\n", b"garbage instead of TLS\r\n"], "imap", "TLS failed"),
        ([b"x" * 100_000], "imap", "a line without end"),
        ([b"\xff\xfe\r\n"], "imap", "does not greet"),
    ],
)
def test_what_a_server_does_wrong(octets, protocol, said):
    assert said in probed(octets, protocol).fault


def test_a_silent_server_is_not_waited_for_long(monkeypatch):
    monkeypatch.setattr(mail_probe, "SECONDS", 1.0)
    assert probed([b""]).fault == "There was no complete answer within 1 seconds."


def test_a_closed_connection():
    assert probed([b""], keep=False).fault == "The server closed the connection."


def test_a_server_without_tls_where_tls_is_meant():
    assert "TLS failed" in probed([b"* OK\r\n"], security=Security.TLS).fault


def test_a_plain_server_is_talked_to_as_it_is():
    found = probed([b"* OK hi\r\n", b"* CAPABILITY A B\r\nb OK\r\n"], security=Security.PLAIN)
    assert (found.fault, found.greeting, found.tls_version, found.capabilities) == ("", "* OK hi", "", ("A", "B"))


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ({}, "has no address"),
        ({(HOST, "A"): ["10.0.0.1"]}, "is not a public address"),
        ({(HOST, "A"): ["127.0.0.2"]}, "is not a public address"),
        ({(HOST, "AAAA"): ["::ffff:10.0.0.1"]}, "is not a public address"),
    ],
)
def test_where_it_does_not_go(zone, said):
    assert said in probed([b"* OK\r\n"], zone=zone).fault


def test_a_port_that_nobody_listens_at():
    resolver = ZoneResolver({(HOST, "A"): ["127.0.0.1"]})
    found = asyncio.run(mail_probe.probe(HOST, 1, "imap", Security.TLS, resolver))
    assert found.fault == "127.0.0.1 port 1: Connection refused."
