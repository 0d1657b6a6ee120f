"""The limits over real Redis and a real socket: shared by workers, safe without Redis, traced within bounds."""

import asyncio
import time
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from redis import Redis

from antispam.inbound import refusals
from antispam.inbound.handlers import InboundHandler
from antispam.limits import figures, shared
from antispam.limits.figures import Figure, Kind
from antispam.limits.shared import DELAY_SECONDS, LIMITED, SharedCounts
from antispam.listeners import MX_LIMITS, mx_connections
from domains.database import close_pool
from domains.models import Trace
from domains.redis import PREFIX
from domains.services.traces import events_of
from domains.trace_buffer import trace_buffer
from mailadmin.runner.listener import ListenerSpec, TlsMode
from mailadmin.runner.serve import Door, ListenerService
from mailboxes.smtp.budgets import SmtpLimits
from mailboxes.smtp.server import no_tls
from tests.factories import make_account
from tests.mailboxes.smtp_peer import Talker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("dns_settings")]
NOWHERE = "redis://127.0.0.1:1/0"
ME = "127.0.0.1"


@pytest.fixture(autouse=True)
async def _clean():
    redis = Redis.from_url(settings.MAILADMIN.redis_url)
    for key in redis.scan_iter(f"{PREFIX}in.*"):
        redis.delete(key)
    yield
    await close_pool()


@pytest.fixture
def few(monkeypatch):
    """Let one address have few of everything."""

    def allow(kind, address, network=1000):
        seconds = figures.FIGURES[kind].seconds and 600
        monkeypatch.setitem(figures.FIGURES, kind, Figure(kind, address, network, seconds))

    return allow


@asynccontextmanager
async def mx(handler, limits=None, door=None, **spec):
    factory = mx_connections("mail.acme.example", no_tls, handler, limits or SmtpLimits())
    row = ListenerSpec("mx", ME, 0, TlsMode.STARTTLS, factory, b"421 4.7.0 Too many\r\n", **spec)
    service = ListenerService("mx", [row], door or Door())
    await service.start()
    try:
        yield service.listeners[0].port
    finally:
        await service.stop()
        await asyncio.sleep(0.01)
        assert await trace_buffer().flush()


async def call(port):
    return Talker(*await asyncio.open_connection(ME, port))


async def exchanged():
    await asyncio.sleep(DELAY_SECONDS + 0.3)


async def test_two_workers_count_together(few):
    few(Kind.MESSAGES, 4)
    one, two = SharedCounts(settings.MAILADMIN.redis_url), SharedCounts(settings.MAILADMIN.redis_url)
    assert [one.add(Kind.MESSAGES, ME) for _ in range(3)] == [None] * 3
    await exchanged()
    assert two.add(Kind.MESSAGES, ME) is None
    await exchanged()
    excess = two.add(Kind.MESSAGES, ME)
    assert excess is not None
    assert excess.client == ME
    await exchanged()
    assert Redis.from_url(settings.MAILADMIN.redis_url).hkeys(LIMITED) == [b"messages:127.0.0.1"]


async def test_a_search_at_one_worker_is_known_at_another_from_the_second_connection_on(few):
    few(Kind.UNKNOWN, 2)
    one, two = SharedCounts(settings.MAILADMIN.redis_url), SharedCounts(settings.MAILADMIN.redis_url)
    assert [one.add(Kind.UNKNOWN, ME) for _ in range(2)] == [None] * 2
    await exchanged()
    assert two.enter(ME) is None
    await exchanged()
    excess = two.enter(ME)
    assert excess is not None
    assert excess.kind is Kind.UNKNOWN
    two.leave(ME)
    await exchanged()


async def test_two_workers_share_what_is_open_and_forget_it(few, monkeypatch):
    monkeypatch.setattr(shared, "REFRESH_SECONDS", 0.1)
    few(Kind.OPEN, 3)
    one, two = SharedCounts(settings.MAILADMIN.redis_url), SharedCounts(settings.MAILADMIN.redis_url)
    assert [one.enter(ME), one.enter(ME), two.enter(ME)] == [None] * 3
    await exchanged()
    await exchanged()
    assert two.enter(ME) is not None
    one.leave(ME)
    await exchanged()
    await exchanged()
    assert two.enter(ME) is None
    one.leave(ME), two.leave(ME), two.leave(ME)
    await exchanged()
    assert not list(Redis.from_url(settings.MAILADMIN.redis_url).scan_iter(f"{PREFIX}in.open.*"))


