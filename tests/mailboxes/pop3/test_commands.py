"""One line, one command: what is read, and that nothing but the declared fault comes of anything else."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailboxes.pop3.commands import RULES, Command, State, SyntaxFault, parse_command

NAMES = st.sampled_from([name.encode() for name in RULES])


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"NOOP", Command("NOOP")),
        (b"noop ", Command("NOOP")),  # a space behind a keyword does no harm
        (b"List", Command("LIST")),
        (b"LIST 2", Command("LIST", (b"2",), (2,))),
        (b"TOP 10 0", Command("TOP", (b"10", b"0"), (10, 0))),
    ],
)
def test_what_is_read_after_the_sign_in(line: bytes, command: Command) -> None:
    assert parse_command(line, State.TRANSACTION) == command


def test_a_password_is_the_rest_of_its_line() -> None:
    assert parse_command(b"PASS  two  spaces ", State.AUTHORIZATION).words == (b" two  spaces ",)


@pytest.mark.parametrize(
    ("line", "state", "text"),
    [
        (b"STAT", State.AUTHORIZATION, "The command is not allowed now"),
        (b"USER alice", State.TRANSACTION, "The command is not allowed now"),
        (b"NOOP", State.UPDATE, "The command is not allowed now"),
        (b"", State.TRANSACTION, "The command is not known"),
        (b" NOOP", State.TRANSACTION, "The command is not known"),
        (b"NOOP\t", State.TRANSACTION, "The command is not known"),
        (b"NOOP now", State.TRANSACTION, "This command takes no argument"),
        (b"RETR", State.TRANSACTION, "The arguments are too many or too few"),
        (b"RETR one", State.TRANSACTION, "The argument is no number"),
        (b"RETR \xd9\xa1", State.TRANSACTION, "The argument is no number"),  # a digit, in Arabic
        (b"RETR 12345678901", State.TRANSACTION, "The argument is no number"),
        (b"TOP 1  2", State.TRANSACTION, "The arguments are too many or too few"),
        (b"AUTH", State.AUTHORIZATION, "The arguments are a mechanism and a response"),
        (b"PASS a\0b", State.AUTHORIZATION, "A line holds no NUL"),
    ],
)
def test_what_is_refused(line: bytes, state: State, text: str) -> None:
    with pytest.raises(SyntaxFault, match=text):
        parse_command(line, state)


@given(st.binary(max_size=80) | st.tuples(NAMES, st.binary(max_size=80)).map(b" ".join), st.sampled_from(list(State)))
@example(b"TOP 1 \xff", State.TRANSACTION)
def test_nothing_but_the_declared_fault(line: bytes, state: State) -> None:
    with contextlib.suppress(SyntaxFault):
        assert parse_command(line, state).name in RULES
