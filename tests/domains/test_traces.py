"""Traces: who may see which, what a hostile message cannot do to them, and the buffer of refusals."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async

from domains.database import close_pool, database
from domains.errors import NotFound
from domains.identifiers import identifier_at
from domains.models import Trace
from domains.services.traces import TraceQuery, events_of, find_traces, get_trace_for, search_traces, traces_for
from domains.trace import TRACE_INSERT, MessageTrace
from domains.trace_buffer import TraceBuffer
from tests.factories import domain_admin_act, make_account, make_domain, owner_act, superadmin_act

pytestmark = pytest.mark.django_db(transaction=True)


def make_trace(**fields):
    trace = MessageTrace("in", **({"mail_from": "sender@x.example", "outcome": "refused"} | fields))
    trace.add("rcpt", "refused", "There is no such mailbox here")
    return trace


async def store(*traces):
    async with database() as connection:
        for trace in traces:
            await connection.execute(TRACE_INSERT, trace.as_row())


@pytest.fixture(autouse=True)
async def _pool():
    yield
    await close_pool()


async def test_who_sees_which():
    def people():
        account = make_account("alice@near.example")
        make_domain("far.example")
        return account, domain_admin_act(account.domain)

    alice, dora = await sync_to_async(people)()
    near = make_trace(recipients=["alice@near.example"], domains={"near.example"})
    other = make_trace(recipients=["bob@near.example"], domains={"near.example"})
    far = make_trace(recipients=["zoe@far.example"], domains={"far.example"})
    await store(near, other, far)

    def seen(act):
        return {trace.pk for trace in traces_for(act)}

    assert await sync_to_async(seen)(superadmin_act()) == {near.id, other.id, far.id}
    assert await sync_to_async(seen)(dora) == {near.id, other.id}
    assert await sync_to_async(seen)(owner_act(alice)) == {near.id}
    with pytest.raises(NotFound):
        await sync_to_async(get_trace_for)(dora, far.id)


async def test_search_finds_by_message_id_address_domain_and_client():
    trace = make_trace(
        message_id="<1@x.example>", recipients=["a@b.example"], domains={"b.example"}, client_address="192.0.2.7"
    )
    trace.add("dmarc", "fail", "", {"author_domain": "author.example"})
    trace.add("data", "refused", "", {"reply": "550 5.7.1 Greylisted, come again"})
    await store(trace, make_trace(mail_from="a@y.example"))

    def found(**query):
        return [row.pk for row in search_traces(superadmin_act(), TraceQuery(**query))]

    for query in (
        {"message_id": "1@x.example"},
        {"message_id": "<1@x.example>"},
        {"address": "A@B.example"},
        {"address": "b.example"},
        {"address": "192.0.2.7"},
        {"id": trace.id},
        {"senders": ("x.example",), "recipients": ("a@b.example",)},
        {"networks": ("192.0.2.0/29",)},
        {"address": "x.example 192.0.2.0/24 b.example"},
        {"replies": ("550", "greylisted"), "outcomes": ("refused",), "direction": "in"},
        {"address": "author.example"},
    ):
        assert await sync_to_async(found)(**query) == [trace.id], query


HOSTILE = [
    ("x" * 1_000_000, "a million letters"),
    ("\0\ud800\x07", "what JSON and UTF-8 cannot hold"),
    ("".join(chr(0x4E00 + (n * 7919) % 20000) for n in range(2000)), "incompressible letters of three octets"),
    ("".join(chr(0x1F300 + (n * 7919) % 60000) for n in range(2000)), "letters of four octets"),
]


@pytest.mark.parametrize(("text", "why"), HOSTILE, ids=[why for _, why in HOSTILE])
async def test_any_text_from_outside_can_be_stored(text, why):
    trace = make_trace(message_id=text, mail_from=text, recipients=[text])
    trace.add("helo", "accepted", text, {text: [text]})
    await store(trace)
    row = await Trace.objects.aget(pk=trace.id)
    assert len(row.message_id.encode()) <= 1000
    json.dumps(row.pending_events)


async def test_stages_come_in_order():
    trace = make_trace()
    trace.add("data", "accepted")
    await store(trace)
    row = await Trace.objects.aget(pk=trace.id)
    assert [event.stage for event in await sync_to_async(events_of)(row)] == ["rcpt", "data"]


async def test_the_buffer_writes_together():
    buffer = TraceBuffer()
    for _ in range(20):
        buffer.add(make_trace())
    assert await buffer.flush()
    assert await Trace.objects.acount() == 20


async def test_an_empty_buffer_opens_no_connection(monkeypatch):
    """A flush of nothing at a worker's end opened the closed pool again, and its end then never came."""
    monkeypatch.setattr("domains.trace_buffer.database", None)
    assert await TraceBuffer().flush()


