"""Kinds of domains over the API: made, changed, refused with counts."""

import pytest

from domains.models import AuditRecord, DkimKey, Domain
from tests.api.people import call
from tests.api.test_calls import _token, problem  # noqa: F401
from tests.factories import make_account, make_domain

pytestmark = pytest.mark.django_db


def test_a_parked_domain_is_made_without_keys():
    make_domain("acme.example")
    made = call("POST", "/domains", body={"name": "parked.example", "kind": "parked"})
    assert made.status_code == 201
    body = made.json()
    assert (body["kind"], body["alias_of"], body["health"]) == ("parked", None, "unchecked")
    assert body["reports_to"] == "dmarc-reports@acme.example"
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


def test_a_logo_is_set_published_and_taken_away():
    make_domain("acme.example")
    path = "/domains/acme.example/bimi"
    assert call("GET", path).json() == {"logo_url": "", "certificate_url": "", "record": "", "cautions": []}
    logo = {"logo_url": "https://acme.example/logo.svg", "certificate_url": "https://acme.example/logo.pem"}
    record = "v=BIMI1; l=https://acme.example/logo.svg; a=https://acme.example/logo.pem"
    assert call("PUT", path, body=logo).json() == logo | {"record": record, "cautions": ["policy"]}
    rows = call("GET", "/domains/acme.example/records").json()["items"]
    assert [(row["name"], row["value"], row["required"]) for row in rows if row["purpose"] == "bimi"] == [
        ("default._bimi.acme.example", record, False)
    ]
    call("PUT", "/domains/acme.example/dmarc/policy", body={"policy": "reject"})
    assert call("GET", path).json()["cautions"] == []
    assert call("PUT", path, body={"logo_url": ""}).json()["record"] == ""
    changes = list(AuditRecord.objects.filter(changes__has_key="bimi").values_list("changes", flat=True))
    assert [row["bimi"] for row in changes] == [[record, ""], ["", record]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"logo_url": "http://acme.example/logo.svg"}, "logo_url"),
        ({"logo_url": "https://acme.example/logo.svg; v=x"}, "logo_url"),
        ({"logo_url": "", "certificate_url": "https://acme.example/logo.pem"}, "logo_url"),
        ({"logo_url": "https://acme.example/logo.svg", "certificate_url": "ftp://acme.example"}, "certificate_url"),
        ({}, "logo_url"),
    ],
)
def test_a_logo_that_cannot_be_is_refused(body, field):
    make_domain("acme.example")
    problem(call("PUT", "/domains/acme.example/bimi", body=body), 422, field)


def test_a_parked_domain_has_no_logo():
    call("POST", "/domains", body={"name": "parked.example", "kind": "parked"})
    body = {"logo_url": "https://parked.example/logo.svg"}
    problem(call("PUT", "/domains/parked.example/bimi", body=body), 422, "logo_url")
