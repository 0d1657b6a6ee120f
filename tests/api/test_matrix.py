"""Role × route × verb × own or foreign, read from the OpenAPI document: a route without a row here fails.

A row says what each caller gets for a thing in reach and for a foreign one. ``reach`` is the status for a domain
administrator at home; a superadministrator gets the same in both places; an owner's token, which no service makes,
reaches nothing.
"""

import itertools
import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from domains.api.problem import PROBLEM_TYPE
from domains.models import AuditRecord
from mailadmin.api import PUBLIC, api
from tests.api.people import API, call, make_world
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Row:
    """``good``: the status in reach; ``foreign``: a domain administrator's elsewhere; ``owner``: an owner's."""

    good: int
    foreign: int = 404
    owner: int = 404
    admin: int = 0  # a domain administrator's in reach, when not ``good``
    body: Any = None
    content_type: str = "application/json"


LIST = 0  # a list: 200 for all who may ask, without what is foreign
REPORT = b"<feedback/>"
WATCH = {"host": "imap.example", "port": 1, "user": "x", "password": "y", "domain": "{name}"}

ROWS: dict[tuple[str, str], Row] = {
    ("GET", "/domains"): Row(200, LIST, 200),
    ("POST", "/domains"): Row(201, 201, 403, body={"name": "new.example"}),
    ("GET", "/domains/{name}"): Row(200),
    ("PATCH", "/domains/{name}"): Row(200, admin=403, body={"state": "suspended"}),
    ("DELETE", "/domains/{name}"): Row(409),
    ("POST", "/domains/{name}/restore"): Row(404),
    ("POST", "/domains/{name}/transfer"): Row(201, body={"email": "second@operator.example"}),
    ("GET", "/domains/{name}/transfer"): Row(404),
    ("DELETE", "/domains/{name}/transfer"): Row(404),
    ("GET", "/domains/{name}/administrators"): Row(200, admin=403),
    ("PUT", "/domains/{name}/administrators"): Row(200, admin=403, body={"administrators": []}),
    ("GET", "/transfers"): Row(200, 200, 200),
    ("POST", "/transfers/{name}/accept"): Row(404),
    ("DELETE", "/transfers/{name}"): Row(404),
    ("GET", "/domains/{name}/records"): Row(200),
    ("GET", "/domains/{name}/records/history"): Row(200),
    ("POST", "/domains/{name}/check"): Row(200),
    ("GET", "/domains/{name}/incoming"): Row(200),
    ("PATCH", "/domains/{name}/incoming"): Row(200, body={"dispositions": {"dmarc-fail-reject": "junk"}}),
    ("GET", "/dmarc-evaluations"): Row(200, 403, 403, admin=403),
    ("GET", "/domains/{name}/steps"): Row(200),
    ("POST", "/domains/{name}/preflight"): Row(200),
    ("GET", "/domains/{name}/plan"): Row(200),
    ("GET", "/domains/{name}/dns-provider"): Row(200),
    ("POST", "/domains/{name}/client-test"): Row(200, body={}),
    ("POST", "/domains/{name}/plan/apply"): Row(422, body={}),  # its server is on a closed port
    ("GET", "/domains/{name}/zone-changes"): Row(200),
    ("POST", "/domains/{name}/zone-changes/{id}/undo"): Row(422),
    ("GET", "/domains/{name}/dns-access"): Row(200),
    ("PUT", "/domains/{name}/dns-access"): Row(422, body={"server": "127.0.0.1", "port": 1, "key_name": "k"}),
    ("DELETE", "/domains/{name}/dns-access"): Row(204),
    ("GET", "/zones"): Row(200, 403, 403, admin=403),
    ("PUT", "/zones/{zone}"): Row(422, 403, 403, admin=403, body={"server": "127.0.0.1", "port": 1, "key_name": "k"}),
    ("DELETE", "/zones/{zone}"): Row(204, 403, 403, admin=403),
    ("GET", "/domains/{name}/senders"): Row(200),
    ("POST", "/domains/{name}/senders"): Row(201, body={"kind": "service", "value": "brevo"}),
    ("GET", "/domains/{name}/senders/{sender}"): Row(200),
    ("PATCH", "/domains/{name}/senders/{sender}"): Row(200, body={"note": "News"}),
    ("DELETE", "/domains/{name}/senders/{sender}"): Row(204),
    ("GET", "/domains/{name}/spf"): Row(200),
    ("GET", "/sender-services"): Row(200, 200, 403),
    ("GET", "/dmarc/overview"): Row(200, 200, 403),
    ("GET", "/domains/{name}/dmarc/volume"): Row(200),
    ("GET", "/domains/{name}/dmarc/reports"): Row(200),
    ("GET", "/domains/{name}/dmarc/records"): Row(200),
    ("GET", "/domains/{name}/tls/failures"): Row(200),
    ("GET", "/domains/{name}/dmarc/alerts"): Row(200),
    ("POST", "/domains/{name}/dmarc/alerts/{alert}/mute"): Row(200, body={"note": "Known"}),
    ("GET", "/domains/{name}/dmarc/advice"): Row(200),
    ("POST", "/domains/{name}/dmarc/advice/apply"): Row(200, body={"step": "none"}),
    ("POST", "/domains/{name}/dmarc/what-if"): Row(200, body={"record": "v=DMARC1; p=reject"}),
    ("POST", "/domains/{name}/spf/what-if"): Row(200, body={"record": "v=spf1 ip4:192.0.2.0/24 -all"}),
    ("GET", "/domains/{name}/dmarc/corrections"): Row(200),
    ("POST", "/domains/{name}/dmarc/corrections"): Row(201, body={"network": "203.0.113.7", "kind": "own"}),
    ("DELETE", "/domains/{name}/dmarc/corrections/{correction}"): Row(204),
    ("GET", "/domains/{name}/dkim-keys"): Row(200),
    ("POST", "/domains/{name}/dkim-keys"): Row(201, body={"algorithm": "ed25519", "selector": "new"}),
    ("GET", "/domains/{name}/dkim-keys/{selector}"): Row(200),
    ("DELETE", "/domains/{name}/dkim-keys/{selector}"): Row(204),
    ("POST", "/domains/{name}/dkim-keys/{selector}/replace"): Row(201),
    ("POST", "/domains/{name}/dkim-keys/{selector}/revoke"): Row(201),
    ("GET", "/domains/{name}/catch-all"): Row(200),
    ("PUT", "/domains/{name}/catch-all"): Row(200, owner=403, body={"target": None}),
    ("GET", "/domains/{name}/bimi"): Row(200),
    ("PUT", "/domains/{name}/bimi"): Row(200, body={"logo_url": "https://acme.example/logo.svg"}),
    ("GET", "/domains/{name}/dmarc/policy"): Row(200),
    ("PUT", "/domains/{name}/dmarc/policy"): Row(200, body={"policy": "none"}),
    ("GET", "/domains/{name}/dmarc/sources"): Row(200),
    ("POST", "/tls/reports"): Row(422, 422, 403, body=b"{}", content_type="application/octet-stream"),
    ("GET", "/domains/{name}/tls/reports"): Row(200),
    ("GET", "/incoming-limits"): Row(200, 403, 403, admin=403),
    ("GET", "/incoming-limits/limited"): Row(200, 403, 403, admin=403),
    ("POST", "/incoming-limits/let-in"): Row(202, 403, 403, admin=403, body={"client": "192.0.2.7"}),
    ("GET", "/trace-keeping"): Row(200, 403, 403, admin=403),
    ("PUT", "/trace-keeping"): Row(200, 403, 403, admin=403, body={"head_days": 60, "event_days": 20}),
    ("POST", "/trace-keeping/forget"): Row(200, 403, 403, admin=403, body={"address": "nobody@far.example"}),
    ("GET", "/mailboxes"): Row(200, LIST, 200),
    ("POST", "/mailboxes"): Row(201, 422, 403, body={"address": "new@{name}", "password": PASSWORD}),
    ("GET", "/mailboxes/{address}"): Row(200),
    ("PATCH", "/mailboxes/{address}"): Row(200, owner=403, body={"enabled": False}),
    ("DELETE", "/mailboxes/{address}"): Row(204, owner=403),
    ("GET", "/mailboxes/{address}/app-passwords"): Row(200, owner=200),
    ("POST", "/mailboxes/{address}/app-passwords"): Row(
        403, owner=201, body={"name": "Phone", "protocols": ["imap"], "expires_at": "2099-01-01T00:00:00Z"}
    ),
    ("PATCH", "/mailboxes/{address}/app-passwords/{id}"): Row(200, owner=200, body={"name": "Tablet"}),
    ("DELETE", "/mailboxes/{address}/app-passwords/{id}"): Row(204, owner=204),
    ("GET", "/aliases"): Row(200, LIST, 200),
    ("POST", "/aliases"): Row(201, 422, 403, body={"address": "new@{name}", "targets": ["zoe@remote.example"]}),
    ("GET", "/aliases/{address}"): Row(200),
    ("PATCH", "/aliases/{address}"): Row(200, owner=403, body={"targets": ["zoe@remote.example"]}),
    ("DELETE", "/aliases/{address}"): Row(204, owner=403),
    ("GET", "/groups"): Row(200, LIST, 200),
    ("POST", "/groups"): Row(201, 422, 403, body={"address": "new@{name}", "members": ["zoe@remote.example"]}),
    ("GET", "/groups/{address}"): Row(200),
    ("PATCH", "/groups/{address}"): Row(200, owner=403, body={"writers": "members"}),
    ("DELETE", "/groups/{address}"): Row(204, owner=403),
    ("PUT", "/groups/{address}/members/{member}"): Row(200, owner=403),
    ("DELETE", "/groups/{address}/members/{member}"): Row(204, owner=403),
    ("GET", "/administrators"): Row(200, 403, 403, admin=403),
    ("POST", "/administrators"): Row(
        201, 403, 403, admin=403, body={"email": "new@x.example", "password": PASSWORD, "role": "superadmin"}
    ),
    ("DELETE", "/administrators/{email}"): Row(204, 403, 403, admin=403),
    ("GET", "/certificates"): Row(200, 403, 403, admin=403),
    ("POST", "/certificates/{name}/renew"): Row(202, 403, 403, admin=403),
    ("POST", "/certificates/{name}/roll"): Row(202, 403, 403, admin=403),
    ("GET", "/acme-account"): Row(200, 403, 403, admin=403),
    ("PUT", "/acme-account"): Row(422, 403, 403, admin=403, body={"directory_url": "http://plain.example"}),
    ("GET", "/tokens"): Row(200, LIST, 403),
    ("POST", "/tokens"): Row(201, 422, 403, body={"name": "n", "role": "domain_admin", "domains": ["{name}"]}),
    ("DELETE", "/tokens/{id}"): Row(204, owner=403),
    ("POST", "/dmarc/reports"): Row(422, 422, 403, body=REPORT, content_type="application/octet-stream"),
    ("GET", "/report-files"): Row(200, LIST, 403),
    ("GET", "/report-files/{id}"): Row(200, owner=403),
    ("POST", "/report-files/{id}/retry"): Row(200, owner=403),
    ("DELETE", "/report-files/{id}"): Row(204, owner=403),
    ("GET", "/dmarc/disputes"): Row(200, LIST, 403),
    ("POST", "/dmarc/disputes/{id}/settle"): Row(200, owner=403),
    ("GET", "/domains/{name}/dmarc/failures"): Row(200),
    ("GET", "/report-keeping"): Row(200, 403, 403, admin=403),
    ("PUT", "/report-keeping"): Row(
        200, 403, 403, admin=403, body={"file_days": 9, "failure_days": 9, "redact_days": 1}
    ),
    ("GET", "/report-mailboxes"): Row(200, LIST, 403),
    ("POST", "/report-mailboxes"): Row(422, 422, 403, body=WATCH),
    ("GET", "/report-mailboxes/{id}"): Row(200, owner=403),
    ("PUT", "/report-mailboxes/{id}"): Row(422, owner=403, body=WATCH),  # its server is on a closed port
    ("DELETE", "/report-mailboxes/{id}"): Row(204, owner=403),
    ("POST", "/report-mailboxes/{id}/try"): Row(200, owner=403),
    ("POST", "/lint"): Row(200, 200, 403, body={"record": "v=spf1 mx -all"}),
    ("GET", "/queue"): Row(200, LIST, 200),
    ("GET", "/queue/{id}"): Row(200),
    ("DELETE", "/queue/{id}"): Row(204, owner=403),
    ("POST", "/queue/{id}/retry"): Row(202, owner=403),
    ("GET", "/messages"): Row(200, LIST, 200),
    ("GET", "/messages/{id}"): Row(200, owner=200),
    ("POST", "/messages/{id}/what-if"): Row(422, owner=403, body={}),  # it was never judged
    ("GET", "/webhooks"): Row(200, LIST, 200),
    ("POST", "/webhooks"): Row(201, 422, 403, body={"url": "https://hooks.remote.example/", "domain": "{name}"}),
    ("GET", "/webhooks/{id}"): Row(200),
    ("DELETE", "/webhooks/{id}"): Row(204),
    ("POST", "/webhooks/{id}/test"): Row(202),
    ("POST", "/webhooks/{id}/enable"): Row(200),
}
THINGS = {"mailboxes": "mailbox", "aliases": "alias", "tokens": "token", "queue": "queue", "messages": "message"}
THINGS |= {"groups": "group", "report-mailboxes": "report_mailbox"}
THINGS |= {"report-files": "report_file", "disputes": "dispute"}
THINGS |= {"app-passwords": "app_password"}
THINGS |= {"zone-changes": "zone_change", "webhooks": "webhook"}


