"""Strings that outsiders choose stay text on every page, and what a page may hold."""

from html.parser import HTMLParser

import pytest
from django.urls import reverse
from django.utils import timezone

from domains.models import (
    Actor,
    ApiToken,
    AuditRecord,
    DmarcReport,
    RecordObservation,
    RecordStatus,
    ReportFile,
    Role,
)
from domains.services.check import record_states
from mailboxes.models import Account, QueueEntry
from tests.panel.people import (
    HOSTILE,
    Place,
    make_entry,
    make_report,
    make_trace,
    signed_in,
    workers_with,
)
from tests.panel.test_pages import _text

PAGES = ["home", "domains", "queue", "messages", "audit", "services", "administrators", "tokens", "me"]
PAGES += ["report-roads", "report-files", "report-upload-all", "report-keeping", "report-mailbox-add"]
PAGES += ["domain-add", "token-add", "administrator-add"]
DOMAIN_PAGES = [
    "domain",
    "domain-dns",
    "domain-keys",
    "domain-senders",
    "domain-reports",
    "domain-mailboxes",
    "domain-aliases",
]
DOMAIN_PAGES += [
    "domain-settings",
    "domain-delete",
    "mailbox-add",
    "alias-add",
    "catch-all",
    "key-add",
    "report-upload",
    "domain-report-files",
    "report-failures",
]


class Inline(HTMLParser):
    """Gathers what a strict policy forbids: style attributes, event handlers, scripts in the page, script links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        bad = [name for name in values if name == "style" or name.startswith(("on", "hx-on"))]
        bad += [name for name in ("href", "src", "action") if (values.get(name) or "").startswith("javascript:")]
        self.found += [f"{tag} {name}" for name in bad]
        if tag == "style" or (tag == "script" and not (values.get("src") or "").startswith("/static/")):
            self.found.append(tag)


@pytest.fixture
def hostile(rosa: Actor, near: Place) -> Place:
    """Strings that outsiders choose, everywhere they can reach."""
    trace = make_trace(
        "near.example",
        HOSTILE,
        mail_from=HOSTILE,
        message_id=HOSTILE,
        recipients=[near.address, HOSTILE],
        outcome="refused",
    )
    trace.events.update(
        stage=HOSTILE[:24],
        outcome="fail",
        reason=HOSTILE,
        detail={HOSTILE: HOSTILE, "deep": {HOSTILE: [HOSTILE]}},
        dns=[{"name": HOSTILE, "type": HOSTILE, "status": HOSTILE, "records": [HOSTILE]}],
    )
    make_entry(
        "near.example", trace.pk, mail_from=HOSTILE, recipients=[HOSTILE], next_hop=HOSTILE, last_reply=HOSTILE
    )
    make_report(near.domain, org_name=HOSTILE, report_id=HOSTILE, submitter=HOSTILE, policy={"p": HOSTILE})
    ReportFile.objects.create(
        domain=near.domain,
        road="mail",
        content=b"",
        state="broken",
        file_name=HOSTILE,
        reason=HOSTILE,
        submitter=HOSTILE,
    )
    Account.objects.filter(local_part="alice").update(display_name=HOSTILE)
    Actor.objects.filter(pk=rosa.pk).update(display_name=HOSTILE)
    ApiToken.objects.create(name=HOSTILE, digest=b"1" * 32, role=Role.SUPERADMIN, created_by=rosa)
    AuditRecord.objects.create(
        actor_name=HOSTILE,
        door="panel",
        action="domain.change",
        object_type="x",
        object_name=HOSTILE,
        changes={"a": HOSTILE},
    )
    row = record_states(near.domain)[0].record
    RecordObservation.objects.create(
        domain=near.domain,
        purpose=row.purpose,
        name=row.name,
        type=row.type,
        expected=row.value,
        status=RecordStatus.WRONG,
        found=[HOSTILE],
        checked_at=timezone.now(),
    )
    return near


def test_hostile_strings_stay_text_on_every_page(
    rosa: Actor, hostile: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailadmin.dashboard.views.list_workers", lambda: workers_with(HOSTILE))
    client = signed_in(rosa)
    addresses = [reverse(name) for name in PAGES]
    addresses += [reverse(name, args=["near.example"]) for name in DOMAIN_PAGES]
    addresses += [reverse("mailbox", args=[hostile.address]), reverse("alias", args=[hostile.alias])]
    addresses += [reverse("message", args=[trace]) for trace in _traces()]
    addresses += [reverse("report", args=["near.example", pk]) for pk in _reports()]
    addresses += [reverse("queue-delete", args=[pk]) for pk in QueueEntry.objects.values_list("pk", flat=True)]
    seen = 0
    for address in addresses:
        page = _text(client, address)
        assert "<script>alert" not in page, address
        assert "<img src=x" not in page, address
        assert Inline(page).found == [], address
        seen += "&lt;script&gt;alert" in page
    assert seen == len(addresses)


def _traces() -> list[str]:
    from domains.models import Trace

    return list(Trace.objects.filter(mail_from=HOSTILE).values_list("pk", flat=True))


def _reports() -> list[int]:
    return list(DmarcReport.objects.filter(org_name=HOSTILE).values_list("pk", flat=True))


@pytest.mark.parametrize("parameter", ["q", "to", "page", "days"])
def test_what_is_typed_comes_back_as_text(rosa: Actor, near: Place, parameter: str) -> None:
    client = signed_in(rosa)
    for address in ("/messages", "/queue", "/audit", "/domains", "/domains/near.example/mailboxes"):
        page = client.get(address, {parameter: HOSTILE + "\0"}).content.decode()
        assert "<script>alert" not in page


def test_every_page_is_sent_with_a_strict_policy(rosa: Actor) -> None:
    policy = signed_in(rosa).get("/")["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
