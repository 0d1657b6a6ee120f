"""Identifiers that sort by time, for messages, queue entries and traces.

An identifier is 26 characters of Crockford base32 in lower case: 48 bits of milliseconds since 1970,
then 80 random bits. It is safe in an SMTP reply, in a URL and as a file name.
"""

import os
import time
from datetime import UTC, datetime, timedelta

TIME_LENGTH = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_identifier() -> str:
    """Return a fresh identifier: 26 characters, later ones sort after earlier ones."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def identifier_at(moment: datetime) -> str:
    """Return the first 10 characters of identifiers made at a moment: every later one sorts after it."""
    value = max((moment - _EPOCH) // timedelta(milliseconds=1), 0)
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(45, -1, -5))


def moment_of(identifier: str) -> datetime:
    """Return when the identifier was made; raises ValueError when it is none."""
    if len(identifier) < TIME_LENGTH or any(letter not in _ALPHABET for letter in identifier[:TIME_LENGTH]):
        raise ValueError("not an identifier")
    value = 0
    for letter in identifier[:TIME_LENGTH]:
        value = value << 5 | _ALPHABET.index(letter)
    try:
        return _EPOCH + timedelta(milliseconds=value)
    except OverflowError as fault:
        raise ValueError("not an identifier") from fault
