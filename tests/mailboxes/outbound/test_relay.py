"""The relay from queue to remote and mailbox: routes, deferral, reports, leases, lanes; nothing accepted is lost."""

import asyncio
import email
import email.policy
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from domains.errors import Refused
from domains.models import Domain
from mailboxes.models import Account, QueueEntry
from mailboxes.outbound import attempt as attempts
from mailboxes.outbound import relay as relays
from mailboxes.outbound.queue import claim, expire_leases, release, renew
from mailboxes.outbound.review import delete_entry, retry_entry
from tests.dns_server import DnsServer
from tests.factories import make_account, make_alias, make_message, superadmin_act, suspend
from tests.mailboxes.outbound.house import (
    HOSTNAME,
    make_due,
    make_relay,
    outcome,
    queue,
    relay_all,
    rows,
    running,
    stored,
    submit,
    until,
)
from tests.mailboxes.outbound.scripted_remote import Script, scripted_remote

pytestmark = pytest.mark.usefixtures("pool")
FAR = ("far.example", "MX")


def far_at(dns: DnsServer, *hosts: str) -> None:
    """far.example's MX are these addresses, in this order."""
    dns.zone[FAR] = [f"{10 * place} mx{place}.far.example" for place, _ in enumerate(hosts, 1)]
    for place, address in enumerate(hosts, 1):
        dns.zone[f"mx{place}.far.example", "A"] = [address]


# --- to the world ------------------------------------------------------------------------------------------------


async def test_mail_reaches_the_mx_and_leaves_the_queue(dns_settings: DnsServer) -> None:
    far_at(dns_settings, "127.0.0.1")
    trace, _ = await submit("bob@far.example", "carol@far.example")
    script = Script()
    async with scripted_remote(script) as port:
        await relay_all(make_relay(dns_settings, port))
    assert script.messages == [make_message()]
    assert [line for line in script.heard if line.startswith("RCPT")] == [
        "RCPT TO:<bob@far.example>",
        "RCPT TO:<carol@far.example>",
    ]
    assert await queue() == []
    assert await outcome(trace) == "sent"


async def test_the_next_mx_is_tried_when_the_first_is_away_or_refuses_the_session(dns_settings: DnsServer) -> None:
    far_at(dns_settings, "127.0.0.3", "127.0.0.2", "127.0.0.1")  # .3 refuses the connection
    await submit("bob@far.example")
    busy, good = Script(banner="421 4.3.2 busy"), Script()
    async with scripted_remote(good) as port, scripted_remote(busy, "127.0.0.2", port):
        await relay_all(make_relay(dns_settings, port))
    assert (busy.connections, len(good.messages)) == (1, 1)


async def test_a_refusal_of_the_recipient_is_no_reason_to_ask_elsewhere(dns_settings: DnsServer) -> None:
    far_at(dns_settings, "127.0.0.1", "127.0.0.2")
    await submit("bob@far.example", mail_from="")
    no, other = Script(rcpt={"bob@far.example": "550 5.1.1 unknown"}), Script()
    async with scripted_remote(no) as port, scripted_remote(other, "127.0.0.2", port):
        await relay_all(make_relay(dns_settings, port))
    assert (no.connections, other.connections) == (1, 0)
    assert await queue() == []


async def test_domain_without_mx_is_called_at_its_address_and_aliases_are_followed(dns_settings: DnsServer) -> None:
    dns_settings.zone["far.example", "CNAME"] = ["real.example"]
    dns_settings.zone["real.example", "A"] = ["127.0.0.1"]
    await submit("bob@far.example")
    script = Script()
    async with scripted_remote(script) as port:
        await relay_all(make_relay(dns_settings, port))
    assert len(script.messages) == 1


