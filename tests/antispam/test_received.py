"""Another DMARC record tried on mail that came in here: what ends otherwise, who may see what of it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from antispam.models import InboundPolicy
from antispam.services.received import received_mail, shown_flips, try_policy_on_received
from antispam.tried import Tried
from domains.audit import system_act
from domains.models import Domain, Role, Trace
from domains.services import actors
from domains.services.expansion import expand_pending_traces
from domains.trace import TRACE_INSERT, MessageTrace
from tests.antispam.story_samples import SAMPLES, Sample, trace_of
from tests.api.people import call, make_token
from tests.factories import domain_admin_act, make_domain, superadmin_act
from tests.panel.people import PASSWORD, signed_in

BY_NAME = {sample.name: sample for sample in SAMPLES}
TODAY = datetime.now(UTC).date()
WEEK = (TODAY - timedelta(days=6), TODAY)
NEWS = Sample("below", mail_from="x@plain.example", author="a@news.bank.example", helo="plain.example")
UNKNOWN = Sample("unknown", mail_from="x@plain.example", author="a@new.example", helo="plain.example")
LISTED = Sample("alumni", "x@plain.example", "a@new.example", "plain.example", signed_by=["alumni.example"])


def arrive(sample: Sample | str, **fields) -> MessageTrace:
    """Store the trace of a message as the MX does."""
    trace = asyncio.run(trace_of(BY_NAME[sample] if isinstance(sample, str) else sample))
    verdict = next(event.detail for event in trace.events if event.stage == "verdict")
    verdict["may_refuse"] = True  # the sample asked no database
    for name, value in fields.items():
        setattr(trace, name, value)
    with connection.cursor() as cursor:
        cursor.execute(TRACE_INSERT, trace.as_row())
    return trace


def tried(name: str, record: str, act=None) -> Tried:
    return try_policy_on_received(act or superadmin_act(), Domain.objects.get(name=name), record, *WEEK)


def changes(found: Tried) -> list[tuple[str, str, str, str]]:
    return [(one.before.dmarc, one.after.dmarc, one.before.disposition, one.after.disposition) for one in found.flips]


@pytest.fixture(params=["waiting", "expanded"])
def expanded(request, db) -> bool:
    """Whether the stages lie in rows of their own already."""
    return request.param == "expanded"


# message, domain, record, what is asked and done before and after, why
FLIPS = [
    (
        "fail",
        "bank.example",
        "v=DMARC1; p=reject",
        ("quarantine", "reject", "junk", "refuse"),
        "nothing speaks for it",
    ),
    ("fail", "bank.example", "v=DMARC1; p=none", ("quarantine", "none", "junk", "inbox"), "only recorded"),
    ("fail", "bank.example", "v=DMARC1; p=reject; t=y", None, "a test of reject is what quarantine was"),
    ("pass", "shop.example", "v=DMARC1; p=reject; adkim=s; aspf=s", None, "the very domain signed"),
    ("spf-only", "shop.example", "v=DMARC1; p=none", None, "it passes under any policy"),
    (NEWS, "bank.example", "v=DMARC1; p=none; sp=none", ("reject", "none", "junk", "inbox"), "a name below"),
    ("no-policy", "plain.example", "v=DMARC1; p=reject", ("none", "pass", "inbox", "inbox"), "a first record"),
    (
        UNKNOWN,
        "new.example",
        "v=DMARC1; p=reject",
        ("none", "reject", "inbox", "refuse"),
        "now it would be asked for",
    ),
    (LISTED, "new.example", "v=DMARC1; p=reject", ("none", "reject", "inbox", "junk"), "signed by a known forwarder"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("sample", "domain", "record", "expected", "why"), FLIPS)
def test_what_another_record_would_have_asked_for(sample, domain, record, expected, why, expanded):
    make_domain(domain)
    acme = make_domain("acme.example")
    InboundPolicy.objects.create(domain=acme, forwarders=["alumni.example"])
    arrive(sample)
    arrive("two-authors")
    if expanded:
        expand_pending_traces()
    found = tried(domain, record)
    assert changes(found) == ([expected] if expected else []), why
    assert found.messages == found.kept
    assert found.undecided == 0


@pytest.mark.django_db
def test_the_record_of_then_changes_nothing():
    for name in ("shop.example", "bank.example"):
        make_domain(name)
    for sample in SAMPLES:
        arrive(sample)
    shop = tried("shop.example", "v=DMARC1; p=reject; rua=mailto:dmarc@shop.example")
    assert (shop.kept, shop.messages, shop.unchanged, shop.flips) == (6, 6, 5, ())
    assert shop.undecided == 1, "the walk ended at a silence: nobody asked further"
    bank = tried("bank.example", "v=DMARC1; p=quarantine; sp=reject; adkim=s; aspf=s")
    assert (bank.kept, bank.unchanged, bank.undecided) == (1, 1, 0)


@pytest.mark.django_db
def test_what_was_not_asked_is_undecided():
    make_domain("bank.example")
    arrive(NEWS)
    found = tried("bank.example", "v=DMARC1; p=none; np=reject")
    assert (found.messages, found.undecided, found.flips) == (1, 1, ())


@pytest.mark.django_db
def test_days_and_number_are_bounded_and_the_newest_come_first(monkeypatch):
    make_domain("bank.example")
    traces = [arrive("fail") for _number in range(3)]
    monkeypatch.setattr("antispam.services.received.MOST", 2)
    found = tried("bank.example", "v=DMARC1; p=none")
    assert (found.kept, found.messages) == (3, 2)
    assert [flip.message.trace_id for flip in found.flips] == [trace.id for trace in reversed(traces)][:2]
    past = (TODAY - timedelta(days=60), TODAY - timedelta(days=1))
    assert received_mail(superadmin_act(), Domain.objects.get(), *past) == (0, [])
    ends = (datetime.min.date(), datetime.max.date())
    assert received_mail(superadmin_act(), Domain.objects.get(), *ends)[0] == 3


@pytest.mark.django_db
def test_mail_to_the_domain_is_not_in_its_name():
    make_domain("acme.example")
    arrive("fail")
    assert tried("acme.example", "v=DMARC1; p=reject").kept == 0


@pytest.mark.django_db
def test_stages_that_are_gone_are_counted_only():
    make_domain("bank.example")
    arrive("fail")
    Trace.objects.update(pending_events=[])
    found = tried("bank.example", "v=DMARC1; p=none")
    assert (found.kept, found.messages) == (1, 0)


@pytest.mark.django_db
def test_an_administrator_sees_no_more_than_the_senders_side_of_what_was_for_others():
    bank, acme = make_domain("bank.example"), make_domain("acme.example")
    arrive("fail")
    record = "v=DMARC1; p=reject"
    (own,) = shown_flips(superadmin_act(), tried("bank.example", record).flips)
    assert own.message
    for act, message, done in (
        (domain_admin_act(bank), False, ""),
        (domain_admin_act(bank, acme), True, "refuse"),
    ):
        (flip,) = shown_flips(act, tried("bank.example", record, act).flips)
        assert (bool(flip.message), flip.disposition_after) == (message, done)
        assert (flip.client_address, flip.author_domain, flip.mail_from_domain) == (
            "192.0.2.25", "bank.example", "plain.example",
        )  # fmt: skip
        assert "alice" not in str(flip)
    Trace.objects.all().delete()
    arrive("fail", domains={"acme.example", "other.example"})
    act = domain_admin_act(bank, acme)
    (flip,) = shown_flips(act, tried("bank.example", record, act).flips)
    assert (bool(flip.message), flip.disposition_after) == (True, ""), "another domain had a say"


@pytest.mark.django_db
def test_a_domain_below_that_somebody_else_runs_is_left_out():
    bank, news = make_domain("bank.example"), make_domain("news.bank.example")
    arrive(NEWS)
    arrive(Sample("deep", mail_from="x@plain.example", author="a@deep.news.bank.example", helo="plain.example"))
    record = "v=DMARC1; p=none"
    assert tried("bank.example", record, domain_admin_act(bank)).kept == 0
    assert tried("bank.example", record, domain_admin_act(bank, news)).kept == 2
    assert tried("bank.example", record).kept == 2
    assert tried("news.bank.example", record, domain_admin_act(news)).kept == 2


@pytest.fixture
def dora(db):
    """The administrator of bank.example; mail in its name came for acme.example."""
    bank = make_domain("bank.example")
    make_domain("acme.example")
    arrive("fail")
    act = system_act("console")
    return actors.create_administrator(act, "dora@operator.example", PASSWORD, Role.DOMAIN_ADMIN, [bank.name])


def test_the_call_answers_both_halves(dora):
    make_token("dora", Role.DOMAIN_ADMIN, dora, Domain.objects.get(name="bank.example"))
    answer = call("POST", "/domains/bank.example/dmarc/what-if", "dora", {"record": "v=DMARC1; p=none"}).json()
    assert answer["messages"] == 0, "nothing was reported"
    received = answer["received"]
    (flip,) = received.pop("flips")
    assert received == {"stored": 1, "replayed": 1, "unchanged": 0, "undecided": 0, "changed": 1}
    assert flip.pop("received_at").endswith("Z")
    assert flip == {
        "message": "",
        "client_address": "192.0.2.25",
        "author_domain": "bank.example",
        "mail_from_domain": "plain.example",
        "dkim_domains": [],
        "spf_before": "pass",
        "spf_after": "pass",
        "dmarc_before": "quarantine",
        "dmarc_after": "none",
        "disposition_before": "",
        "disposition_after": "",
    }


def test_the_page_leads_to_the_message_where_it_may_be_read(dora, monkeypatch):
    trace = Trace.objects.get()
    rita = actors.create_administrator(system_act("console"), "rita@operator.example", PASSWORD, Role.SUPERADMIN)
    arrive("fail")
    monkeypatch.setattr("antispam.views.received.FLIPS", 1)
    for actor, reads in ((dora, False), (rita, True)):
        page = signed_in(actor).get("/domains/bank.example/reports/what-if", {"record": "v=DMARC1; p=reject"})
        body = page.content.decode()
        assert "With the domain, or one below it, in From: 2 messages. Judged again, the newest first: 2" in body
        assert "put into junk → refused" in body
        assert ("Junk → Refused" in body) is reads
        assert ("/messages/" + trace.pk[:6] in body) is reads
        assert "The first 1 of 2 lines are shown." in body
        assert "alice@" not in body


def test_the_page_says_what_is_not_judged_and_when_nothing_came(dora, monkeypatch):
    arrive("fail")
    monkeypatch.setattr("antispam.services.received.MOST", 1)
    monkeypatch.setattr("antispam.views.received.MOST", 1)
    client = signed_in(dora)
    page = client.get("/domains/bank.example/reports/what-if", {"record": "v=DMARC1; p=none"}).content.decode()
    assert "the newest first: 1;" in page
    assert "At most 1 are judged" in page
    Trace.objects.all().delete()
    for path in ("what-if?record=v=DMARC1;p=none", "spf-what-if?record=v=spf1"):
        page = client.get(f"/domains/bank.example/reports/{path}").content.decode()
        assert "No mail came in here with the domain, or one below it, in From." in page
