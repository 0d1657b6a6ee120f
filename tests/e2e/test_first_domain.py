"""The product's first promise, on real parts: a domain, its records, mail in, mail out, a report."""

import gzip
import imaplib
import os
import re
import smtplib
import ssl
import subprocess
import time
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.conftest import needs_program
from tests.dns_server import DnsServer
from tests.e2e.conftest import ALICE, BOB, publish
from tests.e2e.installation import ApiError, Installation, eventually


def run(
    *arguments: str, folder: Path | None = None, stdin: str = "", environment: Mapping[str, str] | None = None
) -> str:
    """Run a client program; its output when it ended well."""
    done = subprocess.run(
        arguments,
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | dict(environment or {}),
    )
    assert done.returncode == 0, f"{arguments[0]}: {done.stdout}\n{done.stderr}"
    return done.stdout


def unverified() -> ssl.SSLContext:
    """A client context for the self-signed certificate of a fresh installation."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def swaks_to_mx(house: Installation, sender: str, recipient: str, *more: str) -> str:
    """Send one message to the MX; returns the id of its trace."""
    output = run(
        "swaks", "--server", house.address, "--port", str(house.ports["mx"]), "--helo", "client.example",
        "--from", sender, "--to", recipient, *more,
    )  # fmt: skip
    found = re.search(r"queued as (\S+)", output)
    assert found, output
    return found[1]


def imap(house: Installation, who: tuple[str, str]) -> imaplib.IMAP4_SSL:
    """A signed-in IMAP session over TLS."""
    client = imaplib.IMAP4_SSL(house.address, house.ports["imaps"], ssl_context=unverified())
    client.login(*who)
    return client


def submit(house: Installation, who: tuple[str, str], recipients: list[str], subject: str) -> str:
    """Submit one message over STARTTLS; returns the id of its trace."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = who[0], ", ".join(recipients), subject
    message["Bcc"] = "hidden@nowhere.example"
    message.set_content("Hello.\n")
    with smtplib.SMTP(house.address, house.ports["submission"], timeout=30) as client:
        client.starttls(context=unverified())
        client.login(*who)
        client.mail(who[0])
        for recipient in recipients:
            assert client.rcpt(recipient)[0] == 250
        code, reply = client.data(message.as_bytes())
    assert code == 250, reply
    return reply.decode().rpartition(" ")[2]


def test_every_record_is_right_once_published_as_emitted(house: Installation) -> None:
    records = house.api("GET", "/domains/acme.example/records")["items"]
    assert {record["purpose"] for record in records} >= {"mx", "spf", "dkim", "dmarc", "tls-rpt", "srv"}
    assert {(r["name"], r["type"]): r["status"] for r in records if r["status"] != "right"} == {}
    keys = house.api("GET", "/domains/acme.example/dkim-keys")["items"]
    assert {(key["algorithm"], key["state"]) for key in keys} == {("rsa2048", "active"), ("ed25519", "active")}


def test_a_record_taken_away_is_missing_and_comes_back(house: Installation, dns: DnsServer) -> None:
    del dns.zone[("_dmarc.acme.example", "TXT")]
    status = {r["purpose"]: r["status"] for r in house.api("POST", "/domains/acme.example/check")["items"]}
    assert status["dmarc"] == "missing"
    publish(dns, house, "acme.example")
    status = {r["purpose"]: r["status"] for r in house.api("POST", "/domains/acme.example/check")["items"]}
    assert status["dmarc"] == "right"


