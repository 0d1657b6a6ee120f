"""ARC sets (RFC 8617 section 4.1): the three fields of an instance, and what a seal is computed over."""

import re
from collections.abc import Sequence

from domains.dkim.canonical import relaxed_headers, without_signature

MAXIMUM_INSTANCE = 50
# The order in which a set's fields are sealed (RFC 8617 section 5.1.1).
NAMES = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")
_INSTANCE = re.compile(rb"(?:\A|;)\s*i\s*=\s*(\d{1,3})\s*(?:;|\Z)")
_READ_OCTETS = 64 * 1024


def instance_of(value: bytes) -> int:
    """Return the instance that a field's value names, 0 when it names none."""
    match = _INSTANCE.search(value[:_READ_OCTETS])
    return int(match[1]) if match else 0


def seal_input(chain: Sequence[Sequence[Sequence[bytes]]]) -> bytes:
    """Return what the last seal is computed over: every set's fields as ``(name, value)``, in the order of ``NAMES``.

    The last field is the seal itself, taken without its ``b=`` and without the line end (RFC 8617 section 5.1.1).
    """
    fields = [field for one in chain for field in one]
    *others, seal = fields
    octets = b"".join(name + b":" + value for name, value in relaxed_headers(others))
    ((name, value),) = relaxed_headers([(seal[0], without_signature(seal[1]))])
    return octets + name + b":" + value.rstrip(b"\r\n")