def operations():
    """Every (verb, path) of the document."""
    schema = api.get_openapi_schema()
    return {
        (verb.upper(), path.removeprefix(API))
        for path, verbs in schema["paths"].items()
        for verb in verbs
        if verb in ("get", "post", "put", "patch", "delete", "head", "options")
    }


def test_every_route_has_a_row_and_every_row_a_route():
    assert operations() == set(ROWS)


def test_every_operation_asks_for_a_token():
    schema = api.get_openapi_schema()
    for path, verbs in schema["paths"].items():
        for verb, operation in verbs.items():
            assert operation.get("security"), (verb, path)
    assert {f"{API}/openapi.json", f"{API}/docs"} == PUBLIC


def filled(text, names, path):
    """The path or body with the names of one place."""
    values = dict(names)
    kind = next((THINGS[part] for part in reversed(path.split("/")) if part in THINGS), "")
    values |= {"id": names.get(kind, ""), "address": names.get(_first_thing(path), "")}
    return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], text)


def _first_thing(path):
    return next((THINGS[part] for part in path.split("/") if part in THINGS), "")


def body_for(row, names, path):
    if isinstance(row.body, dict):
        return {key: _deep(value, names, path) for key, value in row.body.items()}
    return row.body


def _deep(value, names, path):
    if isinstance(value, list):
        return [filled(item, names, path) for item in value]
    return filled(value, names, path) if isinstance(value, str) else value


