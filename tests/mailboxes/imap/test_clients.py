"""mbsync, neomutt, fetchmail, curl and openssl against the server, as they come from Debian."""

import imaplib
import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path

import pytest

from mailboxes.models import Account, Message
from tests.conftest import needs_program
from tests.mailboxes.imap.service import ADDRESS, PASSWORD, Service
from tests.mailboxes.imap.test_imaplib import MESSAGE, fill

MBSYNC = """
IMAPAccount a
Host localhost
Port {port}
User {user}
Pass "{password}"
SSLType IMAPS
CertificateFile {certificate}
AuthMechs {mechanism}

IMAPStore far
Account a

MaildirStore near
Path {maildir}/
Inbox {maildir}/INBOX
SubFolders Verbatim

Channel c
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
"""


def mbsync(service: Service, folder: Path, mechanism: str = "PLAIN") -> str:
    (folder / "mail").mkdir(exist_ok=True)
    rc = folder / "mbsyncrc"
    rc.write_text(
        MBSYNC.format(
            port=service.tls_port,
            user=ADDRESS,
            password=PASSWORD,
            certificate=service.certificate,
            mechanism=mechanism,
            maildir=folder / "mail",
        )
    )
    done = subprocess.run(
        ["mbsync", "-V", "-c", str(rc), "-a"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def logged_in(service: Service) -> imaplib.IMAP4_SSL:
    client = imaplib.IMAP4_SSL("localhost", service.tls_port, ssl_context=service.client_context())
    client.login(ADDRESS, PASSWORD)
    return client


@needs_program("mbsync")
def test_mbsync_reads_writes_and_expunges(service: Service, account: Account, tmp_path: Path) -> None:
    with logged_in(service) as client:
        fill(client, 5)
    mbsync(service, tmp_path)
    inbox = tmp_path / "mail" / "INBOX"
    read = [re.sub(rb"X-TUID: .*\n", b"", file.read_bytes()) for file in (inbox / "new").iterdir()]  # mbsync's own
    assert sorted(read) == [(MESSAGE + b"%d\r\n" % number).replace(b"\r\n", b"\n") for number in range(5)]
    assert (tmp_path / "mail" / "Sent").is_dir()
    (tmp_path / "mail" / "Sent" / "cur" / "1.local:2,S").write_bytes(MESSAGE.replace(b"\r\n", b"\n"))
    first = next((inbox / "new").iterdir())
    first.rename(inbox / "cur" / (first.name.split(":")[0] + ":2,ST"))
    mbsync(service, tmp_path, mechanism="LOGIN")
    sent = Message.objects.get(mailbox__name="Sent")
    assert sent.flags == ["\\Seen"]
    assert Message.objects.filter(mailbox__name="INBOX").count() == 4


@needs_program("neomutt")
def test_neomutt_opens_the_inbox_and_saves_a_message(service: Service, tmp_path: Path) -> None:
    with logged_in(service) as client:
        fill(client, 2)
    rc = tmp_path / "muttrc"
    rc.write_text(
        f'set folder="imaps://localhost:{service.tls_port}/"\nset spoolfile="+INBOX"\nset imap_user="{ADDRESS}"\n'
        f'set imap_pass="{PASSWORD}"\nset ssl_ca_certificates_file="{service.certificate}"\n'
        "set ssl_verify_host=no\nset ssl_verify_dates=no\nset imap_check_subscribed=yes\nset confirmcreate=no\n"
        "set mail_check_stats=no\nset header_cache=\nset quit=yes\nset delete=yes\nset confirmappend=no\n"
        f'push "<tag-pattern>~A<enter><tag-prefix><save-message>=Archive<enter><sync-mailbox><quit>"\n'
    )
    environment = os.environ | {"TERM": "xterm", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    primary, secondary = pty.openpty()
    with subprocess.Popen(
        ["neomutt", "-n", "-F", str(rc)], stdin=secondary, stdout=secondary, stderr=secondary, env=environment
    ) as mutt:
        os.close(secondary)
        seen, end = b"", time.monotonic() + 30
        while mutt.poll() is None and time.monotonic() < end:
            if select.select([primary], [], [], 0.2)[0]:
                try:
                    seen += os.read(primary, 65536)
                except OSError:
                    break
        if mutt.poll() is None and time.monotonic() >= end:
            mutt.kill()
        assert mutt.wait(10) == 0, seen[-1500:]
    os.close(primary)
    assert Message.objects.filter(mailbox__name="Archive").count() == 2
    assert Message.objects.filter(mailbox__name="INBOX").count() == 0


@needs_program("fetchmail")
@pytest.mark.parametrize("options", ["ssl", "sslproto tls1+"], ids=["tls", "starttls"])
def test_fetchmail_takes_and_flushes(service: Service, tmp_path: Path, options: str) -> None:
    with logged_in(service) as client:
        fill(client, 2)
    rc = tmp_path / "fetchmailrc"
    port = service.tls_port if options == "ssl" else service.port
    rc.write_text(
        f'poll localhost service {port} proto imap user "{ADDRESS}" password "{PASSWORD}" {options} sslcertck'
        f' sslcertfile "{service.certificate}" nokeep fetchall mda "cat >> {tmp_path}/taken"\n'
    )
    rc.chmod(0o600)
    done = subprocess.run(
        ["fetchmail", "-f", str(rc), "--nodetach", "--nosyslog", "--pidfile", str(tmp_path / "pid")],
        capture_output=True, text=True, timeout=60, check=False, env=os.environ | {"HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "taken").read_text().count("Good morning") == 2
    assert Message.objects.count() == 0


@needs_program("curl")
def test_curl_lists_searches_reads_and_uploads(service: Service, tmp_path: Path) -> None:
    with logged_in(service) as client:
        fill(client, 1)
    base = [
        "curl",
        "--silent",
        "--show-error",
        "--cacert",
        str(service.certificate),
        "--user",
        f"{ADDRESS}:{PASSWORD}",
    ]
    (tmp_path / "mail.eml").write_bytes(MESSAGE)

    def curl(*arguments: str) -> bytes:
        done = subprocess.run([*base, *arguments], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    url = f"imaps://localhost:{service.tls_port}"
    assert curl(url).count(b"* LIST ") == 6
    assert curl(f"{url}/INBOX?SUBJECT%20Caf") == b"* SEARCH 1\r\n"
    assert curl(f"{url}/INBOX;UID=1") == MESSAGE + b"0\r\n"
    curl("--upload-file", str(tmp_path / "mail.eml"), f"{url}/Drafts")
    plain = ("--ssl-reqd", "--login-options", "AUTH=PLAIN", f"imap://localhost:{service.port}/INBOX")
    assert b"MESSAGES 1" in curl(*plain, "--request", "STATUS Drafts (MESSAGES)")


@needs_program("openssl")
@pytest.mark.parametrize("starttls", [False, True])
def test_a_person_at_openssl_s_client(service: Service, starttls: bool) -> None:
    port = service.port if starttls else service.tls_port
    done = subprocess.run(
        ["openssl", "s_client", "-quiet", "-crlf", "-ign_eof", "-verify_return_error", "-CAfile",
         str(service.certificate), "-connect", f"localhost:{port}", *(["-starttls", "imap"] if starttls else [])],
        input=f'a LOGIN {ADDRESS} "{PASSWORD}"\nb STATUS INBOX (MESSAGES)\nc LOGOUT\n',
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert "* STATUS INBOX (MESSAGES 0)" in done.stdout, done.stdout + done.stderr
    assert "c OK LOGOUT completed" in done.stdout
