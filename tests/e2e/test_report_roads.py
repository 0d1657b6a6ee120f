"""Roads for reports whose readers are killed: a folder of files, a watched mailbox; each report counts once."""

import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.dns_server import DnsServer
from tests.domains.intake.test_failure_reports import failure_mail
from tests.e2e.installation import ROOT, Installation, eventually
from tests.e2e.test_first_domain import report_text
from tests.e2e.test_reports import messages

HOSTNAME = "mail.roads.example"
WATCHER = ("watch@acme.example", "tall giraffes 1 read")
FILES = 250
MAILS = 12
LATER = 3600


@pytest.fixture
def house(tmp_path: Path, dns: DnsServer) -> Iterator[Installation]:
    """An installation that finds and trusts its own IMAP service."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue(HOSTNAME)
    dns.zone[(HOSTNAME, "A")] = ["127.0.0.6"]
    settings = {
        "MAILADMIN_RESOLVER": f"127.0.0.1:{dns.port}",
        "MAILADMIN_WORKERS": "1",
        "MAILADMIN_CA_FILE": str(authority.ca_file),
        "MAILADMIN_TLS_CERT": str(certificate),
        "MAILADMIN_TLS_KEY": str(key),
    }
    made = Installation(tmp_path / "roads", "127.0.0.6", HOSTNAME, settings)
    try:
        made.start()
        made.api("POST", "/domains", {"name": "acme.example"})
        yield made
    finally:
        made.stop()


def run(house: Installation, code: str, fail_points: str = "") -> int:
    """Run code in a process of its own beside the installation; returns its status, negative for a signal."""
    environment = house.environment() | {"MAILADMIN_TEST_BUILD": "1", "MAILADMIN_FAIL_POINTS": fail_points}
    command = [sys.executable, "manage.py", "shell", "-c", code]
    return subprocess.run(command, cwd=ROOT, env=environment, timeout=120, check=False).returncode


def until_it_lives(house: Installation, code: str, fail_points: str, most: int = 40) -> None:
    """Run code that may be killed until it ends by itself."""
    for _death in range(most):
        status = run(house, code, fail_points)
        if status == 0:
            return
        assert status == -signal.SIGKILL
    raise AssertionError(f"it died {most} times")


def test_a_folder_whose_reader_is_killed_counts_each_report_once(house: Installation) -> None:
    folder = house.folder / "data" / "reports"
    (folder / "incoming" / "old").mkdir(parents=True)
    for number in range(FILES):
        (folder / "incoming" / "old" / f"{number}.xml").write_bytes(report_text(number))
    code = f"import time; from domains.services.report_folder import take_in_folder as t; t(time.time() + {LATER})"
    until_it_lives(house, code, "folder.before-move:0.5,report.before-commit:0.3")
    assert len(os.listdir(folder / "done" / "old")) == FILES
    assert not (folder / "failed").exists() or not os.listdir(folder / "failed")
    eventually(lambda: messages(house) == 12 * FILES, 90)


def test_a_watched_mailbox_whose_reader_is_killed_brings_each_report_once(house: Installation) -> None:
    house.api("POST", "/mailboxes", {"address": WATCHER[0], "password": WATCHER[1]})
    for number in range(MAILS):
        message = EmailMessage()
        message["From"], message["To"] = "reports@far.example", WATCHER[0]
        message["Message-ID"] = f"<{number}@far.example>"
        message.add_attachment(report_text(number), maintype="text", subtype="xml", filename="r.xml")
        with smtplib.SMTP(house.address, house.ports["mx"], timeout=30) as client:
            client.send_message(message)
    wish = {"host": HOSTNAME, "port": house.ports["imaps"], "user": WATCHER[0], "password": WATCHER[1]}
    wish |= {"domain": "acme.example", "trusted_results": HOSTNAME, "enabled": False}
    watched = house.api("POST", "/report-mailboxes", wish)
    tried = house.api("POST", f"/report-mailboxes/{watched['id']}/try")
    assert (tried["fault"], tried["messages"]) in (("", MAILS), ("", 0)), tried
    if not tried["messages"]:  # mail that nothing authenticates may lie in Junk
        house.api("PUT", f"/report-mailboxes/{watched['id']}", wish | {"folder": "Junk"})
    code = f"from domains.services.report_mailboxes import fetch; fetch({watched['id']})"
    until_it_lives(house, code, "imap.before-commit:0.1,report.before-commit:0.2")
    eventually(lambda: messages(house) == 12 * MAILS, 90)
    row = house.api("GET", f"/report-mailboxes/{watched['id']}")
    assert (row["taken"], row["fault"]) == (MAILS, "")
    files = house.api("GET", "/report-files?limit=100")["items"]
    assert sorted((item["road"], item["state"]) for item in files) == [("imap", "stored")] * MAILS


def test_a_failure_report_by_mail_shows_up_without_the_mail(house: Installation) -> None:
    with smtplib.SMTP(house.address, house.ports["mx"], timeout=30) as client:
        client.sendmail("reports@far.example", ["dmarc-failures@acme.example"], failure_mail("acme.example"))
    found = eventually(lambda: house.api("GET", "/domains/acme.example/dmarc/failures")["items"], 90)
    assert (found[0]["source_ip"], found[0]["failures"], found[0]["authenticated"]) == (
        "192.0.2.77",
        ["dmarc"],
        False,
    )
    (file,) = house.api("GET", "/report-files")["items"]
    assert (file["state"], file["octets"]) == ("stored", 0)
