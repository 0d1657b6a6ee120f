"""What each kind of recipient is answered and where its mail goes, over a real socket; quota; what answers cost."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from psycopg import AsyncConnection

from antispam.models import InboundPolicy
from domains.database import database
from domains.models import Domain, ReportFile, Trace
from domains.services.traces import events_of
from mailboxes.delivery.lookup import LOOKUP
from mailboxes.models import Account, CatchAll, QueueEntry
from tests.antispam.test_forwarding import message, send
from tests.antispam.test_inbound import _pool, begin, mx  # noqa: F401
from tests.antispam.test_inbound_kinds import stored
from tests.dns_server import DnsServer
from tests.factories import make_account, make_administrator, make_alias, make_domain, make_group, suspend
from tests.mailboxes.outbound.house import make_due, make_relay, relay_all

pytestmark = pytest.mark.django_db(transaction=True)
UNKNOWN = "550 5.1.1 There is no such mailbox here"


@pytest.fixture(autouse=True)
def world(dns_settings: DnsServer) -> DnsServer:
    """Alice, Bob, an alias to both, a disabled mailbox, a domain with a catch-all and one that is suspended."""
    for name in ("alice", "bob", "a+b"):
        make_account(f"{name}@acme.example")
    make_account("off@acme.example")
    Account.objects.filter(local_part="off").update(enabled=False)
    make_alias("both@acme.example", ["alice@acme.example", "bob@acme.example"])
    make_alias("alice+shop@acme.example", ["bob@acme.example"])
    make_administrator("dora@acme.example", Domain.objects.get(name="acme.example"))
    make_account("dora@caught.example")
    CatchAll.objects.create(domain=Domain.objects.get(name="caught.example"), target="alice@acme.example")
    suspend(make_domain("asleep.example"))
    make_alias("dora@acme.example", ["bob@acme.example"])
    return dns_settings


@pytest.mark.parametrize(
    ("recipient", "answer", "why"),
    [
        ("alice@acme.example", {"alice": 1}, "a mailbox"),
        ("ALICE@acme.example", {"alice": 1}, "in capitals"),
        ("alice+@acme.example", {"alice": 1}, "an empty detail"),
        ("alice+a+b@acme.example", {"alice": 1}, "a detail with a plus"),
        ("alice+shop@acme.example", {"bob": 1}, "an alias of its own before the mailbox without detail"),
        ("a+b@acme.example", {"a+b": 1}, "a mailbox whose name has a plus"),
        ("both+x@acme.example", {"alice": 1, "bob": 1}, "an alias with a detail"),
        ("postmaster@acme.example", {"bob": 1}, "the role of the administrator"),
        ("Abuse@acme.example", {"bob": 1}, "the other role"),
        ("anybody@caught.example", {"alice": 1}, "the catch-all"),
        ("dora@caught.example", {"dora": 1}, "a mailbox before the catch-all"),
        ("+@acme.example", UNKNOWN, "only a plus"),
        ("+alice@acme.example", UNKNOWN, "nothing before the plus"),
        ("nobody@acme.example", UNKNOWN, "nobody"),
        ('"alice"@acme.example', {"alice": 1}, "quotes that are not needed mean nothing (RFC 5321 section 4.1.2)"),
        ('"al ice"@acme.example', UNKNOWN, "quoted, as no address of ours is"),
        ("alice@sub.acme.example", "550 5.7.1", "a domain that is not ours"),
        ("SRS0=x@caught.example", UNKNOWN, "the catch-all takes no forged forward"),
        ("off@acme.example", "550 5.2.1", "switched off"),
        ("alice@asleep.example", "450 4.2.1", "its domain is suspended"),
    ],
)
async def test_where_it_goes(recipient: str, answer: Any, why: str) -> None:
    reply = await send(recipient)
    if isinstance(answer, str):
        assert reply.startswith(answer), why
    else:
        assert "queued as" in reply, reply
        assert await stored() == answer, why
        trace = await Trace.objects.aget()
        places = [e.detail["address"] for e in await sync_to_async(events_of)(trace) if e.stage == "delivery"]
        homes = {"dora": "caught.example"}
        assert sorted(places) == [f"{name}@{homes.get(name, 'acme.example')}" for name in sorted(answer)]


async def test_a_report_address_is_taken_in_even_where_everything_is_caught() -> None:
    assert "queued as" in await send("dmarc-reports@caught.example")
    assert await stored() == {}
    assert await ReportFile.objects.acount() == 1


# --- what an answer costs ----------------------------------------------------------------------------------------


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that goes to the database on the hot path."""
    asked: list[str] = []
    execute = AsyncConnection.execute

    async def counted(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        if not str(query).startswith("SET "):  # of a pool that grows, for traces of refusals
            asked.append(str(query))
        return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(AsyncConnection, "execute", counted)
    return asked


async def test_an_unknown_address_is_found_out_by_the_same_work_as_a_known_one(statements: list[str]) -> None:
    work: dict[str, list[str]] = {}
    for recipient in ("alice@acme.example", "nobody@acme.example", "alice+x@acme.example", "nobody+x@acme.example"):
        async with mx() as client:
            await begin(client, "alice@acme.example")
            statements.clear()
            await client.say(f"RCPT TO:<{recipient}>")
            work[recipient] = list(statements)
    assert all(asked == work["alice@acme.example"] for asked in work.values())
    assert len(work["alice@acme.example"]) == 1


async def test_the_database_reads_as_much_for_an_unknown_address_as_for_a_known_one() -> None:
    """Rows and pages, not milliseconds: those of others on the machine would count too."""
    pages = []
    async with database() as connection:
        for name in ("alice", "nobody"):
            parameters = {"locals": [name], "bases": [name], "domains": ["acme.example"]}
            for _ in range(2):  # the second time everything is in memory
                cursor = await connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {LOOKUP}", parameters)
                ((plan,),) = await cursor.fetchall()
            pages.append(plan[0]["Plan"]["Shared Hit Blocks"])
    known, unknown = pages
    assert abs(known - unknown) <= 8, pages


# --- full --------------------------------------------------------------------------------------------------------


async def fill(name: str, room: int) -> None:
    await Account.objects.filter(local_part=name).aupdate(quota_bytes=10_000, used_bytes=10_000 - room)


@pytest.mark.parametrize("size", [200, 5000])
async def test_the_announced_size_counts_at_the_recipient(size: int) -> None:
    await fill("alice", 1000)
    async with mx() as client:
        await client.say(f"MAIL FROM:<bob@b.example> SIZE={size}")
        reply = await client.say("RCPT TO:<alice@acme.example>")
        assert reply.startswith("250" if size < 1000 else "452 4.2.2")
        assert (await client.say("RCPT TO:<bob@acme.example>")).startswith("250")


@pytest.mark.parametrize(("code", "reply"), [(None, "452 4.2.2"), (452, "452 4.2.2"), (552, "552 5.2.2")])
async def test_a_domain_says_how_a_full_mailbox_answers_before_and_after_the_message(
    code: int | None, reply: str
) -> None:
    if code is not None:
        acme = await Domain.objects.aget(name="acme.example")
        await InboundPolicy.objects.acreate(domain=acme, full_mailbox_reply=code)
    await fill("alice", 0)
    assert (await begin_with_size("alice@acme.example", 1)).startswith(reply)
    await fill("alice", 1000)
    text = message("X-Long: " + "x" * 900)
    assert (await send("alice@acme.example", text=text)).startswith(reply)
    assert await stored() == {}


async def begin_with_size(recipient: str, size: int) -> str:
    async with mx() as client:
        await client.say(f"MAIL FROM:<bob@b.example> SIZE={size}")
        return await client.say(f"RCPT TO:<{recipient}>")


async def test_the_real_size_counts_when_it_is_stored() -> None:
    await fill("alice", 1000)
    text = message("X-Long: " + "x" * 900)
    assert (await send("alice@acme.example", text=text)).startswith("452 4.2.2")
    assert await stored() == {}
    trace = await Trace.objects.aget()
    assert trace.outcome == "refused"


async def test_one_reply_for_two_stores_for_both_or_none_and_the_second_try_leaves_no_duplicate() -> None:
    await fill("alice", 100)
    assert (await send(["bob@acme.example", "alice@acme.example"])).startswith("452 4.2.2")
    assert await stored() == {}
    await fill("alice", 5000)
    assert "queued as" in await send(["bob@acme.example", "alice@acme.example"])
    assert await stored() == {"alice": 1, "bob": 1}


@pytest.mark.parametrize("announced", ["", " SIZE=5000"])
async def test_a_full_mailbox_keeps_a_message_from_nobody_else_of_an_alias(world: DnsServer, announced: str) -> None:
    await fill("alice", 100)
    async with mx() as client:
        await client.say(f"MAIL FROM:<bob@b.example>{announced}")
        assert (await client.say("RCPT TO:<both@acme.example>")).startswith("250")
        await client.say("DATA")
        reply = await client.say(message())
    assert "queued as" in reply, reply
    assert await stored() == {"bob": 1}
    trace = await Trace.objects.aget(pk=reply.rpartition(" ")[2])
    told = [(e.outcome, e.reason) for e in await sync_to_async(events_of)(trace) if e.stage == "delivery"]
    assert ("queued", "The mailbox is full; the copy waits and is tried again.") in told
    relay = make_relay(world, 1)
    await relay_all(relay)
    assert await stored() == {"bob": 1}
    await fill("alice", 5000)
    await make_due()
    await relay_all(relay)
    assert await stored() == {"alice": 1, "bob": 1}
    assert await QueueEntry.objects.acount() == 0


async def test_a_copy_that_waited_in_vain_is_told_to_nobody_who_was_not_proven(world: DnsServer) -> None:
    await fill("alice", 100)
    reply = await send("both@acme.example")
    relay = make_relay(world, 1)
    await relay_all(relay)
    await make_due(timedelta(days=-5.1))
    await relay_all(relay)
    assert await QueueEntry.objects.acount() == 0
    trace = await Trace.objects.aget(pk=reply.rpartition(" ")[2])
    notices = [event.outcome for event in await sync_to_async(events_of)(trace) if event.stage == "notice"]
    assert notices == ["dropped"]


async def test_where_everybody_is_full_the_sender_keeps_the_message() -> None:
    await fill("alice", 100)
    await fill("bob", 100)
    await sync_to_async(make_group)("team@acme.example", ["both@acme.example"])
    for recipient in ("both@acme.example", "team@acme.example"):
        assert (await send(recipient)).startswith("452 4.2.2")
    assert await stored() == {}
    assert await QueueEntry.objects.acount() == 0
