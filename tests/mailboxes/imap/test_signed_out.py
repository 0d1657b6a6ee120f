"""A session ends when its account is switched off or its password changes, in IDLE too."""

import socket
from typing import Any

import pytest

from domains.models import Actor
from mailboxes.imap import connection
from mailboxes.imap.handlers import idling
from mailboxes.models import Account
from mailboxes.services.app_passwords import revoke_app_password
from tests.factories import make_app_password, superadmin_act
from tests.mailboxes.imap.service import Service
from tests.mailboxes.imap.test_hostile import logged_in

BYE = b"* BYE The account was switched off or its password changed; sign in again\r\n"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.ImapLimits, "__init__", _limits(connection.ImapLimits.__init__))
    monkeypatch.setattr(idling, "POLL_SECONDS", 0.1)


def _limits(original: Any) -> Any:
    def make(self: Any, **given: Any) -> None:
        original(self, **({"valid_seconds": 0.0} | given))

    return make


def end(client: socket.socket) -> bytes:
    octets = b""
    while piece := client.recv(4096):
        octets += piece
    return octets


@pytest.mark.parametrize("how", ["switched off", "password changed"])
def test_the_next_command_is_not_obeyed(service: Service, account: Account, how: str) -> None:
    with logged_in(service) as client:
        client.sendall(b"b NOOP\r\n")
        assert client.recv(4096).startswith(b"b OK")
        if how == "switched off":
            Account.objects.update(enabled=False)
        else:
            Actor.objects.update(credential_version=2)
        client.sendall(b"c SELECT INBOX\r\n")
        assert end(client) == BYE


@pytest.mark.parametrize("how", ["revoked", "own password changed"])
def test_an_app_password_ends_what_it_opened_and_the_own_one_does_not(
    service: Service, account: Account, how: str
) -> None:
    row, text = make_app_password(account)
    with logged_in(service, text) as client:
        if how == "revoked":
            revoke_app_password(superadmin_act(), account.address, row.pk)
        else:
            Actor.objects.update(credential_version=2)
        client.sendall(b"b NOOP\r\n")
        assert end(client) == BYE if how == "revoked" else client.recv(4096).startswith(b"b OK")


def test_idle_ends_by_itself(service: Service, account: Account) -> None:
    with logged_in(service) as client:
        client.sendall(b"b SELECT INBOX\r\nc IDLE\r\n")
        while b"+ idling" not in (octets := client.recv(4096)):
            assert octets
        Account.objects.update(enabled=False)
        assert end(client).endswith(BYE)
