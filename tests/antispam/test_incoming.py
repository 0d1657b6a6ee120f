"""What a domain does with mail from outside: chosen by its administrators, on the page and over the API."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from antispam.disposition.rows import EDITABLE
from antispam.models import InboundPolicy, VerdictCount
from antispam.services.policy import change_incoming, incoming_of, reset_incoming
from domains.errors import NotFound, Refused
from domains.models import AuditRecord, Domain, DomainKind
from tests.api.people import call, make_world
from tests.factories import domain_admin_act, make_administrator, make_domain, superadmin_act
from tests.panel.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_domain("acme.example")


@pytest.fixture
def act(acme):
    return domain_admin_act(acme)


def standing(act, name="acme.example"):
    return {choice.row.name: choice.disposition.value for choice in incoming_of(act, name).rows}


def test_without_a_choice_the_defaults_hold(act):
    held = incoming_of(act, "acme.example")
    assert {choice.row.name for choice in held.rows if choice.disposition is choice.row.default} == set(standing(act))
    assert (held.owner, held.forwarders, held.full_mailbox_reply) == ("acme.example", [], 452)


def test_a_choice_is_kept_told_once_and_taken_back(act):
    for _ in range(2):
        change_incoming(act, "ACME.example", {"dmarc-fail-reject": "junk"}, ["Alumni.Example"], 552)
    held = incoming_of(act, "acme.example")
    assert standing(act)["dmarc-fail-reject"] == "junk"
    assert (held.forwarders, held.full_mailbox_reply) == (["alumni.example"], 552)
    told = AuditRecord.objects.get(action="incoming.change")
    assert told.changes["dispositions"] == [{}, {"dmarc-fail-reject": "junk"}]
    change_incoming(act, "acme.example", {"dmarc-fail-reject": None})
    assert standing(act)["dmarc-fail-reject"] == "refuse"
    assert incoming_of(act, "acme.example").full_mailbox_reply == 552
    reset_incoming(act, "acme.example")
    assert incoming_of(act, "acme.example").full_mailbox_reply == 452
    assert AuditRecord.objects.filter(action="incoming.change").count() == 3


def test_what_equals_the_default_is_no_choice(act):
    change_incoming(act, "acme.example", {row.name: row.default.value for row in EDITABLE})
    assert not InboundPolicy.objects.exists()
    assert not AuditRecord.objects.filter(action="incoming.change").exists()


BAD = [
    ({"dispositions": {"dmarc-fail-reject": "explode"}}, "dmarc-fail-reject"),
    ({"dispositions": {"dmarc-fail-quarantine": "refuse"}}, "dmarc-fail-quarantine"),
    ({"dispositions": {"dmarc-fail-reject-unsure": "refuse"}}, "dmarc-fail-reject-unsure"),
    ({"dispositions": {"dmarc-pass": "junk"}}, "dmarc-pass"),
    ({"dispositions": {"no-objection": "refuse"}}, "no-objection"),
    ({"dispositions": {"x\0y": "junk"}}, "x\0y"),
    ({"forwarders": ["not a domain"]}, "forwarders"),
    ({"forwarders": ["a.example\r\nb.example"]}, "forwarders"),
    ({"forwarders": [f"d{n}.example" for n in range(51)]}, "forwarders"),
    ({"full_mailbox_reply": 250}, "full_mailbox_reply"),
]


@pytest.mark.parametrize(("given", "field"), BAD)
def test_what_makes_no_sense_is_refused_by_field(act, given, field):
    with pytest.raises(Refused) as refused:
        change_incoming(act, "acme.example", **given)
    assert list(refused.value.errors) == [field]
    assert not InboundPolicy.objects.exists()


def test_a_foreign_domain_is_absent(act):
    make_domain("far.example")
    for do in (incoming_of, change_incoming, reset_incoming):
        with pytest.raises(NotFound):
            do(act, "far.example")


@pytest.fixture
def alias(acme):
    made = make_domain("acme.test")
    Domain.objects.filter(pk=made.pk).update(kind=DomainKind.ALIAS, alias_of=acme)
    return made


def test_an_alias_domain_shows_its_targets_choices_and_takes_none(acme, alias):
    act = superadmin_act()
    change_incoming(act, "acme.example", {"dmarc-fail-reject": "inbox"})
    assert incoming_of(act, "acme.test").owner == "acme.example"
    assert standing(act, "acme.test")["dmarc-fail-reject"] == "inbox"
    for do in (change_incoming, reset_incoming):
        with pytest.raises(Refused):
            do(act, "acme.test")


@pytest.fixture
def client(acme):
    return signed_in(make_administrator("dora@operator.example", acme))


PAGE = "/domains/acme.example/incoming"


def fields(**changed):
    chosen = {row.name: row.default.value for row in EDITABLE}
    return (
        chosen
        | {"forwarders": "", "full_mailbox_reply": "452"}
        | {k.replace("_of_", "-"): v for k, v in changed.items()}
    )


def test_the_page_shows_each_row_with_what_it_took(client, acme):
    today = datetime.now(UTC).date()
    VerdictCount.objects.create(
        day=today, domain="acme.example", row="dmarc-fail-reject", disposition="refuse", messages=4711
    )
    body = client.get(PAGE).content.decode()
    assert "nothing speaks for it" in body
    assert "4,711" in body
    assert body.count("<select") == len(EDITABLE) + 1
    assert (
        reverse("domain-incoming", args=["acme.example"])
        in client.get("/domains/acme.example/settings").content.decode()
    )


def test_the_form_saves_and_goes_back_to_the_default(client, acme):
    data = fields() | {"dmarc-fail-reject": "junk", "forwarders": "Alumni.example\r\nother.example,"}
    assert client.post(PAGE, data).status_code == 302
    policy = InboundPolicy.objects.get()
    assert (policy.dispositions, policy.forwarders) == (
        {"dmarc-fail-reject": "junk"},
        ["alumni.example", "other.example"],
    )
    assert "Your own choice" in client.get(PAGE).content.decode()
    assert client.post(PAGE, data | {"reset": "1"}).status_code == 302
    policy.refresh_from_db()
    assert (policy.dispositions, policy.forwarders) == ({}, [])


@pytest.mark.parametrize(
    "wrong", [{"dmarc-fail-reject": "explode"}, {"forwarders": "not a domain"}, {"full_mailbox_reply": "1"}]
)
def test_the_form_says_what_is_wrong_and_saves_nothing(client, acme, wrong):
    response = client.post(PAGE, fields() | wrong)
    assert response.status_code == 200
    body = response.content.decode()
    assert 'role="alert"' in body or 'class="field bad"' in body
    assert not InboundPolicy.objects.exists()


def test_an_alias_domain_has_no_form(acme, alias):
    client = signed_in(make_administrator("rosa@operator.example", role="superadmin"))
    body = client.get("/domains/acme.test/incoming").content.decode()
    assert "follows acme.example" in body
    assert "<select" not in body.partition("<main")[2]


def test_the_api_reads_and_changes_part_by_part(dns_settings):
    make_world()
    path = "/domains/near.example/incoming"
    body = call("GET", path, "domain_admin").json()
    assert body["domain"] == "near.example"
    assert body["rows"][0]["row"] == "from-unclear"
    change = {"dispositions": {"dmarc-fail-reject": "inbox", "from-unclear": "refuse"}, "full_mailbox_reply": 552}
    changed = call("PATCH", path, "domain_admin", change).json()
    assert changed["full_mailbox_reply"] == 552
    assert {row["row"]: row["disposition"] for row in changed["rows"]}["dmarc-fail-reject"] == "inbox"
    again = call("PATCH", path, "domain_admin", {"dispositions": {"from-unclear": None}}).json()
    assert {row["row"]: row["disposition"] for row in again["rows"]}["from-unclear"] == "junk"
    wrong = call("PATCH", path, "domain_admin", {"dispositions": {"dmarc-pass": "refuse"}})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "dmarc-pass"
