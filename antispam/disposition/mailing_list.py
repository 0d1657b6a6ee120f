"""The signs that a message came through a mailing list (RFC 2919, RFC 2369, and what list servers wrote before).

A list changes what DKIM signed and sends from its own host, so that the mail of its subscribers fails DMARC through
no fault of theirs. Anybody can write such a field: it is evidence that a failure may be innocent, never a pass.
List-Unsubscribe alone is no sign, for newsletters carry it too.
"""

import re
from collections.abc import Sequence

from mailboxes.mime.headers import Field

SIGN_OCTETS = 255

_IDENTIFIER = re.compile(rb"<([^<>\r\n]{1,255})>\s*$")
_PRECEDENCE = b"precedence"
# The strongest sign first.
_FIELDS = (b"list-id", b"list-post", b"mailing-list", b"x-mailing-list", b"x-beenthere")


def mailing_list_sign(fields: Sequence[Field]) -> str:
    """Return the identifier of the list, or the field that speaks for one; empty when none does."""
    found: dict[bytes, bytes] = {}
    for field in fields:
        key = field.key
        if key in _FIELDS or key == _PRECEDENCE:
            found.setdefault(key, field.value)
    if found.get(_FIELDS[0]):
        return _identifier(found[_FIELDS[0]])
    for key in _FIELDS[1:]:
        if found.get(key):
            return _text(key.title() + b": " + found[key])
    return "Precedence: list" if found.get(_PRECEDENCE, b"").lower() == b"list" else ""


def _identifier(value: bytes) -> str:
    """Return what stands between the angle brackets (RFC 2919 section 3), else the value as it is."""
    match = _IDENTIFIER.search(value[-1000:])
    return _text(match[1] if match else value)


def _text(octets: bytes) -> str:
    return octets[:SIGN_OCTETS].decode("utf-8", "replace").strip()
