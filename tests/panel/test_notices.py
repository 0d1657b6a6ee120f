"""Pages of history and notices: what is said, to whom, and what forms do."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from domains.models import Actor, Domain, Notice, RecordHistory, Trouble, Webhook, WebhookDelivery
from domains.notify import notify
from domains.services.drift import RECORD_WRONG
from domains.views.history import sentence_of
from tests.panel.people import HOSTILE, Place, signed_in


def entry(domain: Domain, **fields: Any) -> RecordHistory:
    """One entry of the DMARC record."""
    values = {
        "at": timezone.now(),
        "until": timezone.now(),
        "purpose": "dmarc",
        "name": f"_dmarc.{domain.name}",
        "type": "TXT",
        "kind": "seen",
        "status_before": "right",
        "status": "wrong",
        "before": ["v=DMARC1; p=none"],
        "after": ["v=DMARC1; p=reject"],
    }
    return RecordHistory.objects.create(domain=domain, **(values | fields))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "Changed outside."),
        ({"status": "missing", "after": []}, "Went missing."),
        ({"status": "missing", "status_before": "", "before": [], "after": []}, "Looked up for the first time."),
        ({"status": "right", "status_before": "missing", "before": []}, "Published."),
        ({"status": "right", "status_before": "wrong"}, "Put right."),
        ({"status": "right", "status_before": "missing", "here": True}, "Seen everywhere, as published from here."),
        ({"status": "right", "status_before": "right"}, "Changed outside; it is right all the same."),
        ({"status": "right", "status_before": "unreachable"}, "The servers answer again."),
        ({"status": "right", "status_before": "waiting"}, "Every server has it."),
        ({"status": "waiting", "lacking": 2, "asked": 4}, "Went missing at 2 of 4 servers."),
        ({"status": "waiting", "status_before": "missing", "lacking": 1, "asked": 4}, "1 of 4 servers lack it."),
        ({"status": "unreachable", "after": ["v=DMARC1; p=none"]}, "No server answered."),
        (
            {"status_before": "unchecked", "after": ["v=DMARC1; p=none"]},
            "The DNS still has what was wanted before.",
        ),
        ({"times": 4}, "Changed 4 times within a short while."),
        ({"kind": "wanted", "actor_name": "dora"}, "The DMARC policy was changed by dora."),
        ({"kind": "wanted", "actor_name": "rosa"}, "The DMARC policy was changed by you."),
        ({"kind": "wanted", "actor_name": ""}, "The settings of the installation ask for another text now."),
        (
            {"kind": "wanted", "actor_name": "dora", "after": []},
            "It is no longer to be published, after a change by dora.",
        ),
        ({"kind": "applied", "actor_name": "dora"}, "Published from here by dora."),
    ],
)
def test_each_entry_is_a_sentence(near: Place, fields: dict[str, Any], text: str) -> None:
    assert sentence_of(entry(near.domain, **fields), "rosa") == text


def test_every_kind_and_status_has_a_sentence(near: Place) -> None:
    from domains.models import HistoryKind, RecordStatus

    for kind in HistoryKind.values:
        for status in set(RecordStatus.values) - {"unchecked"}:
            for before in ("", *RecordStatus.values):
                assert sentence_of(entry(near.domain, kind=kind, status=status, status_before=before), "")


def test_history_shows_the_difference_and_picks_a_record(dora: Actor, near: Place) -> None:
    entry(near.domain)
    entry(
        near.domain, name="near.example", purpose="spf", before=[HOSTILE], after=["v=spf1 -all"], actor_name=HOSTILE
    )
    client = signed_in(dora)
    page = client.get("/domains/near.example/dns/history").content.decode()
    assert page.count("Changed outside.") == 2
    assert "<mark>p=none</mark>" in page
    assert '<mark class="lacks">p=reject</mark>' in page
    assert "<script>alert" not in page
    one = client.get("/domains/near.example/dns/history?record=_dmarc.near.example&type=TXT").content.decode()
    assert one.count("Changed outside.") == 1
    assert client.get("/domains/near.example/dns/history?record=%00&page=x").status_code == 200


def test_history_asks_the_database_no_more_for_more_entries(dora: Actor, near: Place) -> None:
    client = signed_in(dora)
    entry(near.domain)
    with CaptureQueriesContext(connection) as before:
        client.get("/domains/near.example/dns/history")
    for _ in range(30):
        entry(near.domain)
    with CaptureQueriesContext(connection) as after:
        client.get("/domains/near.example/dns/history")
    assert len(after) == len(before)


def test_the_first_page_says_what_is_no_longer_right(rosa: Actor, dora: Actor, near: Place, far: Place) -> None:
    now = timezone.now()
    for place in (near, far):
        fields = {"domain": place.domain, "kind": "record", "status": "missing", "since": now, "told_at": now}
        Trouble.objects.create(name="a", required=True, **fields)
        Trouble.objects.create(name="b", **fields)
        Trouble.objects.create(name="c", **(fields | {"told_at": None}))
    Webhook.objects.filter(domain=near.domain).update(disabled_at=now)
    page = signed_in(dora).get("/").content.decode()
    assert "2 records of near.example were right and are not any more." in page
    assert "The webhook https://hooks.near.example/ failed for three days and is disabled." in page
    assert "far.example" not in page
    assert "2 records of far.example were right" in signed_in(rosa).get("/").content.decode()


def test_a_webhook_is_added_and_its_secret_shown_once(dora: Actor, near: Place) -> None:
    client = signed_in(dora)
    data = {"url": "https://hooks.remote.example/in", "once": "a"}
    made = client.post("/domains/near.example/notices/add", data)
    assert (made.status_code, made.content.count(b"whsec_")) == (201, 2)  # shown, and to be copied
    again = client.post("/domains/near.example/notices/add", data)
    assert again["Location"] == "/domains/near.example/notices"
    assert Webhook.objects.filter(url=data["url"]).count() == 1
    webhook = Webhook.objects.get(url=data["url"])
    assert b"whsec_" not in client.get(f"/webhooks/{webhook.pk}").content
    refused = client.post("/domains/near.example/notices/add", {"url": "http://10.0.0.1/", "once": "b"})
    assert b"10.0.0.1 is not a public address" in refused.content
    assert client.post("/notices/add", {"url": "https://hooks.remote.example/"}).status_code == 403


def test_a_webhook_is_tested_enabled_and_deleted(dora: Actor, near: Place) -> None:
    client, address = signed_in(dora), f"/webhooks/{near.webhook}"
    client.post(f"{address}/test")
    assert WebhookDelivery.objects.get().notice.type == "test"
    assert b"This is a test." in client.get(address).content
    Webhook.objects.filter(pk=near.webhook).update(disabled_at=timezone.now(), failing_since=timezone.now())
    assert b"Disabled" in client.get(address).content
    client.post(f"{address}/enable")
    webhook = Webhook.objects.get(pk=near.webhook)
    assert (webhook.disabled_at, webhook.failing_since) == (None, None)
    assert client.get(f"{address}/delete").status_code == 200
    client.post(f"{address}/delete", {"once": "x"})
    assert not Webhook.objects.filter(pk=near.webhook).exists()


def test_notices_are_shown_with_who_is_mailed(rosa: Actor, dora: Actor, near: Place) -> None:
    name = f"_dmarc.near.example {HOSTILE}"
    notify(RECORD_WRONG, near.domain, {"name": name, "type": "TXT", "status": "missing"})
    Notice.objects.update(mailed_at=timezone.now() - timedelta(days=2), mail="x")
    page = signed_in(dora).get("/domains/near.example/notices").content.decode()
    assert "was right and is not any more: missing." in page
    assert "mailed" in page
    assert "dora@" in page
    assert "rosa@" not in page
    assert "<script>alert" not in page
    assert "rosa@operator.example" in signed_in(rosa).get("/notices").content.decode()


def test_each_person_chooses_what_to_be_mailed_about(rosa: Actor, dora: Actor, alice: Actor, near: Place) -> None:
    profile = {"display_name": "", "language": "", "time_zone": ""}
    for actor, about, kept in (
        (rosa, "all", "all"),
        (rosa, "none", "none"),
        (dora, "none", "none"),
        (dora, "all", "none"),  # not hers to choose
        (alice, "none", "own"),  # an owner is told nothing, and has nothing to choose
    ):
        signed_in(actor).post("/me", profile | {"mail_about": about})
        assert Actor.objects.get(pk=actor.pk).mail_about == kept
    assert b"mail_about" not in signed_in(alice).get("/me").content


def test_the_weekly_summary_can_be_put_off_and_on(dora: Actor, alice: Actor) -> None:
    profile = {"display_name": "", "language": "", "time_zone": "", "mail_about": "own"}
    client = signed_in(dora)
    assert 'name="weekly_summary"' in client.get("/me").content.decode()
    for sent, kept in (({}, False), ({"weekly_summary": "on"}, True)):
        client.post("/me", profile | sent)
        assert Actor.objects.get(pk=dora.pk).weekly_summary is kept
    client.post("/me", profile)
    client.post("/language", {"language": "fr"})
    assert Actor.objects.get(pk=dora.pk).weekly_summary is False  # the language alone was changed
    assert b"weekly_summary" not in signed_in(alice).get("/me").content
