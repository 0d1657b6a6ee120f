"""The weekly summary in a real browser: drawn under its own policy, fit for a phone, light and dark."""

from datetime import timedelta
from typing import Any

import pytest

from domains.dmarc.report import SpfResult
from domains.models import Actor, DmarcDaily, DmarcSource, Sender
from tests.conftest import needs_program
from tests.factories import make_domain
from tests.panel.people import HOSTILE
from tests.panel.test_browser import _signed_in
from tests.panel.test_reports import TODAY, hand_in, row

pytestmark = [needs_program("chromium"), pytest.mark.django_db(transaction=True)]

LONG = f"{'n' * 40}.{'o' * 40}.example"
SUNDAY = TODAY - timedelta(days=TODAY.weekday() + 1)
LOADED = "[...document.images].map(image => image.complete && image.naturalWidth)"
INK = "getComputedStyle(document.body).color + getComputedStyle(document.querySelector('.card')).backgroundColor"


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (700, "light")])
def test_it_is_drawn_and_fits(live_server: Any, rosa: Actor, width: int, scheme: Any) -> None:
    for name in ("near.example", LONG):
        Sender.objects.create(domain=make_domain(name), kind="service", value="mailchimp", name="Mailchimp")
        chimp = {"spf_results": (SpfResult("mail1.mcsv.net", "mfrom", "pass"),)}
        hand_in(name, row("203.0.113.9", 25, **chimp), row("192.0.2.200", 40), age=(TODAY - SUNDAY).days)
    DmarcDaily.objects.filter(sender="Mailchimp").update(sender=HOSTILE)
    DmarcSource.objects.filter(sender="Mailchimp").update(
        sender=HOSTILE, fix={"code": "sign-server", "name": "x" * 300}
    )
    with _signed_in(live_server, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        page.goto("/reports")
        page.get_by_role("link", name="Summary of the week").click()
        assert page.evaluate(LOADED) == [1120, 1120]
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        dark, light = "rgb(236, 235, 230)rgb(29, 30, 28)", "rgb(28, 28, 26)rgb(255, 255, 255)"
        assert page.evaluate(INK) == (dark if scheme == "dark" else light)
        assert page.get_by_text("<script>alert(1)").count() == 2
        page.get_by_role("link", name="Reports").first.click()
        assert page.url.endswith("/reports")
