"""What an owner sees of a message that came by whatever way: their own part, and nothing of anybody else's."""

import json
from collections.abc import AsyncIterator

import pytest
from asgiref.sync import sync_to_async

from domains.models import Domain, DomainKind
from domains.redis import close_redis
from domains.services.kinds import Purpose, add_domain
from domains.services.traces import TraceQuery, events_of, find_traces, get_trace_for
from mailboxes.models import Account, CatchAll
from tests.antispam.test_forwarding import message, send
from tests.antispam.test_inbound import _pool  # noqa: F401
from tests.dns_server import DnsServer
from tests.factories import make_account, make_alias, make_group, owner_act, superadmin_act
from tests.mailboxes.outbound.house import make_relay, relay_all, submit
from tests.mailboxes.outbound.scripted_remote import Script, scripted_remote

pytestmark = pytest.mark.django_db(transaction=True)
OTHERS = ("bob", "carol", "zoe", "far.example", "nobody", "SRS0")


@pytest.fixture(autouse=True)
async def world(dns_settings: DnsServer) -> AsyncIterator[DnsServer]:
    """Alice, with several ways that lead to her and to others, here and elsewhere."""

    def make() -> None:
        for name in ("alice", "bob", "carol"):
            make_account(f"{name}@acme.example")
        add_domain(superadmin_act(), "alias.example", Purpose(DomainKind.ALIAS, "acme.example"))
        make_alias("sales@acme.example", ["Alice@alias.example", "bob@acme.example", "zoe@far.example"])
        make_group("team@acme.example", ["bob@acme.example", "alice+team@acme.example", "zoe@far.example"])
        make_account("dora@caught.example")
        CatchAll.objects.create(domain=Domain.objects.get(name="caught.example"), target="alice@acme.example")

    await sync_to_async(make)()
    dns_settings.zone |= {("far.example", "MX"): ["10 mx.far.example"], ("mx.far.example", "A"): ["127.0.0.1"]}
    yield dns_settings
    await close_redis()


def look(name: str) -> tuple[int, str]:
    """How many messages an owner finds, and all that the oldest tells."""
    act = owner_act(Account.objects.select_related("actor").get(local_part=name))
    found = find_traces(act, TraceQuery(), 10)
    if not found:
        return 0, ""
    trace = get_trace_for(act, found[-1].pk)
    told = [[event.stage, event.outcome, event.reason, event.detail, event.dns] for event in events_of(trace)]
    return len(found), json.dumps([found[-1].recipients, trace.recipients, told])


@pytest.mark.parametrize(
    "way",
    [
        "alice@acme.example",
        "Alice+x@ALIAS.example",
        "sales@acme.example",
        "sales+x@alias.example",
        "team@acme.example",
        "anything@caught.example",
    ],
)
async def test_the_owner_finds_what_came_by_any_way_and_nobody_else_in_it(world: DnsServer, way: str) -> None:
    await send([way, "carol@acme.example"], text=message())
    async with scripted_remote(Script(rcpt={"zoe@far.example": "550 5.1.1 no such person"})) as port:
        await relay_all(make_relay(world, port))

    count, told = await sync_to_async(look)("alice")
    assert count == 1
    assert "Stored for alice@acme.example in" in told
    assert [word for word in OTHERS if word.lower() in told.lower().replace("bob@b.example", "")] == []
    assert (await sync_to_async(look)("dora"))[0] == 0
    assert (await sync_to_async(look)("bob"))[0] == (1 if "sales" in way or "team" in way else 0)


async def test_a_sender_knows_the_recipients_and_not_who_stands_behind_them(world: DnsServer) -> None:
    await submit("sales@acme.example", "team@acme.example", "yan@far.example", mail_from="carol@acme.example")
    script = Script(rcpt={"zoe@far.example": "550 5.1.1 no such person"})
    async with scripted_remote(script) as port:
        await relay_all(make_relay(world, port))
    count, told = await sync_to_async(look)("carol")
    assert count == 2  # and the report of the copy that failed
    for known in ("sales@acme.example", "team@acme.example", "yan@far.example", "mx.far.example"):
        assert known in told, known
    assert [word for word in ("alice", "bob", "zoe", "no such person") if word in told] == []
