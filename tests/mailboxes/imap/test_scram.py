"""SCRAM over IMAP: by a client of ours, and by programs that people have."""

import imaplib
import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from domains.models import SignInAttempt
from mailboxes.models import Account, AppPassword
from mailboxes.services import scram_sign_in
from mailboxes.services.app_passwords import revoke_app_password
from tests.conftest import needs_program
from tests.factories import make_app_password, superadmin_act
from tests.mailboxes.imap.service import ADDRESS, PASSWORD, Service
from tests.mailboxes.imap.test_clients import MBSYNC
from tests.mailboxes.sasl.client import ScramClient

WRONG = "aaaa-bbbb-cccc-dddd-eeee-ffff"


def connected(service: Service) -> imaplib.IMAP4_SSL:
    return imaplib.IMAP4_SSL("localhost", service.tls_port, ssl_context=service.client_context())


def end_point(client: imaplib.IMAP4_SSL) -> bytes:
    """The hash of the certificate that the server showed (RFC 5929 §4.1)."""
    from hashlib import sha256

    certificate = client.sock.getpeercert(binary_form=True)  # type: ignore[attr-defined]
    assert certificate is not None
    return sha256(certificate).digest()


def sign_in(service: Service, password: str, username: str = ADDRESS, bound: bool = False) -> Any:
    """The server's words: OK, or why not."""
    with connected(service) as client:
        scram = ScramClient(username, password, end_point(client) if bound else None)
        try:
            return client.authenticate(scram.mechanism, scram.answer)[0]
        except imaplib.IMAP4.error as error:
            return str(error)