async def test_without_redis_a_worker_counts_alone_and_nobody_waits(few):
    few(Kind.MESSAGES, 2)
    alone = SharedCounts(NOWHERE)
    began = time.monotonic()
    assert [alone.add(Kind.MESSAGES, ME), alone.add(Kind.MESSAGES, ME)] == [None, None]
    assert alone.add(Kind.MESSAGES, ME) is not None, "never unlimited"
    assert alone.add(Kind.MESSAGES, "127.0.0.2") is None, "never refusing everybody"
    assert not await alone.regular_since(ME)
    assert time.monotonic() - began < 0.3
    await exchanged()
    alone.counts.forget(time.time() + 3600)


async def test_an_address_with_an_accepted_message_is_a_regular_at_every_worker():
    one, two = SharedCounts(settings.MAILADMIN.redis_url), SharedCounts(settings.MAILADMIN.redis_url)
    assert not await one.regular_since(ME)
    one.became_regular(ME)
    since = await one.regular_since(ME)
    assert time.time() - 1 < since <= time.time()
    await exchanged()
    assert one._task is None, "nothing runs when nothing is left to tell"
    assert not await two.regular_since(ME, ask=False)
    assert await two.regular_since(ME) == pytest.approx(since)
    assert await two.regular_since(ME, ask=False) == pytest.approx(since)


async def test_hundreds_of_strangers_at_once_do_not_look_like_a_lost_redis():
    one, two = SharedCounts(settings.MAILADMIN.redis_url), SharedCounts(settings.MAILADMIN.redis_url)
    one.became_regular("192.0.2.77")
    await asyncio.sleep(2 * DELAY_SECONDS)
    strangers = [f"198.51.{place // 250}.{place % 250}" for place in range(500)]
    asked = [two.regular_since(address) for address in (*strangers, "192.0.2.77")]
    since = await asyncio.gather(*asked)
    assert not any(since[:-1])
    assert since[-1]
    assert two._away_until == 0.0


async def test_a_worker_hears_of_all_regulars_without_asking(monkeypatch):
    monkeypatch.setattr(shared, "PIECE", 100)
    now, client = time.time(), Redis.from_url(settings.MAILADMIN.redis_url)
    client.zadd(shared.REGULAR, {f"2001:db8::{number:x}": now - number for number in range(1, 2_000)})
    client.zadd(shared.REGULAR, {"192.0.2.1": now - shared.REGULAR_SECONDS - 60})
    worker = SharedCounts(settings.MAILADMIN.redis_url)
    assert worker.enter(ME) is None
    for _ in range(400):
        if worker._read_all:
            break
        await asyncio.sleep(0.05)
    assert await worker.regular_since("2001:db8::7cf", ask=False) == pytest.approx(now - 0x7CF)
    assert not await worker.regular_since("192.0.2.1"), "thirty days without a message"
    worker.leave(ME)
    await exchanged()


async def test_who_stays_a_regular_keeps_its_seniority(monkeypatch):
    worker, half = SharedCounts(NOWHERE), shared.REGULAR_SECONDS / 2
    worker.became_regular(ME)
    first = await worker.regular_since(ME)
    monkeypatch.setattr(shared.time, "time", lambda clock=time.time: clock() + half + 60)
    worker.became_regular(ME)
    assert await worker.regular_since(ME) == pytest.approx(first + 60, abs=1)
    worker._new_regulars.clear()


async def refused_traces():
    return [trace async for trace in Trace.objects.filter(outcome="refused").order_by("received_at")]


async def test_too_many_connections_are_refused_and_one_a_minute_is_traced(few):
    few(Kind.CONNECTIONS, 2)
    async with mx(InboundHandler(SharedCounts(settings.MAILADMIN.redis_url))) as port:
        for _ in range(2):
            assert (await (await call(port)).reply()).startswith("220")
        for _ in range(5):
            late = await call(port)
            assert (await late.reply()).startswith("421 4.7.0 Too many connections a minute from your address")
            assert await late.closed()
    (trace,) = await refused_traces()
    (event,) = await sync_to_async(lambda: list(events_of(trace)))()
    assert (event.stage, event.outcome) == ("connect", "refused")
    assert event.detail["address"] == ME
    assert event.detail["cause"] == "limit connections of 2 for 127.0.0.1"


async def test_a_search_for_addresses_ends_and_known_ones_wait_too(few):
    few(Kind.UNKNOWN, 2)
    await sync_to_async(make_account)("alice@acme.example")
    async with mx(InboundHandler(SharedCounts(settings.MAILADMIN.redis_url))) as port:
        client = await call(port)
        await client.hello()
        await client.say("MAIL FROM:<bob@b.example>")
        for number in range(2):
            assert (await client.say(f"RCPT TO:<a{number}@acme.example>")).startswith("550 5.1.1")
        for name in ("a3", "alice"):
            assert (await client.say(f"RCPT TO:<{name}@acme.example>")).startswith("450 4.7.0"), name
        assert (await (await call(port)).reply()).startswith("421 4.7.0")


