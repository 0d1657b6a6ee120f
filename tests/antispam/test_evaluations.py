"""What is counted of every trace: DMARC evaluations for reports, rows taken, good networks; each message once."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction

from antispam.disposition.networks import KEPT as NETWORK_KEPT
from antispam.models import DmarcEvaluation, KnownNetwork, VerdictCount
from antispam.services.evaluations import KEPT, evaluations_on, forget_evaluations, rows_taken
from antispam.services.networks import forget_networks
from domains.services.expansion import expand_pending_traces
from domains.trace import TRACE_INSERT, MessageTrace

pytestmark = pytest.mark.django_db(transaction=True)

RECORD = "v=DMARC1; p=reject; sp=none; adkim=s; fo=1; rua=mailto:agg@bank.example"
TODAY = datetime.now(UTC).date()
ALL = (DmarcEvaluation, VerdictCount, KnownNetwork)


def traced(
    dmarc="fail",
    verdict="refuse",
    *,
    policy="reject",
    record=RECORD,
    direction="in",
    outcome="",
    at=None,
    signs=None,
    aligned=(),
    mail_from="bounce@Out.Example",
    address="198.51.100.7",
    domains=("acme.example",),
    shares=None,
    row="dmarc-fail-reject",
):
    """Store one trace whose events are pending."""
    trace = MessageTrace(direction, mail_from=mail_from, client_address=address, domains=set(domains))
    trace.received_at = at or datetime.now(UTC)
    trace.outcome = outcome or ("refused" if verdict == "refuse" else "delivered")
    trace.add("spf", "pass", "", {"domain": "out.example", "steps": []})
    signature = {"result": "pass", "reason": "", "domain": "out.example", "selector": "s1", "algorithm": "rsa-sha256"}
    trace.add("dkim", "pass", "", {"signatures": [signature]})
    alignments = [
        {"mechanism": name, "domain": "out.example", "aligned": name in aligned, "mode": "r", "note": ""}
        for name in ("spf", "dkim")
    ]
    steps = [{"name": "bank.example", "found": record, "note": ""}] if record else []
    detail = {"author_domain": "bank.example", "policy_domain": "bank.example" if record else "", "policy": policy}
    trace.add("dmarc", dmarc, "", detail | {"alignments": alignments, "steps": steps})
    judged = {"row": row, "signs": signs or {}} | ({"shares": shares} if shares else {})
    trace.add("verdict", verdict, "", judged)
    with connection.cursor() as cursor:
        cursor.execute(TRACE_INSERT, trace.as_row())
    return trace


def only():
    expand_pending_traces()
    return DmarcEvaluation.objects.get()


def test_a_row_holds_what_the_report_needs():
    traced()
    row = only()
    assert (row.day, row.policy_domain, row.source_ip, row.header_from, row.envelope_from, row.messages) == (
        TODAY,
        "bank.example",
        "198.51.100.7",
        "bank.example",
        "out.example",
        1,
    )
    assert (row.disposition, row.dkim_aligned, row.spf_aligned, row.reasons) == ("reject", False, False, [])
    assert row.dkim_results == [{"domain": "out.example", "selector": "s1", "result": "pass"}]
    assert row.spf_results == [{"domain": "out.example", "scope": "mfrom", "result": "pass"}]
    assert row.discovery_method == "treewalk"
    assert row.published == {
        "p": "reject",
        "sp": "none",
        "adkim": "s",
        "aspf": "r",
        "testing": "n",
        "fo": "1",
        "rua": ["agg@bank.example"],
    }


def test_like_ones_are_one_row_and_others_their_own():
    for _ in range(3):
        traced()
    traced(address="198.51.100.8")
    traced(mail_from="")
    expand_pending_traces()
    traced()
    expand_pending_traces()
    assert sorted(DmarcEvaluation.objects.values_list("messages", flat=True)) == [1, 1, 4]
    null = DmarcEvaluation.objects.get(envelope_from="")
    assert null.spf_results[0]["scope"] == "helo"


def test_each_message_counts_once_whatever_dies_between():
    traced()
    traced("pass", "inbox", aligned=("dkim",), row="dmarc-pass")
    with transaction.atomic():
        expand_pending_traces()
        transaction.set_rollback(True)
    assert [model.objects.count() for model in ALL] == [0, 0, 0]
    for _ in range(2):
        expand_pending_traces()
    assert [sum(model.objects.values_list("messages", flat=True)) for model in ALL] == [2, 2, 1]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"direction": "out"}, "our own users' mail"),
        ({"direction": "local"}, "mail among ourselves"),
        ({"address": None}, "mail without a client"),
        ({"dmarc": "none", "record": "", "verdict": "inbox"}, "no policy, no report"),
        ({"dmarc": "temperror", "verdict": "inbox"}, "silence is no result"),
        ({"dmarc": "permerror", "record": "", "verdict": "junk"}, "no author to report to"),
        ({"verdict": "inbox", "policy": "none", "outcome": "refused"}, "a full mailbox: it comes again"),
    ],
)
def test_no_report_is_owed_for(fields, why):
    traced(**fields)
    expand_pending_traces()
    assert not DmarcEvaluation.objects.exists(), why


LIST = {"mailing_list": "dev.lists.example"}
DONE = [
    ("fail", "reject", "refuse", {}, "reject", [], "as asked"),
    ("fail", "quarantine", "junk", {}, "quarantine", [], "as asked"),
    ("fail", "none", "inbox", {}, "none", [], "nothing was asked"),
    ("pass", "reject", "inbox", {}, "pass", [], "it passed"),
    ("fail", "reject", "junk", LIST, "quarantine", ["mailing_list"], "a list"),
    ("fail", "reject", "junk", {"known_forwarder": "groups.io"}, "quarantine", ["trusted_forwarder"], "a forwarder"),
    ("fail", "reject", "junk", {"trusted_sealer": "google.com"}, "quarantine", ["local_policy"], "a trusted seal"),
    ("fail", "reject", "junk", {"known_network": True}, "quarantine", ["local_policy"], "a known network"),
    ("fail", "reject", "inbox", LIST, "none", ["mailing_list"], "a domain's own choice"),
    ("fail", "quarantine", "inbox", {}, "none", ["local_policy"], "milder than asked"),
    ("fail", "none", "junk", {}, "quarantine", ["local_policy"], "stricter than asked"),
]


@pytest.mark.parametrize(("dmarc", "policy", "verdict", "signs", "done", "reasons", "why"), DONE)
def test_what_was_done_and_why_it_is_not_what_was_asked(dmarc, policy, verdict, signs, done, reasons, why):
    traced(dmarc, verdict, policy=policy, signs=signs, aligned=("spf",) if dmarc == "pass" else ())
    row = only()
    assert (row.disposition, [reason["type"] for reason in row.reasons]) == (done, reasons), why
    assert row.spf_aligned is (dmarc == "pass")


def test_a_policy_in_testing_is_a_reason_by_itself():
    traced(verdict="junk", policy="quarantine", record="v=DMARC1; p=reject; t=y")
    row = only()
    assert [reason["type"] for reason in row.reasons] == ["policy_test_mode"]
    assert row.published["testing"] == "y"


def test_rows_are_counted_for_each_domain_of_the_recipients():
    shares = {"acme.example": "junk", "other.example": "inbox"}
    traced(verdict="junk", domains=("acme.example", "other.example"), shares=shares)
    traced(domains=("acme.example",))
    traced("pass", "inbox", row="dmarc-pass", direction="out")
    expand_pending_traces()
    rows = VerdictCount.objects.values_list("domain", "row", "disposition", "messages")
    assert set(rows) == {
        ("acme.example", "dmarc-fail-reject", "junk", 1),
        ("acme.example", "dmarc-fail-reject", "refuse", 1),
        ("other.example", "dmarc-fail-reject", "inbox", 1),
    }
    assert rows_taken("acme.example") == {"dmarc-fail-reject": 2}
    assert rows_taken("acme.example", today=TODAY + timedelta(days=7)) == {}


def good(at=None, **fields):
    traced("pass", "inbox", aligned=("spf",), row="dmarc-pass", at=at, **fields)


def test_a_network_earns_one_day_a_day():
    now = datetime.now(UTC)
    for back in (9, 9, 8, 8, 5):
        good(now - timedelta(days=back))
        expand_pending_traces()
    good(now - timedelta(days=9))  # late
    expand_pending_traces()
    row = KnownNetwork.objects.get()
    assert (row.network, row.days, row.messages) == ("198.51.100.0/24", 3, 6)
    assert (row.first_day, row.last_day) == (TODAY - timedelta(days=9), TODAY - timedelta(days=5))


def test_only_mail_that_passed_and_reached_an_inbox_is_good():
    traced()
    traced(verdict="junk")
    traced("none", "inbox", record="", row="no-objection")
    good(outcome="refused")
    good(outcome="queued")
    good(direction="out")
    good(address=None)
    traced("pass", "junk", row="dmarc-pass")
    expand_pending_traces()
    assert not KnownNetwork.objects.exists()


def test_the_rows_of_a_day_are_read_by_policy_domain():
    traced()
    traced(at=datetime.now(UTC) - timedelta(days=1))
    expand_pending_traces()
    assert evaluations_on(TODAY).count() == evaluations_on(TODAY, "bank.example").count() == 1
    assert not evaluations_on(TODAY, "other.example").exists()


def test_what_is_old_is_forgotten():
    good()
    traced()
    expand_pending_traces()
    assert forget_evaluations(TODAY + KEPT) == forget_networks(TODAY + NETWORK_KEPT) == 0
    assert forget_evaluations(TODAY + KEPT + timedelta(days=1)) == 4
    assert forget_networks(TODAY + NETWORK_KEPT + timedelta(days=1)) == 1


def test_the_day_is_that_of_utc():
    traced(at=datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC))
    expand_pending_traces()
    assert DmarcEvaluation.objects.get().day == date(2026, 11, 24)
