"""Where commands end: the same events at every chunking, literals and limits."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailboxes.imap.framing import (
    AFTER_LOGIN,
    BEFORE_LOGIN,
    Complete,
    Framer,
    GoOn,
    Limits,
    Refused,
)

SMALL = Limits(command=60, literal=20, append=50)


def events(octets: bytes, cuts: list[int], limits: Limits = AFTER_LOGIN) -> list[Any]:
    """Return what comes out when the octets come in pieces."""
    framer = Framer(bytearray(), limits)
    found: list[Any] = []
    edges = [0, *sorted({cut % (len(octets) + 1) for cut in cuts}), len(octets)]
    for start, end in pairwise(edges):
        framer.buffer += octets[start:end]
        while (event := framer.next_event()) is not None:
            if isinstance(event, Complete):
                found.append((event.text, [literal.read() for literal in event.literals]))
            else:
                found.append(event)
            if isinstance(event, Refused) and event.fatal:
                return found
    return found


PIECES = st.sampled_from(
    [b"a NOOP\r\n", b"a {3}\r\n", b"a {3+}\r\n", b"abc", b"\r\n", b"\n", b"\r", b"x APPEND INBOX {30+}\r\n", b"\0",
     b"a {99+}\r\n", b"a {25}\r\n", b"x" * 30, b"x" * 61, b"{", b"}", b"a LOGIN {2+}\r\nme {2+}\r\nyo\r\n", b" "]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=12).map(b"".join), st.lists(st.integers(0, 500), max_size=8))
def test_any_split_gives_the_same_events(octets: bytes, cuts: list[int]) -> None:
    whole = events(octets, [], SMALL)
    assert events(octets, cuts, SMALL) == whole
    assert events(octets, list(range(len(octets))), SMALL) == whole


def test_literals_are_taken_out_of_the_text() -> None:
    octets = b"a LOGIN {5}\r\nalice {3+}\r\nx\r\n\r\n"
    assert events(octets, []) == [GoOn(), (b"a LOGIN {5}\r\n {3+}\r\n", [b"alice", b"x\r\n"])]


@pytest.mark.parametrize(
    ("octets", "limits", "why"),
    [
        (b"a APPEND INBOX {2147483648}\r\n", AFTER_LOGIN, "2 GB announced"),
        (b"a APPEND INBOX {26214401}\r\n", AFTER_LOGIN, "one octet over 25 MB"),
        (b"a SEARCH SUBJECT {102401}\r\n", AFTER_LOGIN, "over 100 kB outside APPEND"),
        (b"a APPEND INBOX {65537}\r\n", BEFORE_LOGIN, "no large literal before login"),
    ],
)
def test_a_literal_over_its_limit_is_refused_before_it_comes(octets: bytes, limits: Limits, why: str) -> None:
    assert events(octets, [], limits) == [Refused(b"a", "The literal is too large", too_big=True)], why


def test_a_refused_literal_that_comes_anyway_is_passed_over() -> None:
    octets = b"a SEARCH SUBJECT {21+}\r\n" + b"x" * 21 + b"\r\nb NOOP\r\n"
    assert events(octets, [], SMALL) == [Refused(b"a", "The literal is too large", too_big=True), (b"b NOOP", [])]


def test_an_unbearable_literal_ends_the_session() -> None:
    found = events(b"a APPEND INBOX {2147483648+}\r\n", [])
    assert [(event.tag, event.fatal) for event in found] == [(b"a", True)]


def test_an_append_of_many_literals_is_bounded_as_a_whole() -> None:
    """Each may be spooled to disk, so all together stay below one message and one name."""
    octets = b"a APPEND INBOX {45+}\r\n" + b"x" * 45 + b" {20+}\r\n" + b"x" * 20 + b" {20+}\r\n" + b"x" * 20 + b"\r\n"
    assert events(octets + b"b NOOP\r\n", [], SMALL) == [
        Refused(b"a", "The literal is too large", too_big=True),
        (b"b NOOP", []),
    ]


def test_a_line_without_end_is_not_held() -> None:
    framer = Framer(bytearray())
    for _ in range(40):
        framer.buffer += b"x" * 65536
        event = framer.next_event()
        assert len(framer.buffer) <= 65537
        if event is not None:
            break
    assert isinstance(event, Refused)
    assert event.fatal


@pytest.mark.parametrize("octets", [b"a NOOP\n", b"a NO\rOP\r\n", b"a NO\0OP\r\n"])
def test_only_crlf_ends_a_line(octets: bytes) -> None:
    found = events(octets + b"b NOOP\r\n", [])
    assert isinstance(found[0], Refused)
    assert found[1:] == [(b"b NOOP", [])]


def test_a_large_append_is_spooled() -> None:
    framer = Framer(bytearray(), AFTER_LOGIN)
    framer.buffer += b"a APPEND INBOX {3000000+}\r\n"
    assert framer.next_event() is None
    for _ in range(30):
        framer.buffer += b"x" * 100_000
        assert framer.next_event() is None
        assert not framer.buffer
    framer.buffer += b"\r\n"
    event = framer.next_event()
    assert isinstance(event, Complete)
    assert event.literals[0]._file is not None
    assert event.literals[0]._file._rolled
    assert len(event.literals[0].read()) == 3_000_000