@pytest.mark.parametrize(
    ("zone", "status"),
    [
        ({FAR: ["0 ."]}, "5.1.10"),  # null MX
        ({}, "5.1.2"),  # no such domain
        ({FAR: [f"10 {HOSTNAME}"]}, "5.4.6"),  # our own name
        ({FAR: ["10 mx.far.example"], ("mx.far.example", "A"): ["10.1.2.3"]}, "5.4.4"),  # private
        ({FAR: ["10 mx.far.example"], ("mx.far.example", "A"): ["169.254.169.254"]}, "5.4.4"),
        ({FAR: ["10 mx.far.example"], ("mx.far.example", "AAAA"): ["::1"]}, "5.4.4"),
        ({FAR: ["10 mx.far.example"], ("mx.far.example", "AAAA"): ["::ffff:10.0.0.1"]}, "5.4.4"),
        ({FAR: ["10 mx.far.example"]}, "5.4.4"),  # a host without an address
    ],
)
async def test_mail_that_can_never_leave_comes_back_at_once(dns_settings: DnsServer, zone: Any, status: str) -> None:
    await sync_to_async(make_account)()
    dns_settings.zone |= zone
    trace, _ = await submit("bob@far.example")
    await relay_all(make_relay(dns_settings, 1))
    (report,) = await stored("alice@acme.example")
    assert f"Status: {status}\r\n".encode() in report
    assert await queue() == []
    assert await outcome(trace) == "bounced"
    ((terms,),) = await rows("SELECT terms FROM domains_trace WHERE id = %s", trace)
    assert f"={status}" in terms


async def test_our_own_listening_place_is_a_loop(dns_settings: DnsServer) -> None:
    far_at(dns_settings, "127.0.0.9")
    await submit("bob@far.example", mail_from="")
    script = Script()
    async with scripted_remote(script, "127.0.0.9", 2525):
        await relay_all(make_relay(dns_settings, 2525))
    assert script.connections == 0
    (detail,) = await rows("SELECT detail->>'reply' FROM domains_traceevent WHERE stage = 'relay'")
    assert "is this server" in detail[0]


async def test_silence_of_the_dns_defers(dns_settings: DnsServer) -> None:
    dns_settings.failing.add("far.example")
    await submit("bob@far.example")
    await relay_all(make_relay(dns_settings, 1))
    ((_, _, state, number, reply),) = await queue()
    assert (state, number) == ("waiting", 1)
    assert "4.4.3" in reply


async def test_only_deferred_recipients_wait_and_only_failed_ones_are_reported(dns_settings: DnsServer) -> None:
    await sync_to_async(make_account)()
    far_at(dns_settings, "127.0.0.1")
    trace, _ = await submit("bob@far.example", "carol@far.example", "dave@far.example")
    script = Script(rcpt={"carol@far.example": "550 5.1.1 unknown", "dave@far.example": "450 4.2.0 later"})
    async with scripted_remote(script) as port:
        relay = make_relay(dns_settings, port)
        await relay_all(relay)
        assert [entry[:4] for entry in await queue()] == [("far.example", ["dave@far.example"], "waiting", 1)]
        script.rcpt.clear()
        await make_due()
        await relay_all(relay)
    (report,) = await stored("alice@acme.example")
    assert b"carol@far.example" in report
    assert b"Final-Recipient: rfc822; dave@far.example" not in report
    assert len(script.messages) == 2
    assert await outcome(trace) == "bounced"


async def test_after_five_days_the_sender_gets_a_readable_report(dns_settings: DnsServer) -> None:
    await sync_to_async(make_account)()
    far_at(dns_settings, "127.0.0.1")
    await submit("bob@far.example")
    script = Script(mail="451 4.3.0 later")
    async with scripted_remote(script) as port:
        relay = make_relay(dns_settings, port)
        await relay_all(relay)
        await make_due(shift=timedelta(days=-4.9))
        await relay_all(relay)
        assert len(await queue()) == 1
        await make_due(shift=timedelta(days=-0.2))
        await relay_all(relay)
    assert await queue() == []
    (octets,) = await stored("alice@acme.example")
    report = email.message_from_bytes(octets, policy=email.policy.SMTP)
    assert report["Return-Path"] == "<>"
    assert (report.get_content_type(), report.get_param("report-type")) == ("multipart/report", "delivery-status")
    assert report["To"] == "alice@acme.example"
    human, status, returned = report.iter_parts()
    assert "bob@far.example" in human.get_content()
    assert "five days" in human.get_content()
    assert [block["Action"] for block in status.get_payload()] == [None, "failed"]
    assert "Subject: Hello" in returned.get_content()


