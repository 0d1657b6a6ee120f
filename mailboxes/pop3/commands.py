"""What a client says: one line, one command (RFC 1939 §3, RFC 2449 §4, RFC 5034, RFC 6856). Pure.

A keyword stands in any case. PASS takes the rest of its line as it is, spaces too. Nothing here knows a maildrop.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Flag, auto

_KEYWORD = re.compile(rb"([A-Za-z0-9]{3,8})(?: |\Z)")
_NUMBER = re.compile(rb"[0-9]{1,10}")


class State(Flag):
    """Where a session stands (RFC 1939 §3)."""

    AUTHORIZATION = auto()
    TRANSACTION = auto()
    UPDATE = auto()


class SyntaxFault(ValueError):
    """The line is no command of ours; ``str()`` is one public sentence."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its arguments: ``words`` are octets as sent, ``numbers`` what was a number among them."""

    name: str
    words: tuple[bytes, ...] = ()
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """How a command's arguments are read, and in which states it may come."""

    states: State
    read: Callable[[str, bytes], Command]


def _nothing(name: str, rest: bytes) -> Command:
    """No argument; a space behind the keyword does no harm."""
    if rest.strip(b" "):
        raise SyntaxFault("This command takes no argument")
    return Command(name)


def _numbers(least: int, most: int) -> Callable[[str, bytes], Command]:
    """So many numbers between single spaces."""

    def read(name: str, rest: bytes) -> Command:
        words = rest.strip(b" ").split(b" ") if rest.strip(b" ") else []
        if not least <= len(words) <= most:
            raise SyntaxFault("The arguments are too many or too few")
        if not all(_NUMBER.fullmatch(word) for word in words):
            raise SyntaxFault("The argument is no number")
        return Command(name, tuple(words), tuple(int(word) for word in words))

    return read


def _text(name: str, rest: bytes) -> Command:
    """Everything behind the first space; not empty."""
    if not rest:
        raise SyntaxFault("The argument is missing")
    return Command(name, (rest,))


def _mechanism(name: str, rest: bytes) -> Command:
    """A mechanism and perhaps an initial response (RFC 5034 §4)."""
    words = tuple(rest.strip(b" ").split(b" "))
    if len(words) > 2 or b"" in words:
        raise SyntaxFault("The arguments are a mechanism and a response")
    return Command(name, words)


RULES: Mapping[str, Rule] = {
    "CAPA": Rule(State.AUTHORIZATION | State.TRANSACTION, _nothing),
    "STLS": Rule(State.AUTHORIZATION, _nothing),
    "UTF8": Rule(State.AUTHORIZATION, _nothing),
    "USER": Rule(State.AUTHORIZATION, _text),
    "PASS": Rule(State.AUTHORIZATION, _text),
    "AUTH": Rule(State.AUTHORIZATION, _mechanism),
    "STAT": Rule(State.TRANSACTION, _nothing),
    "LIST": Rule(State.TRANSACTION, _numbers(0, 1)),
    "UIDL": Rule(State.TRANSACTION, _numbers(0, 1)),
    "RETR": Rule(State.TRANSACTION, _numbers(1, 1)),
    "TOP": Rule(State.TRANSACTION, _numbers(2, 2)),
    "DELE": Rule(State.TRANSACTION, _numbers(1, 1)),
    "RSET": Rule(State.TRANSACTION, _nothing),
    "NOOP": Rule(State.TRANSACTION, _nothing),
    "QUIT": Rule(State.AUTHORIZATION | State.TRANSACTION, _nothing),
}


def parse_command(line: bytes, state: State) -> Command:
    """Return the command of a line without its CRLF; raises SyntaxFault, also for one that the state forbids."""
    if b"\0" in line:
        raise SyntaxFault("A line holds no NUL")
    found = _KEYWORD.match(line)
    name = found[1].decode("ascii").upper() if found is not None else ""
    rule = RULES.get(name)
    if rule is None or found is None:
        raise SyntaxFault("The command is not known")
    if state not in rule.states:
        raise SyntaxFault("The command is not allowed now")
    return rule.read(name, line[found.end() :])
