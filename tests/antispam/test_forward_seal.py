"""Forwards under an ARC seal: what leaves is read back by the verifier, over one station and over two."""

import pytest
from asgiref.sync import sync_to_async

from antispam.arc.verify import ArcResult, verify_arc
from antispam.dkim.verify import read_message
from domains.dkim.canonical import Message
from domains.dns.resolver import NetworkResolver
from domains.models import DkimKey, KeyState
from tests.antispam.test_forwarding import AWAY, message, net, relay, send, stages  # noqa: F401
from tests.antispam.test_inbound import _pool  # noqa: F401
from tests.dns_server import DnsServer
from tests.factories import make_alias
from tests.mailboxes.outbound.scripted_remote import Script

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def keys(net: DnsServer) -> DnsServer:  # noqa: F811
    """The keys of acme.example are active and published."""
    await DkimKey.objects.filter(domain__name="acme.example").aupdate(state=KeyState.ACTIVE)
    async for key in DkimKey.objects.select_related("domain"):
        kind = "ed25519" if key.algorithm == "ed25519" else "rsa"
        net.zone[f"{key.selector}._domainkey.acme.example", "TXT"] = [f"v=DKIM1; k={kind}; p={key.public_key}"]
    return net


async def judged(octets: bytes, dns: DnsServer):
    read = read_message(octets)
    assert isinstance(read, Message)
    return await verify_arc(read, NetworkResolver([(dns.address, dns.port)]))


async def test_a_forward_says_under_seal_what_was_found(keys: DnsServer) -> None:
    keys.zone[("b.example", "TXT")] = ["v=spf1 ip4:192.0.2.9 -all"]
    reply = await send(AWAY)
    script = await relay(keys, Script())
    found = await judged(script.messages[0], keys)
    assert found.result is ArcResult.PASS, found
    assert found.last_sealer == "acme.example"
    assert found.sets[0].algorithm == "rsa-sha256"
    assert found.sets[0].results.startswith("mail.acme.example; iprev=")
    assert "spf=pass" in found.sets[0].results
    (event,) = [event for event in await stages(reply) if event.stage == "seal"]
    assert (event.outcome, event.detail["domain"]) == ("sealed", "acme.example")


async def test_a_second_station_seals_a_chain_that_held(keys: DnsServer) -> None:
    await sync_to_async(make_alias)("next@acme.example", ["carol@far.example"])
    await send(AWAY)
    first = (await relay(keys, Script())).messages[0].decode()
    await send("next@acme.example", text=first + ".")
    found = await judged((await relay(keys, Script())).messages[-1], keys)
    assert (found.result, len(found.sets), found.sets[1].cv) == (ArcResult.PASS, 2, "pass")
    assert "header.oldest-pass=0" in found.sets[1].results


async def test_four_stations_ask_once_for_the_key_that_they_share(keys: DnsServer) -> None:
    """Each station asks about its own and all seals before it, within one message's share of the DNS."""
    text = message()
    for _ in range(4):
        await send(AWAY, text=text)
        left = (await relay(keys, Script())).messages[-1].decode()
        text = "".join(line for line in left.splitlines(True) if not line.startswith("Delivered-To")) + "."
    found = await judged(text.removesuffix(".").encode(), keys)
    assert (found.result, [one.cv for one in found.sets]) == (ArcResult.PASS, ["none", "pass", "pass", "pass"])


async def test_a_chain_that_was_broken_before_us_is_sealed_as_broken(keys: DnsServer) -> None:
    await sync_to_async(make_alias)("next@acme.example", ["carol@far.example"])
    await send(AWAY)
    first = (await relay(keys, Script())).messages[0].decode().replace("body", "evil")
    reply = await send("next@acme.example", text=first + ".")
    found = await judged((await relay(keys, Script())).messages[-1], keys)
    assert (found.result, found.sets[1].cv) == (ArcResult.FAIL, "fail")
    assert "oldest-pass" not in found.sets[1].results
    (event,) = [event for event in await stages(reply) if event.stage == "arc"]
    assert event.outcome == "fail"


async def test_without_an_active_key_it_leaves_unsealed_and_says_so(net: DnsServer) -> None:  # noqa: F811
    await DkimKey.objects.aupdate(state=KeyState.AWAITING_DNS)
    reply = await send(AWAY)
    assert b"ARC-Seal" not in (await relay(net, Script())).messages[0]
    (event,) = [event for event in await stages(reply) if event.stage == "seal"]
    assert event.outcome == "unsealed"
    assert "acme.example" in event.reason
