"""The Senders page: opens without the DNS, says what a sender would cost before it is added, draws the tree."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from domains.models import Actor, Domain, RecordObservation, Sender
from domains.services import senders as service
from domains.services.spf_reading import read_spf
from tests.conftest import needs_program
from tests.dns_fixtures import dns, dns_settings  # noqa: F401
from tests.dns_server import DnsServer
from tests.factories import superadmin_act
from tests.panel.people import HOSTILE, Place, signed_in
from tests.panel.test_browser import _signed_in as browser_of_rosa

pytestmark = pytest.mark.django_db
PAGE = "/domains/near.example/senders"


@pytest.fixture
def zone(dns_settings: DnsServer, settings: Any) -> Iterator[DnsServer]:  # noqa: F811
    """A name server that knows near.example and two includes."""
    settings.MAILADMIN = replace(settings.MAILADMIN, public_addresses=("192.0.2.25",))
    dns_settings.zone |= {
        ("near.example", "MX"): ["10 mail.acme.example"],
        ("_spf.far.example", "TXT"): ["v=spf1 include:_more.far.example include:_more.far.example -all"],
        ("_more.far.example", "TXT"): ["v=spf1 ip4:198.51.100.0/24 -all"],
    }
    return dns_settings


def _fields(**values: str) -> dict[str, str]:
    return {"value": "", "name": "", "selectors": "", "note": ""} | values


def test_the_page_opens_without_asking_the_dns(dora: Actor, near: Place, zone: DnsServer) -> None:
    body = signed_in(dora).get(PAGE).content.decode()
    assert "v=spf1 mx ip4:192.0.2.25 -all" in body
    assert "Look up what it costs" in body
    assert "Mailchimp" in body
    assert zone.asked == []


def test_the_page_takes_as_many_queries_with_many_senders(
    dora: Actor, near: Place, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(dora)
    for number in range(30):
        Sender.objects.create(domain=near.domain, kind="relay", value=f"198.51.100.{number}", name="relay")
    with django_assert_max_num_queries(14):
        assert client.get(PAGE).content.decode().count("ip4:198.51.100.") >= 30


def test_the_cost_is_said_before_and_nothing_is_added(dora: Actor, near: Place, zone: DnsServer) -> None:
    client = signed_in(dora)
    address = reverse("sender-add", args=["near.example", "custom"])
    body = client.post(address, _fields(value="_spf.far.example") | {"look": "1"}).content.decode()
    assert "It takes 3 look-ups; with all others that makes 4 of 10." in body
    assert "Nothing is added yet." in body
    assert Sender.objects.filter(domain=near.domain).count() == 1
    body = client.post(
        reverse("sender-add", args=["near.example", "service"]), _fields(value="brevo") | {"look": "1"}
    ).content.decode()
    assert "uses an envelope domain of its own" in body


def test_a_sender_is_added_changed_and_removed(dora: Actor, near: Place, zone: DnsServer) -> None:
    client = signed_in(dora)
    address = reverse("sender-add", args=["near.example", "custom"])
    form = _fields(value="_spf.far.example", selectors="far1, far2", note="News") | {"once": "x"}
    assert client.post(address, form).status_code == 302
    sender = Sender.objects.get(kind="custom")
    assert (sender.lookups, sender.selectors, sender.note) == (3, ["far1", "far2"], "News")
    assert "is listed already" in client.post(address, form).content.decode()
    one = reverse("sender-change", args=["near.example", sender.pk])
    assert 'value="far1 far2"' in client.get(one).content.decode()
    assert client.post(one, {"name": "Far", "selectors": "", "note": ""}).status_code == 302
    assert client.post(reverse("sender-delete", args=["near.example", sender.pk])).status_code == 302
    assert not Sender.objects.filter(kind="custom").exists()


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("custom", {"value": "gone.example"}, "gone.example has no SPF record"),
        ("custom", {"value": "near.example"}, "This is the domain itself"),
        ("custom", {"value": "_spf.far.example", "selectors": "a.b"}, "is not a selector"),
        ("custom", {"value": "_spf.far.example", "note": "a\x01b"}, "one line"),
        ("relay", {"value": "0.0.0.0/0"}, "too many addresses"),
        ("relay", {"value": HOSTILE}, "neither an address"),
        ("service", {"value": "nobody"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    dora: Actor, near: Place, zone: DnsServer, kind: str, values: dict[str, str], words: str
) -> None:
    address = reverse("sender-add", args=["near.example", kind])
    body = signed_in(dora).post(address, _fields(**values)).content.decode()
    assert words in body
    assert "<script>" not in body
    assert Sender.objects.filter(domain=near.domain).count() == 1


def test_a_kind_that_does_not_exist_is_not_found(dora: Actor, near: Place) -> None:
    assert signed_in(dora).get(f"{PAGE}/add/own").status_code == 404


def test_what_is_published_and_not_listed_is_offered(dora: Actor, near: Place) -> None:
    text = "v=spf1 include:_spf.google.com include:x.far.example -all"
    RecordObservation.objects.create(
        domain=near.domain, purpose="spf", name="near.example", type="TXT", expected="x", found=[text],
        checked_at="2026-11-24T00:00:00Z",
    )  # fmt: skip
    client = signed_in(dora)
    body = client.get(PAGE).content.decode()
    assert "not in this list: Google Workspace." in body
    assert "add/custom?value=x.far.example" in body
    assert (
        '<option value="google-workspace" selected>'
        in client.get(f"{PAGE}/add/service?value=google-workspace").content.decode()
    )


def test_a_reading_is_drawn_with_its_faults_and_its_age(dora: Actor, near: Place, zone: DnsServer) -> None:
    zone.zone["near.example", "TXT"] = ["v=spf1 include:_spf.far.example include:gone.example ~all"]
    read_spf(superadmin_act(), "near.example")
    client = signed_in(dora)
    body = client.get(PAGE).content.decode()
    assert "v=spf1 include:_spf.far.example include:gone.example mx ip4:192.0.2.25 ~all" in body
    assert "5 of 10" in body
    assert "4 of 10" in body
    assert "gone.example has no SPF record" in body
    assert "_more.far.example is read more than once" in body
    assert "The senders changed since" not in body
    Sender.objects.create(domain=near.domain, kind="relay", value="198.51.100.1", name="relay")
    assert "The senders changed since" in client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["v=spf1 -all", "v=spf1 ~all"], "Several SPF records are published"),
        (["v=spf1 nonsense -all"], "The published record has a syntax error"),
        (["v=spf1 -mx -all"], "says no to our servers by -mx"),
        (["v=spf1 " + " ".join(f"exists:%{{i}}.l{n}.example" for n in range(12)) + " -all"], "receivers stop at 10"),
        (["v=spf1 a:x.far.example a:y.far.example a:z.far.example -all"], "receivers stop after 2"),
        ([], "No SPF record is published yet"),
    ],
)
def test_what_is_wrong_with_the_record_is_said_in_words(
    dora: Actor, near: Place, zone: DnsServer, texts: list[str], words: str
) -> None:
    zone.zone["near.example", "TXT"] = texts
    read_spf(superadmin_act(), "near.example")
    assert words in signed_in(dora).get(PAGE).content.decode()


def test_a_name_of_somebody_else_is_no_markup(dora: Actor, near: Place) -> None:
    Sender.objects.create(domain=near.domain, kind="relay", value="198.51.100.1", name=HOSTILE, note=HOSTILE)
    client = signed_in(dora)
    pk = Sender.objects.get(kind="relay").pk
    for address in (PAGE, f"{PAGE}/{pk}", f"{PAGE}/{pk}/delete", f"{PAGE}/add/custom?value={HOSTILE}"):
        body = client.get(address).content.decode()
        assert "<script>alert" not in body
        assert "<img src=x" not in body


@needs_program("chromium")
@pytest.mark.django_db(transaction=True)
def test_in_a_browser_a_service_is_weighed_added_and_the_record_read(
    live_server: Any, rosa: Actor, near: Place, zone: DnsServer
) -> None:
    zone.zone["spf.messagingengine.com", "TXT"] = ["v=spf1 ip4:198.51.100.0/24 -all"]
    with browser_of_rosa(live_server) as page:
        page.goto(PAGE)
        page.get_by_role("link", name="Add a service").click()
        page.get_by_label("Service").select_option("Fastmail")
        page.get_by_role("button", name="What does it cost?").click()
        expect(page.get_by_role("status")).to_contain_text("that makes 2 of 10")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_text("Fastmail may send.")).to_be_visible()
        with page.expect_response("**/senders/read") as answer:
            page.get_by_role("button", name="Look up what it costs").click()
        assert answer.value.request.headers["hx-request"] == "true"
        expect(page.locator("#spf")).to_contain_text("include:spf.messagingengine.com -all")
        expect(page.locator("#spf")).to_contain_text("No SPF record is published yet.")
    assert service.senders_of(Domain.objects.get(name="near.example"))[-1].value == "fastmail"