@needs_program("swaks", "mbsync")
def test_swaks_to_the_mx_is_read_by_mbsync(house: Installation, tmp_path: Path) -> None:
    swaks_to_mx(house, "carol@far.example", ALICE[0], "--header", "Subject: For mbsync")
    maildir = tmp_path / "maildir"
    maildir.mkdir()
    (tmp_path / "mbsyncrc").write_text(
        f"""IMAPAccount acme
Host {house.address}
Port {house.ports["imaps"]}
User {ALICE[0]}
Pass "{ALICE[1]}"
SSLType IMAPS
CertificateFile {house.folder}/data/tls/certificate.pem
SSLVersions TLSv1.2 TLSv1.3

IMAPStore far
Account acme

MaildirStore near
Path {maildir}/
Inbox {maildir}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
"""
    )
    run("mbsync", "--config", str(tmp_path / "mbsyncrc"), "--all")
    texts = [path.read_text() for path in (maildir / "INBOX").glob("*/*") if path.is_file()]
    assert any("Subject: For mbsync" in text for text in texts)
    assert {"Drafts", "Sent", "Junk", "Trash", "Archive"} <= {path.name for path in maildir.iterdir()}
    run("mbsync", "--config", str(tmp_path / "mbsyncrc"), "--all")  # a second run finds nothing to do and no fault


def test_unknown_recipients_and_foreign_domains_are_refused_in_the_dialogue(house: Installation) -> None:
    with smtplib.SMTP(house.address, house.ports["mx"], timeout=30) as client:
        client.ehlo("client.example")
        client.mail("carol@far.example")
        code, text = client.rcpt("nobody@acme.example")
        assert (code, text.split()[0]) == (550, b"5.1.1")
        code, text = client.rcpt("someone@elsewhere.example")
        assert (code, text.split()[0]) == (550, b"5.7.1")


def test_mail_between_two_installations_is_signed_and_passes_dmarc(
    house: Installation, neighbour: Installation
) -> None:
    trace_id = submit(house, ALICE, [BOB[0]], "Between two houses")
    eventually(lambda: house.api("GET", f"/messages/{trace_id}")["outcome"] == "sent")
    stages = {event["stage"]: event for event in house.events(trace_id)}
    assert stages["sign"]["outcome"] == "signed"
    assert stages["relay"]["detail"]["tls"], "STARTTLS was offered and not used"
    client = imap(neighbour, BOB)
    client.select("INBOX")
    _status, found = client.search(None, 'SUBJECT "Between two houses"')
    _status, data = client.fetch(found[0].split()[-1], "(BODY[])")
    octets = data[0][1]
    head = octets.partition(b"\r\n\r\n")[0]
    results = re.search(rb"Authentication-Results: mail\.bee\.example;(?:[^\r\n]|\r\n )*", head)
    assert results, head
    assert results[0].count(b"dkim=pass") == 2
    assert b"spf=pass" in results[0]
    assert b"dmarc=pass" in results[0]
    assert b"hidden@nowhere.example" not in octets
    assert b"Message-ID:" in head
    assert b"Date:" in head


def test_a_permanent_failure_comes_back_as_a_report(house: Installation, neighbour: Installation) -> None:
    trace_id = submit(house, ALICE, ["nobody@bee.example"], "To nobody")
    eventually(lambda: house.api("GET", f"/messages/{trace_id}")["outcome"] == "bounced")
    client = imap(house, ALICE)
    client.select("INBOX")

    def arrived() -> bytes:
        client.noop()
        return client.search(None, 'SUBJECT "Undelivered mail" BODY "nobody@bee.example"')[1][0]

    number = eventually(arrived).split()[-1]
    octets = client.fetch(number, "(BODY[])")[1][0][1]
    assert b"Status: 5.1.1" in octets
    assert b"Diagnostic-Code: smtp; 550 5.1.1" in octets


