"""One report by every road at once, while its readers die between parse and commit: it counts once, none is lost."""

import gzip
import http.client
import http.cookiejar
import re
import smtplib
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.dns_server import DnsServer
from tests.e2e.installation import ADMIN, Installation, eventually
from tests.e2e.test_first_domain import report_text

REPORTS = 3
ROADS = 20


@pytest.fixture
def mortal(tmp_path: Path, dns: DnsServer) -> Iterator[Installation]:
    """An installation in which whatever stores a report dies before it is committed."""
    settings = {
        "MAILADMIN_RESOLVER": f"127.0.0.1:{dns.port}",
        "MAILADMIN_TEST_BUILD": "1",
        "MAILADMIN_WORKERS": "1",
        "MAILADMIN_FAIL_POINTS": "report.before-commit",
    }
    made = Installation(tmp_path / "reports", "127.0.0.4", "mail.reports.example", settings)
    try:
        made.start()
        made.api("POST", "/domains", {"name": "acme.example"})
        yield made
    finally:
        made.stop()


def by_mail(house: Installation, number: int) -> None:
    """The report as its receiver mails it."""
    message = EmailMessage()
    message["From"], message["To"] = "reports@far.example", "dmarc-reports@acme.example"
    packed = gzip.compress(report_text(number))
    message.add_attachment(packed, maintype="application", subtype="gzip", filename="r.xml.gz")
    with smtplib.SMTP(house.address, house.ports["mx"], timeout=30) as client:
        client.send_message(message)


def by_api(house: Installation, number: int) -> None:
    """The report as a script hands it in."""
    assert house.api("POST", "/dmarc/reports", report_text(number))["report_id"] == f"r-{number}"


class Browser:
    """A signed-in person."""

    def __init__(self, house: Installation) -> None:
        self.house = house
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar)
        fields = self.fields("/sign-in") | {"username": ADMIN[0], "password": ADMIN[1]}
        data = urllib.parse.urlencode(fields).encode()
        with self.opener.open(f"{house.url}/sign-in", data, timeout=30) as answer:
            assert "/sign-in" not in answer.url

    def fields(self, path: str) -> dict[str, str]:
        """Return the hidden fields of a form."""
        with self.opener.open(f"{self.house.url}{path}", timeout=30) as answer:
            text = answer.read().decode()
        tags = re.findall(r'<input type="hidden"[^>]*>', text)
        pairs = [(re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)) for tag in tags]
        return {name[1]: value[1] for name, value in pairs if name and value}

    def upload(self, number: int) -> None:
        """Hand in a report on the page."""
        path = "/domains/acme.example/reports/upload"
        parts = "".join(
            f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in self.fields(path).items()
        )
        head = 'Content-Disposition: form-data; name="file"; filename="r.xml"\r\nContent-Type: text/xml'
        data = f"{parts}--B\r\n{head}\r\n\r\n".encode() + report_text(number) + b"\r\n--B--\r\n"
        kind = {"Content-Type": "multipart/form-data; boundary=B"}
        request = urllib.request.Request(f"{self.house.url}{path}", data, kind)
        with self.opener.open(request, timeout=30) as answer:
            assert re.search(r"Stored|Already known", answer.read().decode())


def messages(house: Installation) -> int:
    """Return how many messages the stored reports tell of."""
    return sum(item["messages"] for item in house.api("GET", "/domains/acme.example/dmarc/sources")["items"])


def test_a_report_by_all_roads_at_once_counts_once_though_its_readers_died(mortal: Installation) -> None:
    for number in range(REPORTS):
        by_mail(mortal, number)
    eventually(lambda: b"signal 9 (SIGKILL)" in mortal.log.read_bytes())
    with pytest.raises((OSError, http.client.HTTPException)):
        by_api(mortal, 0)
    eventually(lambda: b"web ended by SIGKILL" in mortal.log.read_bytes())

    mortal.stop()
    mortal.settings = {**mortal.settings, "MAILADMIN_FAIL_POINTS": ""}
    mortal.start()
    assert messages(mortal) in range(0, 12 * REPORTS + 1, 12)
    browser = Browser(mortal)
    roads = [by_mail, by_api, lambda _house, number: browser.upload(number)]
    with ThreadPoolExecutor(ROADS) as threads:
        for number in range(REPORTS - 1):  # the last one comes by the mail of before alone
            list(threads.map(lambda road, n=number: road(mortal, n), (roads * ROADS)[:ROADS]))
    eventually(lambda: messages(mortal) >= 12 * REPORTS, 90)
    assert messages(mortal) == 12 * REPORTS
