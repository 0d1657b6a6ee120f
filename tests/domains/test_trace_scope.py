"""Two tenants in one message: neither the page's source nor a search tells one of the other's part."""

import json

import pytest
from asgiref.sync import sync_to_async

from domains.database import close_pool, database
from domains.services.traces import TraceQuery, events_of, find_traces, get_trace_for
from domains.trace import TRACE_INSERT, MessageTrace
from tests.factories import domain_admin_act, make_account, make_domain, owner_act, superadmin_act

pytestmark = pytest.mark.django_db(transaction=True)
FOREIGN = ("b.example", "bob", "zoe", "far.example", "SRS0")


@pytest.fixture(autouse=True)
async def _pool():
    yield
    await close_pool()


def shared_trace():
    """One message to an alias of a.example and one of b.example, both with copies that go on."""
    trace = MessageTrace("in", mail_from="mallory@x.example", message_id="<1@x.example>", outcome="delivered")
    trace.recipients = ["sales@a.example", "info@b.example"]
    trace.domains = {"a.example", "b.example"}
    trace.mailboxes = {"alice@a.example", "bob@b.example"}
    trace.add("connect", "accepted", "", {"address": "192.0.2.1"})
    for own, person, far in (("sales@a", "alice@a", "yan@near"), ("info@b", "bob@b", "zoe@far")):
        recipient, mailbox, beyond = f"{own}.example", f"{person}.example", f"{far}.example"
        steps = [
            {"address": recipient, "is": "alias", "to": [mailbox, beyond]},
            {"address": mailbox, "is": "mailbox"},
            {"address": beyond, "is": "elsewhere"},
        ]
        trace.add("rcpt", "accepted", "", {"recipient": recipient, "to": [mailbox, beyond], "steps": steps})
    trace.add("spf", "pass", "ok", {"domain": "x.example"})
    trace.add("dmarc", "fail", "no", {"author_domain": "author.example"})
    choices = [
        {"domain": name, "owner": name, "chosen": {"dmarc-fail-reject": word}}
        for name, word in (("a.example", "inbox"), ("b.example", "junk"))
    ]
    detail = {
        "row": "dmarc-fail-reject",
        "table": {"domain": "b.example", "rows": []},
        "choices": choices,
        "shares": {"a.example": "inbox", "b.example": "junk"},
    }
    trace.add("verdict", "junk", "By the row dmarc-fail-reject.", detail)
    for own, person, far in (("sales@a", "alice@a", "yan@near"), ("info@b", "bob@b", "zoe@far")):
        recipient, mailbox, beyond = f"{own}.example", f"{person}.example", f"{far}.example"
        trace.add("seal", "sealed", f"Handed on under {recipient}.", {"domain": recipient.partition("@")[2]})
        place = {"recipient": recipient, "address": mailbox, "folder": "INBOX"}
        trace.add("delivery", "delivered", f"Stored for {mailbox} in INBOX.", place)
        hop = beyond.partition("@")[2]
        forwarded = {"recipient": recipient, "address": beyond, "mail_from": f"SRS0={hop}", "next_hop": hop}
        trace.add("forward", "queued", f"To be forwarded to {beyond}.", forwarded)
        trace.add("route", "found", "", {"next_hop": hop})
        trace.add("relay", "sent", f"mx.{hop} accepted", {"recipients": [beyond], "next_hop": hop, "remote": hop})
    trace.add("rcpt", "refused", "no", {"recipient": "nobody@b.example", "reply": "550 <nobody@b.example> unknown"})
    trace.recipients.append("nobody@b.example")
    return trace


async def store(*traces):
    async with database() as connection:
        for trace in traces:
            await connection.execute(TRACE_INSERT, trace.as_row())


def told(act, identifier):
    """All that somebody is shown of a trace, as one text, and its stages."""
    trace = get_trace_for(act, identifier)
    (listed,) = find_traces(act, TraceQuery(), 10)
    events = events_of(trace)
    rows = [[event.stage, event.outcome, event.reason, event.detail, event.dns] for event in events]
    return json.dumps([trace.recipients, listed.recipients, rows]), events


def tenants():
    alice = make_account("alice@a.example")
    return domain_admin_act(alice.domain), domain_admin_act(make_domain("b.example")), owner_act(alice)


