"""Reading a folder elsewhere: our own IMAP service over real sockets, and servers that do not behave."""

import imaplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from domains import imap_pull
from domains.imap_pull import Place, PullFault, Trouble, open_folder
from tests.dns_fixtures import dns, dns_settings  # noqa: F401
from tests.mailboxes.imap.service import ADDRESS, PASSWORD, Service, make_account, running_service

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_lab")]
LOOPBACK = (ip_network("127.0.0.0/8"),)
MESSAGE = b"From: r@reporter.example\r\nSubject: report\r\n\r\nbody\r\n"


@pytest.fixture
def _lab(settings, dns_settings) -> None:  # noqa: F811
    """Loopback may be called, under the name localhost."""
    dns_settings.zone[("localhost", "A")] = ["127.0.0.1"]
    settings.MAILADMIN = replace(settings.MAILADMIN, private_networks=LOOPBACK)


@pytest.fixture
def service(tmp_path: Path, settings) -> Iterator[Service]:
    """The product's own IMAP server with an account of some messages."""
    make_account()
    with running_service(tmp_path) as running:
        settings.MAILADMIN = replace(settings.MAILADMIN, ca_file=running.certificate)
        yield running


def place(service: Service, **changes) -> Place:
    return replace(Place("localhost", service.tls_port, False, ADDRESS, PASSWORD), **changes)


def fill(service: Service, *messages: bytes, folder: str = "INBOX") -> None:
    context = service.client_context()
    with imaplib.IMAP4_SSL("localhost", service.tls_port, ssl_context=context) as client:
        client.login(ADDRESS, PASSWORD)
        if folder != "INBOX":
            client.create(folder)
        for message in messages:
            assert client.append(folder, "", "", message)[0] == "OK"


@pytest.mark.parametrize("starttls", [False, True])
def test_new_messages_are_read_and_stay_unread(service, starttls):
    fill(service, MESSAGE, MESSAGE + b"2\r\n", b"From: a@b.example\r\n\r\n\xff\xfe\r\n")
    where = place(service, starttls=starttls, port=service.port if starttls else service.tls_port)
    with open_folder(where) as folder:
        assert folder.messages == 3
        found = list(folder.after(0))
        assert [size for _uid, size in found] == [len(MESSAGE), len(MESSAGE) + 3, 25]
        assert folder.fetch(found[1][0]) == MESSAGE + b"2\r\n"
        assert [uid for uid, _size in folder.after(found[1][0])] == [found[2][0]]
        assert list(folder.after(found[2][0])) == []
        assert folder.fetch(10**6) is None
        validity = folder.uid_validity
    with open_folder(where) as folder:
        assert folder.uid_validity == validity
    with imaplib.IMAP4_SSL("localhost", service.tls_port, ssl_context=service.client_context()) as client:
        client.login(ADDRESS, PASSWORD)
        client.select()
        assert client.search(None, "SEEN")[1] == [b""]


def test_taken_messages_are_moved(service):
    fill(service, MESSAGE, MESSAGE)
    with open_folder(place(service, move_to="Archive")) as folder:
        first, second = (uid for uid, _size in folder.after(0))
        folder.move([first])
        assert [uid for uid, _size in folder.after(0)] == [second]
    with open_folder(place(service, folder="Archive")) as folder:
        assert folder.messages == 1
        assert folder.has("INBOX")
        assert not folder.has("Nowhere")


def test_a_folder_is_found_by_any_name(service):
    fill(service, MESSAGE, folder='"Berichte &- Gr&APwA3w-e"')
    with open_folder(place(service, folder="Berichte & Grüße")) as folder:
        assert folder.messages == 1


@pytest.mark.parametrize(
    ("changes", "trouble", "seen"),
    [
        ({"password": "wrong password"}, Trouble.CREDENTIALS, ""),
        ({"user": 'x" "y'}, Trouble.CREDENTIALS, ""),
        ({"folder": "Nowhere"}, Trouble.FOLDER, ""),
        ({"folder": "Nö\u20ac &"}, Trouble.FOLDER, ""),
        ({"host": "nowhere.example"}, Trouble.ADDRESS, "no address"),
        ({"port": 1}, Trouble.UNREACHABLE, "refused"),
        ({"host": "mail.acme.example"}, Trouble.CERTIFICATE, "ostname"),
        ({"starttls": True}, Trouble.UNREACHABLE, ""),  # it waits for TLS, which we do not begin
    ],
)
def test_each_failure_has_its_name(service, dns_settings, monkeypatch, changes, trouble, seen):  # noqa: F811
    monkeypatch.setattr(imap_pull, "SECONDS", 2.0)
    dns_settings.zone[("mail.acme.example", "A")] = ["127.0.0.1"]
    with pytest.raises(PullFault) as fault, open_folder(place(service, **changes)):
        pass
    assert (fault.value.trouble, seen in str(fault.value)) == (trouble, True), str(fault.value)


