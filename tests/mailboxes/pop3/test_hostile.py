"""Hostile clients, and clients that get in each other's way, over real sockets."""

import resource
import socket
import time
from pathlib import Path

import pytest

from domains.models import Actor
from mailboxes.models import Account, MaildropLease, Message
from mailboxes.pop3.commands import RULES
from mailboxes.pop3.connection import Pop3Limits
from tests.mailboxes.imap.service import ADDRESS, PASSWORD, Service
from tests.mailboxes.pop3.service import (
    FIRST,
    SECOND,
    asked,
    connected,
    fill,
    running_service,
    signed_in,
    until_closed,
)

LARGE = b"Subject: large\r\n\r\n" + b".123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n" * 400 * 1024
BROKEN = [
    b"",
    b" ",
    b" x",
    b" -1",
    b" 0",
    b" 1.5",
    b" 99999999999999999999",
    b" 1 2 3",
    b" \xff\xfe",
    b" \0",
    b" 1\0",
    b"\t1",
]


def test_what_came_before_the_handshake_does_not_count(service: Service) -> None:
    with socket.create_connection(("localhost", service.port), timeout=20) as plain:
        assert plain.recv(4096).startswith(b"+OK ")
        plain.sendall(b"STLS\r\nUSER mallory\r\nQUIT\r\n")
        assert plain.recv(4096) == b"+OK Begin TLS now\r\n"
        client = service.client_context().wrap_socket(plain, server_hostname="localhost")
        assert asked(client, f"PASS {PASSWORD}".encode()) == b"-ERR Say USER first\r\n"
        assert asked(client, b"STLS") == b"-ERR TLS is on already\r\n"


def test_stls_comes_before_utf8(service: Service) -> None:
    with socket.create_connection(("localhost", service.port), timeout=20) as plain:
        assert plain.recv(4096).startswith(b"+OK ")
        assert asked(plain, b"CAPA", 9).endswith(b"\r\nSTLS\r\n.\r\n")
        assert asked(plain, b"UTF8").startswith(b"+OK")
        assert asked(plain, b"STLS") == b"-ERR STLS comes before UTF8\r\n"


@pytest.mark.parametrize("before", [True, False], ids=["before the sign-in", "after"])
@pytest.mark.parametrize("name", [*sorted(RULES), "XTND", "A", "TOOLONGACOMMAND"])
def test_every_command_with_every_broken_argument_is_answered(
    account: Account, tmp_path: Path, name: str, before: bool
) -> None:
    fill(account, FIRST)
    with running_service(tmp_path, Pop3Limits(errors=1000, auth_failures=1000)) as service:
        for broken in BROKEN:
            with connected(service) if before else signed_in(service) as client:
                answer = asked(client, name.encode() + broken)
                assert answer[:3] in (b"+OK", b"-ER", b"+ \r"), answer
                assert b"Internal fault" not in answer


def test_errors_end_a_session(service: Service) -> None:
    with connected(service) as client:
        client.sendall(b"\xff\0" * 40 + b"\r\n" + b"NOPE\r\n" * 19 + b"QUIT\r\n")
        assert until_closed(client).count(b"-ERR") == 20


def test_a_bare_line_feed_ends_no_command(account: Account, service: Service) -> None:
    fill(account, FIRST)
    with signed_in(service) as client:
        assert asked(client, b"NOOP\nDELE 1") == b"-ERR A line ends with CRLF\r\n"
        assert asked(client, b"STAT") == f"+OK 1 {len(FIRST)}\r\n".encode()


def test_a_line_of_10_mb_is_refused_while_it_comes(service: Service) -> None:
    with connected(service) as client:
        try:
            for _ in range(160):
                client.sendall(b"x" * 65536)
            answer = until_closed(client)
        except OSError:
            answer = b""
        assert answer in (b"", b"-ERR The line is too long\r\n")


