"""The panel in a real browser: forms with and without JavaScript, copying, htmx, the phone, no policy violated."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect, sync_playwright

from domains.models import Actor
from tests.conftest import needs_program
from tests.panel.people import PASSWORD, Place, make_place

pytestmark = [needs_program("chromium"), pytest.mark.django_db(transaction=True)]


@contextmanager
def _signed_in(live_server: Any, expected: str = "", **settings: Any) -> Iterator[Page]:
    """Give Rosa's page in a chromium of its own; what the browser complains of fails the test.

    Everything in here runs beside Playwright's loop, so the database is touched before and after only.
    """
    complaints: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = chromium.new_context(base_url=live_server.url, locale="en-GB", **settings).new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.goto("/sign-in")
        page.get_by_label("E-mail address").fill("rosa@operator.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Home", level=1)).to_be_visible()
        yield page
        chromium.close()
    assert [line for line in complaints if not expected or not re.search(expected, line)] == []


@pytest.mark.usefixtures("offline_check")
def test_a_domain_is_added_checked_and_its_records_copied(live_server: Any, rosa: Actor) -> None:
    with _signed_in(live_server) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("link", name="Add a domain").click()
        page.get_by_label("Domain name").fill("nodot")
        page.get_by_role("button", name="Add a domain").click()
        expect(page.locator("#id_name_error")).to_contain_text("has no dot")
        expect(page.get_by_label("Domain name")).to_be_focused()
        page.get_by_label("Domain name").fill("acme.example")
        page.get_by_role("button", name="Add a domain").click()
        expect(page.get_by_role("heading", name="acme.example")).to_be_visible()
        page.get_by_role("link", name="DNS", exact=True).click()
        page.get_by_role("button", name="Copy full name: _dmarc.acme.example").click()
        expect(page.locator(".copy[data-copied]")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == "_dmarc.acme.example"
        with page.expect_response("**/dns/check") as answer:
            page.get_by_role("button", name="Check now").click()
        assert answer.value.status == 200
        assert answer.value.headers["content-type"] == "application/x-ndjson"
        expect(page.locator("#records tbody tr").first).to_be_visible()
        page.keyboard.press("Control+k")
        expect(page.locator("#seek-rail")).to_be_focused()


@pytest.mark.usefixtures("offline_check")
def test_a_check_says_that_it_works_and_a_lost_one_is_sent_plainly(
    live_server: Any, rosa: Actor, near: Place
) -> None:
    held: list[Route] = []
    with _signed_in(live_server, expected=r"net::ERR_FAILED") as page:
        page.goto("/domains/near.example/dns")
        button = page.get_by_role("button", name="Check now")
        page.route("**/dns/check", lambda route: held.append(route))
        button.press("Enter")
        expect(page.locator(".busy")).to_contain_text(re.compile(r"Looking up \d+ records"))
        button.press("Enter")
        held.pop().continue_()
        expect(page.locator(".busy")).not_to_be_visible()
        expect(button).to_be_focused()
        assert held == []
        page.unroute("**/dns/check")
        page.route("**/dns/check", lambda route: route.abort(), times=1)
        button.press("Enter")
        expect(page.get_by_text("Every record was looked up.")).to_be_visible()


def test_without_javascript_the_main_jobs_are_done(live_server: Any, rosa: Actor) -> None:
    with _signed_in(live_server, java_script_enabled=False) as page:
        page.goto("/domains/add")
        page.get_by_label("Domain name").fill("plain.example")
        page.get_by_role("button", name="Add a domain").click()
        expect(page.locator(".copy").first).not_to_be_visible()
        page.goto("/domains/plain.example/mailboxes/add")
        page.get_by_label("Address").fill("carl")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Add the mailbox").click()
        expect(page.get_by_text("carl@plain.example takes mail from now on.")).to_be_visible()
        page.get_by_role("button", name="Sign out").first.click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_on_a_phone_nothing_is_wider_than_the_screen(live_server: Any, rosa: Actor) -> None:
    place: Place = make_place("near.example", "alice")
    addresses = ["/", "/domains", "/queue", "/messages", f"/messages/{place.trace}", "/services", "/audit", "/me"]
    addresses += [
        f"/domains/near.example{tab}"
        for tab in ("", "/dns", "/keys", "/senders", "/reports", "/mailboxes", "/aliases")
    ]
    screen: Any = {"width": 360, "height": 740}
    with _signed_in(live_server, viewport=screen, is_mobile=True, color_scheme="dark") as page:
        for address in addresses:
            page.goto(address)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address
        page.goto("/")
        page.get_by_text("More").click()
        expect(page.get_by_label("All pages").get_by_role("link", name="Audit")).to_be_visible()
