"""The calls on senders: what they answer, what they refuse by field, and what a record costs."""

import pytest

from domains.models import AuditRecord, Sender
from tests.api.people import call, make_world

pytestmark = pytest.mark.django_db
PATH = "/domains/near.example/senders"


@pytest.fixture
def world(dns_settings):
    dns_settings.zone["_spf.far.example", "TXT"] = ["v=spf1 include:_more.far.example -all"]
    dns_settings.zone["_more.far.example", "TXT"] = ["v=spf1 ip4:198.51.100.0/24 -all"]
    return make_world()


def test_a_sender_from_beginning_to_end(world, dns_settings):
    made = call(
        "POST", PATH, body={"kind": "custom", "value": "_spf.far.example", "selectors": ["Far1"], "note": "x"}
    )
    assert made.status_code == 201
    body = made.json()
    assert body["id"]
    assert body["since"]
    assert {key: body[key] for key in ("kind", "value", "name", "terms", "lookups", "selectors", "note")} == {
        "kind": "custom",
        "value": "_spf.far.example",
        "name": "_spf.far.example",
        "terms": ["include:_spf.far.example"],
        "lookups": 2,
        "selectors": ["far1"],
        "note": "x",
    }
    one = f"{PATH}/{body['id']}"
    assert call("GET", one).json() == body
    assert call("PATCH", one, body={"name": "Far", "note": ""}).json() == body | {"name": "Far", "note": ""}
    items = call("GET", PATH).json()["items"]
    assert [(item["kind"], item["name"]) for item in items] == [
        ("own", "mail.acme.example"),
        ("service", "Mailchimp"),
        ("custom", "Far"),
    ]
    assert (items[0]["id"], items[0]["terms"][0], items[0]["lookups"]) == (None, "mx", 1)
    records = call("GET", "/domains/near.example/records").json()["items"]
    assert "include:_spf.far.example -all" in next(row["value"] for row in records if row["purpose"] == "spf")
    assert call("DELETE", one).status_code == 204
    assert call("GET", one).status_code == 404


def test_a_dry_run_says_the_cost_and_adds_nothing(world):
    before = AuditRecord.objects.count(), Sender.objects.count()
    answer = call("POST", f"{PATH}?dry_run=true", body={"kind": "custom", "value": "_spf.far.example"})
    assert (answer.status_code, answer.json()["lookups"], answer.json()["id"]) == (200, 2, None)
    assert (AuditRecord.objects.count(), Sender.objects.count()) == before


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"kind": "custom", "value": "_spf.far.example\n"}, 422, "value"),
        ({"kind": "custom", "value": "near.example"}, 422, "value"),
        ({"kind": "custom", "value": "gone.example"}, 422, "value"),
        ({"kind": "service", "value": "nobody"}, 422, "value"),
        ({"kind": "service", "value": "mailchimp"}, 409, "value"),
        ({"kind": "own", "value": "mail.acme.example"}, 422, "kind"),
        ({"kind": "relay", "value": "::/0"}, 422, "value"),
        ({"kind": "relay"}, 422, "value"),
        ({"kind": "service", "value": "brevo", "selectors": ["a.b"]}, 422, "selectors"),
        ({"kind": "service", "value": "brevo", "note": "a\nb"}, 422, "note"),
        ({"kind": "service", "value": "brevo", "note": "\ud800"}, 422, "note"),
        ({"kind": "service", "value": "brevo", "name": "\ud800"}, 422, "name"),
        ({"kind": "service", "value": "brevo", "color": "red"}, 422, "color"),
    ],
)
def test_a_bad_field_is_named(world, body, status, field):
    answer = call("POST", PATH, body=body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (status, [field])


def test_our_own_hosts_cannot_be_deleted(world):
    assert call("DELETE", f"{PATH}/null").status_code == 422
    assert call("DELETE", f"{PATH}/0").status_code == 404
    assert call("DELETE", f"{PATH}/99999999999999999999").status_code == 404


def test_the_cost_of_the_record(world, dns_settings):
    dns_settings.zone["near.example", "TXT"] = ["v=spf1 include:_spf.far.example ~all"]
    body = call("GET", "/domains/near.example/spf").json()
    assert body["published"]["lookups"] == 2
    assert body["record"]["text"].startswith("v=spf1 include:_spf.far.example mx")
    assert body["record"]["terms"][0]["terms"][0]["term"] == "include:_more.far.example"
    assert (body["lookups_allowed"], body["voids_allowed"], body["read_at"][-1]) == (10, 2, "Z")


def test_the_plan_weighs_a_large_record_to_its_end(world, dns_settings):
    zone = dns_settings.zone
    for number in range(8):
        hosts = " ".join(f"a:h{number}{host}.far.example" for host in range(4))
        zone[f"_spf{number}.far.example", "TXT"] = [f"v=spf1 {hosts} -all"]
    includes = " ".join(f"include:_spf{number}.far.example" for number in range(8))
    zone["near.example", "TXT"] = [f"v=spf1 {includes} -all"]
    steps = call("GET", "/domains/near.example/plan").json()["items"]
    spf = next(step for step in steps if step["purpose"] == "spf")
    assert (spf["action"], spf["risk"], spf["detail"]) == ("blocked", "spf-budget", "41")
    assert call("GET", "/domains/near.example/spf").json()["published"]["lookups"] == 40


def test_the_known_services(world):
    answer = call("GET", "/sender-services?limit=500").json()
    fastmail = next(item for item in answer["items"] if item["slug"] == "fastmail")
    assert (fastmail["include"], fastmail["aliases"]["fm1"]) == (
        "spf.messagingengine.com",
        "fm1.{domain}.dkim.fmhosted.com",
    )
