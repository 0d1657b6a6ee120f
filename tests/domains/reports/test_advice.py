"""The advice as a table of situations: what the reports say, what is proposed or refused, why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.dmarc.record import PolicyRecord
from domains.reports.advice import Known, Step, Traffic, advise, step_of
from domains.reports.replay import Reported, replay

D = "acme.example"
NONE = PolicyRecord()
TRIAL = PolicyRecord(policy="quarantine", testing=True)
QUARANTINE = PolicyRecord(policy="quarantine")
REJECT = PolicyRecord(policy="reject")
REJECT_TRIAL = PolicyRecord(policy="reject", testing=True)
ENOUGH = Known(28, 1000, 5)


def own(passed: int = 900, failed: int = 0) -> Traffic:
    return Traffic(D, "own", "mail.acme.example", passed, failed)


def some(kind: str, failed: int, passed: int = 0, sender: str = "", name: str = D) -> Traffic:
    return Traffic(name, kind, sender, passed, failed)


SITUATIONS = [
    (NONE, Known(0, 0, 0), [], None, {"too-few-days", "too-few-reporters", "too-few-messages"}, "no data"),
    (NONE, ENOUGH, [own()], "trial", set(), "all well"),
    (TRIAL, ENOUGH, [own()], "quarantine", set(), "the trial went well"),
    (QUARANTINE, ENOUGH, [own()], "reject", set(), "and quarantine too"),
    (REJECT_TRIAL, ENOUGH, [own()], "reject", set(), "reject on trial is quarantine"),
    (REJECT, ENOUGH, [own()], None, {"at-the-top"}, "nothing further"),
    (REJECT, Known(0, 0, 0), [], None, {"at-the-top"}, "nothing further without data either"),
    (NONE, Known(13, 1000, 5), [own()], None, {"too-few-days"}, "one day short"),
    (NONE, Known(14, 1000, 5), [own()], "trial", set(), "just enough days"),
    (NONE, Known(28, 1000, 1), [own()], None, {"too-few-reporters"}, "one reporter may be anybody"),
    (NONE, Known(28, 1000, 2), [own()], "trial", set(), "two are enough"),
    (NONE, Known(28, 99, 5), [own(99)], None, {"too-few-messages"}, "too little of our own mail"),
    (NONE, Known(28, 100, 5), [own(100)], "trial", set(), "just enough"),
    (NONE, Known(28, 5000, 5), [some("impostor", 5000)], None, {"too-few-messages"}, "impostors alone prove nothing"),
    (NONE, ENOUGH, [own(), some("impostor", 90_000)], "trial", set(), "impostors are what it is for"),
    (NONE, Known(28, 1000, 5, 13), [own()], None, {"changed-lately"}, "the last change is not yet seen through"),
    (NONE, Known(28, 1000, 5, 14), [own()], "trial", set(), "two weeks are"),
    (NONE, Known(28, 1000, 5, 0), [own()], None, {"changed-lately"}, "changed today"),
    (
        NONE, ENOUGH, [own(), some("service-misaligned", 60, sender="Mailchimp")], None,
        {"mend-first", "too-much-lost"}, "the newsletter would be lost",
    ),
    (
        NONE, ENOUGH, [own(9000), some("service-misaligned", 10, sender="Mailchimp")], None, {"mend-first"},
        "few messages, but a sender that can be mended",
    ),
    (NONE, ENOUGH, [own(9000), some("service-misaligned", 9, sender="X")], "trial", set(), "too few to wait for"),
    (NONE, ENOUGH, [own(970, 30)], None, {"too-much-lost"}, "three in a hundred of our own"),
    (NONE, ENOUGH, [own(985, 15)], "trial", set(), "under two in a hundred"),
    (TRIAL, ENOUGH, [own(985, 15)], None, {"too-much-lost"}, "too many for quarantine"),
    (TRIAL, ENOUGH, [own(991, 9)], "quarantine", set(), "under one in a hundred"),
    (QUARANTINE, ENOUGH, [own(991, 9)], None, {"too-much-lost"}, "too many for reject"),
    (QUARANTINE, ENOUGH, [own(996, 4)], "reject", set(), "under one in two hundred"),
    (NONE, ENOUGH, [own(), some("forwarder", 80)], "trial", set(), "forwarders are shown, and stop nothing"),
    (NONE, ENOUGH, [own(), some("forwarder", 0, 80)], "trial", set(), "forwarded and whole"),
    (NONE, ENOUGH, [own(), some("unknown", 51)], None, {"look-first"}, "many that nothing names"),
    (NONE, ENOUGH, [own(), some("unknown", 50)], "trial", set(), "some that nothing names"),
    (NONE, ENOUGH, [own(), some("unknown", 0, 500)], "trial", set(), "unnamed, but passing"),
    (
        NONE, Known(3, 20, 1, 2), [own(20), some("service-misaligned", 12, sender="X")], None,
        {"too-few-days", "too-few-reporters", "too-few-messages", "changed-lately", "mend-first", "too-much-lost"},
        "everything at once is all said",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("record", "known", "traffic", "proposed", "refusals", "why"), SITUATIONS, ids=[row[-1] for row in SITUATIONS]
)
def test_what_is_proposed_and_what_is_not(record, known, traffic, proposed, refusals, why):
    found = advise(D, record, known, traffic)
    assert found.proposed == proposed, why
    assert {reason.code for reason in found.refusals} == refusals


def test_who_would_lose_mail_is_named_at_each_step():
    traffic = [
        own(990, 2),
        some("service-misaligned", 60, sender="Mailchimp"),
        some("forwarder", 7),
        some("impostor", 5),
    ]
    view = advise(D, NONE, ENOUGH, traffic).views[-1]
    assert view.step is Step.REJECT
    assert [(loss.sender, loss.messages) for loss in view.losses] == [("Mailchimp", 60), ("mail.acme.example", 2)]
    assert [loss.messages for loss in view.forwarded] == [7]
    assert view.stopped == 5


EARLY = [
    (NONE, ENOUGH, [own()], ["np-reject"], "names that do not exist, at once"),
    (REJECT, ENOUGH, [own()], [], "refused already"),
    (PolicyRecord(subdomain_policy="reject"), ENOUGH, [own()], [], "refused with all subdomains"),
    (PolicyRecord(nonexistent_policy="reject"), ENOUGH, [own()], [], "done"),
    (NONE, Known(3, 1000, 5), [own()], [], "too early to say"),
    (
        NONE, ENOUGH, [own(), some("impostor", 9, name="x.acme.example")], ["np-reject", "sp-reject"],
        "subdomains that only impostors use",
    ),
    (
        NONE, ENOUGH, [some("own", 0, 900, name="news.acme.example"), some("impostor", 9, name="x.acme.example")],
        ["np-reject"], "a subdomain that sends",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("record", "known", "traffic", "codes", "why"), EARLY, ids=[row[-1] for row in EARLY])
def test_what_may_be_set_early(record, known, traffic, codes, why):
    assert [reason.code for reason in advise(D, record, known, traffic).early] == codes, why


records = st.builds(
    PolicyRecord,
    policy=st.sampled_from(["none", "quarantine", "reject"]),
    testing=st.booleans(),
    nonexistent_policy=st.sampled_from(["", "reject"]),
)
traffics = st.lists(
    st.builds(
        Traffic,
        st.sampled_from([D, "x.acme.example"]),
        st.sampled_from(["own", "service-aligned", "service-misaligned", "forwarder", "unknown", "impostor"]),
        st.sampled_from(["", "A", "B"]),
        st.integers(0, 5000),
        st.integers(0, 5000),
    ),
    max_size=6,
)


@given(records, st.builds(Known, st.integers(0, 28), st.integers(0, 9999), st.integers(0, 9)), traffics)
def test_a_step_is_one_further_or_none(record, known, traffic):
    found = advise(D, record, known, traffic)
    assert bool(found.refusals) != (found.proposed is not None)
    if found.proposed is not None:
        assert list(Step).index(found.proposed) == list(Step).index(step_of(record)) + 1
        lost = sum(one.failed for one in traffic if one.kind in ("own", "service-aligned", "service-misaligned"))
        good = sum(one.passed for one in traffic if one.kind in ("own", "service-aligned", "service-misaligned"))
        assert lost / max(1, good + lost) <= 0.02


ROWS = [
    Reported(D, "own", "ours", (D,), (), 10),
    Reported(D, "service-aligned", "news", ("news.acme.example",), (), 20),
    Reported("x.acme.example", "impostor", "", (), ("evil.example",), 30),
    Reported(D, "forwarder", "", (), ("gmail.com",), 5),
]
REPLAYS = [
    (NONE, NONE, [], 65, "nothing"),
    (NONE, REJECT, [("none", "reject", 30), ("none", "reject", 5)], 30, "all that fails"),
    (NONE, PolicyRecord(policy="reject", testing=True), [("none", "quarantine", 30), ("none", "quarantine", 5)],
     30, "t"),
    (NONE, PolicyRecord(subdomain_policy="reject"), [("none", "reject", 30)], 35, "subdomains alone"),
    (REJECT, NONE, [("reject", "none", 30), ("reject", "none", 5)], 30, "back again"),
    (
        REJECT, PolicyRecord(policy="reject", dkim_alignment="s"), [("pass", "reject", 20)], 45,
        "strict: a signature of a subdomain is aligned no more",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "flips", "same", "why"), REPLAYS, ids=[row[-1] for row in REPLAYS])
def test_what_another_record_would_have_done(before, after, flips, same, why):
    found = replay(D, before, after, ROWS)
    assert [(one.before, one.after, one.messages) for one in found.flips] == flips, why
    assert (found.messages, found.unchanged) == (65, same)


def test_what_depends_on_whether_a_name_exists_is_counted():
    found = replay(D, NONE, PolicyRecord(nonexistent_policy="reject"), ROWS)
    assert (found.undecided, found.flips) == (30, ())
