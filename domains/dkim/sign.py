"""DKIM signatures of ours (RFC 6376, RFC 8301, RFC 8463): relaxed/relaxed, no ``l=``, singletons oversigned.

A singleton is named once more than it stands in the message, so that none can be added or doubled on the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import dkim

from domains.dkim.canonical import Message
from domains.dkim.keys import SigningKey
from domains.octets import Octets

OVERSIGNED = (
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"in-reply-to",
    b"references",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
)
SIGNED = frozenset(
    (
        *OVERSIGNED,
        b"sender",
        b"content-id",
        b"content-description",
        b"list-id",
        b"list-help",
        b"list-unsubscribe",
        b"list-unsubscribe-post",
        b"list-subscribe",
        b"list-post",
        b"list-owner",
        b"list-archive",
    )
)
_ALGORITHMS = {"rsa2048": b"rsa-sha256", "rsa4096": b"rsa-sha256", "ed25519": b"ed25519-sha256"}


class CannotSign(ValueError):
    """The message cannot be signed; ``str()`` says why."""


@dataclass(frozen=True, slots=True)
class LoadedKey:
    """A key ready to sign; ``algorithm`` is ``rsa2048``, ``rsa4096`` or ``ed25519``."""

    selector: str
    algorithm: str
    key: SigningKey

    def __repr__(self) -> str:
        return f"LoadedKey({self.selector!r}, {self.algorithm!r})"


def sign(octets: Octets, signing_domain: str, keys: Sequence[LoadedKey]) -> bytes:
    """Return one DKIM-Signature field a key, each ending CRLF, to stand before the message (CRLF line ends).

    Raises CannotSign when the header block cannot be read or has no From.
    """
    try:
        message = Message(octets)
        names = _names(message)
        return b"".join(_signature(message, names, signing_domain.encode(), key) for key in keys)
    except dkim.DKIMException as error:
        raise CannotSign(str(error)) from error


def _names(message: Message) -> list[bytes]:
    present = [name.lower() for name, _ in message.headers]
    if b"from" not in present:
        raise CannotSign("it has no From")
    return [*(name for name in present if name in SIGNED), *OVERSIGNED]


def _signature(message: Message, names: Sequence[bytes], domain: bytes, key: LoadedKey) -> bytes:
    return bytes(
        message.sign(
            key.selector.encode(),
            domain,
            key.key,
            signature_algorithm=_ALGORITHMS[key.algorithm],
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=list(names),
        )
    )
