"""Submission over real sockets: who may send as whom, what is mended, signed, queued, delivered and refused."""

import base64
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import verify_dkim
from domains.database import database
from domains.dns.resolver import NetworkResolver
from domains.models import DkimKey, Domain, DomainState
from domains.octets import whole
from domains.services.publication import desired_records, zone_text
from domains.tls.pair import load_pair, read_pair
from mailboxes.models import Account, AppPassword, CatchAll, QueueEntry
from mailboxes.smtp.budgets import SmtpLimits
from mailboxes.smtp.server import SmtpService
from mailboxes.store.blobs import read_blob
from mailboxes.submission.handlers import SubmissionHandler
from tests.dns_server import DnsServer
from tests.factories import (
    PASSWORD,
    make_account,
    make_alias,
    make_app_password,
    make_domain,
    make_message,
    suspend,
)
from tests.mailboxes.outbound.house import make_relay, outcome, queue, relay_all, rows, stored
from tests.mailboxes.sasl.client import ScramClient
from tests.mailboxes.smtp_peer import Talker, connected, event_loop_policy, trusting  # noqa: F401

pytestmark = pytest.mark.usefixtures("pool", "dns_settings")
ALICE = "alice@acme.example"


@pytest.fixture
def service(pair: tuple[Path, Path]) -> SmtpService:
    """Submission as the product wires it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    load_pair(context, read_pair(*pair))
    handler = SubmissionHandler()
    limits = SmtpLimits()
    return SmtpService(
        "submission", "mail.acme.example", handler, limits, lambda: context, authentication=True, normalise=True
    )


@pytest.fixture(autouse=True)
async def people(pool: None) -> None:
    """Alice and Bob, and an alias that leads to Alice over another."""
    await sync_to_async(make_account)(ALICE)
    await sync_to_async(make_account)("bob@acme.example")
    await sync_to_async(make_alias)("team@acme.example", ["Alice@acme.example"])
    await sync_to_async(make_alias)("sales@acme.example", ["team@acme.example", "x@far.example"])


def plain(username: str = ALICE, password: str = PASSWORD) -> str:
    return "AUTH PLAIN " + base64.b64encode(f"\0{username}\0{password}".encode()).decode()


@asynccontextmanager
async def signed_in(service: SmtpService, username: str = ALICE) -> AsyncIterator[Talker]:
    """A session of Alice's."""
    async with connected(service) as talker:
        await talker.hello()
        await talker.start_tls(trusting())
        await talker.say("EHLO client.example")
        assert (await talker.say(plain(username))).startswith("235")
        yield talker


async def send(talker: Talker, octets: bytes, *recipients: str, mail_from: str = ALICE, parameters: str = "") -> str:
    """Submit; the reply to the message, or the first refusal."""
    reply = await talker.say(f"MAIL FROM:<{mail_from}>{parameters}")
    for recipient in recipients or ("x@far.example",):
        if reply.startswith("250"):
            reply = await talker.say(f"RCPT TO:<{recipient}>")
    if not reply.startswith("250"):
        await talker.say("RSET")
        return reply
    assert (await talker.say("DATA")).startswith("354")
    end = b".\r\n" if octets.endswith(b"\r\n") else b"\r\n.\r\n"
    talker.writer.write(octets.replace(b"\r\n.", b"\r\n..") + end)
    return await talker.reply()


async def queued(reply: str) -> bytes:
    """The one message that was queued."""
    assert "queued as" in reply, reply
    found = await rows("SELECT data FROM mailboxes_blob b JOIN mailboxes_queueentry q ON q.blob_id = b.id")
    return bytes(found[-1][0])


# --- signing in --------------------------------------------------------------------------------------------------


