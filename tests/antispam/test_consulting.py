"""What the database says before a verdict: the recipients' tables, known networks, and nothing while it is away."""

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from psycopg import OperationalError

from antispam.disposition.networks import GOOD_DAYS, STANDING
from antispam.disposition.rows import Disposition
from antispam.models import InboundPolicy, KnownNetwork
from antispam.services import consulting
from antispam.services.consulting import consult, full_mailbox_reply_of
from antispam.verdict import decide
from domains.database import close_pool
from domains.models import Domain, DomainKind
from tests.antispam.evidence_words import evidence
from tests.factories import make_domain

pytestmark = pytest.mark.django_db(transaction=True)

FORGERY = evidence("fail", "fail", "fail", "reject", known_network=None)
ALICE = "alice@acme.example"


@pytest.fixture(autouse=True)
async def _pool():
    yield
    await close_pool()


@pytest.fixture
def acme():
    return make_domain("acme.example")


def choose(domain, dispositions=None, **fields):
    InboundPolicy.objects.create(domain=domain, dispositions=dispositions or {}, **fields)


def know(network="192.0.2.0/24", days=GOOD_DAYS):
    today = datetime.now(UTC).date()
    first = today - STANDING - timedelta(days=1)
    KnownNetwork.objects.create(network=network, first_day=first, last_day=today, days=days, messages=9)


async def verdict_for(found, *recipients):
    consulted = await consult(found, recipients)
    return decide(consulted.evidence, consulted.tables, consulted.may_refuse)


async def test_a_forgery_from_an_unknown_network_is_refused(acme):
    verdict = await verdict_for(FORGERY, ALICE)
    assert (verdict.disposition, verdict.row) == (Disposition.REFUSE, "dmarc-fail-reject")
    assert verdict.table.domain == "acme.example"


async def test_good_mail_from_the_network_moves_it_to_junk(acme):
    await sync_to_async(know)()
    verdict = await verdict_for(FORGERY, ALICE)
    assert (verdict.disposition, verdict.row) == (Disposition.JUNK, "dmarc-fail-reject-detour")


async def test_silence_about_the_policy_goes_where_the_domain_chose(acme):
    silent = evidence("none", "none", "temperror", "none")
    assert (await verdict_for(silent, ALICE)).disposition is Disposition.INBOX
    await sync_to_async(choose)(acme, {"dmarc-temperror": "junk"})
    assert (await verdict_for(silent, ALICE)).disposition is Disposition.JUNK


@pytest.mark.parametrize("network", ["192.0.3.0/24", "192.0.2.0/25"])
async def test_another_network_is_none_of_ours(acme, network):
    await sync_to_async(know)(network)
    assert (await verdict_for(FORGERY, ALICE)).refused


async def test_a_network_on_its_way_is_not_known_yet(acme):
    await sync_to_async(know)(days=GOOD_DAYS - 1)
    assert (await verdict_for(FORGERY, ALICE)).refused


@pytest.mark.parametrize("local_part", ["postmaster", "abuse", "Abuse", "dmarc-reports", "tls-reports"])
async def test_addresses_that_have_to_stay_reachable_are_never_refused(acme, local_part):
    await sync_to_async(choose)(acme, {"dmarc-fail-reject-detour": "refuse", "from-unclear": "refuse"})
    for found in (FORGERY, evidence(dmarc="permerror"), evidence(dmarc="fail", policy="reject", mailing_list="x")):
        assert (await verdict_for(found, f"{local_part}@acme.example")).disposition is Disposition.JUNK
        assert (await verdict_for(found, ALICE)).refused
        assert not (await verdict_for(found, ALICE, f"{local_part}@acme.example")).refused


async def test_bare_postmaster_is_reachable_too():
    assert (await verdict_for(FORGERY, "postmaster")).disposition is Disposition.JUNK


async def test_a_domain_keeps_its_own_table(acme):
    other = await sync_to_async(make_domain)("other.example")
    await sync_to_async(choose)(other, {"dmarc-fail-reject": "inbox"})
    assert (await verdict_for(FORGERY, ALICE)).refused
    assert (await verdict_for(FORGERY, "bob@other.example")).disposition is Disposition.INBOX
    together = await verdict_for(FORGERY, ALICE, "bob@other.example")
    assert together.disposition is Disposition.JUNK
    assert (together.folder_in("acme.example"), together.folder_in("other.example")) == ("Junk", "INBOX")


async def test_an_alias_domain_follows_its_target(acme):
    await sync_to_async(choose)(acme, {"dmarc-fail-reject": "junk"}, full_mailbox_reply=552)
    alias = await sync_to_async(make_domain)("acme.test")
    await Domain.objects.filter(pk=alias.pk).aupdate(kind=DomainKind.ALIAS, alias_of=acme)
    verdict = await verdict_for(FORGERY, "alice@ACME.test")
    assert verdict.disposition is Disposition.JUNK
    assert (verdict.table.domain, verdict.table.owner) == ("acme.test", "acme.example")
    assert await full_mailbox_reply_of("alice@acme.test") == 552


async def test_a_forwarder_that_a_domain_added_counts_for_it_alone(acme):
    await sync_to_async(choose)(acme, forwarders=["alumni.example"])
    await sync_to_async(make_domain)("other.example")
    found = evidence("fail", "pass", "fail", "reject", signer="out.alumni.example", known_network=None)
    assert (await verdict_for(found, ALICE)).row == "dmarc-fail-reject-detour"
    assert (await verdict_for(found, "bob@other.example")).refused


async def test_words_that_no_version_knows_are_no_choice(acme):
    await sync_to_async(choose)(acme, {"dmarc-fail-reject": "explode", "no-such-row": "junk"})
    assert (await verdict_for(FORGERY, ALICE)).refused


@pytest.mark.parametrize("broken", ["_choices_of", "is_known_network"])
async def test_nothing_is_refused_while_the_database_is_away(acme, monkeypatch, broken):
    async def away(*_):
        raise OperationalError("no database")

    monkeypatch.setattr(consulting, broken, away)
    assert (await verdict_for(FORGERY, ALICE)).disposition is Disposition.JUNK
    if broken == "_choices_of":
        assert await full_mailbox_reply_of(ALICE) == 452


ORDINARY = [
    evidence("pass", "pass", "pass", "reject"),
    evidence("fail", "fail", "none"),
]


@pytest.mark.parametrize("found", ORDINARY)
async def test_an_ordinary_message_costs_no_query(monkeypatch, found):
    async def asked(*_):
        raise AssertionError("the database was asked")

    monkeypatch.setattr(consulting, "_choices_of", asked)
    monkeypatch.setattr(consulting, "is_known_network", asked)
    assert (await verdict_for(found, ALICE)).disposition is Disposition.INBOX


@pytest.mark.parametrize(
    "found",
    [
        evidence("temperror", dmarc="fail", policy="reject"),
        evidence(dmarc="fail", policy="reject", mailing_list="dev.lists.example"),
        evidence(dmarc="fail", policy="quarantine"),
        evidence(dmarc="fail", policy="none"),
        evidence(dmarc="permerror"),
    ],
)
async def test_the_network_is_asked_about_only_when_it_matters(acme, monkeypatch, found):
    async def asked(*_):
        raise AssertionError("the network was asked about")

    monkeypatch.setattr(consulting, "is_known_network", asked)
    await verdict_for(found, ALICE)
