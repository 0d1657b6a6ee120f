"""Dot-stuffing and line ends, as properties."""

import re
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailboxes.pop3.lines import END, first_lines, line_octets, stuffed, whole_lines

TEXTS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"bc", b"\0", b"\xff"]), max_size=40).map(
    b"".join
)


def cut(octets: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[start:end] for start, end in pairwise(edges)]


def unstuffed(octets: bytes) -> bytes:
    """What a client reads: lines up to a dot alone."""
    lines = []
    for line in octets.split(b"\r\n"):
        if line == b".":
            return b"".join(line + b"\r\n" for line in lines)
        lines.append(line.removeprefix(b"."))
    raise AssertionError("the answer has no end")


@given(TEXTS, st.lists(st.integers(0, 200), max_size=8))
def test_a_client_reads_the_lines_however_they_are_cut(octets: bytes, places: list[int]) -> None:
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", octets)
    if lines and not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    sent = b"".join(stuffed(whole_lines(cut(octets, places))))
    assert unstuffed(sent) == lines
    assert sent.endswith(END)
    assert sent.count(b"\r") == sent.count(b"\n") == sent.count(b"\r\n")
    assert line_octets(octets) == len(lines)


@given(TEXTS, st.lists(st.integers(0, 200), max_size=8), st.integers(0, 12))
def test_the_first_lines_are_those_of_the_whole(octets: bytes, places: list[int], count: int) -> None:
    pieces = list(whole_lines(cut(octets, places)))
    lines = re.findall(rb"[^\n]*\n", b"".join(pieces))
    assert b"".join(first_lines(pieces, count)) == b"".join(lines[:count])


@pytest.mark.parametrize(
    ("octets", "sent"),
    [
        (b"", b".\r\n"),  # nothing at all
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),  # no end of the last line
        (b".\r\n", b"..\r\n.\r\n"),  # a dot alone must not end the answer
        (b"a\n.\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),  # nor one between bare LFs
        (b"a\r.\rb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),  # nor one between bare CRs
        (b"\r\r\n", b"\r\n\r\n.\r\n"),
    ],
)
def test_what_is_sent(octets: bytes, sent: bytes) -> None:
    assert b"".join(stuffed(whole_lines([octets]))) == sent
