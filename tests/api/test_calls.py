"""The calls of the contract over HTTP: their answers, their errors, paging, hostile input."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.test import Client

from domains.models import ApiToken, Role
from tests.api.people import API, call, make_token, problem
from tests.factories import PASSWORD, make_account, make_alias, make_domain

pytestmark = pytest.mark.django_db

NUL = "%00"


@pytest.fixture(autouse=True)
def _token(db):
    make_token("superadmin", Role.SUPERADMIN, None)


@pytest.fixture
def acme(db):
    return make_domain()


# ---- Answers


def test_a_domain_is_made_read_changed_and_deleted():
    made = call("POST", "/domains", body={"name": "Bücher.example"})
    assert made.status_code == 201
    body = made.json()
    fields = {"name", "unicode_name", "state", "health", "mta_sts", "rotation_days", "created_at"}
    assert set(body) == fields | {"kind", "alias_of", "reports_to", "key_zone", "kept_until"}
    assert (body["name"], body["unicode_name"], body["state"]) == (
        "xn--bcher-kva.example",
        "bücher.example",
        "active",
    )
    assert body["created_at"].endswith("Z")
    for spelling in ("xn--bcher-kva.example", "b%C3%BCcher.example", "XN--BCHER-KVA.EXAMPLE"):
        assert call("GET", f"/domains/{spelling}").json() == body
    assert call("PATCH", f"/domains/{body['name']}", body={"state": "suspended"}).json()["state"] == "suspended"
    assert call("DELETE", f"/domains/{body['name']}").status_code == 204
    problem(call("GET", f"/domains/{body['name']}"), 404)


def test_a_deleted_domain_is_listed_apart_keeps_its_name_and_comes_back(acme, dns_settings):
    make_account()
    assert call("DELETE", "/domains/acme.example?cascade=true").status_code == 204
    assert call("GET", "/domains").json()["items"] == []
    assert call("GET", "/mailboxes").json()["items"] == []
    (row,) = call("GET", "/domains?deleted=true").json()["items"]
    assert (row["name"], row["state"], row["health"]) == ("acme.example", "deleted", "deleted")
    assert row["kept_until"] > row["created_at"]
    taken = problem(call("POST", "/domains", body={"name": "acme.example"}), 409, "name")
    assert "POST /api/v1/domains/acme.example/restore" in taken["errors"][0]["message"]
    problem(call("DELETE", "/domains/acme.example?cascade=true"), 404)
    back = call("POST", "/domains/acme.example/restore")
    assert (back.status_code, back.json()["state"], back.json()["kept_until"]) == (200, "active", None)
    assert [row["address"] for row in call("GET", "/mailboxes").json()["items"]] == ["alice@acme.example"]
    problem(call("POST", "/domains/acme.example/restore"), 404)
    assert call("DELETE", "/domains/acme.example?cascade=true&now=true").status_code == 204
    assert call("GET", "/domains?deleted=true").json()["items"] == []
    assert call("POST", "/domains", body={"name": "acme.example"}).status_code == 201


def test_mta_sts_is_switched_by_patch_all_or_nothing(acme):
    assert call("GET", "/domains/acme.example").json()["mta_sts"] == "off"
    problem(call("PATCH", "/domains/acme.example", body={"mta_sts": "enforce"}), 422, "mta_sts")
    assert call("PATCH", "/domains/acme.example", body={"mta_sts": "testing"}).json()["mta_sts"] == "testing"
    problem(call("PATCH", "/domains/acme.example", body={"state": "suspended", "mta_sts": "off"}), 422, "mta_sts")
    assert call("GET", "/domains/acme.example").json()["state"] == "active"
    rows = call("GET", "/domains/acme.example/records").json()["items"]
    assert {(row["name"], row["type"]) for row in rows if row["purpose"] == "mta-sts"} == {
        ("_mta-sts.acme.example", "TXT"),
        ("mta-sts.acme.example", "CNAME"),
    }


def test_a_domain_that_is_not_empty_says_what_it_holds(acme):
    make_account()
    make_alias()
    body = problem(call("DELETE", "/domains/acme.example"), 409)
    assert {"mailboxes": 1, "aliases": 1}.items() <= body["counts"].items()
    assert call("DELETE", "/domains/acme.example?cascade=true").status_code == 204


def test_records_have_the_fields_and_words_of_the_contract(acme):
    rows = call("GET", "/domains/acme.example/records").json()["items"]
    wanted = {"name", "zone", "type", "ttl", "value", "purpose", "about", "required", "status", "found", "checked_at"}
    wanted |= {"right_since", "seen", "difference", "cause", "advice"}
    for row in rows:
        assert set(row) == wanted
        assert not row["name"].endswith(".")
        assert '"' not in row["value"]
        assert (row["status"], row["found"], row["checked_at"]) == ("unchecked", [], None)


def test_records_as_zone_text(acme):
    answer = call("GET", "/domains/acme.example/records?format=zone")
    assert answer["content-type"].startswith("text/")
    assert answer.content.startswith(b"$ORIGIN acme.example.\n")


def test_check_answers_the_same_list_with_what_was_found(acme, dns_settings):
    text = call("GET", "/domains/acme.example/records?format=zone").content.decode()
    dns_settings.load_zone_text(text)
    answer = call("POST", "/domains/acme.example/check").json()
    assert answer == call("GET", "/domains/acme.example/records").json()
    rows = answer["items"]
    assert {row["status"] for row in rows} == {"right"}
    assert all(row["found"] and row["checked_at"].endswith("Z") for row in rows)
    keys = call("GET", "/domains/acme.example/dkim-keys").json()["items"]
    assert {key["state"] for key in keys} == {"active"}


def test_a_plan_merges_spf_and_touches_nothing_of_others(acme, dns_settings):
    text = call("GET", "/domains/acme.example/records?format=zone").content.decode()
    dns_settings.load_zone_text(text)
    dns_settings.zone["acme.example", "TXT"] = ["site-verification=x", "v=spf1 a include:_spf.far.example ~all"]
    dns_settings.zone["acme.example", "MX"].append("5 mx.old.example")
    steps = call("GET", "/domains/acme.example/plan").json()["items"]
    changes = {step["purpose"]: step for step in steps if step["action"] != "leave"}
    assert set(changes) == {"spf", "mx"}
    assert (changes["spf"]["action"], changes["spf"]["risk"]) == ("change", "")
    assert changes["spf"]["removes"] == ["v=spf1 a include:_spf.far.example ~all"]
    assert changes["spf"]["adds"][0].startswith("v=spf1 a include:_spf.far.example mx")
    assert changes["spf"]["adds"][0].endswith(" ~all")
    assert (changes["mx"]["removes"], changes["mx"]["risk"]) == (["5 mx.old.example"], "leftover-mx")
    assert dns_settings.zone["acme.example", "MX"][-1] == "5 mx.old.example"


def test_a_key_is_shown_without_its_private_part(acme):
    made = call("POST", "/domains/acme.example/dkim-keys", body={"algorithm": "ed25519", "selector": "Summer"})
    assert made.status_code == 201
    body = made.json()
    dates = {"created_at", "activated_at", "retired_at", "revoked_at", "wait_until"}
    texts = {"selector", "algorithm", "state", "record_name", "record_value", "replaces", "hosted_in"}
    assert set(body) == texts | dates
    assert (body["state"], body["record_name"]) == ("awaiting_dns", "summer._domainkey.acme.example")
    assert call("GET", "/domains/acme.example/dkim-keys/SUMMER").json() == body
    problem(
        call("POST", "/domains/acme.example/dkim-keys", body={"algorithm": "rsa2048", "selector": "summer"}),
        409,
        "selector",
    )
    assert call("DELETE", "/domains/acme.example/dkim-keys/summer").status_code == 204


def test_a_key_is_replaced_revoked_and_taken_in(acme):
    keys = "/domains/acme.example/dkim-keys"
    old = call("GET", keys).json()["items"][0]
    new = call("POST", f"{keys}/{old['selector']}/replace")
    assert (new.status_code, new.json()["replaces"], new.json()["algorithm"]) == (
        201,
        old["selector"],
        old["algorithm"],
    )
    problem(call("POST", f"{keys}/{old['selector']}/replace"), 409, "selector")
    assert call("POST", f"{keys}/{old['selector']}/revoke").json() == new.json()
    revoked = call("GET", f"{keys}/{old['selector']}").json()
    assert (revoked["state"], revoked["record_value"].endswith("p=")) == ("revoked", True)
    problem(call("POST", f"{keys}/{old['selector']}/revoke"), 422, "selector")
    problem(call("POST", keys, body={"algorithm": "rsa2048", "private_key": "no key"}), 422, "private_key")
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    body = {"algorithm": "ed25519", "selector": "moved", "private_key": pem}
    assert call("POST", keys, body=body).status_code == 201
    problem(call("POST", keys, body=body | {"algorithm": "rsa2048", "selector": "other"}), 422, "algorithm")


@pytest.mark.parametrize(("days", "status"), [(0, 200), (90, 200), (29, 422), (1826, 422), (-1, 422), (10**9, 422)])
def test_the_age_of_keys_is_set(acme, days, status):
    answer = call("PATCH", "/domains/acme.example", body={"rotation_days": days})
    assert answer.status_code == status
    if status == 200:
        assert call("GET", "/domains/acme.example").json()["rotation_days"] == days
    else:
        problem(answer, 422, "rotation_days")


def test_a_mailbox_is_made_changed_and_deleted(acme):
    body = {"address": "Alice@Acme.example", "password": PASSWORD, "display_name": "Alice", "quota_bytes": 1000}
    made = call("POST", "/mailboxes", body=body)
    assert made.status_code == 201
    assert made.json() == {
        "address": "alice@acme.example",
        "display_name": "Alice",
        "quota_bytes": 1000,
        "used_bytes": 0,
        "messages": 0,
        "enabled": True,
        "app_passwords_only": False,
    }
    assert PASSWORD.encode() not in made.content
    changed = call("PATCH", "/mailboxes/alice@acme.example", body={"quota_bytes": None, "enabled": False}).json()
    assert (changed["quota_bytes"], changed["enabled"], changed["display_name"]) == (None, False, "Alice")
    problem(call("POST", "/mailboxes", body=body), 409, "address")
    assert call("DELETE", "/mailboxes/alice@acme.example").status_code == 204
    problem(call("GET", "/mailboxes/alice@acme.example"), 404)


def test_an_alias_and_the_reserved_addresses(acme):
    make_account()
    made = call("POST", "/aliases", body={"address": "sales@acme.example", "targets": ["alice@acme.example"]})
    assert (made.status_code, made.json()) == (
        201,
        {"address": "sales@acme.example", "targets": ["alice@acme.example"]},
    )
    for local_part in ("dmarc-reports", "dmarc-failures", "tls-reports"):
        address = f"{local_part}@acme.example"
        problem(call("POST", "/aliases", body={"address": address, "targets": ["a@b.example"]}), 409, "address")
        problem(call("POST", "/mailboxes", body={"address": address, "password": PASSWORD}), 409, "address")


def test_a_token_is_shown_once_and_works_until_deleted(acme):
    made = call("POST", "/tokens", body={"name": "ci", "role": "domain_admin", "domains": ["acme.example"]})
    assert made.status_code == 201
    text, identifier = made.json()["token"], made.json()["id"]
    assert text not in call("GET", "/tokens").content.decode()
    assert call("GET", "/domains", text).json()["items"][0]["name"] == "acme.example"
    assert ApiToken.objects.get(pk=identifier).last_used_at is not None
    assert call("DELETE", f"/tokens/{identifier}").status_code == 204
    problem(call("GET", "/domains", text), 401)


def test_administrators(acme):
    body = {
        "email": "dora@operator.example",
        "password": PASSWORD,
        "role": "domain_admin",
        "domains": ["acme.example"],
    }
    made = call("POST", "/administrators", body=body)
    assert made.status_code == 201
    assert set(made.json()) == {"email", "role", "domains"}
    problem(call("POST", "/administrators", body=body), 409, "email")
    assert call("POST", "/administrators", body=body | {"email": "Dora@Bücher.example"}).status_code == 201
    assert call("DELETE", "/administrators/DORA@b%C3%BCcher.example").status_code == 204
    assert call("DELETE", "/administrators/dora@operator.example").status_code == 204
    problem(call("DELETE", "/administrators/dora@operator.example"), 404)


# ---- Errors

REFUSED = [
    ("POST", "/domains", {"name": "acme.example\n"}, "name", "a newline in a domain"),
    ("POST", "/domains", {"name": "../etc"}, "name", "a path as a domain"),
    ("POST", "/domains", {}, "name", "a field missing"),
    ("POST", "/domains", {"name": None}, "name", "null"),
    ("POST", "/domains", {"name": 5}, "name", "a number"),
    ("POST", "/domains", {"name": "\ud800.example"}, "name", "a lone surrogate"),
    ("POST", "/domains", {"name": "x.example", "state": "active"}, "state", "a field that is not on the list"),
    ("PATCH", "/domains/acme.example", {"state": "pending"}, "state", "a state that cannot be set"),
    ("PATCH", "/domains/acme.example", {"name": "other.example"}, "name", "a name cannot change"),
    ("POST", "/domains/acme.example/dkim-keys", {"algorithm": "rsa512"}, "algorithm", "an unknown algorithm"),
    (
        "POST",
        "/domains/acme.example/dkim-keys",
        {"algorithm": "ed25519", "selector": "a\nb"},
        "selector",
        "a newline in a selector",
    ),
    ("POST", "/mailboxes", {"address": "alice", "password": PASSWORD}, "address", "no domain"),
    ("POST", "/mailboxes", {"address": "a/b@acme.example", "password": PASSWORD}, "address", "a slash"),
    ("POST", "/mailboxes", {"address": "a%b@acme.example", "password": PASSWORD}, "address", "a per cent sign"),
    ("POST", "/mailboxes", {"address": "..@acme.example", "password": PASSWORD}, "address", "dots"),
    ("POST", "/mailboxes", {"address": "a\n@acme.example", "password": PASSWORD}, "address", "a newline"),
    ("POST", "/mailboxes", {"address": "a\0@acme.example", "password": PASSWORD}, "address", "NUL"),
    ("POST", "/mailboxes", {"address": "a@nil.example", "password": PASSWORD}, "address", "a foreign domain"),
    ("POST", "/mailboxes", {"address": "a@acme.example", "password": "weak"}, "password", "a weak password"),
    (
        "POST",
        "/mailboxes",
        {"address": "a@acme.example", "password": PASSWORD, "quota_bytes": -1},
        "quota_bytes",
        "a negative quota",
    ),
    (
        "POST",
        "/mailboxes",
        {"address": "a@acme.example", "password": PASSWORD, "quota_bytes": 2**63},
        "quota_bytes",
        "a quota beyond all bounds",
    ),
    (
        "POST",
        "/mailboxes",
        {"address": "a@acme.example", "password": PASSWORD, "display_name": "a\r\nBcc: x@y"},
        "display_name",
        "two lines in a name",
    ),
    ("POST", "/aliases", {"address": "s@acme.example", "targets": []}, "targets", "no target"),
    ("POST", "/aliases", {"address": "s@acme.example", "targets": ["s@acme.example"]}, "targets", "itself"),
    ("POST", "/aliases", {"address": "s@acme.example", "targets": ["a.\0b@x.example"]}, "targets", "NUL in a target"),
    ("POST", "/aliases", {"address": "s@acme.example", "targets": ["a.\x07b@x.example"]}, "targets", "a bell"),
    ("POST", "/aliases", {"address": "s@acme.example", "targets": ["a\n@x.example"]}, "targets", "a newline"),
    ("PUT", "/domains/acme.example/catch-all", {"target": "a.\0b@x.example"}, "target", "NUL in a catch-all"),
    ("POST", "/tokens", {"name": "x", "role": "owner"}, "role", "a role that tokens do not have"),
    ("GET", "/domains?limit=0", None, "limit", "an empty page"),
    ("GET", "/domains?limit=501", None, "limit", "a page too large"),
    ("GET", "/messages?since=yesterday", None, "since", "not a time"),
    ("GET", "/domains/acme.example/records?format=xml", None, "format", "an unknown format"),
    ("DELETE", "/tokens/abc", None, "id", "not a number"),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "field", "why"), REFUSED, ids=[f"{row[1]}: {row[4]}" for row in REFUSED]
)
def test_a_bad_value_is_422_beside_its_field(acme, method, path, body, field, why):
    problem(call(method, path, body=body), 422, field)


MALFORMED = [b"", b"{", b"[1,", b"\xff\xfe", b'{"name": "a.example"', b"name=a.example"]


@pytest.mark.parametrize("body", MALFORMED)
def test_a_body_that_is_not_json_is_400(body):
    answer = call("POST", "/domains", body=body)
    assert answer.status_code in (400, 422) if body == b"" else answer.status_code == 400
    problem(answer, answer.status_code, *[error["field"] for error in answer.json()["errors"]])


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"5", b"null", b"[" * 100_000])
def test_json_of_another_shape_is_the_callers_fault(body):
    assert call("POST", "/domains", body=body).status_code in (400, 422)


@pytest.mark.parametrize("path", ["/domains", "/mailboxes", "/dmarc/reports"])
def test_a_body_too_large_is_413(path, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    problem(call("POST", path, body=json.dumps({"name": "x" * 2000}).encode()), 413)


WITH_NUL = [
    f"/domains/{NUL}",
    f"/domains/acme.example/dkim-keys/{NUL}",
    f"/mailboxes/{NUL}@acme.example",
    f"/aliases/{NUL}@acme.example",
    f"/messages/{NUL}",
    f"/queue/{NUL}",
    f"/mailboxes?q={NUL}",
    f"/mailboxes?domain={NUL}",
    f"/aliases?q={NUL}",
    f"/messages?message_id={NUL}",
    f"/messages?address={NUL}",
    f"/messages?address={NUL}@x.example",
    "/domains?cursor=WyJcdTAwMDAiXQ",
]


@pytest.mark.parametrize("path", WITH_NUL)
def test_nul_finds_nothing_and_breaks_nothing(acme, path):
    assert call("GET", path).status_code in (200, 400, 404, 422)


@pytest.mark.parametrize("path", [f"/administrators/{NUL}", f"/domains/acme.example/dkim-keys/{NUL}"])
def test_nul_deletes_nothing(acme, path):
    assert call("DELETE", path).status_code in (400, 404, 422)


@pytest.mark.parametrize("path", ["/nothing", "/domains/acme.example/nothing", ""])
def test_an_unknown_call_is_a_problem(path):
    problem(call("GET", path), 404)
    problem(Client(enforce_csrf_checks=True).post(f"{API}{path}"), 404)


def test_too_many_wrong_tokens_are_429_and_right_ones_still_pass():
    for number in range(10):
        problem(call("GET", "/domains", f"wrong {number}"), 401)
    problem(call("GET", "/domains", "wrong 10"), 429)
    assert call("GET", "/domains").status_code == 200


def test_a_session_of_the_panel_is_no_token():
    from tests.factories import make_administrator

    client = Client()
    client.force_login(
        make_administrator("rosa@operator.example", role=Role.SUPERADMIN),
        backend="mailadmin.access.backend.ActorBackend",
    )
    assert client.get(f"{API}/domains").status_code == 401


@pytest.mark.parametrize("header", ["superadmin", "Basic superadmin", "Token superadmin", "Bearer", "Bearer  "])
def test_other_schemes_are_401(header):
    problem(Client().get(f"{API}/domains", headers={"authorization": header}), 401)
