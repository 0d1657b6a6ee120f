"""What a sender asks to be told (RFC 3461): only a proven one is, and never against NOTIFY=NEVER."""

import pytest
from asgiref.sync import sync_to_async

from antispam.inbound.handlers import InboundHandler
from mailadmin.runner.tls import make_context
from mailboxes.models import QueueEntry
from mailboxes.smtp.budgets import SmtpLimits
from mailboxes.smtp.server import SmtpService
from tests.antispam.test_forwarding import AWAY, CLOSED_SPF, FAR, OWN_SPF, message, net, relay, senders  # noqa: F401
from tests.antispam.test_inbound import _pool, mx  # noqa: F401
from tests.dns_server import DnsServer
from tests.factories import make_account
from tests.mailboxes.outbound.scripted_remote import Script
from tests.mailboxes.smtp_peer import certificate, connected, event_loop_policy, trusting  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)
ALICE = "alice@acme.example"


@pytest.fixture(autouse=True)
async def alice(net: DnsServer) -> None:  # noqa: F811
    await sync_to_async(make_account)(ALICE)


async def send(rcpt: str, mail: str = "", mail_from: str = "bob@b.example") -> str:
    async with mx() as client:
        assert (await client.say(f"MAIL FROM:<{mail_from}> {mail}")).startswith("250")
        reply = await client.say(f"RCPT TO:{rcpt}")
        if not reply.startswith("250"):
            return reply
        await client.say("DATA")
        return await client.say(message())


async def reports() -> list[str]:
    return [entry.mail_from async for entry in QueueEntry.objects.all()]


@pytest.mark.parametrize(
    ("notify", "zone", "told"),
    [
        ("SUCCESS", OWN_SPF, 1),
        ("success,failure", OWN_SPF, 1),
        ("FAILURE", OWN_SPF, 0),
        ("NEVER", OWN_SPF, 0),
        ("SUCCESS", CLOSED_SPF, 0),
    ],
)
async def test_a_delivery_is_reported_to_a_proven_sender_who_asked(net, notify, zone, told):  # noqa: F811
    net.zone |= zone
    rcpt = f"<{ALICE}> NOTIFY={notify} ORCPT=rfc822;al+2Bice@old.example"
    assert "queued as" in await send(rcpt, "ENVID=QQ+2B1")
    assert await reports() == [""] * told
    if not told:
        return
    script = await relay(net, Script())
    (report,) = script.messages
    assert b"Action: delivered" in report
    assert b"Original-Envelope-Id: QQ+1" in report
    assert b"Original-Recipient: rfc822; al+ice@old.example" in report
    assert b"Final-Recipient: rfc822; alice@acme.example" in report
    assert senders(script) == [""]


async def test_a_bounce_is_never_answered(net):  # noqa: F811
    net.zone |= OWN_SPF
    assert "queued as" in await send(f"<{ALICE}> NOTIFY=SUCCESS", mail_from="")
    assert await reports() == []


@pytest.mark.parametrize(("notify", "told"), [("FAILURE", True), ("NEVER", False), ("SUCCESS", False)])
async def test_a_forward_that_fails_is_told_as_asked(net, notify, told):  # noqa: F811
    net.zone |= OWN_SPF
    await send(f"<{AWAY}> NOTIFY={notify} ORCPT=rfc822;away@old.example", "ENVID=E1")
    script = await relay(net, Script(rcpt={FAR: "550 5.1.1 no"}))
    reports = [octets for octets in script.messages if b"Action: failed" in octets]
    assert bool(reports) is told
    assert all(b"Original-Envelope-Id: E1" in octets for octets in reports)
    assert all(b"Original-Recipient: rfc822; away@old.example" in octets for octets in reports)


@pytest.mark.parametrize("knows", [True, False])
async def test_a_host_that_knows_dsn_is_told_what_was_asked(net, knows):  # noqa: F811
    net.zone |= OWN_SPF
    await send(f"<{AWAY}> NOTIFY=DELAY,FAILURE ORCPT=rfc822;away@old.example", "RET=HDRS ENVID=E1")
    script = Script(ehlo="250-remote.example\r\n250-SIZE 1000000\r\n250 DSN") if knows else Script()
    heard = "\n".join((await relay(net, script)).heard)
    for word in ("RET=HDRS ENVID=E1", f"TO:<{FAR}> NOTIFY=DELAY,FAILURE ORCPT=rfc822;away@old.example"):
        assert (word in heard) is knows


async def test_requiretls_is_not_promised_where_the_way_leads_on(net, tmp_path):  # noqa: F811
    """In the clear it is not offered; under TLS a mailbox takes it, a forward refuses in the dialogue (RFC 8689)."""
    context = make_context(*certificate(tmp_path))
    service = SmtpService("mx", "mail.acme.example", InboundHandler(), SmtpLimits(), lambda: context)
    async with connected(service) as client:
        await client.hello()
        assert (await client.say("MAIL FROM:<bob@b.example> REQUIRETLS")).startswith("555 5.5.4")
        await client.start_tls(trusting())
        assert "REQUIRETLS" in await client.say("EHLO c.example")
        assert (await client.say("MAIL FROM:<bob@b.example> REQUIRETLS")).startswith("250")
        assert (await client.say(f"RCPT TO:<{AWAY}>")).startswith("550 5.7.30")
        assert (await client.say(f"RCPT TO:<{ALICE}>")).startswith("250")
