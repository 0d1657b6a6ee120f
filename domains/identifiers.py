"""Identifiers that sort by time, for messages, queue entries and traces.

An identifier is 26 characters of Crockford base32 in lower case: 48 bits of milliseconds since 1970,
then 80 random bits. It is safe in an SMTP reply, in a URL and as a file name.
"""

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_identifier() -> str:
    """Return a fresh identifier: 26 characters, later ones sort after earlier ones."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
