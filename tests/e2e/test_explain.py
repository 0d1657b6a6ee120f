"""A message is sent, looked at in a browser, and judged again with one record changed, with scripts and without."""

import pytest

from tests.conftest import needs_program
from tests.dns_server import DnsServer
from tests.e2e.conftest import ALICE
from tests.e2e.installation import Installation
from tests.e2e.test_browser import browser, sign_in
from tests.e2e.test_first_domain import swaks_to_mx

pytestmark = needs_program("chromium", "swaks")
RECORD = "v=spf1 ip4:127.0.0.0/8 -all"


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_a_message_is_explained_and_judged_again(house: Installation, dns: DnsServer, javascript: bool) -> None:
    name = "lesson.example" if javascript else "plainlesson.example"
    dns.zone[(name, "TXT")] = [RECORD]
    dns.zone[(f"_dmarc.{name}", "TXT")] = ["v=DMARC1; p=quarantine"]
    trace_id = swaks_to_mx(house, f"carol@{name}", ALICE[0], "--header", f"From: Carol <carol@{name}>")
    with browser(java_script_enabled=javascript, locale="en-GB") as page:
        sign_in(page, house)
        page.goto(f"{house.url}/messages/{trace_id}")
        story = page.locator("main")
        for text in ("Delivered to 1 recipient.", f"It is proven that it comes from {name}.", "agrees (relaxed)"):
            assert text in story.inner_text(), text
        page.get_by_text(f"Step by step through {name}").click()
        assert "ip4:127.0.0.0/8" in story.inner_text()
        page.get_by_role("link", name="What would have happened if…").click()
        assert page.get_by_label("What it would say").input_value() == RECORD
        page.get_by_label("What it would say").fill("v=spf1 -all")
        page.get_by_role("button", name="Judge it again").click()
        page.get_by_role("heading", name="It would have gone to Junk.").wait_for()
        assert page.locator("main mark", has_text="changed").count() >= 3