def ask(world, operation, place, token):
    """Make the call of a row at one place."""
    verb, path = operation
    row = ROWS[operation]
    names = world.names[place]
    return call(verb, filled(path, names, path), token, body_for(row, names, path), content_type=row.content_type)


@pytest.fixture
def world(dns_settings):
    return make_world()


def differing(world, place, token, right):
    """Make every call, each undone after it; returns the operations whose answer is not ``right``."""
    wrong = {}
    for operation, row in sorted(ROWS.items()):
        with transaction.atomic():
            before = AuditRecord.objects.count()
            answer = ask(world, operation, place, token)
            changed = AuditRecord.objects.count() != before
            transaction.set_rollback(True)
        if answer.status_code >= 400:
            assert is_problem(answer), operation
            assert not changed, operation
        if not right(operation, row, answer):
            wrong[operation] = (answer.status_code, answer.content[:300])
    return wrong


def is_problem(answer):
    body = answer.json()
    return (
        answer["content-type"].startswith("application/problem+json")
        and {"type", "title", "status", "detail", "errors"} <= set(body)
        and body["status"] == answer.status_code
    )


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_nobody_without_a_token(world, token):
    assert differing(world, "near", token, lambda operation, row, answer: answer.status_code == 401) == {}


@pytest.mark.parametrize("place", ["near", "far"])
def test_a_superadministrator_everywhere(world, place):
    assert differing(world, place, "superadmin", lambda operation, row, answer: answer.status_code == row.good) == {}


