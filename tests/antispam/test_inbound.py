"""The MX over a real socket, database and DNS: what is accepted, what is refused, and the trace of both."""

import time
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from asgiref.sync import sync_to_async
from psycopg import OperationalError

from antispam.inbound import handlers
from antispam.inbound.handlers import InboundHandler
from antispam.models import InboundPolicy
from domains.database import close_pool
from domains.models import Trace
from domains.services.traces import TraceQuery, events_of, search_traces, traces_for
from domains.trace_buffer import trace_buffer
from mailboxes.mime.headers import read_block
from mailboxes.models import Message
from mailboxes.smtp.port import Session, Transaction
from mailboxes.smtp.server import SmtpService
from tests.factories import make_account, make_alias, owner_act, superadmin_act
from tests.mailboxes.smtp_peer import Talker, connected

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("dns_settings")]
MESSAGE = "From: a@b.example\r\nMessage-ID: <1@b.example>\r\n\r\nbody\r\n."


@pytest.fixture
def alice():
    return make_account("alice@acme.example")


@pytest.fixture(autouse=True)
async def _pool():
    yield
    await close_pool()


@asynccontextmanager
async def mx():
    """Talk to the MX, greeted; afterwards the refusals are written."""
    async with connected(SmtpService("mx", "mail.acme.example", InboundHandler())) as client:
        await client.hello()
        yield client
        await client.say("QUIT")
        assert await client.closed()
    assert await trace_buffer().flush()


async def stages(trace: Trace) -> list[tuple[str, str]]:
    return [(event.stage, event.outcome) for event in await sync_to_async(events_of)(trace)]


async def begin(client: Talker, recipient: str) -> str:
    assert (await client.say("MAIL FROM:<Bob@B.example>")).startswith("250")
    return await client.say(f"RCPT TO:<{recipient}>")


async def test_an_accepted_message_leaves_one_event_a_stage(alice):
    async with mx() as client:
        assert (await begin(client, "alice@acme.example")).startswith("250")
        await client.say("DATA")
        reply = await client.say(MESSAGE)
    trace = await Trace.objects.aget(pk=reply.rpartition(" ")[2])
    words = ["connect", "helo", "mail", "rcpt", "data", "iprev", "spf", "dkim", "dmarc", "verdict", "delivery"]
    assert [stage for stage, _ in await stages(trace)] == words


@pytest.mark.parametrize("wanted", [False, True])
async def test_received_spf_stands_above_received_where_it_is_wanted(alice, settings, monkeypatch, wanted):
    settings.MAILADMIN = replace(settings.MAILADMIN, received_spf=wanted)
    requests = []

    async def deliver(request):
        requests.append(request)

    monkeypatch.setattr(handlers, "deliver", deliver)
    async with connected(SmtpService("mx", "mail.acme.example", InboundHandler())) as client:
        await client.hello()
        await begin(client, "alice@acme.example")
        await client.say("DATA")
        assert (await client.say(MESSAGE)).startswith("250")
    names = [field.name for field in read_block(requests[0].content).fields[:3]]
    above = [b"Authentication-Results", b"Received-SPF", b"Received"]
    assert names == (above if wanted else [above[0], above[2], b"From"])


async def test_a_recipient_is_found_however_it_was_spelt(alice):
    async with mx() as client:
        assert (await begin(client, "ALICE@Acme.EXAMPLE")).startswith("250")
        assert (await client.say("RCPT TO:<Nobody@ACME.example>")).startswith("550 5.1.1")
        await client.say("DATA")
        assert (await client.say(MESSAGE)).startswith("250")

    def found(address: str) -> int:
        return search_traces(superadmin_act(), TraceQuery(address=address)).count()

    for address in ("alice@acme.example", "Alice@acme.example", "nobody@acme.example", "Bob@B.example"):
        assert await sync_to_async(found)(address) == 1, address
    assert await sync_to_async(lambda: traces_for(owner_act(alice)).count())() == 1


async def test_a_message_too_large_at_mail_leaves_a_trace():
    async with mx() as client:
        for _ in range(2):
            assert (await client.say("MAIL FROM:<big@b.example> SIZE=30000000")).startswith("552 5.3.4")
    rows = [row async for row in Trace.objects.all()]
    assert [(row.mail_from, row.outcome) for row in rows] == [("big@b.example", "refused")] * 2
    assert await stages(rows[0]) == [("connect", "accepted"), ("helo", "accepted"), ("mail", "refused")]


async def test_a_refusal_is_kept_when_the_next_message_follows_at_once(alice):
    async with mx() as client:
        assert (await client.say("MAIL FROM:<big@b.example> SIZE=30000000")).startswith("552")
        assert (await begin(client, "alice@acme.example")).startswith("250")
        await client.say("DATA")
        assert (await client.say(MESSAGE)).startswith("250")
    assert {row.outcome async for row in Trace.objects.all()} == {"refused", "delivered"}


