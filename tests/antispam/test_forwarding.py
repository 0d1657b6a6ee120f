"""Mail forwarded to another host, over real sockets and DNS: its sender, its bounce, its failure, its loops."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from domains.models import Trace
from domains.redis import close_redis
from domains.services.traces import events_of
from mailboxes.models import QueueEntry
from tests.antispam.test_inbound import _pool, mx  # noqa: F401
from tests.dns_server import DnsServer
from tests.factories import make_account, make_alias, make_domain
from tests.mailboxes.outbound.house import make_due, make_relay, relay_all, stored
from tests.mailboxes.outbound.scripted_remote import Script, scripted_remote

pytestmark = pytest.mark.django_db(transaction=True)
AWAY = "away@acme.example"
FAR = "carol@far.example"
OWN_SPF = {("b.example", "TXT"): ["v=spf1 ip4:192.0.2.9 -all"], ("_dmarc.b.example", "TXT"): ["v=DMARC1; p=none"]}
CLOSED_SPF = {("b.example", "TXT"): ["v=spf1 -all"], ("_dmarc.b.example", "TXT"): ["v=DMARC1; p=none"]}
OTHER_SPF = {("c.example", "TXT"): ["v=spf1 -all"]}


@pytest.fixture(autouse=True)
async def net(dns_settings: DnsServer) -> AsyncIterator[DnsServer]:
    """acme.example with an alias to far.example, whose host is on loopback."""
    await sync_to_async(make_alias)(AWAY, [FAR])
    dns_settings.zone |= {
        ("far.example", "MX"): ["10 mx.far.example"],
        ("mx.far.example", "A"): ["127.0.0.1"],
        ("b.example", "MX"): ["10 mx.far.example"],
        ("c.example", "MX"): ["10 mx.far.example"],
    }
    yield dns_settings
    await close_redis()


def message(*fields: str, author: str = "bob@b.example") -> str:
    head = [f"From: {author}", "Message-ID: <1@b.example>", *fields]
    return "\r\n".join([*head, "", "body", "."])


async def send(recipients: list[str] | str, mail_from: str = "bob@b.example", text: str = "") -> str:
    """The reply to the first refused command, or to the message."""
    async with mx() as client:
        parameters = " SMTPUTF8" if not mail_from.isascii() else ""
        assert (await client.say(f"MAIL FROM:<{mail_from}>{parameters}")).startswith("250")
        for recipient in [recipients] if isinstance(recipients, str) else recipients:
            reply = await client.say(f"RCPT TO:<{recipient}>")
            if not reply.startswith("250"):
                return reply
        await client.say("DATA")
        return await client.say(text or message())


async def relay(net: DnsServer, script: Script, age: timedelta = timedelta()) -> Script:
    """Let the queue work against the remote; with an age, entries are that much older."""
    async with scripted_remote(script) as port:
        if age:
            await make_due(-age)
        await relay_all(make_relay(net, port))
    return script


def senders(script: Script) -> list[str]:
    return [line.partition("<")[2].partition(">")[0] for line in script.heard if line.startswith("MAIL")]


async def stages(reply: str) -> list[Any]:
    trace = await Trace.objects.aget(pk=reply.rpartition(" ")[2])
    return await sync_to_async(events_of)(trace)


async def test_a_forward_leaves_with_a_sender_of_ours_and_its_trace_tells_both(net: DnsServer) -> None:
    reply = await send(AWAY)
    script = await relay(net, Script())
    (sender,) = senders(script)
    assert sender.startswith("SRS0=")
    assert sender.endswith("=b.example=bob@acme.example")
    assert script.messages[0].startswith(b"Delivered-To: away@acme.example\r\n")
    (event,) = [event for event in await stages(reply) if event.stage == "forward"]
    assert (event.outcome, event.reason) == ("queued", f"To be forwarded to {FAR}.")
    assert event.detail["mail_from"] == sender
    assert event.detail["next_hop"] == "far.example"
    (rcpt,) = [event for event in await stages(reply) if event.stage == "rcpt"]
    assert [(step["address"], step["is"]) for step in rcpt.detail["steps"]] == [(AWAY, "alias"), (FAR, "elsewhere")]


async def test_a_bounce_comes_back_to_the_sender_and_to_nobody_else(net: DnsServer) -> None:
    await send(AWAY)
    (sender,) = senders(await relay(net, Script()))
    for spelling in (sender, sender.lower(), sender.upper()):
        reply = await send(spelling, "", message(author="<>"))
        assert "queued as" in reply, reply
    script = await relay(net, Script())
    assert senders(script) == ["", "", ""]
    assert sum("TO:<bob@b.example>" in line for line in script.heard) == 2
    assert sum("TO:<BOB@b.example>" in line for line in script.heard) == 1
    assert (await send(sender, "stranger@c.example")).startswith("550 5.7.1 Only notices of failure")


async def test_an_address_that_was_not_made_here_is_unknown(net: DnsServer) -> None:
    await sync_to_async(make_domain)("other.example")
    await send(AWAY)
    (sender,) = senders(await relay(net, Script()))
    for forged in (
        sender.replace("bob@", "eve@"),
        sender.replace("acme.example", "other.example"),
        "SRS0=aaaaaa=aa=b.example=eve@acme.example",
        "SRS0=@acme.example",
        "SRS1=x=b.example==y@acme.example",
    ):
        assert (await send(forged, "")).startswith("550 5.1.1"), forged
    trace = await Trace.objects.filter(outcome="refused").afirst()
    assert trace is not None
    (refused,) = [event for event in await sync_to_async(events_of)(trace) if event.stage == "rcpt"]
    assert refused.detail["steps"][0]["note"]


async def test_an_address_ends_after_three_weeks(net: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    await send(AWAY)
    (sender,) = senders(await relay(net, Script()))
    import time

    now = time.time()
    for days, code in ((20, "250"), (23, "550 5.1.1")):
        monkeypatch.setattr("mailboxes.delivery.resolve.time.time", lambda days=days: now + days * 86_400)
        assert (await send(sender, "", message(author="<>"))).startswith(code)


@pytest.mark.parametrize(
    "mail_from",
    [
        "bounce-12345678-away=acme.example@mailer.newsletter.b.example",
        '"bob the builder"@b.example',
        "bjørn@b.example",
    ],
)
async def test_a_sender_that_does_not_fit_is_found_by_the_trace(net: DnsServer, mail_from: str) -> None:
    net.zone["mailer.newsletter.b.example", "MX"] = ["10 mx.far.example"]
    reply = await send(AWAY, mail_from)
    ehlo = "250-remote.example\r\n250-SMTPUTF8\r\n250 8BITMIME"
    (sender,) = senders(await relay(net, Script(ehlo=ehlo)))
    assert sender.isascii()
    assert sender.endswith(f"={reply.rpartition(' ')[2]}@acme.example")
    assert len(sender.partition("@")[0]) <= 64
    assert "queued as" in await send(sender, "", message(author="<>"))
    script = await relay(net, Script(ehlo=ehlo))
    assert f"TO:<{mail_from}>" in "".join(script.heard)


async def test_senders_of_our_own_and_nobody_stay_as_they_are(net: DnsServer) -> None:
    await send(AWAY, "alice@acme.example")
    await send(AWAY, "", message(author="<>"))
    assert sorted(senders(await relay(net, Script()))) == ["", "alice@acme.example"]


@pytest.mark.parametrize(
    "author", ["alice@acme.example", "alice@shop.acme.example", "x@b.example, alice@ACME.example"]
)
async def test_nobody_else_passes_as_ours_at_the_next_host(net: DnsServer, author: str) -> None:
    """SPF of a rewritten sender would prove the forged author there."""
    reply = await send(AWAY, "eve@c.example", message(author=author))
    assert "queued as" in reply
    assert senders(await relay(net, Script())) == ["eve@c.example"]


@pytest.mark.parametrize("mail_from", ["alice@acme.example", ""])
async def test_a_forged_message_all_in_our_name_is_not_forwarded(net: DnsServer, mail_from: str) -> None:
    forged = message(author="alice@acme.example")
    assert (await send(AWAY, mail_from, forged)).startswith("550 5.7.1")
    await sync_to_async(make_account)("alice@acme.example")
    reply = await send([AWAY, "alice@acme.example"], mail_from, forged)
    assert "queued as" in reply
    assert [e.outcome for e in await stages(reply) if e.stage == "forward"] == ["withheld"]
    assert await QueueEntry.objects.acount() == 0


async def test_our_own_people_elsewhere_are_forwarded_once_they_are_proven(net: DnsServer) -> None:
    net.zone["acme.example", "TXT"] = ["v=spf1 ip4:192.0.2.9 -all"]
    net.zone["_dmarc.acme.example", "TXT"] = ["v=DMARC1; p=reject"]
    await send(AWAY, "alice@acme.example", message(author="alice@acme.example"))
    assert senders(await relay(net, Script())) == ["alice@acme.example"]


async def test_the_address_of_another_forwarder_is_chained(net: DnsServer) -> None:
    await send(AWAY, "SRS0=HHHH=TT=c.example=eve@b.example")
    (sender,) = senders(await relay(net, Script()))
    assert sender.startswith("SRS1=")
    await send(sender, "", message(author="<>"))
    script = await relay(net, Script())
    assert "TO:<SRS0=HHHH=TT=c.example=eve@b.example>" in "".join(script.heard)


# --- failures ----------------------------------------------------------------------------------------------------

REFUSING = {"rcpt": {FAR: "550 5.1.1 no such person"}}
DEFERRING = {"rcpt": {FAR: "451 4.3.0 later"}}
REPORTED, DROPPED = ["bob@b.example"], []


@pytest.mark.parametrize(
    ("zone", "mail_from", "author", "told", "why"),
    [
        (OWN_SPF, "bob@b.example", "bob@b.example", REPORTED, "SPF passed and is aligned"),
        (CLOSED_SPF, "bob@b.example", "bob@b.example", DROPPED, "SPF failed"),
        ({}, "bob@b.example", "bob@b.example", DROPPED, "nothing is known of the sender"),
        (OWN_SPF, "bob@b.example", "eve@c.example", DROPPED, "SPF passed, the author is another"),
        (OWN_SPF | OTHER_SPF, "eve@c.example", "bob@b.example", DROPPED, "the reverse path is another's"),
        (OWN_SPF, "", "bob@b.example", DROPPED, "nobody is to be told"),
    ],
)
@pytest.mark.parametrize("script", [REFUSING, DEFERRING], ids=["refused", "expired"])
async def test_a_failure_is_returned_only_to_a_sender_who_was_proven(
    net: DnsServer, zone: Any, mail_from: str, author: str, told: list[str], why: str, script: Any
) -> None:
    net.zone |= zone
    reply = await send(AWAY, mail_from, message(author=author))
    first = await relay(net, Script(**script))
    if script is DEFERRING:
        assert await QueueEntry.objects.acount() == 1
        first = await relay(net, Script(**script), timedelta(days=5.1))
    returned = [line for line in first.heard if line.startswith("RCPT") and FAR not in line]
    assert returned == [f"RCPT TO:<{person}>" for person in told], why
    assert await QueueEntry.objects.acount() == 0
    notices = [event.outcome for event in await stages(reply) if event.stage == "notice"]
    assert notices == (["queued"] if told else ["dropped"])
    trace = await Trace.objects.aget(pk=reply.rpartition(" ")[2])
    assert trace.outcome == ("bounced" if told else "dropped")


# --- loops -------------------------------------------------------------------------------------------------------


async def test_a_loop_over_two_hosts_ends_at_its_second_round(net: DnsServer) -> None:
    await send(AWAY)
    script = await relay(net, Script())
    again = script.messages[0].decode().removesuffix("\r\n") + "\r\n."
    reply = await send(AWAY, senders(script)[0], again)
    assert reply == "554 5.4.6 The message was forwarded for this address before: a loop"
    assert await QueueEntry.objects.acount() == 0


async def test_the_others_get_what_loops_for_one(net: DnsServer) -> None:
    await sync_to_async(make_account)("alice@acme.example")
    reply = await send([AWAY, "alice@acme.example"], text=message("Delivered-To: Away@ACME.example"))
    assert "queued as" in reply
    assert len(await stored("alice@acme.example")) == 1
    assert [e.outcome for e in await stages(reply) if e.stage == "forward"] == ["dropped"]
    assert await QueueEntry.objects.acount() == 0


async def test_delivered_to_somebody_else_is_no_loop(net: DnsServer) -> None:
    reply = await send(AWAY, text=message("Delivered-To: bob@b.example", "Delivered-To: x"))
    assert "queued as" in reply


async def test_a_loop_that_hides_its_marks_ends_at_fifty_hops(net: DnsServer) -> None:
    hops = ["Received: from a by b; Mon, 01 Jun 2026 10:00:00 +0000"] * 51
    assert (await send(AWAY, text=message(*hops))).startswith("554 5.4.6")
    assert "queued as" in await send(AWAY, text=message(*hops[:50]))
