"""The guided page: what it leads to, how it looks again by itself, and that without JavaScript a button does it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from domains.models import Actor, Domain
from domains.services.preflight import Check, Verdict
from tests.panel.people import Place, make_trace, signed_in

ADDRESS = "/domains/near.example/start"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that were looked up."""
    asked: list[str] = []

    def check_now(act: Any, name: str) -> list[Any]:
        asked.append(name)
        Domain.objects.filter(name=name).update(checked_at=timezone.now())
        return []

    monkeypatch.setattr("domains.views.onboarding.check_now", check_now)
    return asked


def _seen(body: str) -> str:
    found = re.search(r'&quot;seen&quot;: &quot;(\w+)|"seen": "(\w+)"', body)
    assert found is not None
    return found[1] or found[2]


def test_adding_a_domain_leads_to_its_guided_page(rosa: Actor) -> None:
    response = signed_in(rosa).post("/domains/add", {"name": "new.example"}, follow=True)
    assert response.redirect_chain == [("/domains/new.example/start", 302)]
    body = response.content.decode()
    assert "0 of 7 steps done" in body
    assert body.count('aria-current="step"') == 1
    assert "Make a mailbox" in body


def test_a_domain_administrators_new_domain_begins_with_the_proof(dora: Actor) -> None:
    body = signed_in(dora).post("/domains/add", {"name": "new.example"}, follow=True).content.decode()
    domain = Domain.objects.get(name="new.example")
    assert f"mailadmin-ownership={domain.ownership_token}" in body
    assert "_mailadmin-ownership.new.example" in body
    assert "Without the proof the domain is removed" in body
    assert "Add a mailbox" not in body


def test_what_is_not_next_shows_no_records_to_paste(near: Place, rosa: Actor) -> None:
    body = signed_in(rosa).get(ADDRESS).content.decode()
    assert "v=spf1" in body
    assert "10 mail.localhost" not in body
    assert "_imaps._tcp" not in body


def test_the_page_asks_no_name_server(near: Place, rosa: Actor, looks: list[str]) -> None:
    signed_in(rosa).get(ADDRESS)
    assert looks == []


def test_by_itself_it_looks_once_in_a_while_for_all_who_look(near: Place, rosa: Actor, looks: list[str]) -> None:
    client = signed_in(rosa)
    seen = _seen(client.get(ADDRESS).content.decode())
    for _ in range(3):
        response = client.post(f"{ADDRESS}/look", {"seen": seen}, headers={"HX-Request": "true"})
        assert response.status_code == 204
    assert looks == ["near.example"]
    Domain.objects.update(checked_at=timezone.now() - timedelta(minutes=1))
    client.post(f"{ADDRESS}/look", {"seen": seen}, headers={"HX-Request": "true"})
    assert len(looks) == 2


def test_what_has_changed_replaces_the_steps(near: Place, rosa: Actor, looks: list[str]) -> None:
    client = signed_in(rosa)
    seen = _seen(client.get(ADDRESS).content.decode())
    make_trace("near.example", "z@remote.example", direction="out", outcome="sent", mail_from="alice@near.example")
    response = client.post(f"{ADDRESS}/look", {"seen": seen}, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert response.content.decode().startswith('<section class="block" id="guide"')


def test_a_person_who_asks_is_answered_at_once(near: Place, rosa: Actor, looks: list[str]) -> None:
    client = signed_in(rosa)
    for _ in range(2):
        response = client.post(f"{ADDRESS}/look")
        assert (response.status_code, response["Location"]) == (302, ADDRESS)
    assert looks == ["near.example"] * 2


def test_the_look_before_the_move_is_shown_with_and_without_javascript(
    near: Place, rosa: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = [Check("listener", Verdict.FAIL, "Nobody answers <b>here</b>."), Check("tls", Verdict.PASS, "Trusted.")]
    monkeypatch.setattr("domains.views.onboarding.preflight", lambda act, name: checks)
    client = signed_in(rosa)
    for headers in ({}, {"HX-Request": "true"}):
        body = client.post(f"{ADDRESS}/ready", headers=headers).content.decode()
        assert "Nobody answers &lt;b&gt;here&lt;/b&gt;." in body
        assert ("<html" in body) == (not headers)


def test_home_and_overview_lead_there_until_mail_comes_here(near: Place, rosa: Actor) -> None:
    client = signed_in(rosa)
    for address in ("/", "/domains/near.example"):
        assert f'href="{ADDRESS}"' in client.get(address).content.decode()
    near.domain.observations.create(
        purpose="mx", name="near.example", type="MX", expected="10 mail.localhost", status="right",
        checked_at=timezone.now(),
    )  # fmt: skip
    for address in ("/", "/domains/near.example"):
        body = client.get(address).content.decode()
        assert f'href="{ADDRESS}"' not in body
        assert "See the records" in body


def test_the_number_of_queries_does_not_grow_with_records_and_messages(near: Place, rosa: Actor) -> None:
    client = signed_in(rosa)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(ADDRESS)
        return len(queries)

    count()
    before = count()
    for _ in range(5):
        make_trace("near.example", "alice@near.example")
        make_trace(
            "near.example", "zoe@remote.example", direction="out", outcome="sent", mail_from="alice@near.example"
        )
    assert count() <= before + 1


def test_one_step_is_one_step_in_french(near: Place, rosa: Actor) -> None:
    body = signed_in(rosa).get(ADDRESS, headers={"accept-language": "fr"}).content.decode()
    assert "1 étape faite sur 7" in body
