"""What a look adds to history, and when somebody is told: tables without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domains.drift import Entry, Look, Spot, Trouble, Weighed, by_spot, changes_of, texts, turned, weigh

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=3)
WANT = ("v=DMARC1; p=none",)
OTHER = ("v=DMARC1; p=reject",)


def entry(status="right", found=WANT, wanted=WANT, at=LONG_AGO, **fields):
    return Entry(
        **({"kind": "seen", "status_before": "missing"} | fields), at=at, status=status, wanted=wanted, found=found
    )


def told(last, look, now=NOW):
    """Kind, states and texts of what is written."""
    return [(c.kind, c.status_before, c.status, c.before, c.after) for c in changes_of(last, look, now)]


@pytest.mark.parametrize(
    ("last", "look", "expected"),
    [
        (None, Look("missing", WANT), [("seen", "", "missing", (), ())]),  # the first look
        (entry(), Look("right", WANT, WANT), []),  # nothing new
        (entry("missing", ()), Look("right", WANT, WANT), [("seen", "missing", "right", (), WANT)]),  # published
        (entry(), Look("missing", WANT), [("seen", "right", "missing", WANT, ())]),  # went missing
        (entry(), Look("wrong", WANT, OTHER), [("seen", "right", "wrong", WANT, OTHER)]),  # changed outside
        (entry("wrong", OTHER), Look("wrong", WANT, ("x",)), [("seen", "wrong", "wrong", OTHER, ("x",))]),  # again
        (entry(), Look("waiting", WANT, WANT), [("seen", "right", "waiting", WANT, WANT)]),  # some servers lack it
        (
            entry(),
            Look("unreachable", WANT),
            [("seen", "right", "unreachable", WANT, WANT)],
        ),  # silence keeps the texts
        (
            entry("unreachable", WANT, status_before="right"),
            Look("right", WANT, WANT),
            [("seen", "unreachable", "right", WANT, WANT)],
        ),  # it answers again
        (entry("unreachable", WANT), Look("unreachable", WANT), []),  # silence goes on
        # we want something else, and the DNS has the old text still
        (
            entry(),
            Look("wrong", OTHER, WANT),
            [("wanted", "right", "unchecked", WANT, OTHER), ("seen", "unchecked", "wrong", WANT, WANT)],
        ),
        # we want something else, and it was published before we looked
        (
            entry(),
            Look("right", OTHER, OTHER),
            [("wanted", "right", "unchecked", WANT, OTHER), ("seen", "unchecked", "right", WANT, OTHER)],
        ),
        (entry(), None, [("wanted", "right", "unchecked", WANT, ())]),  # nothing is wanted there any more
        (entry("unchecked", WANT, ()), None, []),  # nor was it before
        (None, None, []),
    ],
)
def test_what_is_written(last, look, expected):
    assert told(last, look) == expected


def test_changes_to_and_fro_within_an_hour_are_one_entry():
    lately = NOW - timedelta(minutes=59)
    last = entry("missing", (), at=lately, status_before="right", before=WANT)
    (change,) = changes_of(last, Look("right", WANT, WANT), NOW)
    assert (change.folds, change.status_before, change.before, change.status) == (True, "right", WANT, "right")
    (change,) = changes_of(replace(last, at=NOW - timedelta(minutes=61)), Look("right", WANT, WANT), NOW)
    assert (change.folds, change.status_before, change.before) == (False, "missing", ())


def test_the_first_look_is_not_folded():
    last = entry("missing", (), at=NOW - timedelta(minutes=5), status_before="")
    assert [change.folds for change in changes_of(last, Look("right", WANT, WANT), NOW)] == [False]


def test_what_follows_from_our_own_publishing_is_ours():
    applied = entry("missing", (), kind="applied", at=NOW - timedelta(hours=30))
    assert [change.here for change in changes_of(applied, Look("right", WANT, WANT), NOW)] == [True]
    assert [change.here for change in changes_of(entry("missing", ()), Look("right", WANT, WANT), NOW)] == [False]
    spreading = entry("waiting", WANT, here=True, at=NOW - timedelta(minutes=20))
    assert [change.here for change in changes_of(spreading, Look("right", WANT, WANT), NOW)] == [True]
    later = entry("right", WANT, here=True, at=LONG_AGO)
    assert [change.here for change in changes_of(later, Look("wrong", WANT, OTHER), NOW)] == [False]


BAD = Look("missing", WANT)
OPEN = Trouble(LONG_AGO, "missing", True, looks=1)
TOLD = replace(OPEN, looks=2, told=True)


@pytest.mark.parametrize(
    ("trouble", "look", "was_right", "expected"),
    [
        (None, BAD, False, Weighed()),  # never was right: the list of what to publish says so
        (None, BAD, True, Weighed(Trouble(NOW, "missing", True, 1), "")),  # may be a passing fault
        (None, replace(BAD, certain=True), True, Weighed(Trouble(NOW, "missing", True, 1, True), "wrong")),
        (OPEN, BAD, False, Weighed(replace(OPEN, looks=2, told=True), "wrong")),  # two looks in a row
        # two looks at the same moment
        (Trouble(NOW, "missing", True), BAD, False, Weighed(Trouble(NOW, "missing", True, looks=2))),
        (OPEN, Look("right", WANT, WANT), False, Weighed()),  # it was a passing fault
        (OPEN, Look("unreachable", WANT), False, Weighed(OPEN)),  # silence says nothing
        (None, Look("unreachable", WANT), True, Weighed()),
        (TOLD, BAD, False, Weighed(replace(TOLD, looks=3))),  # told once
        (TOLD, Look("wrong", WANT, OTHER), False, Weighed(replace(TOLD, looks=3, status="wrong"))),
        (TOLD, Look("unreachable", WANT), False, Weighed(TOLD)),
        (TOLD, Look("right", WANT, WANT), False, Weighed(None, "right")),
    ],
)
def test_when_somebody_is_told(trouble, look, was_right, expected):
    assert weigh(trouble, look, was_right, NOW) == expected


def test_a_domain_turns_by_what_mail_needs():
    optional = replace(TOLD, required=False)
    assert turned([], [TOLD]) == "bad"
    assert turned([TOLD], [TOLD, TOLD]) == ""
    assert turned([TOLD], [optional]) == "good"
    assert turned([], [optional, OPEN]) == ""


def test_all_values_at_a_name_are_one_matter_and_bounded():
    spot = Spot("host", "mail.acme.example", "A")
    looks = by_spot(
        [
            (spot, Look("right", ("192.0.2.2",), ("192.0.2.2",), required=False, certain=True)),
            (spot, Look("wrong", ("192.0.2.1",), ("192.0.2.2",))),
        ]
    )
    assert looks == {spot: Look("wrong", ("192.0.2.1", "192.0.2.2"), ("192.0.2.2",), required=True)}
    kept = texts(f"{number:03d}\0" + "x" * 5000 for number in range(50))
    assert len(kept) == 10
    assert {len(text) for text in kept} == {1000}
    assert not any("\0" in text for text in kept)
