"""Python's own client against the server, over real sockets and TLS."""

import imaplib
import threading
import time
from collections.abc import Iterator

import pytest

from mailboxes.models import Account, Mailbox, Message
from tests.mailboxes.imap.service import ADDRESS, PASSWORD, Service

MESSAGE = (
    b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nFrom: Fred <fred@example.com>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n"
    b"Message-ID: <1@example.com>\r\n\r\nGood morning\r\n"
)


@pytest.fixture
def client(service: Service) -> Iterator[imaplib.IMAP4_SSL]:
    """Return a client that is logged in."""
    with imaplib.IMAP4_SSL("localhost", service.tls_port, ssl_context=service.client_context()) as connected:
        connected.login(ADDRESS, PASSWORD)
        yield connected


def fill(client: imaplib.IMAP4, count: int, folder: str = "INBOX") -> None:
    for number in range(count):
        status, _ = client.append(folder, "", "", MESSAGE + b"%d\r\n" % number)
        assert status == "OK"


def test_starttls_then_login(service: Service) -> None:
    client = imaplib.IMAP4("localhost", service.port)
    assert "LOGINDISABLED" in client.capabilities
    assert "STARTTLS" in client.capabilities
    with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
        client.login(ADDRESS, PASSWORD)
    client.starttls(service.client_context())
    assert "LOGINDISABLED" not in client.capabilities
    client.login(ADDRESS, PASSWORD)
    client.logout()


def test_three_wrong_passwords_end_the_session(service: Service) -> None:
    client = imaplib.IMAP4_SSL("localhost", service.tls_port, ssl_context=service.client_context())
    for _ in range(3):
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.login(ADDRESS, "wrong password")
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        client.noop()


def test_authenticate_plain(service: Service) -> None:
    with imaplib.IMAP4_SSL("localhost", service.tls_port, ssl_context=service.client_context()) as client:
        secret = f"\0{ADDRESS}\0{PASSWORD}".encode()
        assert client.authenticate("PLAIN", lambda _: secret)[0] == "OK"


def test_the_default_folders_are_listed_with_their_uses(client: imaplib.IMAP4) -> None:
    lines = [line.decode() for line in client.list()[1]]
    assert '(\\HasNoChildren \\Sent) "/" Sent' in lines
    assert len(lines) == 6


def test_append_fetch_store_expunge(client: imaplib.IMAP4, account: Account) -> None:
    fill(client, 3)
    assert client.select("INBOX")[1] == [b"3"]
    status, data = client.fetch("2", "(UID FLAGS RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])")
    assert status == "OK"
    assert data[0][1] == MESSAGE + b"1\r\n"
    assert b'"=?utf-8?q?Caf=C3=A9?="' in data[0][0]
    assert client.fetch("2", "(FLAGS)")[1] == [b"2 (FLAGS ())"]
    client.fetch("2", "(BODY[TEXT])")
    assert client.fetch("2", "(FLAGS)")[1] == [b"2 (FLAGS (\\Seen))"]
    client.store("2", "+FLAGS", "(\\Deleted $Tag)")
    assert client.expunge()[1] == [b"2"]
    assert client.uid("SEARCH", "ALL")[1] == [b"1 3"]
    box = Mailbox.objects.get(account=account, name="INBOX")
    account.refresh_from_db()
    assert (box.messages_count, box.unseen_count, box.uid_next) == (2, 2, 4)
    assert account.used_bytes == box.size_bytes == sum(Message.objects.values_list("size", flat=True))


