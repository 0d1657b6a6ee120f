"""From the socket to what is kept: real messages, judged, expanded, counted as the reports need them."""

import pytest
from asgiref.sync import sync_to_async

from antispam.inbound.handlers import InboundHandler
from antispam.models import DmarcEvaluation, KnownNetwork, VerdictCount
from domains.database import close_pool
from domains.services.expansion import expand_pending_traces
from domains.trace_buffer import trace_buffer
from mailboxes.smtp.server import SmtpService
from tests.factories import make_account
from tests.mailboxes.smtp_peer import connected

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("dns_settings")]

FORGERY = "From: ceo@bank.example\r\n\r\nbody\r\n."
LISTED = "From: ceo@bank.example\r\nList-Id: <dev.lists.example>\r\n\r\nbody\r\n."
PROVEN = "From: bob@b.example\r\n\r\nbody\r\n."


@pytest.fixture(autouse=True)
async def _pool():
    yield
    await close_pool()


async def send(client, text):
    assert (await client.say("MAIL FROM:<bob@b.example>")).startswith("250")
    assert (await client.say("RCPT TO:<alice@acme.example>")).startswith("250")
    await client.say("DATA")
    return await client.say(text)


async def test_each_real_message_is_counted_once_as_it_was_judged(dns_settings):
    await sync_to_async(make_account)("alice@acme.example")
    dns_settings.zone[("_dmarc.bank.example", "TXT")] = ["v=DMARC1; p=reject; rua=mailto:d@bank.example"]
    dns_settings.zone[("_dmarc.b.example", "TXT")] = ["v=DMARC1; p=reject; sp=quarantine"]
    dns_settings.zone[("b.example", "TXT")] = ["v=spf1 ip4:192.0.2.9 -all"]
    async with connected(SmtpService("mx", "mail.acme.example", InboundHandler())) as client:
        await client.hello()
        assert (await send(client, FORGERY)).startswith("550-5.7.1")
        assert (await send(client, LISTED)).startswith("250")
        for _ in range(2):
            assert (await send(client, PROVEN)).startswith("250")
        await client.say("QUIT")
    assert await trace_buffer().flush()
    for _ in range(2):
        await sync_to_async(expand_pending_traces)()
    rows = {row.header_from + " " + row.disposition: row async for row in DmarcEvaluation.objects.all()}
    assert {name: row.messages for name, row in rows.items()} == {
        "bank.example reject": 1,
        "bank.example quarantine": 1,
        "b.example pass": 2,
    }
    refused, listed, passed = (
        rows[f"{name}"] for name in ("bank.example reject", "bank.example quarantine", "b.example pass")
    )
    assert (refused.envelope_from, refused.source_ip) == ("b.example", "192.0.2.9")
    assert refused.published["rua"] == ["d@bank.example"]
    assert refused.spf_results == [{"domain": "b.example", "scope": "mfrom", "result": "pass"}]
    assert refused.dkim_results == []
    assert listed.reasons == [{"type": "mailing_list", "comment": "dev.lists.example"}]
    assert (passed.spf_aligned, passed.published["sp"]) == (True, "quarantine")
    taken = {row.row: row.messages async for row in VerdictCount.objects.filter(domain="acme.example")}
    assert taken == {"dmarc-fail-reject": 1, "dmarc-fail-reject-detour": 1, "dmarc-pass": 2}
    network = await KnownNetwork.objects.aget()
    assert (network.network, network.days, network.messages) == ("192.0.2.0/24", 1, 2)
