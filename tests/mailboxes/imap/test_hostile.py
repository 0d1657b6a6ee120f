"""Hostile clients over real sockets."""

import imaplib
import socket

from mailboxes.models import Account, Message
from tests.mailboxes.imap.service import ADDRESS, PASSWORD, Service


def opened(port: int) -> socket.socket:
    client = socket.create_connection(("localhost", port), timeout=10)
    assert client.recv(4096).startswith(b"* OK ")
    return client


def logged_in(service: Service, password: str = PASSWORD) -> socket.socket:
    plain = socket.create_connection(("localhost", service.tls_port), timeout=10)
    client = service.client_context().wrap_socket(plain, server_hostname="localhost")
    assert client.recv(4096).startswith(b"* OK ")
    client.sendall(f'a LOGIN {ADDRESS} "{password}"\r\n'.encode())
    assert client.recv(4096).startswith(b"a OK ")
    return client


def test_what_came_before_the_handshake_does_not_count(service: Service) -> None:
    with opened(service.port) as plain:
        plain.sendall(b"a STARTTLS\r\nb CAPABILITY\r\nc LOGOUT\r\n")
        assert plain.recv(4096) == b"a OK Begin TLS now\r\n"
        client = service.client_context().wrap_socket(plain, server_hostname="localhost")
        client.sendall(b"d NOOP\r\n")
        assert client.recv(4096) == b"d OK Completed\r\n"


def test_an_announced_2_gb_literal_is_refused_at_once(service: Service) -> None:
    with logged_in(service) as client:
        client.sendall(b"b APPEND INBOX {2147483648}\r\n")
        assert client.recv(4096) == b"b NO [TOOBIG] The literal is too large\r\n"
        client.sendall(b"c APPEND INBOX {2147483648+}\r\n")
        assert client.recv(4096).startswith(b"c NO [TOOBIG] The literal is too large\r\n* BYE ")


def test_a_flood_before_login_is_cut_off(service: Service) -> None:
    with opened(service.port) as client:
        try:
            for _ in range(100):
                client.sendall(b"x" * 65536)
            answer = client.recv(4096)
        except OSError:
            answer = b""
        assert not answer or b"BYE" in answer


def test_25_mb_go_in_and_come_out(service: Service, account: Account) -> None:
    octets = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 64 * 1024 * 24
    with imaplib.IMAP4_SSL("localhost", service.tls_port, ssl_context=service.client_context()) as client:
        client.login(ADDRESS, PASSWORD)
        assert client.append("INBOX", "", "", octets)[0] == "OK"
        client.select("INBOX")
        assert client.fetch("1", "(BODY.PEEK[])")[1][0][1] == octets
        assert client.fetch("1", "(BODY.PEEK[]<25000000.10>)")[1][0][1] == octets[25000000:25000010]
    assert Message.objects.get().size == len(octets)