def test_copy_and_move_tell_the_new_uids(client: imaplib.IMAP4, account: Account) -> None:
    fill(client, 4)
    client.select("INBOX")
    client.copy("1:2", "Archive")
    validity = Mailbox.objects.get(name="Archive").uid_validity
    assert client.response("COPYUID")[1] == [b"%d 1:2 1:2" % validity]
    assert client._simple_command("MOVE", "3:4", "Trash")[0] == "OK"
    assert client.response("EXPUNGE")[1] == [b"4", b"3"]
    assert client.status("Trash", "(MESSAGES UIDNEXT)")[1] == [b"Trash (MESSAGES 2 UIDNEXT 3)"]
    assert client.copy("1", "Nowhere")[0] == "NO"
    account.refresh_from_db()
    assert account.messages_count == Message.objects.count() == 6


def test_search_finds_decoded_text_literally(client: imaplib.IMAP4) -> None:
    fill(client, 2)
    client.select("INBOX")
    client.literal = "café".encode()
    assert client.search("UTF-8", "SUBJECT")[1] == [b"1 2"]
    assert client.search(None, "BODY", '"MORNING"')[1] == [b"1 2"]
    assert client.search(None, "BODY", '"m.rning"')[1] == [b""]
    assert client.search(None, "NOT", "TEXT", '"fred"')[1] == [b""]
    assert client.search(None, "OR", "2", "FROM", '"nobody"')[1] == [b"2"]
    assert client.search(None, "SENTON", "7-Feb-1994")[1] == [b"1 2"]


def test_a_large_message_goes_through_the_blob_folder(client: imaplib.IMAP4, account: Account) -> None:
    large = MESSAGE + b"0123456789abcdef" * 8 * 20_000
    assert client.append("INBOX", "(\\Seen)", "", large)[0] == "OK"
    client.select("INBOX")
    assert Message.objects.get().blob.data is None
    assert client.fetch("1", "(BODY.PEEK[])")[1][0][1] == large
    assert client.fetch("1", "(BODY.PEEK[TEXT]<2.5>)")[1][0][1] == b"od mo"
    assert client.fetch("1", "(BODY.PEEK[HEADER.FIELDS (Subject)])")[1][0][1] == (
        b"Subject: =?utf-8?q?Caf=C3=A9?=\r\n\r\n"
    )


def test_a_full_account_refuses_append_and_copy(client: imaplib.IMAP4, account: Account) -> None:
    fill(client, 1)
    Account.objects.filter(pk=account.pk).update(quota_bytes=200)
    status, data = client.append("INBOX", "", "", MESSAGE)
    assert (status, b"OVERQUOTA" in data[0]) == ("NO", True)
    client.select("INBOX")
    assert b"OVERQUOTA" in client.copy("1", "Archive")[1][0]
    assert Message.objects.count() == 1


def test_folders_are_made_renamed_and_deleted(client: imaplib.IMAP4) -> None:
    assert client.create("Work/Plans")[0] == "OK"
    assert client.rename("Work", "Job")[0] == "OK"
    names = {line.decode().rpartition(' "/" ')[2] for line in client.list()[1]}
    assert {"Job", "Job/Plans"} <= names
    assert client.delete("Job")[0] == "NO"
    assert client.delete("Job/Plans")[0] == "OK"
    assert client.delete("Job")[0] == "OK"
    assert client.delete("INBOX")[0] == "NO"


def test_another_session_wakes_idle_within_100_ms(service: Service, client: imaplib.IMAP4) -> None:
    with imaplib.IMAP4_SSL("localhost", service.tls_port, ssl_context=service.client_context()) as other:
        other.login(ADDRESS, PASSWORD)
        client.select("INBOX")
        client.send(b"x1 IDLE\r\n")
        assert client.readline().startswith(b"+ ")
        time.sleep(0.5)
        sent: list[float] = []

        def deliver() -> None:
            other.append("INBOX", "", "", MESSAGE)
            sent.append(time.monotonic())

        thread = threading.Thread(target=deliver)
        thread.start()
        assert client.readline() == b"* 1 EXISTS\r\n"
        heard = time.monotonic()
        thread.join()
        assert heard - sent[0] < 0.1
        client.send(b"DONE\r\n")
        assert client.readline().startswith(b"x1 OK")
