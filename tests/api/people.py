"""A world for API tests: near.example is Dora's, far.example foreign to her, one of everything in each."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.test import Client
from django.utils import timezone

from domains.identifiers import new_identifier
from domains.models import (
    AcmeAccount,
    Actor,
    ApiToken,
    Certificate,
    DnsAccount,
    Domain,
    ReportAlert,
    ReportFile,
    ReportMailbox,
    Role,
    Sender,
    SourceCorrection,
    Trace,
    Webhook,
    ZoneChange,
)
from domains.services.reports import take_in
from domains.services.sealing import seal
from mailboxes.models import Blob, QueueEntry
from tests.domains.dmarc.samples import make_row, report_xml
from tests.factories import (
    make_account,
    make_administrator,
    make_alias,
    make_app_password,
    make_domain,
    make_group,
)

API = "/api/v1"


@dataclass
class World:
    """Names of things by place (``near`` or ``far``), and a token's text by role."""

    names: dict[str, dict[str, str]]
    tokens: dict[str, str]


def make_token(text: str, role: str, maker: Actor | None, *domains: Domain) -> ApiToken:
    """A token of this text."""
    token = ApiToken.objects.create(name=text, role=role, created_by=maker, digest=sha256(text.encode()).digest())
    token.domains.set(domains)
    return token


def make_world() -> World:
    """Both places, a token for each role."""
    rosa = make_administrator("rosa@operator.example", role=Role.SUPERADMIN)
    make_administrator("second@operator.example", role=Role.SUPERADMIN)
    places = {name: make_domain(f"{name}.example") for name in ("near", "far")}
    dora = make_administrator("dora@operator.example", places["near"])
    makers = {"near": dora, "far": rosa}
    AcmeAccount.objects.create(
        directory_url="https://ca.example/dir", uri="https://ca.example/1", agreed_by="rosa", agreed_at=timezone.now()
    )
    names = {place: _fill(place, domain, makers[place]) for place, domain in places.items()}
    make_token("superadmin", Role.SUPERADMIN, rosa)
    make_token("domain_admin", Role.DOMAIN_ADMIN, dora, places["near"])
    make_token("owner", Role.OWNER, Actor.objects.get(email="alice@near.example"))
    return World(names, {"superadmin": "superadmin", "domain_admin": "domain_admin", "owner": "owner", "wrong": "x"})


def _fill(place: str, domain: Domain, maker: Actor) -> dict[str, str]:
    now = timezone.now()
    account = make_account(f"alice@{domain.name}")
    app_password, _text = make_app_password(account)
    alias = make_alias(f"sales@{domain.name}", [account.address])
    group = make_group(f"team@{domain.name}", [account.address, alias.address])
    trace = Trace.objects.create(
        id=new_identifier(), direction="in", recipients=[account.address], domains=[domain.name],
        received_at=now, outcome="delivered", pending_events=[],
    )  # fmt: skip
    entry = QueueEntry.objects.create(
        id=new_identifier(), trace_id=trace.pk, mail_from=account.address, recipients=["zoe@remote.example"],
        sender_domain=domain.name, next_hop="remote.example", created_at=now, next_attempt_at=now, expires_at=now,
        blob=Blob.objects.create(sha256=b"0" * 32, size=3, data=b"abc"),
    )  # fmt: skip
    sealed = {"server": "127.0.0.1", "port": 1, "key_name": "k", "proven_at": now}
    zones = [
        DnsAccount(domain=row, zone=zone, **sealed)
        for row, zone in ((domain, domain.name), (None, f"{place}-own.example"))
    ]
    for row in zones:
        row.secret_sealed = seal(f"dns-account {row.zone} k", b"secret")
    DnsAccount.objects.bulk_create(zones)
    webhook = Webhook.objects.create(domain=domain, url=f"https://hooks.{domain.name}/", secret_sealed=b"")
    change = ZoneChange.objects.create(domain=domain, actor_name="x", server="127.0.0.1 port 1", state="applied")
    Certificate.objects.create(name=domain.name, domain=domain, chain="x")
    sender = Sender.objects.create(domain=domain, kind="service", value="mailchimp", name="Mailchimp")
    alert = ReportAlert.objects.create(
        domain=domain, code="silence", figures={"days": 5}, opened_at=timezone.now(), last_at=timezone.now()
    )
    correction = SourceCorrection.objects.create(domain=domain, network="198.18.7.0/24", kind="own")
    watched = ReportMailbox(domain=domain, host="imap.example", port=1, user="x")
    watched.password_sealed = seal("report-mailbox imap.example:1 x", b"y")
    watched.save()
    file = ReportFile.objects.create(domain=domain, road="mail", content=b"x", state="broken", reason="Not XML.")
    for submitter, count in (("one.example", 1), ("two.example", 2)):
        xml = report_xml(domain.name, rows=(make_row(count=count),))
        report, _created = take_in(xml, "", "mail", submitter, True)
    token = make_token(f"{place} token", Role.DOMAIN_ADMIN, maker, domain)
    return {
        "name": domain.name,
        "selector": domain.dkim_keys.order_by("pk")[0].selector,
        "mailbox": account.address,
        "app_password": str(app_password.pk),
        "alias": alias.address,
        "group": group.address,
        "member": account.address,
        "message": trace.pk,
        "queue": entry.pk,
        "token": str(token.pk),
        "zone": f"{place}-own.example",
        "zone_change": str(change.pk),
        "webhook": str(webhook.pk),
        "sender": str(sender.pk),
        "correction": str(correction.pk),
        "alert": str(alert.pk),
        "report_file": str(file.pk),
        "dispute": str(report.pk),
        "report_mailbox": str(watched.pk),
        "email": "second@operator.example",
    }


def call(method: str, path: str, token: str | None = "superadmin", body: Any = None, **options: Any) -> Any:
    """Make one call of the API; ``body`` is sent as JSON, bytes as they are."""
    headers = {"authorization": f"Bearer {token}"} if token is not None else {}
    if body is not None:
        options = {"content_type": "application/json"} | options | {"data": body}
    return Client(raise_request_exception=False).generic(method, API + path, **_encoded(options), headers=headers)


def _encoded(options: dict[str, Any]) -> dict[str, Any]:
    import json

    data = options.get("data")
    if data is not None and not isinstance(data, bytes):
        options = options | {"data": json.dumps(data)}
    return options


def problem(answer: Any, status: int, *fields: str) -> Any:
    """Assert a problem document of this status about these fields; returns it."""
    assert answer.status_code == status, answer.content
    assert answer["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert {"type", "title", "status", "detail", "errors"} <= set(body)
    assert all(set(error) == {"field", "message"} and error["message"] for error in body["errors"])
    assert {error["field"] for error in body["errors"]} == set(fields)
    return body
