"""A whole installation whose certificate is right, as others see it: mail programs, and the linter."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.certificates import Authority
from tests.conftest import needs_program
from tests.dns_server import DnsServer
from tests.e2e.conftest import publish
from tests.e2e.installation import ADMIN, Installation

NAME = "tested.example"
WEB = [f"{label}.{NAME}" for label in ("autoconfig", "autodiscover", "mta-sts")]


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory, dns: DnsServer) -> Iterator[Installation]:
    """tested.example, published, its names in the certificate of the one host that serves all of them."""
    folder: Path = tmp_path_factory.mktemp("tested")
    authority = Authority(folder)
    host = f"mail.{NAME}"
    cert, key = authority.issue(host, *WEB)
    made = Installation(folder, "127.0.0.3", host)
    served = ("submission", "submissions", "imap", "imaps", "pop3", "pop3s", "https")
    ports = {name: made.ports[name] for name in served}
    made.settings = {
        "MAILADMIN_RESOLVER": f"127.0.0.1:{dns.port}",
        "MAILADMIN_WORKERS": "1",
        "MAILADMIN_TLS_CERT": str(cert),
        "MAILADMIN_TLS_KEY": str(key),
        "MAILADMIN_CA_FILE": str(authority.ca_file),
        "MAILADMIN_STS_PORT": str(made.ports["https"]),
        "MAILADMIN_PUBLIC_PORTS": ",".join(f"{name}:{port}" for name, port in ports.items()),
    }
    dns.zone[(host, "A")] = ["127.0.0.3"]
    try:
        made.start()
        made.api("POST", "/domains", {"name": NAME})
        publish(dns, made, NAME)
        yield made
    finally:
        made.stop()


def test_every_program_sets_itself_up(tested: Installation) -> None:
    body = tested.api("POST", f"/domains/{NAME}/client-test", {"address": f"alice@{NAME}"})
    assert {row["client"]: row["ok"] for row in body["clients"]} == dict.fromkeys(
        ("thunderbird", "outlook", "apple"), True
    ), body
    for row in body["clients"]:
        assert all(setting["works"] and setting["ours"] for setting in row["settings"]), row
        assert {setting["username"] for setting in row["settings"]} == {f"alice@{NAME}"}
    thunderbird, _outlook, apple = body["clients"]
    assert [setting["security"] for setting in thunderbird["settings"]] == ["tls", "starttls"] * 3
    assert "IMAP4rev1" in thunderbird["settings"][0]["capabilities"]
    assert apple["steps"][-1]["code"] == "signed"


def test_a_missing_name_and_a_certificate_without_it(tested: Installation, dns: DnsServer) -> None:
    name = "second.example"
    tested.api("POST", "/domains", {"name": name})
    publish(dns, tested, name)
    del dns.zone[(f"autodiscover.{name}", "CNAME")]
    thunderbird, outlook, _apple = tested.api("POST", f"/domains/{name}/client-test", {})["clients"]
    assert thunderbird["steps"][0]["code"] == "certificate"
    assert f"mail.{NAME}" in thunderbird["steps"][0]["message"]
    assert [step["code"] for step in outlook["steps"]][:3] == ["no-name"] * 3
    assert outlook["ok"] is False


def test_the_linter_sees_the_domain_as_others_do(tested: Installation, dns: DnsServer) -> None:
    """All that was published is right, the MTA-STS policy behind its record included; loopback is no mail host."""
    tested.api("PATCH", f"/domains/{NAME}", {"mta_sts": "testing"})
    publish(dns, tested, NAME)
    body = tested.api("POST", "/lint", {"domain": NAME})
    found = [
        (record["name"], row["code"])
        for record in body["records"]
        for row in record["findings"]
        if row["level"] != "note"
    ]
    # Without DNSSEC the pin counts for nothing, and a laboratory's address is not one of the Internet.
    assert sorted(found) == [
        (f"_25._tcp.mail.{NAME}", "tlsa-unsigned"),
        (NAME, "host-private"),
        (NAME, "spf-private"),
    ]
    policy = next(record for record in body["records"] if record["kind"] == "mta-sts-policy")
    assert policy["text"].startswith("version: STSv1")
    selectors = {record["name"] for record in body["records"] if record["kind"] == "dkim" and record["text"]}
    assert len(selectors) == 2


@needs_program("chromium")
def test_the_results_come_one_after_the_other(tested: Installation) -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = chromium.new_context(base_url=tested.url, locale="en-GB").new_page()
        complaints: list[str] = []
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.goto("/sign-in")
        page.get_by_label("E-mail address").fill(ADMIN[0])
        page.get_by_label("Password").fill(ADMIN[1])
        page.get_by_role("button", name="Sign in").click()
        page.goto(f"/domains/{NAME}/settings")
        page.locator("#clients").get_by_role("link", name="Test").click()
        page.get_by_role("button", name="Test").click()
        for name in ("Thunderbird", "Outlook", "Apple Mail"):
            section = page.locator("#client-results section").filter(has=page.get_by_role("heading", name=name))
            expect(section.locator(".chip").first).to_contain_text("Sets itself up", timeout=20_000)
        chromium.close()
    assert complaints == []