async def test_a_trace_that_the_database_refuses_holds_no_other_up():
    buffer = TraceBuffer()
    bad = make_trace(client_address="not an address")
    for trace in (make_trace(), bad, make_trace()):
        buffer.add(trace)
    assert await buffer.flush()
    assert await Trace.objects.acount() == 2
    assert await buffer.flush()


SPELLINGS = [
    ("a@b\u00fccher.example", "U-label"),
    ("a@B\u00dcCHER.Example", "U-label in capitals"),
    ("A@XN--BCHER-KVA.example", "A-label in capitals"),
    ("b\u00fccher.example", "the domain alone"),
    ("XN--BCHER-KVA.EXAMPLE", "the domain alone in capitals"),
]


@pytest.mark.parametrize(("text", "why"), SPELLINGS, ids=[why for _, why in SPELLINGS])
@pytest.mark.parametrize("stored", ["a@xn--bcher-kva.example", "a@B\u00fccher.EXAMPLE"])
async def test_a_domain_is_found_in_any_spelling_whatever_was_sent(stored, text, why):
    to = make_trace(recipients=[stored], domains={"xn--bcher-kva.example"})
    by = make_trace(mail_from=stored, recipients=[], outcome="queued")
    await store(to, by, make_trace())

    def found():
        return {row.pk for row in search_traces(superadmin_act(), TraceQuery(address=text))}

    assert await sync_to_async(found)() == {to.id, by.id}


async def test_a_stranger_who_claims_the_owners_address_shows_the_owner_nothing():
    alice = await sync_to_async(make_account)("alice@near.example")
    forged = make_trace(mail_from="alice@near.example", recipients=["bob@far.example"])
    sent = make_trace(mail_from="alice@near.example", recipients=["bob@far.example"])
    sent.direction = "out"
    await store(forged, sent)

    def seen():
        return [trace.pk for trace in traces_for(owner_act(alice))]

    assert await sync_to_async(seen)() == [sent.id]


async def test_an_owner_sees_an_aliased_copy_and_nothing_of_the_other_recipients():
    alice = await sync_to_async(make_account)("alice@near.example")
    trace = make_trace(recipients=["sales@near.example", "bob@near.example"], mailboxes={"alice@near.example"})
    trace.add(
        "rcpt", "accepted", "", {"recipient": "sales@near.example", "to": ["alice@near.example", "carol@x.example"]}
    )
    trace.add("rcpt", "accepted", "", {"recipient": "bob@near.example", "to": ["bob@near.example"]})
    trace.add("spf", "pass")
    trace.add("delivery", "delivered", "", {"recipient": "bob@near.example", "address": "bob@near.example"})
    trace.add("delivery", "delivered", "", {"recipient": "sales@near.example", "address": "alice@near.example"})
    await store(trace)

    def seen():
        head = get_trace_for(owner_act(alice), trace.id)
        (listed,) = find_traces(owner_act(alice), TraceQuery(), 10)
        return head, listed, events_of(head)

    head, listed, events = await sync_to_async(seen)()
    assert head.recipients == listed.recipients == ["alice@near.example"]
    assert [event.stage for event in events] == ["rcpt", "rcpt", "spf", "delivery"]
    assert not any(name in str([event.detail for event in events]) for name in ("bob", "carol"))


def aged(days):
    moment = datetime.now(UTC) - timedelta(days=days)
    return make_trace(id=(identifier_at(moment) + "0" * 26)[:26], received_at=moment)


async def test_pages_go_back_through_the_days_without_gap_or_repetition():
    traces = [aged(days) for days in (0, 0.5, 2, 3, 10, 20, 40, 400)]
    await store(*traces)
    wanted = sorted((trace.id for trace in traces), reverse=True)

    def pages(size, query):
        before, told = "", []
        while found := find_traces(superadmin_act(), query, size, before):
            told += [row.pk for row in found]
            before = found[-1].pk
        return told

    for size in (1, 3, 100):
        for query in (TraceQuery(address="x.example"), TraceQuery()):
            assert await sync_to_async(pages)(size, query) == wanted


async def test_a_time_narrows():
    traces = [aged(days) for days in (1, 2, 3)]
    await store(*traces)
    now = datetime.now(UTC)

    def found():
        query = TraceQuery(since=now - timedelta(days=2.5), until=now - timedelta(days=1.5))
        return [row.pk for row in search_traces(superadmin_act(), query)]

    assert await sync_to_async(found)() == [traces[1].id]
