"""Mail in for alias domains and parked ones, over a real socket: delivered as to the target, or refused at RCPT."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from domains.models import Domain, DomainKind, DomainState, ReportFile, Trace
from domains.services.kinds import Purpose, add_domain
from domains.services.traces import traces_for
from mailboxes.models import Account, CatchAll
from tests.antispam.test_inbound import MESSAGE, _pool, begin, mx  # noqa: F401
from tests.domains.dmarc.samples import report_mail
from tests.factories import domain_admin_act, make_account, make_administrator, make_alias, superadmin_act

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("dns_settings")]
ALIAS = "alias.example"


@pytest.fixture(autouse=True)
def world() -> None:
    """Alice and Bob of acme.example with an alias; its alias domain; a parked domain."""
    make_account("alice@acme.example")
    make_account("bob@acme.example")
    make_alias("sales@acme.example", ["alice@acme.example", f"bob@{ALIAS}", f"sales@{ALIAS}"])
    add_domain(superadmin_act(), ALIAS, Purpose(DomainKind.ALIAS, "acme.example"))
    add_domain(superadmin_act(), "parked.example", Purpose(DomainKind.PARKED))


async def deliver(recipient: str, message: str = MESSAGE) -> str:
    async with mx() as client:
        reply = await begin(client, recipient)
        if reply.startswith("250"):
            await client.say("DATA")
            reply = await client.say(message)
    return reply


async def stored() -> dict[str, int]:
    """How many messages each mailbox has, without those that have none."""
    return {row.local_part: row.messages_count async for row in Account.objects.exclude(messages_count=0)}


@pytest.mark.parametrize(
    ("recipient", "where"),
    [
        (f"alice@{ALIAS}", {"alice": 1}),
        (f"Alice+list@{ALIAS.upper()}", {"alice": 1}),
        (f"sales@{ALIAS}", {"alice": 1, "bob": 1}),
    ],
)
async def test_mail_to_an_alias_domain_is_delivered_as_to_its_target(recipient: str, where: dict[str, int]) -> None:
    reply = await deliver(recipient)
    assert "queued as" in reply, reply
    assert await stored() == where


async def test_an_unknown_address_is_refused_in_both_alike_and_goes_to_the_catch_all_of_the_target() -> None:
    assert (await deliver(f"nobody@{ALIAS}")).startswith("550 5.1.1")
    acme = await Domain.objects.aget(name="acme.example")
    await CatchAll.objects.acreate(domain=acme, target="bob@acme.example")
    await deliver(f"nobody@{ALIAS}")
    assert await stored() == {"bob": 1}


async def test_the_administrators_of_the_target_answer_for_the_alias_domain_and_see_its_mail() -> None:
    acme = await Domain.objects.aget(name="acme.example")
    await sync_to_async(make_administrator)("bob@acme.example.invalid", acme)
    reply = await deliver(f"postmaster@{ALIAS}")
    trace = await Trace.objects.aget(pk=reply.rpartition(" ")[2])
    assert set(trace.domains) >= {"acme.example", ALIAS}
    found = await sync_to_async(lambda: list(traces_for(domain_admin_act(acme))))()
    assert [row.pk for row in found] == [trace.pk]


async def test_a_report_about_the_alias_domain_is_taken_in_for_it() -> None:
    text = report_mail(ALIAS).decode().replace("\r\n.", "\r\n..") + "."
    reply = await deliver(f"dmarc-reports@{ALIAS}", text)
    assert "queued as" in reply, reply
    file = await ReportFile.objects.select_related("domain").aget()
    assert file.domain.name == ALIAS


@pytest.mark.parametrize(
    ("name", "state", "reply"),
    [
        (ALIAS, DomainState.PENDING, "550 5.7.1"),
        (ALIAS, DomainState.SUSPENDED, "450 4.2.1"),
        ("acme.example", DomainState.SUSPENDED, "450 4.2.1"),
    ],
)
async def test_an_alias_domain_works_while_it_and_its_target_do(name: str, state: str, reply: str) -> None:
    await Domain.objects.filter(name=name).aupdate(state=state)
    assert (await deliver(f"alice@{ALIAS}")).startswith(reply)


@pytest.mark.parametrize("local_part", ["alice", "postmaster", "dmarc-reports"])
async def test_a_parked_domain_takes_no_mail(local_part: str) -> None:
    assert (await deliver(f"{local_part}@parked.example")).startswith("556 5.1.10")
    refused: Any = await Trace.objects.aget()
    assert refused.outcome == "refused"
