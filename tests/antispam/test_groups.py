"""Mail to groups over a real socket and DNS: everybody in it gets it, and who may not write is refused after DATA."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from domains.models import Domain, DomainKind, Trace
from domains.services.kinds import Purpose, add_domain
from domains.services.traces import events_of
from mailboxes.models import CatchAll, QueueEntry
from tests.antispam.test_forwarding import message, send
from tests.antispam.test_inbound import _pool, begin, mx  # noqa: F401
from tests.antispam.test_inbound_kinds import stored
from tests.dns_server import DnsServer
from tests.factories import make_account, make_alias, make_group, superadmin_act

pytestmark = pytest.mark.django_db(transaction=True)
PASSING = {  # what the client's address proves for each domain
    ("acme.example", "TXT"): ["v=spf1 ip4:192.0.2.9 -all"],
    ("alias.example", "TXT"): ["v=spf1 ip4:192.0.2.9 -all"],
    ("far.example", "TXT"): ["v=spf1 ip4:192.0.2.9 -all"],
    ("b.example", "TXT"): ["v=spf1 ip4:192.0.2.9 -all"],
}


@pytest.fixture(autouse=True)
def world(dns_settings: DnsServer) -> DnsServer:
    """Alice, Bob and Carol of acme.example and its alias domain; the team is Alice, Zoe and a group with Bob."""
    for name in ("alice", "bob", "carol"):
        make_account(f"{name}@acme.example")
    add_domain(superadmin_act(), "alias.example", Purpose(DomainKind.ALIAS, "acme.example"))
    make_group("inner@acme.example", ["bob@alias.example", "team@acme.example"])
    make_group("team@acme.example", ["alice@acme.example", "zoe@far.example", "inner@acme.example"])
    return dns_settings


async def limit(writers: str, address: str = "team") -> None:
    from mailboxes.models import Group

    await Group.objects.filter(local_part=address).aupdate(writers=writers)


async def test_everybody_in_it_gets_one_copy_through_groups_within_and_round_again() -> None:
    reply = await send("Team+x@ALIAS.example")
    assert "queued as" in reply, reply
    assert await stored() == {"alice": 1, "bob": 1}
    assert [entry.recipients async for entry in QueueEntry.objects.all()] == [["zoe@far.example"]]
    trace = await Trace.objects.aget()
    (rcpt,) = [event for event in await sync_to_async(events_of)(trace) if event.stage == "rcpt"]
    assert [(step["address"], step["is"], step["through"]) for step in rcpt.detail["steps"]] == [
        ("Team+x@alias.example", "group", ["alias domain", "subaddress"]),
        ("alice@acme.example", "mailbox", []),
        ("zoe@far.example", "elsewhere", []),
        ("inner@acme.example", "group", []),
        ("bob@alias.example", "mailbox", ["alias domain"]),
        ("team@acme.example", "group", []),
    ]


REFUSED = "550 5.7.1 Only"


@pytest.mark.parametrize(
    ("writers", "author", "mail_from", "zone", "reply", "why"),
    [
        ("everybody", "eve@c.example", "eve@c.example", {}, "250", "anybody may"),
        ("domain", "carol@acme.example", "carol@acme.example", PASSING, "250", "one of its people, proven"),
        ("domain", "carol@alias.example", "carol@alias.example", PASSING, "250", "the alias domain counts"),
        ("domain", "carol@acme.example", "carol@acme.example", {}, REFUSED, "nothing proved the author"),
        ("domain", "carol@acme.example", "eve@b.example", PASSING, REFUSED, "the reverse path proves another"),
        ("domain", "eve@b.example", "carol@acme.example", PASSING, REFUSED, "MAIL FROM says nothing"),
        ("domain", "bob@b.example", "bob@b.example", PASSING, REFUSED, "proven, but no one of the domain"),
        ("domain", "x@acme.example, y@acme.example", "x@acme.example", PASSING, REFUSED, "two authors"),
        ("members", "alice@acme.example", "alice@acme.example", PASSING, "250", "a member"),
        ("members", "ALICE@Acme.example", "alice@acme.example", PASSING, "250", "however it is spelt"),
        ("members", "bob@acme.example", "bob@acme.example", PASSING, "250", "a member of a group within"),
        ("members", "zoe@far.example", "zoe@far.example", PASSING, "250", "a member elsewhere"),
        ("members", "zoe@far.example", "zoe@far.example", {}, REFUSED, "a member, not proven"),
        ("members", "yan@far.example", "yan@far.example", PASSING, REFUSED, "proven, but a neighbour"),
        ("members", "carol@acme.example", "carol@acme.example", PASSING, REFUSED, "of the domain, but no member"),
    ],
)
async def test_who_may_write(
    world: DnsServer, writers: str, author: str, mail_from: str, zone: Any, reply: str, why: str
) -> None:
    world.zone |= zone
    for name in ("acme", "alias", "far", "b"):
        world.zone[f"_dmarc.{name}.example", "TXT"] = ["v=DMARC1; p=none"]
    await limit(writers)
    assert (await send("team@acme.example", mail_from, message(author=author))).startswith(reply), why
    trace = await Trace.objects.aget()
    assert (trace.outcome == "refused") == (reply == REFUSED)
    assert bool(await stored()) == (reply == "250")


@pytest.mark.parametrize("detour", ["alias", "group", "catch-all"])
async def test_no_detour_opens_a_closed_group(detour: str) -> None:
    await limit("members")
    if detour == "alias":
        await sync_to_async(make_alias)("way@acme.example", ["team@acme.example"])
    elif detour == "group":
        await sync_to_async(make_group)("way@acme.example", ["carol@acme.example", "team@acme.example"])
    else:
        acme = await Domain.objects.aget(name="acme.example")
        await CatchAll.objects.acreate(domain=acme, target="team@acme.example")
    assert (await send("way@acme.example", "eve@c.example")).startswith(REFUSED)
    assert await stored() == {}


async def test_who_gets_it_beside_a_group_is_no_member_of_it(world: DnsServer) -> None:
    world.zone |= PASSING
    world.zone["_dmarc.acme.example", "TXT"] = ["v=DMARC1; p=none"]
    await limit("members")
    await sync_to_async(make_group)("way@acme.example", ["carol@acme.example", "team@acme.example"])
    text = message(author="carol@acme.example")
    assert (await send("way@acme.example", "carol@acme.example", text)).startswith(REFUSED)


async def test_a_member_is_asked_to_come_again_while_the_dns_is_silent(world: DnsServer) -> None:
    world.failing |= {"acme.example", "_dmarc.acme.example", "_dmarc.example"}
    await limit("members")
    member, other = (message(author=f"{name}@acme.example") for name in ("alice", "carol"))
    assert (await send("team@acme.example", "alice@acme.example", member)).startswith("451 4.7.5")
    assert (await send("team@acme.example", "carol@acme.example", other)).startswith(REFUSED)


@pytest.mark.parametrize("length", [9, 10, 11])
async def test_a_chain_of_groups_ends_at_ten_levels(length: int) -> None:
    for number in range(length):
        following = f"g{number + 1}@acme.example" if number + 1 < length else "alice@acme.example"
        await sync_to_async(make_group)(f"g{number}@acme.example", [following])
    reply = await send("g0@acme.example")
    assert reply.startswith("250" if length < 10 else "550 5.2.4"), reply


async def test_groups_of_groups_stand_for_a_thousand_at_most() -> None:
    for number in range(3):
        members = [f"m{number}-{place}@far.example" for place in range(400)]
        await sync_to_async(make_group)(f"big{number}@acme.example", members)
    await sync_to_async(make_group)("all@acme.example", [f"big{number}@acme.example" for number in range(3)])
    assert (await send("all@acme.example")).startswith("550 5.2.4")
    async with mx() as client:
        assert (await begin(client, "big0@acme.example")).startswith("250")
        assert (await client.say("RCPT TO:<big1@acme.example>")).startswith("250")
        assert (await client.say("RCPT TO:<big2@acme.example>")).startswith("452 4.5.3")
