"""Work that must not run twice at once: a PostgreSQL advisory lock by name, held by this connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

from django.db import InterfaceError, OperationalError, connection

_SPACE = b"mailadmin.single_run."


def lock_key(name: str) -> int:
    """Return the lock's number: 64 bits with sign, the same in every process."""
    return int.from_bytes(blake2b(_SPACE + name.encode(), digest_size=8).digest(), "big", signed=True)


@contextmanager
def single_run(name: str) -> Iterator[bool]:
    """Yield True when no other connection does the work of this name now, else False; freed at the end.

    A process that dies frees it too, for the lock goes with its connection. Never waits.
    """
    key = lock_key(name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        row = cursor.fetchone()
    ours = bool(row and row[0])
    try:
        yield ours
    finally:
        if ours:
            _free(key)


def _free(key: int) -> None:
    """Free the lock; on a broken connection it is free already."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
    except (InterfaceError, OperationalError):
        connection.close()
