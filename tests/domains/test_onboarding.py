"""The steps of a domain: their order, the one that is next, and what is pasted beside what others wrote."""

from datetime import UTC, datetime, timedelta

import pytest

from domains.services.check import RecordState
from domains.services.onboarding import Facts, elsewhere, progress_of, steps_of, to_publish
from domains.services.publication import DesiredRecord

NAME = "acme.example"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EARLY = ("spf", "dkim", "dmarc")
ALL = ("prove", "mailbox", "publish", "sign", "ready", "move", "test", "programs", "tighten")


def state(purpose, status="right", found=(), value="x", required=True):
    types = {"mx": "MX", "srv": "SRV", "autoconfig": "CNAME"}
    record = DesiredRecord(NAME, NAME, types.get(purpose, "TXT"), value, purpose, "", required)
    return RecordState(record, status, tuple(found))


def states(**statuses):
    required = {"ownership", "mx", *EARLY}
    purposes = ("mx", *EARLY, "tls-rpt", "srv", "autoconfig")
    rows = {purpose: statuses.get(purpose.replace("-", "_"), "missing") for purpose in purposes}
    if "ownership" in statuses:
        rows = {"ownership": statuses["ownership"]} | rows
    return [state(purpose, status, required=purpose in required) for purpose, status in rows.items()]


def standings(steps):
    return {step.stage.value: step.standing.value for step in steps}


PUBLISHED = dict.fromkeys(EARLY, "right")
MOVED = PUBLISHED | {"mx": "right"}
GREEN = MOVED | {"srv": "right", "autoconfig": "right"}

TABLE = [
    ({}, {}, "mailbox", 0, "mail needs somewhere to go first"),
    ({"ownership": "missing"}, {"pending": True, "receives": True}, "prove", 1, "nothing counts before the proof"),
    ({}, {"receives": True}, "publish", 1, "then what harms nothing"),
    (PUBLISHED, {"receives": True}, "sign", 2, "a key waits for old answers to be forgotten"),
    (PUBLISHED, {"receives": True, "signs": True}, "ready", 3, "then the look before the move"),
    (PUBLISHED, {"receives": True, "signs": True, "ready_at": NOW - timedelta(hours=1)}, "move", 4, "then the MX"),
    (PUBLISHED, {"receives": True, "signs": True, "ready_at": NOW - timedelta(days=2)}, "ready", 3, "an old look"),
    (MOVED, {"receives": True, "signs": True}, "test", 5, "one that moved needs no look"),
    (MOVED, {"receives": True, "signs": True, "received": "in1"}, "test", 5, "half a test"),
    (MOVED, {"receives": True, "signs": True, "received": "in1", "sent": "out1"}, "programs", 6, "programs last"),
    (MOVED, {"signs": True}, "mailbox", 4, "mail comes and nobody takes it: that first"),
    (GREEN, {"receives": True, "signs": True, "received": "in1", "sent": "out1"}, None, 7, "all done"),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "known", "expected", "finished", "why"), TABLE, ids=[row[-1] for row in TABLE])
def test_exactly_one_step_is_next(seen, known, expected, finished, why):
    steps = steps_of(Facts(NAME, states(**seen), NOW, **known))
    assert [step.stage.value for step in steps if step.is_next] == ([expected] if expected else [])
    assert progress_of(steps)[0] == finished
    assert [step.stage.value for step in steps] == [stage for stage in ALL if stage != "prove" or "ownership" in seen]
    assert standings(steps)["tighten"] == "later"


def test_what_leads_mail_or_programs_here_is_never_among_what_harms_nothing():
    rows = [*states(), state("mta-sts", "missing", required=False), state("caa", "missing", required=False)]
    steps = {step.stage.value: step for step in steps_of(Facts(NAME, rows, NOW, receives=True))}
    assert {row.record.purpose for row in steps["publish"].states} == {*EARLY, "tls-rpt", "caa"}
    assert {row.record.purpose for row in steps["move"].states} == {"mx"}
    assert {row.record.purpose for row in steps["programs"].states} == {"srv", "autoconfig"}


def test_records_of_other_zones_are_nobodys_step():
    foreign = DesiredRecord("mail.host.example", "host.example", "A", "192.0.2.1", "host", "")
    steps = steps_of(Facts(NAME, [*states(**PUBLISHED), RecordState(foreign, "missing")], NOW, receives=True))
    assert standings(steps)["publish"] == "done"


