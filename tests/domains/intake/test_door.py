"""The report addresses at the door: taken within the day's budget, put off past it, and nothing accepted is lost."""

import pytest

from domains.models import Domain, ReportFile, Trace
from domains.reports import budget as report_budget
from domains.reports.budget import Budget
from tests.antispam.test_inbound import _pool, mx  # noqa: F401
from tests.domains.dmarc.samples import report_mail
from tests.factories import make_account, make_domain

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("dns_settings")]


@pytest.fixture(autouse=True)
def _world() -> None:
    make_account("alice@acme.example")
    make_domain("other.example")


def small(files: int = 100, octets: int = 10**9, all_files: int = 100, all_octets: int = 10**9) -> Budget:
    return Budget(files, octets, all_files, all_octets, 100)


async def send(domain: str = "acme.example", sender: str = "r@reporter.example") -> str:
    async with mx() as client:
        text = report_mail(domain).decode().replace("\r\n.", "\r\n..") + "."
        await client.say(f"MAIL FROM:<{sender}>")
        reply = await client.say(f"RCPT TO:<dmarc-reports@{domain}>")
        if reply.startswith("250"):
            await client.say("DATA")
            reply = await client.say(text)
    return reply


@pytest.mark.parametrize(
    ("budget", "cause"),
    [
        (small(files=2), "files"),
        (small(all_files=2), "all files"),
        (small(octets=4000), "octets"),
        (small(all_octets=4000), "all octets"),
    ],
)
async def test_past_the_budget_mail_is_put_off_not_lost(monkeypatch, budget, cause):
    monkeypatch.setattr(report_budget, "UNAUTHENTICATED", budget)
    assert "queued as" in await send()
    assert "queued as" in await send()
    reply = await send()
    assert reply.startswith("452 4.2.2 <dmarc-reports@acme.example> takes no more reports of this kind"), reply
    assert await ReportFile.objects.acount() == 2
    assert "queued as" in await send("other.example")  # every domain has its own
    refused = await Trace.objects.aget(outcome="refused")
    assert f"The day's budget of {cause} is used up." in str(refused.pending_events)


async def test_other_senders_of_no_standing_share_a_budget_and_have_their_own_part(monkeypatch):
    monkeypatch.setattr(report_budget, "UNAUTHENTICATED", small(files=1, all_files=2))
    assert "queued as" in await send(sender="r@one.example")
    assert (await send(sender="r@one.example")).startswith("452")
    assert "queued as" in await send(sender="r@two.example")
    assert (await send(sender="r@three.example")).startswith("452")


async def test_who_is_authenticated_keeps_nobody_else_out_and_is_not_kept_out(monkeypatch):
    monkeypatch.setattr(report_budget, "UNAUTHENTICATED", small(files=1))
    acme = await Domain.objects.aget(name="acme.example")
    values = {"domain": acme, "road": "mail", "content": b"x", "submitter": "reporter.example"}
    await ReportFile.objects.abulk_create([ReportFile(**values, authenticated=True) for _ in range(3)])
    assert "queued as" in await send()
    assert (await send()).startswith("452")