def test_a_domain_administrator_at_home(world):
    def right(operation, row, answer):
        return answer.status_code == (row.admin or row.good)

    assert differing(world, "near", "domain_admin", right) == {}


def test_a_domain_administrator_elsewhere(world):
    def right(operation, row, answer):
        if row.foreign != LIST:
            return answer.status_code == row.foreign
        return answer.status_code == 200 and b"far" not in answer.content and answer.json()["items"]

    assert differing(world, "far", "domain_admin", right) == {}


def test_an_owners_token_at_home_reads_its_own_mail_only(world):
    own = {("GET", "/mailboxes"), ("GET", "/mailboxes/{address}"), ("GET", "/messages"), ("GET", "/messages/{id}")}
    own |= {("GET", "/mailboxes/{address}/app-passwords"), ("PATCH", "/mailboxes/{address}/app-passwords/{id}")}

    def right(operation, row, answer):
        if operation in own:
            return answer.status_code == 200 and b"far" not in answer.content
        if row.owner == 200:
            return answer.json() == {"items": [], "next": None}
        return answer.status_code == row.owner

    assert differing(world, "near", "owner", right) == {}


def test_an_owners_token_elsewhere_reaches_nothing(world):
    def right(operation, row, answer):
        return answer.status_code in (403, 404, 422) if "{" in operation[1] else b"far" not in answer.content

    assert differing(world, "far", "owner", right) == {}


def test_a_verb_that_does_not_exist_is_405_and_does_nothing(world):
    paths = {path for _, path in ROWS}
    for verb, path in itertools.product(("GET", "PUT", "PATCH", "DELETE", "POST", "TRACE"), sorted(paths)):
        if (verb, path) not in ROWS:
            answer = call(verb, filled(path, world.names["near"], path), "superadmin", {})
            assert answer.status_code == 405, (verb, path)
            assert answer["Content-Type"] == PROBLEM_TYPE, (verb, path)


@pytest.mark.parametrize("path", sorted(PUBLIC))
def test_the_description_is_public(path):
    assert Client().get(path).status_code == 200


def test_the_document_is_openapi_3_1_and_complete():
    document = Client().get(f"{API}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {path.removeprefix(API) for path in document["paths"]} == {path for _, path in ROWS}
    for verbs in document["paths"].values():
        for operation in verbs.values():
            assert operation["summary"]