def test_a_second_session_is_told_that_the_maildrop_is_in_use(account: Account, service: Service) -> None:
    fill(account, FIRST)
    with signed_in(service) as first, connected(service) as second:
        asked(second, f"USER {ADDRESS}".encode())
        busy = asked(second, f"PASS {PASSWORD}".encode())
        assert busy == b"-ERR [IN-USE] Another session has the maildrop\r\n"
        assert asked(first, b"QUIT").startswith(b"+OK")
        asked(second, f"USER {ADDRESS}".encode())
        assert asked(second, f"PASS {PASSWORD}".encode()) == b"+OK 1 messages\r\n"
    assert_free()


def assert_free() -> None:
    end = time.monotonic() + 10
    while MaildropLease.objects.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not MaildropLease.objects.exists()


def test_a_session_that_has_lost_the_maildrop_ends(account: Account, tmp_path: Path) -> None:
    fill(account, FIRST)
    with running_service(tmp_path, Pop3Limits(keep_seconds=0.1)) as service, signed_in(service) as client:
        time.sleep(0.5)
        assert asked(client, b"DELE 1").startswith(b"+OK")
        MaildropLease.objects.update(session="another")
        assert until_closed(client).startswith(b"-ERR [SYS/TEMP] ")
    assert Message.objects.count() == 1


def test_a_message_removed_elsewhere_is_gone_and_the_rest_is_deleted(account: Account, service: Service) -> None:
    fill(account, FIRST, SECOND)
    with signed_in(service) as client:
        Message.objects.filter(uid=1).delete()
        assert asked(client, b"RETR 1") == b"-ERR The message is gone\r\n"
        assert asked(client, b"DELE 1").startswith(b"+OK")
        assert asked(client, b"DELE 2").startswith(b"+OK")
        assert asked(client, b"QUIT").startswith(b"+OK")
    assert Message.objects.count() == 0


def test_a_removal_that_fails_is_said_and_removes_nothing(
    account: Account, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(account, FIRST, SECOND)
    with signed_in(service) as client:
        asked(client, b"DELE 1")
        asked(client, b"DELE 2")

        def fail(name: str) -> None:
            raise OSError(name)

        monkeypatch.setattr("mailboxes.store.expunge.fail_point", fail)
        assert asked(client, b"QUIT").startswith(b"-ERR [SYS/TEMP] The messages could not be removed")
        assert until_closed(client) == b""
    assert Message.objects.count() == 2
    assert_free()


def test_who_is_switched_off_deletes_nothing(account: Account, tmp_path: Path) -> None:
    fill(account, FIRST)
    with running_service(tmp_path, Pop3Limits(valid_seconds=0.0)) as service, signed_in(service) as client:
        asked(client, b"DELE 1")
        Actor.objects.update(credential_version=2)
        client.sendall(b"QUIT\r\n")
        assert until_closed(client) == b"-ERR [AUTH] The account was switched off or its password changed\r\n"
    assert Message.objects.count() == 1


def test_silence_ends_a_session_without_a_word_and_deletes_nothing(account: Account, tmp_path: Path) -> None:
    fill(account, FIRST)
    with running_service(tmp_path, Pop3Limits(idle_seconds=0.5)) as service, signed_in(service) as client:
        asked(client, b"DELE 1")
        assert until_closed(client) == b""
    assert Message.objects.count() == 1
    assert_free()


def test_25_mb_come_out_and_a_client_that_stops_reading_costs_no_memory(account: Account, tmp_path: Path) -> None:
    fill(account, LARGE)
    with running_service(tmp_path, Pop3Limits(command_seconds=3.0)) as service:
        with signed_in(service) as client:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            client.sendall(b"RETR 1\r\n")
            size = 0
            while size < len(LARGE) + 400 * 1024:
                size += len(client.recv(1 << 20))
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert grown < 40 * 1024  # kB, the pages of the mapped file among them
        with signed_in(service) as client:
            client.sendall(b"RETR 1\r\n")
            assert client.recv(4096).startswith(b"+OK ")
            time.sleep(4)
            with signed_in(service) as other:  # the first one was put out, its maildrop is free
                assert asked(other, b"STAT") == f"+OK 1 {len(LARGE)}\r\n".encode()