async def test_auth_only_under_tls_and_mail_only_after_auth(service: SmtpService) -> None:
    async with connected(service) as talker:
        assert "AUTH" not in await talker.hello()
        assert (await talker.say(plain())).startswith("538")
        assert (await talker.say(f"MAIL FROM:<{ALICE}>")).startswith("530")
        await talker.start_tls(trusting())
        assert "AUTH PLAIN LOGIN" in await talker.say("EHLO client.example")
        assert (await talker.say(f"MAIL FROM:<{ALICE}>")).startswith("530")
        assert (await talker.say(plain(password="not the one"))).startswith("535")
        assert (await talker.say("AUTH LOGIN")).startswith("334")
        assert (await talker.say(base64.b64encode(ALICE.encode()))).startswith("334")
        assert (await talker.say(base64.b64encode(PASSWORD.encode()))).startswith("235")
        assert (await talker.say(f"MAIL FROM:<{ALICE}>")).startswith("250")


async def prove(talker: Talker, scram: ScramClient) -> str:
    """The reply to a SCRAM exchange, its first message sent along."""
    reply = await talker.say(f"AUTH {scram.mechanism} {base64.b64encode(scram.first()).decode()}")
    while reply.startswith("334"):
        answer = scram.answer(base64.b64decode(reply[4:]))
        reply = await talker.say(base64.b64encode(answer).decode())
    return reply


async def test_an_app_password_is_proved_and_sends(service: SmtpService) -> None:
    account = await Account.objects.select_related("actor", "domain").aget(local_part="alice")
    _row, text = await sync_to_async(make_app_password)(account)
    _row, reading = await sync_to_async(make_app_password)(account, protocols=["imap"])
    async with connected(service) as talker:
        await talker.hello()
        await talker.start_tls(trusting())
        assert "AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS" in await talker.say("EHLO client.example")
        assert (await prove(talker, ScramClient(ALICE, reading))).startswith("535 5.7.8 No app password fits")
        assert (await talker.say("AUTH SCRAM-SHA-256 bm9uc2Vuc2U=")).startswith("535 5.7.8")
        assert (await prove(talker, ScramClient(ALICE, text))).startswith("235")
        assert "queued as" in await send(talker, make_message())
    used = await AppPassword.objects.aget(protocols__contains=["submission"])
    assert used.last_used_protocol == "submission"


async def test_a_scram_exchange_can_be_cancelled(service: SmtpService) -> None:
    account = await Account.objects.select_related("actor", "domain").aget(local_part="alice")
    await sync_to_async(make_app_password)(account)
    async with connected(service) as talker:
        await talker.hello()
        await talker.start_tls(trusting())
        await talker.say("EHLO client.example")
        first = base64.b64encode(ScramClient(ALICE, "x").first()).decode()
        assert (await talker.say(f"AUTH SCRAM-SHA-256 {first}")).startswith("334")
        assert (await talker.say("*")).startswith("501 5.7.0")
        assert (await talker.say("NOOP")).startswith("250")


async def test_an_account_switched_off_sends_no_more_in_a_session_that_lives(service: SmtpService) -> None:
    async with signed_in(service) as talker:
        await send(talker, make_message())
        await Account.objects.filter(local_part="alice").aupdate(enabled=False)
        assert (await send(talker, make_message())).startswith("550 5.7.1")
        assert (await send(talker, make_message(), mail_from="sales@acme.example")).startswith("550 5.7.1")


# --- who may send as whom ----------------------------------------------------------------------------------------

MAIL_FROM = [
    (ALICE, True),
    ("ALICE@Acme.Example", True),
    ("alice+list@acme.example", True),
    ("team@acme.example", True),
    ("sales@acme.example", True),  # an alias of an alias
    ("", True),  # a notification
    ("bob@acme.example", False),
    ("nobody@acme.example", False),
    ("eve@far.example", False),
    ("x@far.example", False),  # shares the alias with Alice
    ("alice@acme.example.far.example", False),
    ('"alice"@acme.example', False),
]


@pytest.mark.parametrize(("address", "allowed"), MAIL_FROM)
async def test_mail_from(service: SmtpService, address: str, allowed: bool) -> None:
    async with signed_in(service) as talker:
        reply = await talker.say(f"MAIL FROM:<{address}>")
    assert reply.startswith("250" if allowed else "550 5.7.1")
    assert allowed or address.lower() in reply.lower()