def test_a_delivery_in_any_worker_wakes_an_idle_session(house: Installation) -> None:
    client = imap(house, ALICE)
    client.select("INBOX")
    client.send(b"i1 IDLE\r\n")
    while not client.readline().startswith(b"+"):
        pass
    waits = []
    for _ in range(6):  # several connections, so that both workers deliver
        with smtplib.SMTP(house.address, house.ports["mx"], timeout=30) as sender:
            sender.sendmail(
                "carol@far.example", [ALICE[0]], b"From: carol@far.example\r\nSubject: wake\r\n\r\nup\r\n"
            )
            begin = time.monotonic()
        line = client.readline()
        waits.append(time.monotonic() - begin)
        while b"EXISTS" not in line:
            line = client.readline()
    client.send(b"DONE\r\n")
    assert sorted(waits)[len(waits) // 2] < 0.1, waits


REPORT = """<?xml version="1.0"?><feedback><report_metadata><org_name>far.example</org_name>
<email>reports@far.example</email><report_id>r-{number}</report_id><date_range><begin>{begin}</begin><end>{end}</end>
</date_range></report_metadata><policy_published><domain>acme.example</domain><p>none</p></policy_published>
<record><row><source_ip>192.0.2.7</source_ip><count>12</count><policy_evaluated><disposition>none</disposition>
<dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>acme.example</header_from>
</identifiers><auth_results><spf><domain>acme.example</domain><result>fail</result></spf></auth_results></record>
</feedback>"""


def report_text(number: int) -> bytes:
    """A report of yesterday."""
    end = int(time.time()) // 86400 * 86400 - 1
    return REPORT.format(number=number, begin=end - 86399, end=end).encode()


def test_a_report_mailed_to_the_report_address_shows_up(house: Installation) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "reports@far.example", "dmarc-reports@acme.example"
    message["Subject"] = "Report Domain: acme.example"
    message["Message-ID"] = f"<{time.time()}@far.example>"
    message.add_attachment(
        gzip.compress(report_text(1)),
        maintype="application",
        subtype="gzip",
        filename="far.example!acme.example.xml.gz",
    )
    with smtplib.SMTP(house.address, house.ports["mx"], timeout=30) as client:
        client.send_message(message)

    def sources() -> list[dict[str, object]]:
        return list(house.api("GET", "/domains/acme.example/dmarc/sources")["items"])

    found = eventually(sources)
    assert (found[0]["source_ip"], found[0]["messages"], found[0]["dkim_aligned"]) == ("192.0.2.7", 12, 12)
    known = house.api("POST", "/dmarc/reports", report_text(1))  # the same by another road counts once
    assert (known["org_name"], known["messages"]) == ("far.example", 12)
    assert house.api("GET", "/domains/acme.example/dmarc/sources")["items"][0]["messages"] == 12


def test_what_is_not_a_report_is_refused_with_its_reason(house: Installation) -> None:
    with pytest.raises(ApiError) as caught:
        house.api("POST", "/dmarc/reports", b"not a report")
    assert caught.value.status == 422
    assert caught.value.problem["detail"]


@needs_program("msmtp", "neomutt")
def test_msmtp_sends_and_neomutt_reads(house: Installation, tmp_path: Path) -> None:
    config = tmp_path / "msmtprc"
    config.write_text(
        f"account a\nhost {house.address}\nport {house.ports['submissions']}\nauth plain\nuser {ALICE[0]}\n"
        f"password {ALICE[1]}\nfrom {ALICE[0]}\ntls on\ntls_starttls off\ntls_certcheck off\naccount default: a\n"
    )
    config.chmod(0o600)
    text = f"From: {ALICE[0]}\nTo: {ALICE[0]}\nSubject: From msmtp\n\nHello.\n"
    run("msmtp", f"--file={config}", ALICE[0], stdin=text)
    client = imap(house, ALICE)
    client.select("INBOX")

    def arrived() -> bytes:
        client.noop()
        return client.search(None, 'SUBJECT "From msmtp"')[1][0]

    eventually(arrived)
    muttrc = tmp_path / "muttrc"
    muttrc.write_text(
        f"""set imap_user="{ALICE[0]}"
set imap_pass="{ALICE[1]}"
set folder="imaps://{house.address}:{house.ports["imaps"]}/"
set spoolfile="+INBOX"
set ssl_verify_host=no
set ssl_verify_dates=no
set certificate_file="{house.folder}/data/tls/certificate.pem"
set ssl_usesystemcerts=no
set wait_key=no
set quit=yes
push "<limit>~s msmtp<enter><pipe-message>cat >> found<enter><quit>"
"""
    )
    run("script", "-qec", f"neomutt -F {muttrc}", "/dev/null", folder=tmp_path, environment={"TERM": "xterm"})
    assert "From msmtp" in (tmp_path / "found").read_text()
