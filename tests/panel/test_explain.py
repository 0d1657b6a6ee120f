"""The page *Explain this message* and its short form, as administrators and owners open them."""

import asyncio
import html
import re

import pytest
from django.test import Client
from django.urls import reverse

from domains.audit import system_act
from domains.models import Actor, Trace
from domains.trace import MessageTrace
from mailboxes.services import accounts
from tests.antispam.story_samples import OWN, SAMPLES, Sample, trace_of
from tests.factories import make_domain
from tests.panel.people import PASSWORD, signed_in

pytestmark = pytest.mark.django_db
BY_NAME = {sample.name: sample for sample in SAMPLES}


def keep(trace: MessageTrace) -> Trace:
    """Store a trace as delivery does, its stages not expanded yet."""
    return Trace.objects.create(
        id=trace.id,
        direction=trace.direction,
        mail_from=trace.mail_from,
        recipients=trace.recipients,
        domains=sorted(trace.domains),
        received_at=trace.received_at,
        outcome=trace.outcome,
        client_address=trace.client_address,
        pending_events=[event.as_json() for event in trace.events],
    )


def kept(sample: Sample) -> Trace:
    return keep(asyncio.run(trace_of(sample)))


@pytest.fixture
def owner() -> Actor:
    make_domain("acme.example")
    return accounts.create_account(system_act("console"), OWN, PASSWORD).actor


def read(client: Client, address: str, **data: str) -> str:
    response = client.post(address, data) if data else client.get(address)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", html.unescape(response.content.decode()))


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("name", list(BY_NAME))
def test_every_situation_has_its_page(rosa: Actor, name: str, language: str) -> None:
    trace = kept(BY_NAME[name])
    client = signed_in(rosa, headers={"accept-language": language})
    response = client.get(reverse("message", args=[trace.pk]))
    assert response.status_code == 200
    page = response.content.decode()
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert page.count('<li id="') >= 9


def test_a_name_that_looks_like_another_is_marked(rosa: Actor) -> None:
    shown_only = Sample("shown only", mail_from="a@plain.example", author="a@xn--pypal-4ve.example")
    for sample in (BY_NAME["look-alike"], shown_only):
        page = read(signed_in(rosa), reverse("message", args=[kept(sample).pk]))
        assert "looks like paypal.example" in page


def test_the_owner_reads_the_short_form_without_others(owner: Actor) -> None:
    trace = asyncio.run(trace_of(BY_NAME["fail"]))
    trace.recipients.append("bob@acme.example")
    trace.add("delivery", "delivered", "", {"recipient": "bob@acme.example", "folder": "INBOX", "uid": "7"})
    client = signed_in(owner)
    page = read(client, reverse("message", args=[keep(trace).pk]))
    assert "It was delivered to Junk." in page
    assert "What to do" in page
    for secret in ("bob@", "dmarc-fail", "SIZE", "UID"):
        assert secret not in page
    listed = read(client, reverse("messages"))
    assert OWN in listed
    assert "bob@" not in listed
    assert "1 more" not in listed


def test_an_owner_may_not_judge_again(owner: Actor) -> None:
    trace = kept(BY_NAME["fail"])
    assert signed_in(owner).get(reverse("what-if", args=[trace.pk])).status_code == 403


def test_one_change_is_offered_tried_and_shown(rosa: Actor) -> None:
    address = reverse("what-if", args=[kept(BY_NAME["spf-only"]).pk])
    client = signed_in(rosa)
    page = read(client, address)
    assert "v=spf1 ip4:198.51.100.0/24 include:_spf.mailer.example mx ~all" in page
    assert "_dmarc.shop.example" in page
    page = read(client, f"{address}?change=spf", name="shop.example", type="TXT", values="v=spf1 -all")
    for text in ("It would have gone to Junk.", "Then: In the inbox.", "<mark>changed</mark>"):
        assert text in page
    page = read(client, f"{address}?change=client", client_address="nonsense")
    assert "This is not an IP address." in page


def test_what_was_not_asked_is_named(rosa: Actor) -> None:
    address = reverse("what-if", args=[kept(BY_NAME["spf-only"]).pk])
    page = read(signed_in(rosa), address, name="shop.example", type="TXT", values="v=spf1 include:new.example -all")
    assert "Not asked then, so not known" in page
    assert "new.example TXT" in page