def test_a_step_whose_records_are_under_way_waits():
    steps = steps_of(Facts(NAME, states(spf="right", dkim="waiting", dmarc="right"), NOW, receives=True))
    assert standings(steps)["publish"] == "waiting"


def seen(status, ttl):
    return {"status": status, "ttl": ttl}


LOOKED = NOW - timedelta(minutes=10)
WAITS = [
    ("missing", [seen("missing", 600)], NOW + timedelta(seconds=600), 600, "published now"),
    ("waiting", [seen("right", 9999), seen("missing", 3600)], LOOKED + timedelta(hours=1), 3600, "it is under way"),
    ("missing", [], None, 0, "nothing is known"),
    ("unreachable", [seen("unreachable", None)], None, 0, "silence tells no time"),
]


@pytest.mark.parametrize(("status", "answers", "until", "ttl", "why"), WAITS, ids=[row[-1] for row in WAITS])
def test_the_wait_is_told_from_what_may_be_remembered(status, answers, until, ttl, why):
    record = state("spf").record
    rows = [state("mx"), RecordState(record, status, checked_at=LOOKED, seen=tuple(answers))]
    (step,) = [step for step in steps_of(Facts(NAME, rows, NOW, receives=True)) if step.is_next]
    assert (step.stage.value, step.until, step.ttl) == ("publish", until, ttl)


def test_keys_say_until_when_they_wait():
    until = NOW + timedelta(minutes=40)
    steps = steps_of(Facts(NAME, states(**PUBLISHED), NOW, receives=True, keys_until=until))
    assert [step.until for step in steps if step.stage == "sign"] == [until]


def test_a_parked_domain_has_records_to_publish_and_nothing_else():
    rows = [state("mx", "missing", value="0 ."), state("spf", "right"), state("dmarc", "missing")]
    steps = steps_of(Facts(NAME, rows, NOW, parked=True))
    assert [(step.stage.value, len(step.states)) for step in steps] == [("publish", 2)]


OURS = "v=spf1 mx ip4:192.0.2.25 -all"
PASTES = [
    ("spf", "missing", [], OURS, OURS, None, "", "nothing there"),
    ("spf", "wrong", ["v=spf1 include:old.example ~all"], OURS,
     "v=spf1 include:old.example mx ip4:192.0.2.25 ~all", None, "", "merged"),
    ("spf", "duplicate", ["v=spf1 a -all", "v=spf1 -all"], OURS, OURS, "duplicate", "", "which one counts?"),
    ("spf", "wrong", ["v=spf1 -mx -all"], OURS, OURS, "excluded", "", "its owner says no"),
    ("dmarc", "wrong", ["v=DMARC1; p=reject"], "v=DMARC1; p=none; rua=mailto:r@acme.example",
     "v=DMARC1; p=none; rua=mailto:r@acme.example", None, "p=reject → p=none", "weaker"),
    ("dmarc", "duplicate", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "v=DMARC1; p=none", "v=DMARC1; p=none",
     "duplicate", "", "two policies"),
    ("tls-rpt", "wrong", ["v=TLSRPTv1; rua=mailto:a@b.example"], "v=TLSRPTv1; rua=mailto:t@acme.example",
     "v=TLSRPTv1; rua=mailto:a@b.example,mailto:t@acme.example", None, "", "both get them"),
    ("dkim", "wrong", ["v=DKIM1; p=old"], "v=DKIM1; p=new", "v=DKIM1; p=new", None, "", "our own selector"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("purpose", "status", "found", "ours", "text", "obstacle", "weakens", "why"),
    PASTES,
    ids=[row[-1] for row in PASTES],
)
def test_what_is_pasted_keeps_what_others_wrote(purpose, status, found, ours, text, obstacle, weakens, why):
    paste = to_publish(state(purpose, status, found, ours))
    assert (paste.value, paste.obstacle, paste.weakens) == (text, obstacle, weakens)


def test_mail_that_goes_elsewhere_is_told_from_ours():
    rows = [state("mx", "conflicting", ["5 MX.old.example", "10 MAIL.acme.example", "0 ."], "10 mail.acme.example")]
    assert elsewhere(rows) == ("mx.old.example",)