async def test_a_report_that_cannot_be_delivered_is_reported_to_nobody(dns_settings: DnsServer) -> None:
    far_at(dns_settings, "127.0.0.1")
    await submit("bob@far.example", mail_from="gone@far.example")
    script = Script(rcpt=dict.fromkeys(("bob@far.example", "gone@far.example"), "550 5.1.1 unknown"))
    async with scripted_remote(script) as port:
        await relay_all(make_relay(dns_settings, port))
    assert [line for line in script.heard if line.startswith("MAIL")][1].startswith("MAIL FROM:<>")
    assert await queue() == []
    assert len(await rows("SELECT 1 FROM domains_traceevent WHERE stage = 'notice' AND outcome = 'dropped'")) == 1


# --- to ourselves ------------------------------------------------------------------------------------------------


async def test_local_mail_needs_no_socket_and_each_account_gets_one_copy(dns_settings: DnsServer) -> None:
    await sync_to_async(make_account)()
    await sync_to_async(make_alias)()
    trace, _ = await submit("alice@acme.example", "sales@acme.example", "ALICE+detail@acme.example")
    await relay_all(make_relay(dns_settings, 1))
    assert len(await stored("alice@acme.example")) == 1
    assert await outcome(trace) == "sent"
    assert await queue() == []


async def test_a_full_mailbox_waits_and_the_others_of_its_alias_do_not(dns_settings: DnsServer) -> None:
    await sync_to_async(make_account)()
    await sync_to_async(make_account)("bob@acme.example", quota_bytes=1000)
    await Account.objects.filter(local_part="bob").aupdate(used_bytes=5000)  # the quota was lowered
    await sync_to_async(make_alias)("team@acme.example", ["alice@acme.example", "bob@acme.example"])
    await submit("team@acme.example")
    await relay_all(make_relay(dns_settings, 1))
    assert len(await stored("alice@acme.example")) == 1
    ((hop, recipients, state, _, reply),) = await queue()
    assert (hop, recipients, state) == ("local", ["bob@acme.example"], "waiting")
    assert "full" in reply
    await Account.objects.filter(local_part="bob").aupdate(quota_bytes=None)
    await make_due()
    await relay_all(make_relay(dns_settings, 1))
    assert (len(await stored("alice@acme.example")), len(await stored("bob@acme.example"))) == (1, 1)


async def test_mail_to_a_suspended_domain_waits(dns_settings: DnsServer) -> None:
    await sync_to_async(make_account)("bob@shut.example")
    await sync_to_async(lambda: suspend(Domain.objects.get(name="shut.example")))()
    await submit("bob@shut.example")
    await relay_all(make_relay(dns_settings, 1))
    ((_, _, state, _, reply),) = await queue()
    assert state == "waiting"
    assert "takes no mail" in reply


async def test_a_disabled_mailbox_is_named_so_in_the_report(dns_settings: DnsServer) -> None:
    await sync_to_async(make_account)()
    await sync_to_async(make_account)("bob@acme.example")
    await Account.objects.filter(local_part="bob").aupdate(enabled=False)
    await submit("bob@acme.example")
    await relay_all(make_relay(dns_settings, 1))
    (report,) = await stored("alice@acme.example")
    assert b"Status: 5.2.1\r\n" in report


async def test_the_hosts_own_postmaster_is_reached(dns_settings: DnsServer) -> None:
    await sync_to_async(make_account)("root@acme.example")
    from domains.models import Actor

    await Actor.objects.filter(email="root@acme.example").aupdate(role="superadmin")
    for recipient in (f"postmaster@{HOSTNAME}", f"Abuse@{HOSTNAME.upper()}", "postmaster"):
        await submit(recipient, mail_from="")
    await relay_all(make_relay(dns_settings, 1))
    assert len(await stored("root@acme.example")) == 3
    assert await queue() == []


async def test_a_forward_leaves_with_its_sender_and_a_strangers_bounce_goes_nowhere(dns_settings: DnsServer) -> None:
    await sync_to_async(make_alias)("out@acme.example", ["bob@far.example"])
    far_at(dns_settings, "127.0.0.1")
    await submit("out@acme.example")
    script = Script()
    async with scripted_remote(script) as port:
        await relay_all(make_relay(dns_settings, port))
    assert "RCPT TO:<bob@far.example>" in script.heard
    assert len(script.messages) == 1