@pytest.mark.parametrize("bound", [False, True], ids=["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
def test_an_app_password_is_proved(service: Service, account: Account, bound: bool) -> None:
    for name in ("Phone", "Tablet", "Laptop"):
        row, text = make_app_password(account, name)
        assert sign_in(service, text, bound=bound) == "OK"
        row.refresh_from_db()
        assert row.last_used_at is not None
    assert AppPassword.objects.filter(last_used_address="192.0.2.9").count() == 3
    assert sign_in(service, text, "Alice@Example.ORG", bound) == "OK"


def test_it_is_offered_under_tls_and_where_somebody_has_an_app_password(service: Service, account: Account) -> None:
    with connected(service) as client:
        assert not [name for name in client.capabilities if "SCRAM" in name]
    make_app_password(account)
    scram_sign_in.offer.until = 0.0
    with imaplib.IMAP4("localhost", service.port) as client:
        assert not [name for name in client.capabilities if "SCRAM" in name]
        client.starttls(service.client_context())
        assert {"AUTH=SCRAM-SHA-256", "AUTH=SCRAM-SHA-256-PLUS"} <= set(client.capabilities)


def test_what_opens_nothing(service: Service, account: Account) -> None:
    make_app_password(account)
    _row, sending = make_app_password(account, "Printer", protocols=["submission"])
    revoked, gone = make_app_password(account, "Lost")
    revoke_app_password(superadmin_act(), ADDRESS, revoked.pk)
    for password, username in (
        (WRONG, ADDRESS),
        (PASSWORD, ADDRESS),
        (sending, ADDRESS),
        (gone, ADDRESS),
        (sending, "nobody@example.org"),
    ):
        assert "AUTHENTICATIONFAILED" in sign_in(service, password, username)
    assert SignInAttempt.objects.filter(succeeded=False).count() == 2  # a wrong proof counts once a day and account


def test_known_and_unknown_addresses_hear_the_same_challenge(service: Service, account: Account) -> None:
    make_app_password(account)

    def salt_of(username: str) -> bytes:
        heard: list[bytes] = []
        scram = ScramClient(username, WRONG)

        def listen(octets: bytes) -> bytes:
            heard.append(octets)
            return scram.answer(octets)

        with connected(service) as client, pytest.raises(imaplib.IMAP4.error):
            client.authenticate(scram.mechanism, listen)
        match = re.fullmatch(rb"r=client[\w-]{24},s=([\w+/=]{24}),i=4096", heard[1])
        assert match is not None
        return match[1]

    for username in (ADDRESS, "nobody@example.org", "x@nowhere.example"):
        assert salt_of(username) == salt_of(username)


def test_a_certificate_that_is_not_ours_is_noticed(service: Service, account: Account) -> None:
    _row, text = make_app_password(account)
    with connected(service) as client:
        scram = ScramClient(ADDRESS, text, b"x" * 32)
        with pytest.raises(imaplib.IMAP4.error, match="bindings"):
            client.authenticate(scram.mechanism, scram.answer)


def test_a_malformed_exchange_is_refused_and_a_cancelled_one_is_bad(service: Service, account: Account) -> None:
    make_app_password(account)
    with connected(service) as client:
        with pytest.raises(imaplib.IMAP4.error, match="malformed"):
            client.authenticate("SCRAM-SHA-256", lambda _: b"nonsense")
        scram = ScramClient(ADDRESS, WRONG)
        with pytest.raises(imaplib.IMAP4.error, match="cancelled"):
            client.authenticate("SCRAM-SHA-256", lambda octets: None if octets else scram.first())
        assert client.noop()[0] == "OK"


def mbsync_with(service: Service, folder: Path, password: str, mechanism: str) -> "subprocess.CompletedProcess[str]":
    """What mbsync says to a setting of AuthMechs."""
    (folder / "mail").mkdir(exist_ok=True)
    rc = folder / "mbsyncrc"
    given = {"port": service.tls_port, "user": ADDRESS, "password": password, "certificate": service.certificate}
    rc.write_text(MBSYNC.format(mechanism=mechanism, maildir=folder / "mail", **given))
    command = ["mbsync", "-V", "-D", "-c", str(rc), "-a"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@needs_program("mbsync")
def test_mbsync_proves_an_app_password(service: Service, account: Account, tmp_path: Path) -> None:
    _row, text = make_app_password(account)
    done = mbsync_with(service, tmp_path, text, "SCRAM-SHA-256")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "AUTHENTICATE SCRAM-SHA-256" in done.stdout
    assert AppPassword.objects.filter(last_used_protocol="imap").count() == 1


@needs_program("neomutt")
def test_neomutt_proves_an_app_password(service: Service, account: Account, tmp_path: Path) -> None:
    _row, text = make_app_password(account)
    rc = tmp_path / "muttrc"
    rc.write_text(
        f'set folder="imaps://localhost:{service.tls_port}/"\nset spoolfile="+INBOX"\nset imap_user="{ADDRESS}"\n'
        f'set imap_pass="{text}"\nset imap_authenticators="scram-sha-256"\nset header_cache=\nset quit=yes\n'
        f'set ssl_ca_certificates_file="{service.certificate}"\nset ssl_verify_host=no\nset ssl_verify_dates=no\n'
        'push "<quit>"\n'
    )
    primary, secondary = pty.openpty()
    with subprocess.Popen(
        ["neomutt", "-n", "-F", str(rc)],
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        env=os.environ | {"TERM": "xterm", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
    ) as mutt:
        os.close(secondary)
        end = time.monotonic() + 30
        while mutt.poll() is None and time.monotonic() < end:
            if select.select([primary], [], [], 0.2)[0]:
                try:
                    os.read(primary, 65536)
                except OSError:
                    break
        if mutt.poll() is None and time.monotonic() >= end:
            mutt.kill()
    os.close(primary)
    assert AppPassword.objects.filter(last_used_protocol="imap").count() == 1


@needs_program("mbsync")
def test_a_program_that_takes_the_strongest_mechanism(service: Service, account: Account, tmp_path: Path) -> None:
    """The mailbox's own password works while nobody has an app password; then the refusal says what SCRAM takes."""
    done = mbsync_with(service, tmp_path, PASSWORD, "*")
    assert done.returncode == 0, done.stderr
    make_app_password(account)
    scram_sign_in.offer.until = 0.0
    done = mbsync_with(service, tmp_path, PASSWORD, "*")
    assert "SCRAM takes app passwords only" in done.stdout + done.stderr
    assert mbsync_with(service, tmp_path, PASSWORD, "PLAIN").returncode == 0
