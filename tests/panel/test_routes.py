"""Who may open what: every route of the panel has a row here, for every role, on own things and on foreign ones."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from domains.models import Actor, ApiToken, AuditRecord, DkimKey, Domain
from domains.views.web import Audience, audience_of
from mailboxes.models import Account, Alias, AppPassword, QueueEntry
from tests.panel.people import Place, signed_in

pytestmark = pytest.mark.usefixtures("_no_network")

ALL, OWNERS, ADMINS, SUPER = (
    Audience.PUBLIC,
    Audience.EVERYBODY,
    Audience.ADMINISTRATORS,
    Audience.SUPERADMINS,
)

# name: who may open it, what is in its address, whether it only takes POST
ROUTES: dict[str, tuple[Audience, tuple[str, ...], bool]] = {
    "api-not-found": (ALL, (), False),
    "sign-in": (ALL, (), False),
    "sign-out": (ALL, (), True),
    "language": (ALL, (), True),
    "setup": (ALL, ("token text",), False),
    "home": (ADMINS, (), False),
    "search": (ADMINS, (), False),
    "services": (SUPER, (), False),
    "service-act": (SUPER, (), True),
    "certificates": (SUPER, (), False),
    "certificate-authority": (SUPER, (), False),
    "certificate-renew": (SUPER, ("domain",), True),
    "certificate-roll": (SUPER, ("domain",), False),
    "me": (OWNERS, (), False),
    "device": (OWNERS, (), False),
    "password": (OWNERS, (), False),
    "administrators": (SUPER, (), False),
    "administrator-add": (SUPER, (), False),
    "administrator-delete": (SUPER, ("dora",), False),
    "tokens": (ADMINS, (), False),
    "token-add": (ADMINS, (), False),
    "token-delete": (ADMINS, ("token",), False),
    "domains": (ADMINS, (), False),
    "domain-add": (ADMINS, (), False),
    "domain": (ADMINS, ("domain",), False),
    "domain-start": (ADMINS, ("domain",), False),
    "domain-look": (ADMINS, ("domain",), True),
    "domain-ready": (ADMINS, ("domain",), True),
    "domain-dns": (ADMINS, ("domain",), False),
    "domain-check": (ADMINS, ("domain",), True),
    "domain-zone": (ADMINS, ("domain",), False),
    "domain-plan": (ADMINS, ("domain",), False),
    "plan-review": (ADMINS, ("domain",), True),
    "plan-apply": (ADMINS, ("domain",), True),
    "zone-undo": (ADMINS, ("domain", "zone change"), False),
    "dns-access": (ADMINS, ("domain",), False),
    "dns-access-delete": (ADMINS, ("domain",), False),
    "zones": (SUPER, (), False),
    "zone-set": (SUPER, (), False),
    "zone-delete": (SUPER, ("zone",), False),
    "domain-history": (ADMINS, ("domain",), False),
    "domain-notices": (ADMINS, ("domain",), False),
    "domain-webhook-add": (ADMINS, ("domain",), False),
    "notices": (SUPER, (), False),
    "incoming-limits": (SUPER, (), False),
    "trace-keeping": (SUPER, (), False),
    "trace-forget": (SUPER, (), False),
    "webhook-add": (SUPER, (), False),
    "webhook": (ADMINS, ("webhook",), False),
    "webhook-test": (ADMINS, ("webhook",), True),
    "webhook-enable": (ADMINS, ("webhook",), True),
    "webhook-delete": (ADMINS, ("webhook",), False),
    "domain-keys": (ADMINS, ("domain",), False),
    "key-add": (ADMINS, ("domain",), False),
    "key-import": (ADMINS, ("domain",), False),
    "key-rotation": (ADMINS, ("domain",), False),
    "key-hosting": (ADMINS, ("domain",), False),
    "key-export": (ADMINS, ("domain", "selector"), False),
    "key-replace": (ADMINS, ("domain", "selector"), False),
    "key-revoke": (ADMINS, ("domain", "selector"), False),
    "key-delete": (ADMINS, ("domain", "selector"), False),
    "domain-senders": (ADMINS, ("domain",), False),
    "senders-read": (ADMINS, ("domain",), True),
    "sender-add": (ADMINS, ("domain", "sender kind"), False),
    "sender-change": (ADMINS, ("domain", "sender"), False),
    "sender-delete": (ADMINS, ("domain", "sender"), False),
    "reports": (ADMINS, (), False),
    "weekly-summary": (ADMINS, (), False),
    "report-sources": (ADMINS, ("domain",), False),
    "report-source": (ADMINS, ("domain", "source"), False),
    "report-records": (ADMINS, ("domain",), False),
    "report-tls": (ADMINS, ("domain",), False),
    "report-alerts": (ADMINS, ("domain",), False),
    "report-alert-mute": (ADMINS, ("domain", "alert"), False),
    "report-advice": (ADMINS, ("domain",), False),
    "report-advice-apply": (ADMINS, ("domain",), True),
    "report-what-if": (ADMINS, ("domain",), False),
    "spf-what-if": (ADMINS, ("domain",), False),
    "corrections": (ADMINS, ("domain",), False),
    "correction-add": (ADMINS, ("domain",), False),
    "correction-remove": (ADMINS, ("domain", "correction"), False),
    "domain-reports": (ADMINS, ("domain",), False),
    "report-upload": (ADMINS, ("domain",), False),
    "report": (ADMINS, ("domain", "report"), False),
    "domain-report-files": (ADMINS, ("domain",), False),
    "domain-report-files-retry": (ADMINS, ("domain",), True),
    "report-dispute": (ADMINS, ("domain", "dispute"), False),
    "report-failures": (ADMINS, ("domain",), False),
    "report-failure": (ADMINS, ("domain", "failure"), False),
    "report-upload-all": (ADMINS, (), False),
    "report-files": (ADMINS, (), False),
    "report-files-retry": (ADMINS, (), True),
    "report-file": (ADMINS, ("report file",), False),
    "report-file-retry": (ADMINS, ("report file",), True),
    "report-file-delete": (ADMINS, ("report file",), False),
    "report-keeping": (SUPER, (), False),
    "report-roads": (ADMINS, (), False),
    "report-mailbox-add": (ADMINS, (), False),
    "report-mailbox": (ADMINS, ("report mailbox",), False),
    "report-mailbox-try": (ADMINS, ("report mailbox",), True),
    "report-mailbox-delete": (ADMINS, ("report mailbox",), False),
    "domain-settings": (ADMINS, ("domain",), False),
    "mta-sts-change": (ADMINS, ("domain", "mode"), False),
    "dmarc-change": (ADMINS, ("domain",), False),
    "bimi-change": (ADMINS, ("domain",), False),
    "kind-change": (ADMINS, ("domain", "kind"), False),
    "domain-client-test": (ADMINS, ("domain",), False),
    "domain-suspend": (SUPER, ("domain",), False),
    "domain-delete": (ADMINS, ("domain",), False),
    "domain-offer": (ADMINS, ("domain",), False),
    "offer-withdraw": (ADMINS, ("domain",), True),
    "domain-administrators": (SUPER, ("domain",), False),
    "offer-accept": (ADMINS, ("domain",), True),
    "offer-decline": (ADMINS, ("domain",), True),
    "domain-restore": (ADMINS, ("domain",), True),
    "domain-mailboxes": (ADMINS, ("domain",), False),
    "mailbox-add": (ADMINS, ("domain",), False),
    "mailbox": (ADMINS, ("address",), False),
    "mailbox-delete": (ADMINS, ("address",), False),
    "app-passwords": (OWNERS, ("address",), False),
    "app-passwords-only": (OWNERS, ("address",), True),
    "app-password": (OWNERS, ("address", "app password"), False),
    "app-password-revoke": (OWNERS, ("address", "app password"), False),
    "domain-aliases": (ADMINS, ("domain",), False),
    "alias-add": (ADMINS, ("domain",), False),
    "catch-all": (ADMINS, ("domain",), False),
    "alias": (ADMINS, ("alias",), False),
    "alias-delete": (ADMINS, ("alias",), False),
    "domain-groups": (ADMINS, ("domain",), False),
    "group-add": (ADMINS, ("domain",), False),
    "group": (ADMINS, ("group",), False),
    "group-delete": (ADMINS, ("group",), False),
    "domain-incoming": (ADMINS, ("domain",), False),
    "messages": (OWNERS, (), False),
    "message": (OWNERS, ("trace",), False),
    "what-if": (ADMINS, ("trace",), False),
    "queue": (ADMINS, (), False),
    "queue-retry": (ADMINS, ("entry",), True),
    "queue-delete": (ADMINS, ("entry",), False),
    "lint": (ADMINS, (), False),
    "audit": (ADMINS, (), False),
}
# Addresses whose object belongs to a domain, so that it may be foreign.
SCOPED = [name for name, row in ROUTES.items() if row[1] and name not in ("setup", "administrator-delete")]
ROLES = {"rosa": set(Audience), "dora": {ALL, OWNERS, ADMINS}, "alice": {ALL, OWNERS}}


def _patterns(patterns: list[Any]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "api":
                yield from _patterns(pattern.url_patterns)
        else:
            yield pattern


def _address(name: str, place: Place, token: dict[str, int], dora: Actor) -> str:
    if name == "api-not-found":
        return "/api/v1/nothing"
    values = {
        "token text": "no-such-token",
        "dora": dora.email,
        "token": token["near" if place.domain.name.startswith("near") else "far"],
        "domain": place.domain.name,
        "selector": place.selector,
        "mode": "testing",
        "kind": "parked",
        "report": place.report,
        "report file": place.report_file,
        "dispute": place.dispute,
        "failure": place.failure,
        "report mailbox": place.report_mailbox,
        "webhook": place.webhook,
        "sender kind": "service",
        "sender": place.sender,
        "correction": place.correction,
        "alert": place.alert,
        "source": "192.0.2.9",
        "address": place.address,
        "app password": place.app_password,
        "alias": place.alias,
        "group": place.group,
        "trace": place.trace,
        "entry": place.entry,
        "zone": place.zone,
        "zone change": place.zone_change,
    }
    return reverse(name, args=[values[key] for key in ROUTES[name][1]])


def _counts() -> list[int]:
    return [
        model.objects.count() for model in (Domain, DkimKey, Account, Alias, AppPassword, QueueEntry, Actor, ApiToken)
    ]


def test_every_route_has_a_row() -> None:
    found = {pattern.name for pattern in _patterns(get_resolver().url_patterns)}
    assert found == set(ROUTES)


def test_every_view_carries_the_audience_of_its_row() -> None:
    for pattern in _patterns(get_resolver().url_patterns):
        assert audience_of(pattern.callback) is ROUTES[str(pattern.name)][0], pattern.name


def test_a_guest_is_led_to_the_sign_in_page(near: Place, token: dict[str, int], dora: Actor) -> None:
    before = _counts()
    for name, (who, _keys, _post) in ROUTES.items():
        for method in ("get", "post", "put", "delete", "patch"):
            response = getattr(Client(), method)(_address(name, near, token, dora))
            to_sign_in = response.status_code == 302 and response["Location"].startswith("/sign-in")
            assert to_sign_in == (who is not ALL) or name in ("sign-out", "language"), (name, method)
    assert _counts() == before


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_its_own_pages_and_no_others(
    role: str,
    near: Place,
    token: dict[str, int],
    rosa: Actor,
    dora: Actor,
    alice: Actor,
) -> None:
    client = signed_in({"rosa": rosa, "dora": dora, "alice": alice}[role])
    for name, (who, _keys, post_only) in ROUTES.items():
        if name in ("sign-out", "setup", "api-not-found"):
            continue
        response = client.get(_address(name, near, token, dora))
        if role == "alice" and name == "home":
            assert response["Location"] == "/me"
        elif who not in ROLES[role]:
            assert response.status_code == 403, (role, name)
        elif post_only:
            assert response.status_code == 405, (role, name)
        else:
            assert response.status_code == (302 if name in ("sign-in", "search") else 200), (role, name)


def test_what_is_foreign_looks_absent(
    near: Place, far: Place, token: dict[str, int], dora: Actor, alice: Actor
) -> None:
    before = _counts()
    for name in SCOPED:
        who, _keys, post_only = ROUTES[name]
        address = _address(name, far, token, dora)
        for role, actor in (("dora", dora), ("alice", alice)):
            for method in ("get", "post", "put", "delete", "patch"):
                response = getattr(signed_in(actor), method)(address)
                absent = 405 if post_only and method != "post" else 404
                assert response.status_code == (absent if who in ROLES[role] else 403), (role, name, method)
    assert _counts() == before


@pytest.mark.parametrize(
    "address", ["/domains/x%00y", "/messages/%00", "/mailboxes/a%00@b.example", "/queue/%00/delete"]
)
def test_nul_in_an_address_is_not_found(rosa: Actor, address: str) -> None:
    assert signed_in(rosa).get(address).status_code == 404


def test_lists_hold_nothing_foreign(near: Place, far: Place, dora: Actor, alice: Actor) -> None:
    client = signed_in(dora)
    pages = ("home", "domains", "queue", "messages", "audit", "tokens", "token-add")
    for name in pages:
        body = client.get(reverse(name)).content.decode()
        assert "far.example" not in body, name
    assert far.trace not in signed_in(alice).get(reverse("messages")).content.decode()


def test_every_post_needs_the_forms_own_token(near: Place, token: dict[str, int], rosa: Actor, dora: Actor) -> None:
    before = _counts(), AuditRecord.objects.count()
    client = signed_in(rosa, enforce_csrf_checks=True)
    for name in ROUTES:
        if name != "api-not-found":
            assert client.post(_address(name, near, token, dora)).status_code == 403, name
    assert (_counts(), AuditRecord.objects.count()) == before


def test_a_session_ends_when_the_credential_changes(rosa: Actor) -> None:
    client = signed_in(rosa)
    assert client.get("/").status_code == 200
    Actor.objects.filter(pk=rosa.pk).update(credential_version=rosa.credential_version + 1)
    assert client.get("/").status_code == 302
    assert client.get("/").status_code == 302


def test_an_owner_whose_mailbox_is_disabled_is_out_at_once(alice: Actor, near: Place) -> None:
    client = signed_in(alice)
    assert client.get("/me").status_code == 200
    Account.objects.filter(actor=alice).update(enabled=False)
    assert client.get("/me").status_code == 302


def test_htmx_is_told_to_load_the_sign_in_page(near: Place) -> None:
    response = Client().post(reverse("domain-check", args=["near.example"]), headers={"HX-Request": "true"})
    assert response.headers["HX-Redirect"] == "/sign-in"