def test_a_private_address_is_not_called(service, settings):
    settings.MAILADMIN = replace(settings.MAILADMIN, private_networks=())
    with pytest.raises(PullFault, match="not a public address") as fault, open_folder(place(service)):
        pass
    assert fault.value.trouble is Trouble.ADDRESS


def test_a_certificate_nobody_signed_is_not_taken(service, settings):
    settings.MAILADMIN = replace(settings.MAILADMIN, ca_file=None)
    with pytest.raises(PullFault) as fault, open_folder(place(service)):
        pass
    assert fault.value.trouble is Trouble.CERTIFICATE


# ---- Servers that do not behave ------------------------------------------------------------------------------------

LOGIN = [b"* OK [CAPABILITY IMAP4rev1] hi\r\n", b"* CAPABILITY IMAP4rev1\r\n%t OK x\r\n", b"%t OK x\r\n"]
SELECT = b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n%t OK [READ-ONLY] x\r\n"


@pytest.fixture
def scripted(tmp_path: Path, settings, service):
    """Make a TLS server that answers each line of ours with the next octets; ``%t`` becomes the line's tag."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def make(*answers: bytes) -> Place:
        def serve() -> None:
            with suppress(OSError):
                raw, _peer = listener.accept()
                with context.wrap_socket(raw, server_side=True) as connection:
                    lines = connection.makefile("rb")
                    connection.sendall(answers[0])
                    for answer in answers[1:]:
                        tag = lines.readline().partition(b" ")[0]
                        connection.sendall(answer.replace(b"%t", tag))
                    while lines.readline():
                        pass

        threading.Thread(target=serve, daemon=True).start()
        return Place("localhost", listener.getsockname()[1], False, "user", "password")

    with listener:
        yield make


def read_all(where: Place) -> list[bytes | None]:
    with open_folder(where) as folder:
        return [folder.fetch(uid) for uid, _size in folder.after(0)]


SEARCH = b"* SEARCH 5\r\n%t OK x\r\n"
SIZES = b"* 1 FETCH (UID 5 RFC822.SIZE 4)\r\n%t OK x\r\n"


@pytest.mark.parametrize(
    ("answers", "trouble"),
    [
        ([b"SSH-2.0-x\r\n"], Trouble.PROTOCOL),
        ([b"* BYE busy\r\n"], Trouble.PROTOCOL),
        ([b"* OK x" + b"y" * 4_000_000], Trouble.PROTOCOL),
        ([b"* OK {99999999999}\r\n"], Trouble.PROTOCOL),
        ([*LOGIN[:2], b"%t NO [AUTHENTICATIONFAILED] go away\r\n"], Trouble.CREDENTIALS),
        ([*LOGIN, b"* 1 EXISTS\r\n%t OK x\r\n"], Trouble.BROKEN),  # no UIDVALIDITY
        ([*LOGIN, b"%t NO no such folder\r\n"], Trouble.FOLDER),
        ([*LOGIN, SELECT, b"%t BAD what\r\n"], Trouble.BROKEN),
        ([*LOGIN, SELECT, b"rubbish\r\n"], Trouble.BROKEN),
        ([*LOGIN, SELECT, SEARCH, SIZES, b"* 1 FETCH (UID 5 BODY[] {4000000000}\r\nx"], Trouble.BROKEN),
        ([*LOGIN, SELECT, SEARCH, SIZES, b"* 1 FETCH (UID 5 BODY[] {10}\r\nx"], Trouble.SLOW),
        ([*LOGIN, SELECT, b"* 2 EXISTS\r\n" * 300_000], Trouble.BROKEN),
    ],
    ids=["ssh", "bye", "endless line", "literal greeting", "refused", "no validity", "no folder", "bad", "rubbish",
         "huge literal", "half a literal", "endless lines"],
)  # fmt: skip
def test_what_hostile_servers_say_ends_in_a_fault(scripted, monkeypatch, answers, trouble):
    monkeypatch.setattr(imap_pull, "FOLDER_SECONDS", 1.0)
    monkeypatch.setattr(imap_pull, "LINE_OCTETS", 1 << 17)
    monkeypatch.setattr(imap_pull, "ANSWER_OCTETS", 1 << 18)
    with pytest.raises(PullFault) as fault:
        read_all(scripted(*answers))
    assert fault.value.trouble is trouble, str(fault.value)
    assert str(fault.value).isprintable()


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        (b"* SEARCH 5\r\n%t OK x\r\n", [b"abcd"]),
        (b"* SEARCH\r\n%t OK x\r\n", []),
        (b"%t OK x\r\n", []),
    ],
)
def test_odd_answers_that_are_allowed(scripted, search, expected):
    body = b"* 1 FETCH (BODY[] {4}\r\nabcd UID 5)\r\n%t OK x\r\n"
    assert read_all(scripted(*LOGIN, SELECT, search, SIZES, body)) == expected
