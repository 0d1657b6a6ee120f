"""From nothing to all green in a real browser, against BIND: by RFC 2136, and by pasting each record by hand."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from domains.models import Actor, DkimKey, Domain, KeyState
from domains.services.check import health_of
from tests.conftest import needs_program
from tests.name_server import KEY_NAME, SECRET, NameServer
from tests.panel.test_browser import _signed_in

pytestmark = [
    needs_program("chromium"),
    needs_program("named"),
    pytest.mark.django_db(transaction=True),
]

ZONE = "acme.example"
REVERSE = "2.0.192.in-addr.arpa"


@pytest.fixture
def server(tmp_path: Any, settings: Any) -> Iterator[NameServer]:
    lines = {ZONE: '@ IN TXT "site-verification=1"\n', REVERSE: ""}
    with NameServer(tmp_path / "named", lines) as running:
        settings.MAILADMIN = replace(
            settings.MAILADMIN,
            resolvers=(("127.0.0.1", running.port),),
            authoritative=False,
            hostname=f"mail.{ZONE}",
            public_addresses=("192.0.2.25",),
            private_networks=(ip_network("127.0.0.0/8"),),
        )
        nsupdate(running, REVERSE, [f"update add 25.{REVERSE}. 60 PTR mail.{ZONE}."])
        yield running


def nsupdate(server: NameServer, zone: str, lines: list[str]) -> None:
    """Do as a person at the provider's page does."""
    script = [
        f"server 127.0.0.1 {server.port}",
        f"key hmac-sha256:{KEY_NAME} {SECRET}",
        f"zone {zone}.",
        *lines,
        "send",
    ]
    subprocess.run(["nsupdate"], input="\n".join([*script, ""]).encode(), check=True, capture_output=True)


def _add_domain(page: Page) -> None:
    page.get_by_role("link", name="Add a domain").click()
    page.get_by_label("Domain name").fill(ZONE)
    page.get_by_role("button", name="Add a domain").click()
    expect(page.get_by_role("heading", name=ZONE, level=1)).to_be_visible()


def _all_green() -> None:
    domain = Domain.objects.prefetch_related("dkim_keys", "observations").get(name=ZONE)
    assert health_of(domain).word == "good"
    assert set(DkimKey.objects.values_list("state", flat=True)) == {KeyState.ACTIVE}


def test_a_domain_goes_green_by_a_key_for_its_zone(live_server: Any, rosa: Actor, server: NameServer) -> None:
    with _signed_in(live_server) as page:
        _add_domain(page)
        page.goto(f"/domains/{ZONE}/dns")
        page.get_by_role("link", name="Plan").click()
        page.get_by_role("link", name="Access to the zone").click()
        page.get_by_label("Primary server").fill("127.0.0.1")
        page.get_by_label("Port").fill(str(server.port))
        page.get_by_label("Name of the key").fill(KEY_NAME)
        page.get_by_label("Secret").fill("d3Jvbmc=")
        page.get_by_role("button", name="Try it out").click()
        expect(page.locator("#id_secret_error")).to_contain_text("not the one that the server has")
        page.get_by_label("Secret").fill(SECRET)
        page.get_by_role("button", name="Try it out").click()
        expect(page.get_by_text("The key works")).to_be_visible()
        page.get_by_role("button", name="Review and apply").click()
        expect(page.get_by_role("heading", name="What will be changed")).to_be_visible()
        page.get_by_role("button", name="Apply to the zone").click()
        expect(page.get_by_text("every server was asked again")).to_be_visible()
        page.goto(f"/domains/{ZONE}")
        expect(page.locator(".standing .chip")).to_contain_text("All right")
        page.goto(f"/domains/{ZONE}/dns/plan")
        expect(page.get_by_text("There is nothing to change.")).to_be_visible()
        page.get_by_role("link", name="Undo").click()
        expect(page.get_by_text("These stay, since mail is signed with their keys")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("The change is undone")).to_be_visible()
        page.get_by_role("button", name="Review and apply").click()
        page.get_by_role("button", name="Apply to the zone").click()
        expect(page.get_by_text("every server was asked again")).to_be_visible()
    _all_green()
    assert '"site-verification=1"' in server.texts(ZONE, "TXT")


def test_a_domain_goes_green_by_pasting_each_record(live_server: Any, rosa: Actor, server: NameServer) -> None:
    with _signed_in(live_server) as page:
        _add_domain(page)
        page.goto(f"/domains/{ZONE}/dns/plan")
        pasted = []
        for step in page.locator(".step").all():
            rdtype = step.locator(".step-head span").first.inner_text().split()[-1]
            button = step.get_by_role("button", name="Copy value").first
            name = button.get_attribute("aria-label").partition(": ")[2]
            pasted.append(f"update add {name}. 300 {rdtype} {_as_typed(rdtype, button.get_attribute('data-copy'))}")
        assert len(pasted) > 10
        hosts_first = sorted(pasted, key=lambda line: " A " not in line)
        nsupdate(server, ZONE, hosts_first)
        page.goto(f"/domains/{ZONE}/dns")
        page.get_by_role("button", name="Check now").click()
        expect(page.get_by_text("Everything that was looked up is right.")).to_be_visible()
        page.goto(f"/domains/{ZONE}")
        expect(page.locator(".standing .chip")).to_contain_text("All right")
    _all_green()


def _as_typed(rdtype: str, value: str) -> str:
    """Return the value as a provider's form turns it into a record."""
    if rdtype == "TXT":
        return " ".join(f'"{value[start : start + 255]}"' for start in range(0, len(value), 255))
    return f"{value}." if rdtype in ("MX", "CNAME", "SRV") else value
