"""poplib, fetchmail, getmail, mpop and curl against the server, as they come from Python and Debian."""

import os
import poplib
import subprocess
from pathlib import Path

import pytest

from mailboxes.models import Account, Message
from tests.conftest import needs_program
from tests.mailboxes.imap.service import ADDRESS, PASSWORD, Service
from tests.mailboxes.pop3.service import FIRST, SECOND, fill

LINES = FIRST.replace(b"\r\n", b"\n").decode()


def run(folder: Path, *command: str, text: str | None = None) -> str:
    """Run a program at home in a folder; return what it said."""
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "GETMAIL_DIR": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def write(folder: Path, name: str, text: str) -> Path:
    """Write a file that only its owner reads, as these programs ask for."""
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("stls", [False, True], ids=["TLS", "STLS"])
def test_poplib(account: Account, service: Service, stls: bool) -> None:
    fill(account, FIRST, SECOND)
    client: poplib.POP3
    if stls:
        client = poplib.POP3("localhost", service.port, timeout=20)
        assert "STLS" in client.capa()
        client.stls(service.client_context())
    else:
        client = poplib.POP3_SSL("localhost", service.tls_port, timeout=20, context=service.client_context())
    assert client.capa()["SASL"] == ["PLAIN", "LOGIN"]
    client.utf8()
    client.user(ADDRESS)
    client.pass_(PASSWORD)
    assert client.stat() == (2, len(FIRST) + len(SECOND))
    assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == FIRST
    assert client.top(2, 1)[1] == [b"Subject: two", b"", b"A"]
    assert len({line.split()[1] for line in client.uidl()[1]}) == 2
    client.dele(1)
    assert client.list()[1] == [f"2 {len(SECOND)}".encode()]
    client.quit()
    assert [message.uid for message in Message.objects.all()] == [2]


@needs_program("fetchmail")
@pytest.mark.parametrize("options", ["ssl", "sslproto tls1+"], ids=["TLS", "STLS"])
@pytest.mark.parametrize("keep", [True, False], ids=["keep", "delete"])
def test_fetchmail(account: Account, service: Service, tmp_path: Path, options: str, keep: bool) -> None:
    fill(account, FIRST, SECOND)
    port = service.tls_port if options == "ssl" else service.port
    uidl, words = ("uidl", "keep") if keep else ("", "nokeep fetchall")
    rc = write(
        tmp_path, "fetchmailrc",
        f'poll localhost service {port} proto pop3 {uidl} user "{ADDRESS}" password "{PASSWORD}" {options} sslcertck'
        f' sslcertfile "{service.certificate}" {words} mda "cat >> {tmp_path}/taken"\n',
    )  # fmt: skip
    pid = str(tmp_path / "pid")
    run(tmp_path, "fetchmail", "-f", str(rc), "--nodetach", "--nosyslog", "--pidfile", pid)
    taken = (tmp_path / "taken").read_text()
    assert taken.count("Subject: ") == 2
    assert "First line.\n.A dot begins this one.\n.\nLast line.\n" in taken
    assert Message.objects.count() == (2 if keep else 0)


GETMAIL = """
[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = {port}
username = {user}
password = {password}
ca_certs = {certificate}

[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat >> {folder}/taken")
allow_root_commands = true

[options]
delete = {delete}
read_all = false
delivered_to = false
received = false
"""


@needs_program("getmail")
def test_getmail_knows_what_it_has_and_deletes(account: Account, service: Service, tmp_path: Path) -> None:
    fill(account, FIRST)

    def getmail(delete: bool) -> None:
        text = GETMAIL.format(
            port=service.tls_port, user=ADDRESS, password=PASSWORD, certificate=service.certificate,
            folder=tmp_path, delete=str(delete).lower(),
        )  # fmt: skip
        write(tmp_path, "getmailrc", text)
        run(tmp_path, "getmail", "--getmaildir", str(tmp_path))

    getmail(delete=False)
    fill(account, SECOND)
    getmail(delete=True)
    taken = (tmp_path / "taken").read_text()
    assert taken.count("Subject: ") == 2
    assert LINES.partition("\n\n")[2] in taken
    assert Message.objects.count() == 0


@needs_program("mpop")
@pytest.mark.parametrize("method", ["user", "plain", "login"])
@pytest.mark.parametrize("stls", [False, True], ids=["TLS", "STLS"])
def test_mpop_pipelines_and_deletes(
    account: Account, service: Service, tmp_path: Path, method: str, stls: bool
) -> None:
    fill(account, FIRST, SECOND)
    port = service.port if stls else service.tls_port
    rc = write(
        tmp_path, "mpoprc",
        f"account a\nhost localhost\nport {port}\nuser {ADDRESS}\npassword {PASSWORD}\nauth {method}\npipelining on\n"
        f"tls on\ntls_starttls {'on' if stls else 'off'}\ntls_trust_file {service.certificate}\nkeep off\n"
        f"received_header off\nuidls_file {tmp_path}/uidls\ndelivery mbox {tmp_path}/taken\naccount default : a\n",
    )  # fmt: skip
    run(tmp_path, "mpop", "-C", str(rc))
    assert (tmp_path / "taken").read_text().count("\nSubject: ") == 2
    assert Message.objects.count() == 0


@needs_program("curl")
def test_curl_lists_reads_and_deletes(account: Account, service: Service, tmp_path: Path) -> None:
    fill(account, FIRST, SECOND)
    base = (
        "curl",
        "--silent",
        "--show-error",
        "--cacert",
        str(service.certificate),
        "--user",
        f"{ADDRESS}:{PASSWORD}",
    )
    url = f"pop3s://localhost:{service.tls_port}"
    plain = ("--ssl-reqd", "--login-options", "AUTH=PLAIN", f"pop3://localhost:{service.port}/2")
    assert run(tmp_path, *base, url).splitlines() == [f"1 {len(FIRST)}", f"2 {len(SECOND)}"]
    assert run(tmp_path, *base, f"{url}/1") == LINES
    assert run(tmp_path, *base, *plain) == SECOND.replace(b"\r\n", b"\n").decode()
    assert "Subject: two" in run(tmp_path, *base, "--request", "TOP 2 0", url)
    run(tmp_path, *base, "--request", "DELE 1", "--head", url)
    assert [message.uid for message in Message.objects.all()] == [2]


@needs_program("openssl")
@pytest.mark.parametrize("stls", [False, True], ids=["TLS", "STLS"])
def test_a_person_at_openssl_s_client(account: Account, service: Service, tmp_path: Path, stls: bool) -> None:
    fill(account, FIRST)
    where = f"localhost:{service.port if stls else service.tls_port}"
    said = run(
        tmp_path, "openssl", "s_client", "-quiet", "-crlf", "-ign_eof", "-verify_return_error",
        "-CAfile", str(service.certificate), "-connect", where, *(["-starttls", "pop3"] if stls else []),
        text=f"USER {ADDRESS}\nPASS {PASSWORD}\nSTAT\nQUIT\n",
    )  # fmt: skip
    assert f"+OK 1 {len(FIRST)}" in said
