"""Submission in the name of an alias domain, and to and from domains without mail."""

import pytest
from asgiref.sync import sync_to_async

from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import verify_dkim
from domains.dns.resolver import NetworkResolver
from domains.models import DkimKey, Domain, DomainKind, DomainState, KeyState
from domains.services.kinds import Purpose, add_domain
from domains.services.publication import desired_records, zone_text
from mailboxes.models import Account
from mailboxes.smtp.server import SmtpService
from tests.dns_server import DnsServer
from tests.factories import make_account, make_alias, make_domain, make_message, superadmin_act
from tests.mailboxes.outbound.house import make_relay, queue, relay_all, rows
from tests.mailboxes.smtp_peer import event_loop_policy  # noqa: F401
from tests.mailboxes.submission.test_submission import ALICE, queued, send, service, signed_in  # noqa: F401

pytestmark = pytest.mark.usefixtures("pool", "dns_settings")
ALIAS = "alias.example"


@pytest.fixture(autouse=True)
async def world(pool: None) -> None:
    """Alice and Bob of acme.example, an alias domain of it, and aliases that lead to Alice over both."""

    def make() -> None:
        make_account(ALICE)
        make_account("bob@acme.example")
        make_account("carol@other.example")
        add_domain(superadmin_act(), ALIAS, Purpose(DomainKind.ALIAS, "acme.example"))
        add_domain(superadmin_act(), "parked.example", Purpose(DomainKind.PARKED))
        make_alias("team@acme.example", [f"Alice@{ALIAS}"])
        make_alias("desk@other.example", [f"team@{ALIAS}"])

    await sync_to_async(make)()


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        (f"alice@{ALIAS}", True),
        (f"Alice+list@{ALIAS}", True),
        (f"team@{ALIAS}", True),
        ("desk@other.example", True),  # over the alias domain to Alice
        (ALICE, True),
        (f"bob@{ALIAS}", False),
        (f"carol@{ALIAS}", False),
        (f"alice@sub.{ALIAS}", False),
        ("alice@parked.example", False),
    ],
)
async def test_who_may_use_an_address_may_use_it_in_the_alias_domain(
    service: SmtpService,  # noqa: F811
    address: str,
    allowed: bool,
) -> None:
    async with signed_in(service) as talker:
        reply = await talker.say(f"MAIL FROM:<{address}>")
    assert reply.startswith("250" if allowed else "550 5.7.1"), reply


@pytest.mark.parametrize(
    ("name", "state"),
    [(ALIAS, DomainState.SUSPENDED), (ALIAS, DomainState.PENDING), ("acme.example", DomainState.SUSPENDED)],
)
async def test_nobody_sends_in_a_name_that_is_not_active(service: SmtpService, name: str, state: str) -> None:  # noqa: F811
    async with signed_in(service) as talker:
        await Domain.objects.filter(name=name).aupdate(state=state)
        assert (await talker.say(f"MAIL FROM:<alice@{ALIAS}>")).startswith("550 5.7.1")


async def test_the_alias_domain_signs_with_its_own_keys(service: SmtpService, dns: DnsServer) -> None:  # noqa: F811
    def publish() -> None:
        domain = Domain.objects.get(name=ALIAS)
        DkimKey.objects.filter(domain=domain).update(state=KeyState.ACTIVE)
        dns.load_zone_text(zone_text(desired_records(domain), ALIAS))

    await sync_to_async(publish)()
    message = make_message(**{"from": f"Alice <alice@{ALIAS}>"})
    async with signed_in(service) as talker:
        octets = await queued(await send(talker, message, mail_from=f"alice@{ALIAS}"))
    found = await verify_dkim(octets, NetworkResolver([(dns.address, dns.port)]))
    assert [(row.domain, row.result) for row in found] == [(ALIAS, DkimResult.PASS)] * 2


async def test_mail_to_the_alias_domain_stays_in_the_house(service: SmtpService, dns: DnsServer) -> None:  # noqa: F811
    async with signed_in(service) as talker:
        assert "queued as" in await send(talker, make_message(), f"bob@{ALIAS}")
        assert (await send(talker, make_message(), f"nobody@{ALIAS}")).startswith("550 5.1.1")
    assert [row[0] for row in await queue()] == ["local"]
    await relay_all(make_relay(dns, 1))
    assert (await Account.objects.aget(local_part="bob")).messages_count == 1


async def test_nobody_sends_to_a_parked_domain(service: SmtpService) -> None:  # noqa: F811
    async with signed_in(service) as talker:
        assert (await send(talker, make_message(), "x@parked.example")).startswith("556 5.1.10")


async def test_mail_that_waits_for_a_domain_parked_meanwhile_comes_back(service: SmtpService, dns: DnsServer) -> None:  # noqa: F811
    await sync_to_async(make_domain)("late.example")
    await Domain.objects.filter(name="late.example").aupdate(state=DomainState.SUSPENDED)
    async with signed_in(service) as talker:
        assert "queued as" in await send(talker, make_message(), "x@late.example")
    await Domain.objects.filter(name="late.example").aupdate(state=DomainState.ACTIVE, kind=DomainKind.PARKED)
    await relay_all(make_relay(dns, 1))
    assert (await rows("SELECT count(*) FROM mailboxes_queueentry WHERE recipients = ARRAY['x@late.example']")) == [
        (0,)
    ]
    assert (await Account.objects.aget(local_part="alice")).messages_count == 1  # the notice