FROM = [
    (b"From: alice@acme.example", "250"),
    (b"From: Alice A. Smith <alice@acme.example>", "250"),
    (b'From: "bob@acme.example" <alice@acme.example>', "250"),  # a quoted name is a name
    (b"From: =?utf-8?q?J=C3=B6rg?= <sales@acme.example>", "250"),
    (b"From: alice@acme.example (Alice)", "250"),
    (b"fRoM :\r\n alice@acme.example", "250"),
    (b"From: alice@acme.example, sales@acme.example", "250"),
    ("From: Jörg <alice@acme.example>".encode(), "250"),
    (b"From: alice@acme.example\r\nSender: sales@acme.example", "250"),
    (b"From: bob@acme.example", "550 5.7.1"),
    (b"From: alice@acme.example, bob@acme.example", "550 5.7.1"),
    (b"From: " + b"alice@acme.example," * 1100 + b"bob@acme.example", "554"),
    (b"From: alice@acme.example\r\nSender: bob@acme.example", "550 5.7.1"),
    (b"From: alice@acme.example\r\nResent-From: bob@acme.example", "550 5.7.1"),
    (b"From: alice@acme.example\r\nResent-Sender: bob@acme.example", "550 5.7.1"),
    (b"From: =?utf-8?q?alice?=@acme.example", "550 5.7.1"),
    (b"From: alice@acme.example\r\nFrom: alice@acme.example", "554"),
    (b"From: alice@acme.example\r\nFROM\t: bob@acme.example", "554"),
    (b"To: x@far.example", "554"),
    (b"From:", "554"),
    (b"From: Alice", "554"),
    (b"From: <>", "554"),
    (b"From: =?utf-8?q?alice=40acme.example?=", "554"),
    # What two programs read as two different authors is refused, whoever they are.
    (b"From: <alice@acme.example> <bob@acme.example>", "554"),
    (b"From: bob@acme.example <alice@acme.example>", "554"),
    (b"From: <alice@acme.example> bob@acme.example", "554"),
    (b"From: <bob@acme.example:alice@acme.example>", "554"),
    (b"From: <@bob.example:alice@acme.example>", "554"),
    (b"From: team: alice@acme.example, bob@acme.example;", "554"),
    (b'From: "bob@acme.example <alice@acme.example>', "554"),
    (b"From: (a (b) <bob@acme.example>) alice@acme.example", "554"),
    (b"From: alice@acme.example\r\nno field\r\nX: y", "554"),
    (b" folded\r\nFrom: alice@acme.example", "554"),
]


@pytest.mark.parametrize(("header", "code"), FROM)
async def test_from_and_sender(service: SmtpService, header: bytes, code: str) -> None:
    async with signed_in(service) as talker:
        reply = await send(talker, header + b"\r\nSubject: x\r\n\r\nbody\r\n")
    assert reply.startswith(code), reply
    assert code != "550 5.7.1" or "@acme.example>" in reply
    assert await QueueEntry.objects.acount() == (code == "250")


async def test_a_hostile_from_is_read_in_linear_time() -> None:
    import time
    from datetime import UTC, datetime

    from mailboxes.submission.prepare import Unusable, prepare

    for value in (b"a " * 30_000, b'"' * 60_000, b"(" * 60_000, b"a@b," * 15_000, b"(a)" * 20_000, b"a." * 30_000):
        before = time.process_time()
        with pytest.raises(Unusable):
            prepare(b"From: " + value + b"<\r\n\r\nx", "mail.acme.example", datetime.now(UTC))
        assert time.process_time() - before < 0.5


async def test_a_pending_or_suspended_domain_sends_nothing(service: SmtpService) -> None:
    async with signed_in(service) as talker:
        await Domain.objects.aupdate(state=DomainState.PENDING)
        assert (await talker.say(f"MAIL FROM:<{ALICE}>")).startswith("550 5.7.1")
        await sync_to_async(lambda: suspend(Domain.objects.get()))()
        assert (await talker.say(f"MAIL FROM:<{ALICE}>")).startswith("550 5.7.1")


# --- recipients --------------------------------------------------------------------------------------------------


