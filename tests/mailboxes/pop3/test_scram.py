"""SCRAM over POP3 (RFC 5034), and what becomes of a session whose app password is revoked."""

import poplib
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any

import pytest

from mailboxes.models import Account, AppPassword
from mailboxes.pop3 import connection
from mailboxes.services.app_passwords import revoke_app_password
from tests.factories import make_app_password, superadmin_act
from tests.mailboxes.imap.service import ADDRESS, PASSWORD, Service
from tests.mailboxes.sasl.client import ScramClient

PROTOCOLS = ["imap", "pop3"]


def connected(service: Service) -> poplib.POP3_SSL:
    return poplib.POP3_SSL("localhost", service.tls_port, context=service.client_context())


def prove(client: poplib.POP3_SSL, scram: ScramClient) -> bytes:
    """The answer to a SCRAM exchange; ``poplib`` shows no challenges, so its lines are read below it."""
    client._putcmd(f"AUTH {scram.mechanism} {b64encode(scram.first()).decode()}")  # type: ignore[attr-defined]
    line = client.file.readline()  # type: ignore[attr-defined]
    while line.startswith(b"+ "):
        client._putline(b64encode(scram.answer(b64decode(line[2:]))))  # type: ignore[attr-defined]
        line = client.file.readline()  # type: ignore[attr-defined]
    return bytes(line)


@pytest.mark.parametrize("bound", [False, True], ids=["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
def test_an_app_password_is_proved(service: Service, account: Account, bound: bool) -> None:
    _row, text = make_app_password(account, protocols=PROTOCOLS)
    client = connected(service)
    certificate = client.sock.getpeercert(binary_form=True)  # type: ignore[attr-defined]
    binding = sha256(certificate).digest() if bound else None
    assert client.capa()["SASL"] == ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]
    assert prove(client, ScramClient(ADDRESS, text, binding)) == b"+OK 0 messages\r\n"
    client.quit()
    assert AppPassword.objects.get().last_used_protocol == "pop3"


@pytest.mark.parametrize("password", ["aaaa-bbbb-cccc-dddd-eeee-ffff", PASSWORD])
def test_a_wrong_one_is_refused(service: Service, account: Account, password: str) -> None:
    make_app_password(account, protocols=PROTOCOLS)
    client = connected(service)
    assert prove(client, ScramClient(ADDRESS, password)).startswith(b"-ERR [AUTH] No app password fits")
    client.close()


def test_a_revoked_one_ends_its_session(service: Service, account: Account, monkeypatch: Any) -> None:
    original = connection.Pop3Limits.__init__
    monkeypatch.setattr(
        connection.Pop3Limits, "__init__", lambda self, **given: original(self, **({"valid_seconds": 0.0} | given))
    )
    row, text = make_app_password(account, protocols=PROTOCOLS)
    client = connected(service)
    client.user(ADDRESS)
    client.pass_(text)
    assert client.stat() == (0, 0)
    revoke_app_password(superadmin_act(), ADDRESS, row.pk)
    with pytest.raises(poplib.error_proto, match="AUTH"):
        client.stat()
    client.close()
