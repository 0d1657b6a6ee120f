"""People and things for the panel's tests: Rosa may do all, Dora runs near.example, Alice owns a mailbox there.

far.example with its mailbox, alias, messages, queue entry and report is foreign to Dora and Alice.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from domains.audit import Act, system_act
from domains.dmarc.report import AggregateReport, ReportRow, serialise_report
from domains.identifiers import new_identifier
from domains.models import (
    Actor,
    ApiToken,
    Certificate,
    DmarcReport,
    DnsAccount,
    Domain,
    FailureReport,
    ReportAlert,
    ReportFile,
    ReportMailbox,
    Role,
    Sender,
    SourceCorrection,
    Trace,
    TraceEvent,
    Webhook,
    ZoneChange,
)
from domains.services import actors, provision
from domains.services.check import RecordState, record_states
from domains.services.reports import take_in
from mailadmin.access.middleware import VERSION_KEY
from mailadmin.runner.status import ListenerRow, WorkerList, WorkerStatus
from mailboxes.models import Blob, QueueEntry
from mailboxes.services import accounts, aliases, app_passwords, groups

PASSWORD = "a long sentence 42"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@dataclass(frozen=True)
class Place:
    """One domain with one of everything."""

    domain: Domain
    address: str
    alias: str
    selector: str
    trace: str
    entry: str
    report: int
    zone: str
    zone_change: int
    webhook: int
    sender: int
    correction: int
    alert: int
    group: str
    report_mailbox: int
    report_file: int
    dispute: int
    failure: int
    app_password: int


def make_trace(domain: str, recipient: str, **fields: Any) -> Trace:
    """A message taken in for one of ours, with one stage."""
    values = {
        "id": new_identifier(),
        "direction": "in",
        "mail_from": "sender@other.example",
        "recipients": [recipient],
        "domains": [domain],
        "received_at": timezone.now(),
        "outcome": "delivered",
        "client_address": "192.0.2.1",
    }
    trace = Trace.objects.create(**(values | fields))
    TraceEvent.objects.create(
        trace=trace,
        at=trace.received_at,
        stage="spf",
        outcome="pass",
        reason="192.0.2.1 may send.",
        detail={"domain": "other.example", "terms": [{"term": "ip4"}]},
        dns=[{"name": "other.example", "type": "TXT", "status": "found", "records": ["v=spf1 -all"]}],
    )
    return trace


def make_entry(domain: str, trace: str, **fields: Any) -> QueueEntry:
    """A message that waits to be sent."""
    now = timezone.now()
    values = {
        "id": new_identifier(),
        "trace_id": trace,
        "mail_from": f"alice@{domain}",
        "recipients": ["zoe@remote.example"],
        "sender_domain": domain,
        "next_hop": "remote.example",
        "blob": Blob.objects.create(sha256=b"0" * 32, size=3, data=b"abc"),
        "created_at": now,
        "next_attempt_at": now,
        "expires_at": now + timedelta(days=4),
        "last_reply": "451 try later",
    }
    return QueueEntry.objects.create(**(values | fields))


def make_report(domain: Domain, **fields: Any) -> DmarcReport:
    """An aggregate report of one row, dated yesterday."""
    end = timezone.now().replace(microsecond=0) - timedelta(days=1)
    row = ReportRow("192.0.2.9", 12, "none", "pass", "fail", header_from=domain.name)
    submitter = fields.pop("submitter", "")
    values = {"org_name": "receiver.example", "org_email": "", "report_id": "r-1", "policy": {}} | fields
    report = AggregateReport(
        begin=end - timedelta(hours=1), end=end, domain=domain.name, schema="rfc7489", rows=(row,), **values
    )
    return take_in(serialise_report(report), "", "upload", submitter)[0]


def make_dispute(report: DmarcReport, domain: Domain) -> DmarcReport:
    """A report of the same name with other content, which does not count."""
    row = ReportRow("192.0.2.55", 5, "none", "fail", "fail", header_from=domain.name)
    names = {"org_name": report.org_name, "org_email": "", "report_id": report.report_id, "policy": {}}
    other = AggregateReport(
        begin=report.begin_at, end=report.end_at, domain=domain.name, schema="rfc7489", rows=(row,), **names
    )
    return take_in(serialise_report(other), "", "mail", "other.example")[0]


def make_place(name: str, owner: str) -> Place:
    """A domain with a mailbox, an alias, a message, a queue entry, a report and a broken file."""
    act = system_act("console")
    domain = provision.create_domain(act, name)
    account = accounts.create_account(act, f"{owner}@{name}", PASSWORD)
    owner = Act(account.address, Role.OWNER, "panel", account.actor)
    app_password, _text = app_passwords.create_app_password(owner, account.address, "Phone", ["imap", "submission"])
    alias = aliases.create_alias(act, f"sales@{name}", [account.address])
    group = groups.create_group(act, f"team@{name}", [account.address])
    trace = make_trace(name, account.address)
    entry = make_entry(name, trace.pk)
    report = make_report(domain)
    file = ReportFile.objects.create(domain=domain, road="mail", content=b"x", state="broken", reason="Not XML.")
    dispute = make_dispute(report, domain)
    failure = FailureReport.objects.create(
        domain=domain, digest=b"1" * 32, road="mail", source_ip="192.0.2.9", reported_domain=name, header_from=name
    )
    Certificate.objects.create(name=name, domain=domain, chain="x")
    key = domain.dkim_keys.order_by("pk").first()
    assert key is not None
    zone = DnsAccount.objects.create(zone=f"own.{name}", server="192.0.2.53", key_name="k", proven_at=timezone.now())
    webhook = Webhook.objects.create(domain=domain, url=f"https://hooks.{name}/", secret_sealed=b"")
    change = ZoneChange.objects.create(domain=domain, actor_name="x", server="192.0.2.53 port 53", state="applied")
    alert = ReportAlert.objects.create(
        domain=domain,
        code="silence",
        figures={"days": 5},
        opened_at=timezone.now(),
        last_at=timezone.now(),
        muted_by="Bob",
    )
    correction = SourceCorrection.objects.create(domain=domain, network="198.18.7.0/24", kind="own")
    sender = Sender.objects.create(domain=domain, kind="service", value="mailchimp", name="Mailchimp")
    watched = ReportMailbox.objects.create(domain=domain, host="imap.example", user="x", password_sealed=b"")
    return Place(
        domain,
        account.address,
        alias.address,
        key.selector,
        trace.pk,
        entry.pk,
        report.pk,
        zone.zone,
        change.pk,
        webhook.pk,
        sender.pk,
        correction.pk,
        alert.pk,
        group.address,
        watched.pk,
        file.pk,
        dispute.pk,
        failure.pk,
        app_password.pk,
    )


@pytest.fixture
def near(db: None) -> Place:
    """Dora's domain; Alice's mailbox is in it."""
    return make_place("near.example", "alice")


@pytest.fixture
def far(db: None) -> Place:
    """Somebody else's domain."""
    return make_place("far.example", "bob")


