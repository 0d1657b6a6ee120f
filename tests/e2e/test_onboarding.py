"""The guided page in a real browser, from nothing to everything green: by hand-pasting into a name server."""

from collections.abc import Callable

import pytest

from tests.conftest import needs_program
from tests.dns_server import DnsServer
from tests.e2e.conftest import BOB
from tests.e2e.installation import Installation, eventually
from tests.e2e.test_browser import browser, sign_in
from tests.e2e.test_first_domain import submit, swaks_to_mx

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = needs_program("chromium", "swaks")
PASSWORD = "a walk 4 the dogs"
AT_LEAST_ONE_LOOK = 60_000  # milliseconds


def _paste(page: "sync_api.Page", dns: DnsServer) -> list[str]:
    """Publish what the page gives to copy, as a person would at a provider; returns the names."""
    names = []
    for record in page.locator(".guide .paste").all():
        copies = [button.get_attribute("data-copy") for button in record.locator(".copy").all()]
        labels = [button.get_attribute("aria-label") or "" for button in record.locator(".copy").all()]
        given = {label.partition(":")[0]: text for label, text in zip(labels, copies, strict=True)}
        rdtype = record.locator(".record-value strong").first.text_content()
        dns.zone[str(given["Copy full name"]), str(rdtype)] = [str(given["Copy value"]).removesuffix(".")]
        names.append(str(given["Copy full name"]))
    return names


def _next(page: "sync_api.Page") -> str:
    return str(page.locator(".guide > li[aria-current=step] > .step strong").inner_text())


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_a_new_domain_is_led_from_nothing_to_everything_green(
    house: Installation, neighbour: Installation, dns: DnsServer, javascript: bool
) -> None:
    name = "guided.example" if javascript else "handmade.example"
    dns.zone[(name, "TXT")] = ["v=spf1 include:_spf.old.example ~all"]
    dns.zone[("_spf.old.example", "TXT")] = ["v=spf1 ip4:192.0.2.7 -all"]
    dns.zone[(name, "MX")] = ["10 mx.old.example"]
    with browser(java_script_enabled=javascript) as page:

        def until(title: str, by_itself: bool = False) -> None:
            """Come to a step: a person looks, or with scripts the page by itself."""
            if not (javascript and by_itself):
                page.get_by_role("button", name="Check now").click()
            there = page.locator(".guide > li[aria-current=step]", has_text=title)
            sync_api.expect(there).to_be_visible(timeout=AT_LEAST_ONE_LOOK)

        sign_in(page, house)
        page.goto(f"{house.url}/domains/add")
        page.fill("input[name=name]", name)
        page.click("main button.primary")
        page.wait_for_url(f"{house.url}/domains/{name}/start")
        assert _next(page) == "Make a mailbox"
        page.get_by_role("link", name="Add a mailbox").click()
        page.fill("input[name=address]", "dora")
        page.fill("input[name=password]", PASSWORD)
        page.click("main button.primary")
        page.wait_for_load_state()

        page.goto(f"{house.url}/domains/{name}/start")
        page.get_by_role("button", name="Check now").click()
        sync_api.expect(page.get_by_text("Mail for this domain is delivered to mx.old.example today")).to_be_visible()
        published = _paste(page, dns)
        assert any("_domainkey" in one for one in published)
        assert not any(one.startswith(("_imaps", "autoconfig", "mta-sts")) for one in published)
        assert dns.zone[(name, "MX")] == ["10 mx.old.example"]
        (spf,) = dns.zone[(name, "TXT")]
        assert spf.startswith("v=spf1 include:_spf.old.example mx ")
        assert spf.endswith(" ~all")
        until("Ready to move?", by_itself=True)

        page.get_by_role("button", name="Look now").click()
        sync_api.expect(page.locator(".checks")).to_be_visible(timeout=AT_LEAST_ONE_LOOK)
        assert page.locator(".checks .chip-bad").count() == 0, page.locator(".checks").inner_text()
        assert _next(page) == "Point mail here"
        assert _paste(page, dns) == [name]
        assert dns.zone[(name, "MX")] == ["10 mail.acme.example"]
        until("Receive and send a first message")

        swaks_to_mx(house, "carol@far.example", f"dora@{name}")
        submit(house, (f"dora@{name}", PASSWORD), [BOB[0]], "Hello")
        eventually(_sent(house, name))
        until("Let mail programs find the server")

        _paste(page, dns)
        page.get_by_role("button", name="Check now").click()
        sync_api.expect(page.get_by_role("heading", name="Everything is set up")).to_be_visible(
            timeout=AT_LEAST_ONE_LOOK
        )
        page.goto(f"{house.url}/domains/{name}")
        assert "Everything is right" in page.locator("main").inner_text()


def _sent(house: Installation, name: str) -> Callable[[], bool]:
    def look() -> bool:
        found = house.api("GET", f"/messages?address=dora@{name}")["items"]
        return any(one["direction"] == "out" and one["outcome"] == "sent" for one in found)

    return look
