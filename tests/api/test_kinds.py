"""Kinds of domains over the API: made, changed, refused with counts."""

import pytest

from domains.models import DkimKey, Domain
from tests.api.people import call
from tests.api.test_calls import _token, problem  # noqa: F401
from tests.factories import make_account, make_domain

pytestmark = pytest.mark.django_db


def test_a_parked_domain_is_made_without_keys():
    make_domain("acme.example")
    made = call("POST", "/domains", body={"name": "parked.example", "kind": "parked"})
    assert made.status_code == 201
    assert made.json() | {"created_at": ""} == {
        "name": "parked.example",
        "unicode_name": "parked.example",
        "state": "active",
        "health": "unchecked",
        "rotation_days": 365,
        "mta_sts": "off",
        "kind": "parked",
        "alias_of": None,
        "reports_to": "dmarc-reports@acme.example",
        "created_at": "",
    }
    assert call("GET", "/domains/parked.example/dkim-keys").json()["items"] == []
    records = call("GET", "/domains/parked.example/records").json()["items"]
    assert [row["purpose"] for row in records] == ["mx", "spf", "dkim", "dmarc", "dmarc-report"]
    assert records[0]["value"] == "0 ."


def test_a_domain_changes_its_kind_and_back():
    make_domain("acme.example")
    make_domain("second.example")
    path = "/domains/second.example"
    alias = call("PATCH", path, body={"kind": "alias", "alias_of": "Acme.example"}).json()
    assert (alias["kind"], alias["alias_of"]) == ("alias", "acme.example")
    parked = call("PATCH", path, body={"kind": "parked", "reports_to": ""}).json()
    assert (parked["kind"], parked["alias_of"], parked["reports_to"]) == ("parked", None, "")
    moved = call("PATCH", path, body={"reports_to": "seen@acme.example"}).json()
    assert (moved["kind"], moved["reports_to"]) == ("parked", "seen@acme.example")
    assert call("PATCH", path, body={"rotation_days": 90}).json()["kind"] == "parked"
    assert call("PATCH", path, body={"kind": "mail"}).json()["reports_to"] == ""
    states = DkimKey.objects.filter(domain__name="second.example").values_list("state", flat=True)
    assert sorted(states) == ["awaiting_dns", "awaiting_dns", "revoked", "revoked"]


def test_a_change_is_all_or_nothing():
    make_domain("acme.example")
    answer = call("PATCH", "/domains/acme.example", body={"kind": "parked", "mta_sts": "testing"})
    problem(answer, 422, "mta_sts")
    assert Domain.objects.get().kind == "mail"


def test_a_domain_in_use_keeps_its_kind_with_counts():
    make_account("alice@acme.example")
    answer = call("PATCH", "/domains/acme.example", body={"kind": "parked"})
    assert problem(answer, 409)["counts"] == {"mailboxes": 1}


def test_a_target_is_deleted_with_its_alias_domains_only_when_told():
    make_domain("acme.example")
    call("POST", "/domains", body={"name": "also.example", "kind": "alias", "alias_of": "acme.example"})
    assert problem(call("DELETE", "/domains/acme.example"), 409)["counts"] == {"alias_domains": 1}
    assert call("DELETE", "/domains/acme.example?cascade=true").status_code == 204
    assert call("GET", "/domains").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "other"}, "kind"),
        ({"kind": "alias"}, "alias_of"),
        ({"kind": "alias", "alias_of": "absent.example"}, "alias_of"),
        ({"kind": "alias", "alias_of": "x\0.example"}, "alias_of"),
        ({"kind": "mail", "alias_of": "acme.example"}, "alias_of"),
        ({"kind": "parked", "reports_to": "x\n@acme.example"}, "reports_to"),
        ({"kind": "parked", "reports_to": "x@acme.example;p=none"}, "reports_to"),
    ],
)
def test_what_is_not_allowed_is_named(body, field):
    make_domain("acme.example")
    answer = call("POST", "/domains", body={"name": "new.example"} | body)
    problem(answer, 422, field)
    assert Domain.objects.count() == 1
