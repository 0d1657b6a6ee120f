"""The pure parts: names, patterns, sets, runs of UIDs, the grammar's refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailboxes.imap import commands as c
from mailboxes.imap import grammar
from mailboxes.imap.mutf7 import decode_name, encode_name
from mailboxes.imap.numset import NumberSet, merge, parse_number_set, serialise_in_order
from mailboxes.imap.patterns import Pattern
from mailboxes.imap.port import Changes, FlagState
from mailboxes.imap.scanner import Scanner, SyntaxFault, mailbox_name
from mailboxes.imap.view import UidRuns, View


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_names_survive_the_wire(name: str) -> None:
    assert decode_name(encode_name(name)) == name
    assert encode_name(name).isascii()


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
        (b"A&-B", "A&B"),
        ("Entwürfe".encode(), "Entwürfe"),
    ],
)
def test_modified_utf_7_of_rfc_3501_section_5_1_3(octets: bytes, name: str) -> None:
    assert decode_name(octets) == name


@pytest.mark.parametrize("octets", [b"a&b", b"\xff", b"&U,BT", b"a\x07", b"", b"a//b", b"/a", b"x" * 501, b"a/" * 50])
def test_names_that_are_refused(octets: bytes) -> None:
    with pytest.raises(SyntaxFault):
        mailbox_name(octets)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "a/b", True),
        ("%", "a/b", False),
        ("%", "a", True),
        ("a/%", "a/b", True),
        ("a/%", "a/b/c", False),
        ("*c", "a/b/c", True),
        ("inbox", "INBOX", True),
        ("a.c", "abc", False),
        ("%*%", "a/b", True),
        ("", "a", False),
    ],
)
def test_patterns(pattern: str, name: str, expected: bool) -> None:
    assert Pattern(pattern).matches(name) is expected


def test_a_hostile_pattern_takes_one_step_a_letter() -> None:
    assert not Pattern("*a" * 250).matches("a" * 249 + "b" * 251)


def test_sets() -> None:
    found = parse_number_set(b"2:4,*:7,9")
    assert found.resolve(8) == ((2, 4), (7, 9))
    assert parse_number_set(b"4294967295").resolve(3) == ((4294967295, 4294967295),)
    assert serialise_in_order([1, 2, 3, 7, 5]) == b"1:3,7,5"
    for wrong in (b"", b"0", b"1,", b"1:", b"a", b"4294967296", b"1:2:3"):
        with pytest.raises(ValueError):
            parse_number_set(wrong)


UIDS = st.sets(st.integers(1, 60)).map(sorted)


@given(UIDS, st.sets(st.integers(1, 60)))
def test_runs_answer_like_a_list(uids: list[int], gone: set[int]) -> None:
    runs = UidRuns(merge((uid, uid) for uid in uids))
    assert len(runs) == len(uids)
    assert [runs.uid_of(n) for n in range(1, len(uids) + 1)] == uids
    assert [runs.sequence_of(uid) for uid in uids] == list(range(1, len(uids) + 1))
    left = runs.without(gone)
    kept = [uid for uid in uids if uid not in gone]
    assert [left.uid_of(n) for n in range(1, len(left) + 1)] == kept


@given(UIDS, st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), max_size=6))
def test_within_is_an_intersection(uids: list[int], pairs: list[tuple[int, int]]) -> None:
    ranges = NumberSet(tuple(pairs)).resolve(60)
    wanted = {uid for uid in uids if any(low <= uid <= high for low, high in ranges)}
    found = UidRuns(merge((uid, uid) for uid in uids)).within(ranges)
    assert {n for low, high in found for n in range(low, high + 1)} == wanted


def test_an_expunge_is_held_back_until_it_may_be_said() -> None:
    view = View(1, "INBOX", ((1, 3),), 10, read_only=False)
    news = view.apply(Changes(12, [2], [FlagState(4, 12, ())]), may_expunge=False)
    assert (list(news.expunged), news.exists) == ([], 4)
    news = view.apply(Changes(12), may_expunge=True)
    assert (list(news.expunged), news.exists) == ([2], None)
    assert view.uids.sequence_of(4) == 3


def test_what_was_told_is_not_told_again() -> None:
    view = View(1, "INBOX", ((1, 3),), 10, read_only=False)
    state = FlagState(2, 11, ("\\Seen",))
    view.tell([state])
    assert view.apply(Changes(12, (), [state, FlagState(3, 12, ())]), may_expunge=True).flags == [
        (3, FlagState(3, 12, ()))
    ]


def read(reader: grammar.Reader, text: bytes) -> c.Command:
    scanner = Scanner(text)
    found = reader(scanner)
    scanner.end()
    return found


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (grammar.fetch(False), b" 1 (FLAGS"),
        (grammar.fetch(False), b" 1 BODY[0]"),
        (grammar.fetch(False), b" 1 BODY[MIME]"),
        (grammar.fetch(False), b" 1 BODY[]<1.0>"),
        (grammar.fetch(False), b" 1 NOTHING"),
        (grammar.fetch(False), b" 0 FLAGS"),
        (grammar.search(False), b" " + b"(" * 200 + b"ALL" + b")" * 200),
        (grammar.search(False), b" " + b"NOT " * 200 + b"ALL"),
        (grammar.search(False), b" " + b" ".join([b"ALL"] * 2000)),
        (grammar.search(False), b" SINCE 31-Feb-2024"),
        (grammar.store(False), b" 1 FLAGS (\\Recent)"),
        (grammar.store(False), b" 1 +FLAGS (a b"),
        (grammar.status, b" INBOX (NONSENSE)"),
        (grammar.login, b" a"),
        (grammar.login, b' a "b'),
        (grammar.append, b' INBOX "32-Jan-2024 00:00:00 +0000" {1}\r\n'),
    ],
)
def test_faults_of_syntax_are_declared_errors(reader: grammar.Reader, text: bytes) -> None:
    with pytest.raises(SyntaxFault):
        read(reader, text)


READERS = [grammar.fetch(True), grammar.search(True), grammar.store(False), grammar.list_extended, grammar.append,
           grammar.select, grammar.identify, grammar.create, grammar.enable, grammar.status]  # fmt: skip


@given(
    st.sampled_from(READERS),
    st.binary(max_size=60) | st.text('()[]<>{}"\\*%:, 1ABFLNOTRU.', max_size=60).map(str.encode),
)
def test_hostile_octets_raise_only_declared_errors(reader: grammar.Reader, octets: bytes) -> None:
    from mailboxes.imap.queries import BadCharset

    try:
        read(reader, b" " + octets)
    except (SyntaxFault, BadCharset):
        return
