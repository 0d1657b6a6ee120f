"""The administrator's main job in a real browser: sign in, add a domain, publish, see green, add a mailbox, trace."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import needs_program
from tests.dns_server import DnsServer
from tests.e2e.installation import ADMIN, Installation, eventually
from tests.e2e.test_first_domain import swaks_to_mx

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = needs_program("chromium", "swaks")


@contextmanager
def browser(**options: object) -> Iterator["sync_api.Page"]:
    """A page of Debian's chromium that fails on any script error or blocked resource."""
    with sync_api.sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = program.new_context(**options).new_page()
        faults: list[str] = []
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on(
            "console",
            lambda message: (
                faults.append(message.text) if message.type == "error" and "422" not in message.text else None
            ),
        )
        yield page
        program.close()
        assert faults == []


def sign_in(page: "sync_api.Page", house: Installation) -> None:
    """Sign in as the first administrator."""
    page.goto(f"{house.url}/sign-in")
    page.fill("input[name=username]", ADMIN[0])
    page.fill("input[name=password]", ADMIN[1])
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{house.url}/")


def _add_domain(page: "sync_api.Page", house: Installation, name: str) -> None:
    page.goto(f"{house.url}/domains/add")
    page.fill("input[name=name]", name)
    page.click("main button.primary")
    page.wait_for_url(re.compile(f"/domains/{re.escape(name)}"))


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_from_nothing_to_a_delivered_message(house: Installation, dns: DnsServer, javascript: bool) -> None:
    name = "browser.example" if javascript else "plain.example"
    with browser(java_script_enabled=javascript) as page:
        sign_in(page, house)
        _add_domain(page, house, name)
        page.goto(f"{house.url}/domains/{name}/dns")
        assert page.get_by_text("v=DKIM1; k=rsa").count() >= 1
        dns.load_zone_text(page.request.get(f"{house.url}/domains/{name}/dns/zone").text())
        page.get_by_role("button", name="Check now").first.click()
        page.wait_for_load_state("networkidle")
        page.goto(f"{house.url}/domains/{name}/dns")
        eventually(lambda: page.locator("main .records td:first-child > .chip").all_inner_texts())
        states = {text.split()[-1] for text in page.locator("main .records td:first-child > .chip").all_inner_texts()}
        assert states == {"Right"}, states
        page.goto(f"{house.url}/domains/{name}/mailboxes/add")
        page.fill("input[name=address]", "dora")
        page.fill("input[name=password]", "a walk 4 the dogs")
        page.click("main button.primary")
        page.wait_for_load_state()
        trace_id = swaks_to_mx(house, "carol@far.example", f"dora@{name}", "--header", "Subject: <b>bold</b>")
        page.goto(f"{house.url}/messages/{trace_id}")
        text = page.locator("main").inner_text()
        assert f"dora@{name}" in text
        assert "INBOX" in text


def test_a_form_posted_twice_and_wrong_input_lose_nothing(house: Installation) -> None:
    with browser() as page:
        sign_in(page, house)
        page.goto(f"{house.url}/domains/add")
        page.fill("input[name=name]", "no domain at all")
        page.click("main button.primary")
        page.wait_for_load_state()
        assert page.input_value("input[name=name]") == "no domain at all"
        assert "Allowed are" in page.locator("main").inner_text()
        page.fill("input[name=name]", "ACME.example")
        page.click("main button.primary")
        page.wait_for_load_state()
        assert "exists already" in page.locator("main").inner_text()


def test_the_phone_speaks_french_in_the_dark(house: Installation) -> None:
    with browser(viewport={"width": 390, "height": 844}, color_scheme="dark", locale="fr-FR") as page:
        sign_in(page, house)
        page.goto(f"{house.url}/domains/acme.example/dns")
        assert page.evaluate("document.documentElement.lang") == "fr"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.get_by_role("button", name=re.compile("Vérifier")).count() >= 1