async def test_an_administrator_sees_of_a_shared_message_only_the_own_part():
    ours, _, _ = await sync_to_async(tenants)()
    trace = shared_trace()
    await store(trace)
    text, events = await sync_to_async(told)(ours, trace.id)
    without_own = text.replace("SRS0=near.example", "")
    assert [word for word in FOREIGN if word in without_own] == []
    for own in ("sales@a.example", "alice@a.example", "yan@near.example", "mx.near.example", "SRS0=near.example"):
        assert own in text, own
    stages = [event.stage for event in events]
    assert stages == [
        "connect", "rcpt", "spf", "dmarc", "verdict", "seal", "delivery", "forward", "route", "relay",
    ]  # fmt: skip
    verdict = events[4]
    assert verdict.outcome == "inbox"
    assert verdict.detail["table"]["domain"] == "a.example"


async def test_a_superadministrator_sees_all_of_it():
    await sync_to_async(tenants)()
    trace = shared_trace()
    await store(trace)
    text, events = await sync_to_async(told)(superadmin_act(), trace.id)
    assert len(events) == len(trace.events)
    assert "zoe@far.example" in text


async def test_an_alias_that_leads_to_another_tenant_keeps_what_is_behind_it():
    ours, theirs, _ = await sync_to_async(tenants)()
    trace = MessageTrace("in", mail_from="m@x.example", outcome="delivered", recipients=["info@b.example"])
    trace.domains, trace.mailboxes = {"a.example", "b.example"}, {"alice@a.example"}
    steps = [
        {"address": "info@b.example", "is": "alias", "to": ["sales@a.example"]},
        {"address": "sales@a.example", "is": "alias", "to": ["alice@a.example", "yan@near.example"]},
        {"address": "alice@a.example", "is": "mailbox"},
        {"address": "yan@near.example", "is": "elsewhere"},
    ]
    to = ["alice@a.example", "yan@near.example"]
    trace.add("rcpt", "accepted", "", {"recipient": "info@b.example", "to": to, "steps": steps})
    await store(trace)
    text, _ = await sync_to_async(told)(theirs, trace.id)
    assert "sales@a.example" in text
    assert [word for word in ("alice", "yan", "near") if word in text] == []
    text, _ = await sync_to_async(told)(ours, trace.id)
    assert "alice@a.example" in text
    assert "info@b.example" not in text


# search, who finds the shared message by it, why
SEARCHES = [
    ({"address": "info@b.example"}, "theirs", "a recipient of another tenant"),
    ({"address": "bob@b.example"}, "theirs", "who stands behind it"),
    ({"address": "b.example"}, "theirs", "the other tenant's domain"),
    ({"address": "@b.example"}, "theirs", "the same"),
    ({"recipients": ("info@b.example",)}, "theirs", "as the recipient"),
    ({"recipients": ("b.example",)}, "theirs", "as the recipient's domain"),
    ({"replies": ("nobody@b.example",)}, "theirs", "an address in a reply"),
    ({"address": "sales@a.example"}, "ours", "one's own; the owner of the mailbox is not told the alias"),
    ({"address": "alice@a.example"}, "ours owner", "the own mailbox"),
    ({"address": "a.example"}, "ours owner", "the own domain"),
    ({"address": "mallory@x.example"}, "ours theirs owner", "the sender"),
    ({"senders": ("x.example",)}, "ours theirs owner", "the sender's domain"),
    ({"address": "author.example"}, "ours theirs owner", "the author's domain"),
    ({"message_id": "1@x.example"}, "ours theirs owner", "the message itself"),
]


@pytest.mark.parametrize(("query", "finders", "why"), SEARCHES, ids=[f"{why}-{who}" for _, who, why in SEARCHES])
async def test_no_search_finds_a_message_by_what_is_not_shown(query, finders, why):
    ours, theirs, owner = await sync_to_async(tenants)()
    await store(shared_trace())

    def found():
        acts = {"ours": ours, "theirs": theirs, "owner": owner}
        return [name for name, act in acts.items() if find_traces(act, TraceQuery(**query), 10)]

    assert await sync_to_async(found)() == finders.split()