async def test_recipients_are_checked_in_the_dialogue(service: SmtpService) -> None:
    await sync_to_async(make_alias)("a@acme.example", ["b@acme.example"])
    await sync_to_async(make_alias)("b@acme.example", ["a@acme.example"])
    await Account.objects.filter(local_part="bob").aupdate(enabled=False)
    expected = {
        "x@far.example": "250",
        ALICE: "250",
        "sales@acme.example": "250",
        "postmaster": "250" if await rows("SELECT 1 FROM domains_actor WHERE role = 'superadmin'") else "550",
        "dmarc-reports@acme.example": "250",
        "nobody@acme.example": "550 5.1.1",
        "bob@acme.example": "550 5.2.1",
        "a@acme.example": "550 5.1.1",  # a loop of aliases leads nowhere
        "x@[10.0.0.1]": "550 5.1.2",
    }
    async with signed_in(service) as talker:
        await talker.say(f"MAIL FROM:<{ALICE}>")
        replies = {recipient: await talker.say(f"RCPT TO:<{recipient}>") for recipient in expected}
    assert {r: replies[r][: len(code)] for r, code in expected.items()} == expected


async def test_catch_all_takes_what_nobody_has(service: SmtpService, dns_settings: DnsServer) -> None:
    domain = await Domain.objects.aget(name="acme.example")
    await CatchAll.objects.acreate(domain=domain, target="bob@acme.example")
    async with signed_in(service) as talker:
        assert "queued as" in await send(talker, make_message(), "whoever@acme.example")
    await relay_all(make_relay(dns_settings, 1))
    assert len(await stored("bob@acme.example")) == 1


# --- what is mended ----------------------------------------------------------------------------------------------


async def test_date_and_message_id_are_added_once_and_bcc_goes(service: SmtpService) -> None:
    header = (
        b"From: alice@acme.example\r\nBCC : hidden@one.example,\r\n\thidden@two.example\r\nTo: x@far.example\r\n"
        b"Resent-Bcc:\r\n hidden@three.example\r\nbcc: hidden@four.example\r\n"
        b"Authentication-Results: mail.acme.example; dmarc=pass header.from=bank.example\r\nSubject: x\r\n"
    )
    async with signed_in(service) as talker:
        octets = await queued(await send(talker, header + b"\r\nBcc: in the body stays\r\n"))
    assert b"hidden" not in octets
    assert b"Authentication-Results" not in octets
    assert b"\r\nBcc: in the body stays\r\n" in octets
    for name in (b"Date: ", b"Message-ID: <"):
        assert octets.count(b"\r\n" + name) == 1
    assert octets.count(b"Received: ") == 1


async def test_present_date_and_message_id_stay(service: SmtpService) -> None:
    async with signed_in(service) as talker:
        octets = await queued(await send(talker, make_message()))
    assert octets.endswith(make_message())


async def test_bare_line_ends_are_mended_before_signing_and_both_signatures_verify(
    service: SmtpService, dns_settings: DnsServer
) -> None:
    domain = await Domain.objects.aget(name="acme.example")
    records = await sync_to_async(lambda: zone_text(desired_records(domain), domain.name))()
    dns_settings.load_zone_text(records)
    await DkimKey.objects.aupdate(state="active")
    async with signed_in(service) as talker:
        reply = await send(
            talker, b"From: alice@acme.example\nSubject: x\nBcc: y@z.example\n\none\rtwo\nthree\r\n.four"
        )
        octets = await queued(reply)
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", octets) is None
    assert octets.endswith(b"\r\n\r\none\r\ntwo\r\nthree\r\n.four\r\n")
    assert b"y@z.example" not in octets
    results = await verify_dkim(octets, NetworkResolver([(dns_settings.address, dns_settings.port)]))
    assert [row.result for row in results] == [DkimResult.PASS, DkimResult.PASS]


