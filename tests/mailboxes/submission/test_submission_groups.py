"""Submission to closed groups, by who signed in, and to what only bounces may reach."""

import time

import pytest
from asgiref.sync import sync_to_async

from domains.models import DomainKind
from domains.services.kinds import Purpose, add_domain
from domains.services.sealing import derive_key
from mailboxes.outbound.srs import rewrite
from mailboxes.smtp.server import SmtpService
from tests.factories import make_account, make_alias, make_domain, make_group, make_message, superadmin_act
from tests.mailboxes.outbound.house import make_relay, relay_all, stored
from tests.mailboxes.smtp_peer import event_loop_policy  # noqa: F401
from tests.mailboxes.submission.test_submission import ALICE, send, service, signed_in  # noqa: F401

pytestmark = pytest.mark.usefixtures("pool", "dns_settings")


@pytest.fixture(autouse=True)
async def world(pool: None) -> None:
    """Alice of acme.example, groups with and without her, closed in both ways, and ways to them."""

    def make() -> None:
        make_account(ALICE)
        make_account("bob@acme.example")
        add_domain(superadmin_act(), "alias.example", Purpose(DomainKind.ALIAS, "acme.example"))
        make_domain("other.example")
        make_group("with@acme.example", ["Alice@Alias.example", "bob@acme.example"], "members")
        make_group("without@acme.example", ["bob@acme.example"], "members")
        make_group("own@acme.example", ["bob@acme.example"], "domain")
        make_group("own@other.example", ["bob@acme.example"], "domain")
        make_alias("way@other.example", ["without@acme.example"])

    await sync_to_async(make)()


@pytest.mark.parametrize(
    ("recipient", "allowed"),
    [
        ("with@acme.example", True),
        ("With+x@alias.example", True),
        ("without@acme.example", False),
        ("own@acme.example", True),
        ("own@alias.example", True),
        ("own@other.example", False),
        ("way@other.example", False),
    ],
)
async def test_who_signed_in_is_judged(service: SmtpService, recipient: str, allowed: bool) -> None:  # noqa: F811
    async with signed_in(service) as talker:
        await talker.say(f"MAIL FROM:<{ALICE}>")
        reply = await talker.say(f"RCPT TO:<{recipient}>")
    assert reply.startswith("250" if allowed else "550 5.7.1 Only"), reply


async def test_a_member_reaches_the_others(service: SmtpService, dns_settings) -> None:  # noqa: F811
    async with signed_in(service) as talker:
        reply = await send(talker, make_message(), "with@acme.example")
    assert "queued as" in reply, reply
    await relay_all(make_relay(dns_settings, 1))
    assert len(await stored("bob@acme.example")) == len(await stored(ALICE)) == 1


async def test_a_rewritten_sender_takes_no_letters(service: SmtpService) -> None:  # noqa: F811
    day = int(time.time()) // 86_400
    address = rewrite(derive_key("srs"), "bob@b.example", "acme.example", day, "x" * 26)
    async with signed_in(service) as talker:
        await talker.say(f"MAIL FROM:<{ALICE}>")
        assert (await talker.say(f"RCPT TO:<{address}>")).startswith("550 5.1.1")