@pytest.mark.parametrize("stage", ["rcpt", "delivery"])
async def test_a_temporary_failure_of_ours_stands_in_the_trace(alice, monkeypatch, stage):
    async def down(*_: object, **__: object) -> None:
        raise OperationalError("no database")

    monkeypatch.setattr(handlers, {"rcpt": "resolve_recipient", "delivery": "deliver"}[stage], down)
    async with mx() as client:
        reply = await begin(client, "alice@acme.example")
        if stage == "delivery":
            await client.say("DATA")
            reply = await client.say(MESSAGE)
        assert reply.startswith("451 4.3.0")
    trace = await Trace.objects.aget()
    assert (await stages(trace))[-1] == (stage, "refused")
    assert trace.recipients == ["alice@acme.example"]


async def test_a_forgery_is_refused_with_words_for_its_author_and_nothing_is_kept(alice, dns_settings):
    dns_settings.zone[("_dmarc.bank.example", "TXT")] = ["v=DMARC1; p=reject"]
    forgery = "From: ceo@bank.example\r\nMessage-ID: <f@b.example>\r\n\r\nbody\r\n."
    async with mx() as client:
        await begin(client, "alice@acme.example")
        await client.say("DATA")
        reply = await client.say(forgery)
    assert reply.startswith("550-5.7.1 The owner of bank.example")
    assert "DKIM" in reply
    assert "dmarc-fail-reject" not in reply
    assert not await Message.objects.aexists()
    trace = await Trace.objects.aget()
    words = ["connect", "helo", "mail", "rcpt", "data", "iprev", "spf", "dkim", "dmarc", "verdict", "data"]
    assert [stage for stage, _ in await stages(trace)] == words
    assert (trace.outcome, trace.message_id) == ("refused", "<f@b.example>")
    verdict = (await sync_to_async(events_of)(trace))[-2]
    assert (verdict.outcome, verdict.detail["row"]) == ("refuse", "dmarc-fail-reject")
    assert verdict.detail["table"]["domain"] == "acme.example"
    assert verdict.detail["table"]["rows"][-1]["hit"] is True
    assert verdict.detail["signs"] == {
        "mailing_list": "",
        "known_forwarder": "",
        "known_network": False,
        "trusted_sealer": "",
    }


@pytest.mark.parametrize("recipient", ["postmaster@acme.example", "alice@other.example"])
async def test_one_recipient_that_takes_it_saves_it_for_all_into_junk(alice, dns_settings, recipient):
    dns_settings.zone[("_dmarc.bank.example", "TXT")] = ["v=DMARC1; p=reject"]
    await sync_to_async(make_alias)("postmaster@acme.example", ["alice@acme.example"])
    other = await sync_to_async(make_account)("alice@other.example")
    await InboundPolicy.objects.acreate(domain_id=other.domain_id, dispositions={"dmarc-fail-reject": "inbox"})
    async with mx() as client:
        await begin(client, "alice@acme.example")
        await client.say(f"RCPT TO:<{recipient}>")
        await client.say("DATA")
        assert (await client.say("From: ceo@bank.example\r\n\r\nbody\r\n.")).startswith("250")
    kept = {row async for row in Message.objects.values_list("mailbox__account__domain__name", "mailbox__name")}
    own = {("other.example", "INBOX")} if recipient == "alice@other.example" else set()
    assert kept == {("acme.example", "Junk")} | own


async def test_a_session_that_is_ended_without_a_message_is_told_of_too():
    async with connected(SmtpService("mx", "mail.acme.example", InboundHandler())) as client:
        await client.hello()
        assert (await client.say("POST / HTTP/1.1")).startswith("554")
        assert await client.closed()
    assert await trace_buffer().flush()

    def found() -> list[Trace]:
        query = TraceQuery(replies=("554", "http"), outcomes=("refused",))
        return list(search_traces(superadmin_act(), query))

    (trace,) = await sync_to_async(found)()
    assert trace.client_address == "192.0.2.9"
    assert [stage for stage, _ in await stages(trace)] == ["connect", "helo", "command"]


async def test_a_worker_with_too_much_to_do_serves_who_was_a_regular_before(monkeypatch):
    """Before the database is asked anything; a session that only waits for its client is no work."""
    monkeypatch.setattr(handlers, "WORKING", 1)
    handler = InboundHandler()

    async def begins(since: float = 0.0, limited: bool = True) -> list[str]:
        state = {"limited": limited, "regular_since": since}
        session = Session("s", "192.0.2.9", 40000, "127.0.0.1", 25, datetime.now(UTC), state=state)
        replies = [await handler.connect(session), await handler.mail(session, Transaction("bob@b.example"))]
        return [reply.as_text()[:9] for reply in replies if reply is not None]

    assert await begins() == []
    assert await begins() == [], "who waits for its client takes no room"
    with handler._at_work():
        assert await begins() == ["421 4.3.2", "421 4.3.2"]
        assert await begins(since=time.time() - 60) == []
        assert await begins(since=time.time() + 1) == ["421 4.3.2", "421 4.3.2"], "accepted since it began"
        assert await begins(limited=False) == []
    assert await begins() == []