async def test_a_large_message_is_signed_and_queued_as_a_small_one_is(
    service: SmtpService, dns_settings: DnsServer
) -> None:
    domain = await Domain.objects.aget(name="acme.example")
    dns_settings.load_zone_text(await sync_to_async(lambda: zone_text(desired_records(domain), domain.name))())
    await DkimKey.objects.aupdate(state="active")
    body = b"\r\n\r\n" + b"many  words \tand blanks \r\n" * 80_000 + b"\r\n\r\n"
    async with signed_in(service) as talker:
        reply = await send(talker, b"From: alice@acme.example\r\nBcc: y@z.example\r\nSubject: x" + body)
    assert "queued as" in reply
    async with database() as connection:
        octets = await read_blob(connection, (await QueueEntry.objects.aget()).blob_id)
    assert whole(octets).endswith(body)
    assert b"y@z.example" not in octets[:4096]
    for one in (octets, whole(octets)):
        results = await verify_dkim(one, NetworkResolver([(dns_settings.address, dns_settings.port)]))
        assert [row.result for row in results] == [DkimResult.PASS, DkimResult.PASS]


async def test_unsigned_mail_leaves_with_a_warning_in_its_trace(service: SmtpService) -> None:
    async with signed_in(service) as talker:
        reply = await send(talker, make_message())
        octets = await queued(reply)
    assert b"DKIM-Signature" not in octets
    (events,) = (await rows("SELECT pending_events FROM domains_trace WHERE id = %s", reply.rpartition(" ")[2]))[0]
    (sign,) = [event for event in events if event["stage"] == "sign"]
    assert (sign["outcome"], "acme.example" in sign["reason"]) == ("unsigned", True)


async def test_the_alias_signs_for_its_own_domain(service: SmtpService) -> None:
    await sync_to_async(make_domain)("other.example", active_keys=True)
    await sync_to_async(make_alias)("me@other.example", [ALICE])
    async with signed_in(service) as talker:
        octets = await queued(await send(talker, make_message(**{"from": "me@other.example"})))
    assert octets.count(b"d=other.example") == 2
    assert b"d=acme.example" not in octets


async def test_smtputf8_is_passed_on_only_where_something_needs_it(service: SmtpService) -> None:
    async def sent(octets: bytes, recipient: str) -> Any:
        async with signed_in(service) as talker:
            assert "queued as" in await send(talker, octets, recipient, parameters=" SMTPUTF8")
        return (await rows("SELECT smtputf8, recipients FROM mailboxes_queueentry ORDER BY id DESC"))[0]

    assert await sent(make_message(), "x@far.example") == (False, ["x@far.example"])
    assert await sent(make_message(), "x@bücher.example") == (False, ["x@xn--bcher-kva.example"])
    assert await sent(make_message(), "jörg@far.example") == (True, ["jörg@far.example"])
    assert await sent(make_message(subject="ö"), "x@far.example") == (True, ["x@far.example"])


# --- what becomes of it ------------------------------------------------------------------------------------------


async def test_local_mail_is_delivered_and_traced(service: SmtpService, dns_settings: DnsServer) -> None:
    async with signed_in(service) as talker:
        reply = await send(talker, make_message(), "bob@acme.example", "team@acme.example")
    await relay_all(make_relay(dns_settings, 1))
    assert (len(await stored("bob@acme.example")), len(await stored(ALICE))) == (1, 1)
    assert (await stored("bob@acme.example"))[0].startswith(b"Return-Path: <alice@acme.example>\r\n")
    assert await queue() == []
    assert await outcome(reply.rpartition(" ")[2]) == "sent"


async def test_a_thousand_recipients_of_ours(service: SmtpService, dns_settings: DnsServer) -> None:
    names = [f"list{number}@acme.example" for number in range(999)]
    from mailboxes.models import Alias

    domain = await Domain.objects.aget(name="acme.example")
    await Alias.objects.abulk_create(
        [Alias(domain=domain, local_part=name.partition("@")[0], targets=["bob@acme.example"]) for name in names]
    )
    async with signed_in(service) as talker:
        assert "queued as" in await send(talker, make_message(), ALICE, *names)
        await talker.say(f"MAIL FROM:<{ALICE}>")
    await relay_all(make_relay(dns_settings, 1))
    assert len(await stored(ALICE)) == 1
    assert len(await stored("bob@acme.example")) == 10  # one copy for each hundred recipients
    assert await queue() == []
