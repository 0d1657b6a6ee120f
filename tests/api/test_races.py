"""The same call many times at once, and calls whose thing is deleted under them: one wins, no fault is ours."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from domains.models import AuditRecord, DkimKey, Role
from domains.services import failures
from tests.api.people import call, make_token
from tests.factories import PASSWORD, make_account, make_administrator, make_alias, make_domain, make_group

pytestmark = pytest.mark.django_db(transaction=True)

MAILBOX = {"address": "bob@acme.example", "password": PASSWORD}
ALIAS = {"address": "sales@acme.example", "targets": ["bob@acme.example"]}
GROUP = {"address": "team@acme.example", "members": ["bob@acme.example"]}
ADMIN = {"email": "dora@operator.example", "password": PASSWORD, "role": "domain_admin", "domains": ["acme.example"]}
KEY = {"algorithm": "ed25519", "selector": "summer"}
KINDS = {
    "domains": ["domain"],
    "mailboxes": ["mailbox"],
    "aliases": ["alias"],
    "groups": ["group"],
    "keys": ["dkim_key"],
    "tokens": ["token"],
    "administrators": ["actor"],
}


@pytest.fixture(autouse=True)
def _token(db):
    make_token("superadmin", Role.SUPERADMIN, None)


def at_once(*calls):
    """Make all calls at once; returns their statuses in the order given."""

    def one(arguments):
        try:
            return call(arguments[0], arguments[1], body=arguments[2]).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(one, calls))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/domains", {"name": "new.example"}),
        ("/mailboxes", MAILBOX),
        ("/aliases", ALIAS),
        ("/groups", GROUP),
        ("/administrators", ADMIN),
        ("/domains/acme.example/dkim-keys", KEY),
    ],
)
def test_the_same_post_twelve_times_makes_one(path, body):
    make_domain()
    assert Counter(at_once(*[("POST", path, body)] * 12)) == {201: 1, 409: 11}


def test_an_address_is_a_mailbox_or_an_alias_or_a_group_never_two():
    make_domain()
    alias = {"address": "bob@acme.example", "targets": ["zoe@remote.example"]}
    group = {"address": "bob@acme.example", "members": ["zoe@remote.example"]}
    each = [("POST", "/mailboxes", MAILBOX), ("POST", "/aliases", alias), ("POST", "/groups", group)]
    assert Counter(at_once(*each * 3)) == {201: 1, 409: 8}


def test_members_added_at_once_are_all_there():
    make_group()
    members = [f"m{number}@remote.example" for number in range(8)]
    calls = [("PUT", f"/groups/team@acme.example/members/{member}", None) for member in members]
    assert Counter(at_once(*calls)) == {200: 8}
    assert set(call("GET", "/groups/team@acme.example").json()["members"]) == {"alice@acme.example", *members}


def test_keys_made_at_once_get_selectors_of_their_own_and_keep_the_limit():
    domain = make_domain()
    statuses = Counter(at_once(*[("POST", "/domains/acme.example/dkim-keys", {"algorithm": "ed25519"})] * 20))
    assert statuses == {201: 18, 422: 2}
    assert DkimKey.objects.filter(domain=domain).count() == 20


@pytest.mark.parametrize("thing", ["domains", "mailboxes", "aliases", "groups", "keys", "tokens", "administrators"])
def test_the_same_delete_at_once_happens_once(thing):
    domain = make_domain()
    make_account("bob@other.example")
    make_alias()
    make_group()
    call("POST", "/administrators", body=ADMIN)
    token = call("POST", "/tokens", body={"name": "ci", "role": "superadmin"}).json()["id"]
    paths = {
        "domains": "/domains/acme.example?cascade=true",
        "mailboxes": "/mailboxes/bob@other.example",
        "aliases": "/aliases/sales@acme.example",
        "groups": "/groups/team@acme.example",
        "keys": f"/domains/acme.example/dkim-keys/{domain.dkim_keys.order_by('pk')[0].selector}",
        "tokens": f"/tokens/{token}",
        "administrators": f"/administrators/{ADMIN['email']}",
    }
    assert Counter(at_once(*[("DELETE", paths[thing], None)] * 8)) == {204: 1, 404: 7}
    assert AuditRecord.objects.filter(action__endswith=".delete", object_type__in=KINDS[thing]).count() == 1


@pytest.mark.parametrize(
    "change",
    [
        ("PATCH", "/domains/acme.example", {"state": "suspended"}),
        ("POST", "/mailboxes", MAILBOX),
        ("POST", "/aliases", ALIAS),
        ("POST", "/domains/acme.example/dkim-keys", {"algorithm": "ed25519"}),
        ("PUT", "/domains/acme.example/catch-all", {"target": "zoe@remote.example"}),
        ("PATCH", "/mailboxes/alice@acme.example", {"display_name": "A"}),
        ("DELETE", "/mailboxes/alice@acme.example", None),
        ("PATCH", "/aliases/info@acme.example", {"targets": ["zoe@remote.example"]}),
        ("POST", "/tokens", {"name": "ci", "role": "domain_admin", "domains": ["acme.example"]}),
        ("POST", "/administrators", ADMIN),
    ],
    ids=lambda change: f"{change[0]} {change[1]}",
)
def test_a_domain_deleted_under_a_call_is_absent(change):
    make_domain()
    make_account()
    make_alias("info@acme.example")
    calls = [change] * 5 + [("DELETE", "/domains/acme.example?cascade=true", None)] * 2 + [change] * 5
    statuses = at_once(*calls)
    assert [status for status in statuses if status >= 500] == []
    assert 204 in statuses[5:7]


def test_an_administrator_deleted_under_a_call_is_absent():
    domain = make_domain()
    make_administrator("dora@operator.example", domain)
    turns = [["dora@operator.example"], [], ["dora@operator.example"]]
    calls = [("PUT", "/domains/acme.example/administrators", {"administrators": people}) for people in turns]
    statuses = at_once(*calls * 2, ("DELETE", "/administrators/dora@operator.example", None), *calls * 2)
    assert [status for status in statuses if status >= 500] == []
    assert statuses[6] == 204


def test_wrong_tokens_at_once_spend_the_budget_like_one_after_another(monkeypatch):
    def slow(attempt):
        throttled = failures.is_throttled(attempt)
        time.sleep(0.05)
        return throttled

    monkeypatch.setattr("mailadmin.api.is_throttled", slow)

    def one(number):
        try:
            return call("GET", "/domains", f"wrong {number}").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(24) as threads:
        statuses = Counter(threads.map(one, range(24)))
    assert statuses == {401: 10, 429: 14}


def test_claims_at_once_keep_the_limit():
    maker = make_administrator("dora@operator.example")
    make_token("dora", Role.DOMAIN_ADMIN, maker)

    def one(number):
        try:
            return call("POST", "/domains", "dora", {"name": f"claim-{number:02}.example"}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(12) as threads:
        statuses = Counter(threads.map(one, range(24)))
    assert statuses == {201: 20, 422: 4}
