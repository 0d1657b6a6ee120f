"""The base subject (RFC 5256 §2.1) and comparison without case (RFC 5051)."""

import time

import pytest

from mailboxes.mime.subject import base_subject, casemapped


@pytest.mark.parametrize(
    ("value", "base", "is_reply"),
    [
        (b"hello", "hello", False),
        (b"Re: hello", "hello", True),
        (b"RE :hello", "hello", True),  # white space before the colon
        (b"Fw: Fwd: re: hello", "hello", True),  # any number of them
        (b"Re[2]: hello", "hello", True),  # a blob inside
        (b"[list] hello", "hello", False),  # a blob before, which is no reply
        (b"[list] Re: [list] hello", "hello", True),
        (b"Re: [list] Re: hello", "hello", True),
        (b"[one] [two] hello", "hello", False),
        (b"[list]", "[list]", False),  # a blob alone is the subject
        (b"[one][two]", "[two]", False),  # of two the last stays
        (b"hello (fwd)", "hello", True),
        (b"hello (FWD) (fwd)  ", "hello", True),
        (b"[Fwd: hello]", "hello", True),
        (b"[fwd: [FWD: Re: hello]]", "hello", True),
        (b"[fwd: hello", "[fwd: hello", False),  # it is not closed
        (b"  two\t  spaces ", "two spaces", False),
        (b"Re:", "", True),
        (b"", "", False),
        (b"react: hello", "react: hello", False),  # no word of a reply
        (b"Ref: hello", "Ref: hello", False),
        (b"Re hello", "Re hello", False),  # no colon
        (b"=?utf-8?q?Re=3A_gr=C3=BC=C3=9Fe?=", "grüße", True),  # decoded first
        (b"Re: \xc3\xbc", "ü", True),
        (b"[unclosed Re: hello", "[unclosed Re: hello", False),
    ],
)
def test_base_subject(value: bytes, base: str, is_reply: bool) -> None:
    assert base_subject(value) == (base, is_reply)


@pytest.mark.parametrize(
    "value", [b"[a]" * 20_000, b"re:" * 20_000, b"[fwd:" * 12_000 + b"]" * 4_000, b"(fwd)" * 12_000]
)
def test_a_subject_made_for_it_costs_little(value: bytes) -> None:
    begin = time.process_time()
    base_subject(value)
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("Straße", "sTRAßE", True), ("Éa", "éA", True), ("ﬁ", "fi", False), ("é", "e\u0301", True), ("a", "b", False)],
)
def test_case_is_folded(one: str, other: str, same: bool) -> None:
    assert (casemapped(one) == casemapped(other)) is same