@pytest.fixture
def rosa(db: None) -> Actor:
    """The superadministrator."""
    return actors.create_administrator(system_act("console"), "rosa@operator.example", PASSWORD, Role.SUPERADMIN)


@pytest.fixture
def dora(near: Place) -> Actor:
    """The administrator of near.example."""
    act = system_act("console")
    return actors.create_administrator(act, "dora@operator.example", PASSWORD, Role.DOMAIN_ADMIN, [near.domain.name])


@pytest.fixture
def alice(near: Place) -> Actor:
    """The owner of a mailbox."""
    return Actor.objects.get(email=near.address)


@pytest.fixture
def token(rosa: Actor, dora: Actor) -> dict[str, int]:
    """A token of each administrator: near is Dora's, far is Rosa's."""
    rows = {"near": dora, "far": rosa}
    return {
        name: ApiToken.objects.create(
            name=name, digest=name.encode().ljust(32), role=Role.DOMAIN_ADMIN, created_by=maker
        ).pk
        for name, maker in rows.items()
    }


def signed_in(actor: Actor, **settings: Any) -> Client:
    """Return a browser that this actor has signed in with."""
    client = Client(**settings)
    client.force_login(actor, backend="mailadmin.access.backend.ActorBackend")
    session = client.session
    session[VERSION_KEY] = actor.credential_version
    session.save()
    return client


def workers_with(text: str) -> WorkerList:
    """Return what a worker may report, with a text of its own choice in every field."""
    row = ListenerRow("imap", text, 1143, text, "running", 2, 40, timezone.now().isoformat(), text)
    idle = ListenerRow("relay", "", 0, "", "stopped", 0, 0, "", "")
    return WorkerList((WorkerStatus(f"mail1@{text}", "mail", 77, timezone.now().isoformat(), (row, idle)),))


@pytest.fixture
def offline_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let *Check now* tell what is stored, in both its forms, without asking the DNS."""

    def stored(act: Act, name: str) -> list[RecordState]:
        return record_states(Domain.objects.get(name=name))

    async def live(act: Act, domain: Domain) -> AsyncIterator[RecordState]:
        for state in await sync_to_async(stored)(act, domain.name):
            yield state

    monkeypatch.setattr("domains.views.dns.check_now", stored)
    monkeypatch.setattr("domains.views.dns.check_live", live)


@pytest.fixture
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check and act without the network."""
    monkeypatch.setattr("domains.views.dns.check_now", lambda act, name: [])
    monkeypatch.setattr("domains.views.onboarding.check_now", lambda act, name: [])
    monkeypatch.setattr("domains.views.onboarding.preflight", lambda act, name: [])
    monkeypatch.setattr("domains.views.plan.plan_now", lambda act, name: [])
    monkeypatch.setattr("domains.views.senders.read_spf", lambda act, name: {})
    monkeypatch.setattr("mailadmin.dashboard.views.act_on", lambda *arguments: None)


@pytest.fixture(autouse=True)
def _no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no real worker."""
    monkeypatch.setattr("mailadmin.dashboard.views.list_workers", lambda: workers_with("host.example"))