async def test_a_thousand_recipients_are_served_a_hundred_at_a_time(dns_settings: DnsServer) -> None:
    far_at(dns_settings, "127.0.0.1")
    _, entries = await submit(*(f"r{number}@far.example" for number in range(1000)))
    assert len(entries) == 10
    script = Script()
    async with scripted_remote(script) as port:
        await relay_all(make_relay(dns_settings, port))
    assert len(script.messages) == 10
    assert len({line for line in script.heard if line.startswith("RCPT")}) == 1000


# --- leases, lanes, faults ---------------------------------------------------------------------------------------


async def test_two_relays_never_send_the_same_entry(dns_settings: DnsServer) -> None:
    far_at(dns_settings, "127.0.0.1")
    for number in range(30):
        await submit(f"r{number}@far.example")
    script = Script()
    async with scripted_remote(script) as port:
        one, two = make_relay(dns_settings, port), make_relay(dns_settings, port)
        async with running(one), running(two):
            await until(lambda: _empty())
    assert len(script.messages) == 30
    assert len({line for line in script.heard if line.startswith("RCPT")}) == 30


async def _empty() -> bool:
    return not await queue()


async def test_slow_remotes_never_stop_local_mail_nor_each_other(
    dns_settings: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relays, "CONCURRENCY", 6)
    await sync_to_async(make_account)()
    hold = asyncio.Event()

    async def tarpit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hold.wait()
        writer.close()

    server = await asyncio.start_server(tarpit, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for name in ("slow1.example", "slow2.example"):
        dns_settings.zone[name, "A"] = ["127.0.0.1"]
        for number in range(10):
            await submit(f"r{number}@{name}")
    async with running(make_relay(dns_settings, port)) as relay:
        await until(lambda: _sending(6))
        await submit("alice@acme.example")
        relay.wake()
        await until(lambda: stored("alice@acme.example"), 5)
        hold.set()
    server.close()


async def _sending(number: int) -> bool:
    return len(await rows("SELECT 1 FROM mailboxes_queueentry WHERE state = 'sending'")) >= number


async def test_a_stopping_relay_gives_back_what_it_cuts_off(dns_settings: DnsServer) -> None:
    hold = asyncio.Event()

    async def tarpit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hold.wait()
        writer.close()

    server = await asyncio.start_server(tarpit, "127.0.0.1", 0)
    dns_settings.zone["far.example", "A"] = ["127.0.0.1"]
    await submit("bob@far.example")
    async with running(make_relay(dns_settings, server.sockets[0].getsockname()[1])):
        await until(lambda: _sending(1))
    assert await rows("SELECT state, deaths, lease_until FROM mailboxes_queueentry") == [("waiting", 0, None)]
    hold.set()
    server.close()


async def test_an_attempt_that_lost_its_lease_is_cut_off(
    dns_settings: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relays, "RENEW_SECONDS", 0.1)
    ended = asyncio.Event()

    async def tarpit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()
        writer.close()

    server = await asyncio.start_server(tarpit, "127.0.0.1", 0)
    dns_settings.zone["far.example", "A"] = ["127.0.0.1"]
    await submit("bob@far.example")
    async with running(make_relay(dns_settings, server.sockets[0].getsockname()[1])):
        await until(lambda: _sending(1))
        await rows("UPDATE mailboxes_queueentry SET attempts = attempts + 1 RETURNING 1")  # another relay's claim
        await asyncio.wait_for(ended.wait(), 5)
    ((_, _, state, number, _),) = await queue()
    assert (state, number) == ("sending", 2)
    server.close()


async def test_an_attempt_whose_lease_cannot_be_renewed_ends_before_the_lease(
    dns_settings: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relays, "RENEW_SECONDS", 0.3)
    monkeypatch.setattr(relays, "RENEW_DEADLINE_SECONDS", 0.3)
    monkeypatch.setattr(relays, "LEASE", timedelta(seconds=3))
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[float] = loop.create_future()

    async def tarpit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set_result(loop.time())
        writer.close()

    async def away(items: Any) -> set[str]:
        raise OSError("the database is away")

    monkeypatch.setattr(relays, "renew", away)
    server = await asyncio.start_server(tarpit, "127.0.0.1", 0)
    dns_settings.zone["far.example", "A"] = ["127.0.0.1"]
    await submit("bob@far.example")
    began = loop.time()
    async with running(make_relay(dns_settings, server.sockets[0].getsockname()[1])):
        assert 1.5 < await asyncio.wait_for(ended, 9) - began < 3
    server.close()


async def test_three_deaths_put_an_entry_aside_with_an_alarm(
    dns_settings: DnsServer, caplog: pytest.LogCaptureFixture
) -> None:
    await submit("bob@far.example")
    for death in (1, 2, 3):
        (item,) = await claim(5)
        assert await renew([item]) == {item.id}
        await rows("UPDATE mailboxes_queueentry SET lease_until = now() - interval '1 second' RETURNING 1")
        ((_, _, state),) = await expire_leases()
        assert state == ("dead" if death == 3 else "waiting")
        assert await renew([item]) == set()
        await release([item])  # too late to change anything
    assert (await queue())[0][2] == "dead"
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    await sync_to_async(retry_entry)(superadmin_act(), (await rows("SELECT id FROM mailboxes_queueentry"))[0][0])
    assert len(await claim(5)) == 1


async def test_nobody_retries_or_deletes_what_is_being_sent(dns_settings: DnsServer) -> None:
    trace, (entry,) = await submit("bob@far.example")
    (item,) = await claim(5)
    for change in (retry_entry, delete_entry):
        with pytest.raises(Refused):
            await sync_to_async(change)(superadmin_act(), entry)
    await release([item])
    await sync_to_async(delete_entry)(superadmin_act(), entry)
    assert not await QueueEntry.objects.aexists()
    assert await outcome(trace) == "dropped"


async def test_a_poisoned_entry_waits_while_the_others_go_on(dns_settings: DnsServer) -> None:
    await sync_to_async(make_account)()
    far_at(dns_settings, "127.0.0.1")
    _, (poisoned,) = await submit("bob@far.example")
    await submit("carol@far.example")
    await submit("alice@acme.example")
    blob = (await rows("SELECT blob_id FROM mailboxes_queueentry WHERE id = %s", poisoned))[0][0]
    await rows("UPDATE mailboxes_blob SET data = NULL, path = 'aa/gone' WHERE id = %s RETURNING 1", blob)
    script = Script()
    async with scripted_remote(script) as port:
        await relay_all(make_relay(dns_settings, port))
    assert [line for line in script.heard if line.startswith("RCPT")] == ["RCPT TO:<carol@far.example>"]
    assert len(await stored("alice@acme.example")) == 1
    assert [(entry[1], entry[2]) for entry in await queue()] == [(["bob@far.example"], "waiting")]


async def test_a_lost_wake_only_delays(dns_settings: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "POLL_SECONDS", 0.2)

    async def never(channel: str) -> Any:
        await asyncio.Event().wait()
        yield b""

    far_at(dns_settings, "127.0.0.1")
    script = Script()
    async with scripted_remote(script) as port, running(make_relay(dns_settings, port, subscribe=never)):
        await asyncio.sleep(0.3)
        await submit("bob@far.example")
        await until(lambda: _empty(), 5)
    assert len(script.messages) == 1


async def test_a_wake_during_a_look_is_not_lost(dns_settings: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    async def look(*_: Any) -> list[Any]:
        looks.append(asyncio.get_running_loop().time())
        if len(looks) == 1:
            relay.wake()
        return []

    monkeypatch.setattr(relays, "claim", look)
    relay = make_relay(dns_settings, 1)
    async with running(relay):
        await asyncio.sleep(0.3)
    assert len(looks) == 2


async def test_a_domain_of_many_dead_hosts_costs_a_bounded_number_of_calls(
    dns_settings: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    async def refuse(envelope: Any, remote: Any, ehlo_name: str) -> Any:
        calls.append(remote.address)
        raise attempts.HostFailed(attempts.RemoteReply(0, "4.4.1", "refused"))

    monkeypatch.setattr(attempts, "deliver_remotely", refuse)
    dns_settings.zone[FAR] = ["10 mx.far.example", "20 my.far.example"]
    for name in ("mx", "my"):
        dns_settings.zone[f"{name}.far.example", "A"] = [f"127.0.1.{number}" for number in range(1, 21)]
    await submit("bob@far.example")
    await relay_all(make_relay(dns_settings, 1))
    assert len(calls) == attempts.TRIES