async def test_messages_and_recipients_have_limits_inside_a_session(few):
    few(Kind.MESSAGES, 2)
    few(Kind.RECIPIENTS, 3)
    await sync_to_async(make_account)("alice@acme.example")
    async with mx(InboundHandler(SharedCounts(NOWHERE))) as port:
        client = await call(port)
        await client.hello()
        await client.say("MAIL FROM:<bob@b.example>")
        for _ in range(3):
            assert (await client.say("RCPT TO:<alice@acme.example>")).startswith("250")
        assert (await client.say("RCPT TO:<alice@acme.example>")).startswith("450 4.7.0 Too many recipients")
        await client.say("RSET")
        assert (await client.say("MAIL FROM:<bob@b.example>")).startswith("250")
        await client.say("RSET")
        assert (await client.say("MAIL FROM:<bob@b.example>")).startswith("450 4.7.0 Too many messages")
        assert (await client.say("RCPT TO:<alice@acme.example>")).startswith("503")


async def test_unlimited_networks_meet_none_of_it(few):
    for kind in Kind:
        few(kind, 0, 0)
    door = Door(unlimited_networks=(ip_network("127.0.0.0/8"),))
    slow = SmtpLimits(greeting_delay_seconds=30.0)
    async with mx(InboundHandler(SharedCounts(NOWHERE)), slow, door) as port:
        client = await call(port)
        await client.hello()
        assert (await client.say("MAIL FROM:<bob@b.example>")).startswith("250")
        assert (await client.say("RCPT TO:<nobody@acme.example>")).startswith("550")


async def test_a_stranger_waits_for_the_greeting_and_a_regular_does_not():
    counts = SharedCounts(NOWHERE)
    slow = SmtpLimits(greeting_delay_seconds=0.4)
    assert 0.5 <= MX_LIMITS.greeting_delay_seconds <= 3
    async with mx(InboundHandler(counts), slow) as port:
        began = time.monotonic()
        assert (await (await call(port)).reply()).startswith("220")
        assert time.monotonic() - began >= 0.4
        counts.became_regular(ME)
        began = time.monotonic()
        assert (await (await call(port)).reply()).startswith("220")
        assert time.monotonic() - began < 0.3
        counts._new_regulars.clear()


async def test_one_who_talks_before_the_greeting_is_refused_and_traced():
    async with mx(InboundHandler(SharedCounts(NOWHERE)), SmtpLimits(greeting_delay_seconds=0.4)) as port:
        client = await call(port)
        await asyncio.sleep(0.1)
        client.send("EHLO c.example")
        assert (await client.reply()).startswith("554 5.5.1")
        assert await client.closed()
    (trace,) = await refused_traces()
    (event,) = await sync_to_async(lambda: list(events_of(trace)))()
    assert (event.stage, event.reason) == ("connect", "Commands came before the greeting")


async def test_a_flood_of_refusals_writes_few_traces_and_says_how_many_it_left_out(monkeypatch):
    monkeypatch.setattr(refusals, "BURST", 3.0)
    handler = InboundHandler()
    handler._refusals._room = 3.0
    from mailboxes.connection import Peer

    for number in range(500):
        handler.refused_at_the_door(Peer(f"198.51.100.{number % 250}", 4711, ME, 25))
    handler._refusals._room = 3.0
    handler.refused_at_the_door(Peer("203.0.113.9", 4711, ME, 25))
    assert await trace_buffer().flush()
    traces = await refused_traces()
    assert len(traces) == 4
    details = [(await sync_to_async(lambda row=row: events_of(row)[0])()).detail for row in traces]
    assert [detail["others_not_recorded"] for detail in details if "others_not_recorded" in detail] == [497]


async def test_a_busy_listener_shortens_deadlines_and_a_full_one_refuses_strangers():
    heard = []
    async with mx(InboundHandler(), capacity=4, on_refused=heard.append) as port:
        held = [await call(port) for _ in range(4)]
        for client in held:
            assert (await client.reply()).startswith("220")
        assert (await (await call(port)).reply()).startswith("421 4.7.0")
        assert [peer.client_address for peer in heard] == [ME]
        for _ in range(4):
            assert (await held[3].say("NONSENSE")).startswith("500")
        assert (await held[3].say("NONSENSE")).startswith("500")
        assert (await held[3].reply()).startswith("421 4.7.0 Too many errors")
        for _ in range(6):
            assert (await held[0].say("NONSENSE")).startswith("500")
