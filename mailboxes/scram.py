"""The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677, RFC 5929 §4).

Pure: octets in, octets out; salt, nonce and verifiers are given. One account has several verifiers under one salt, so
that a client which knows but one of several passwords need not say which; the proof tells. Channel binding is
``tls-server-end-point`` alone.
"""

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import pbkdf2_hmac, sha256

ITERATIONS = 4096  # RFC 7677 §4; the passwords are random, so more would only cost the devices
SCRAM = "SCRAM-SHA-256"
SCRAM_PLUS = "SCRAM-SHA-256-PLUS"
BINDING_TYPE = b"tls-server-end-point"
MESSAGE_OCTETS = 4096
_NAME = re.compile(rb"(?:[^\x00,=]|=2C|=3D)+")
_NONCE = re.compile(rb"[\x21-\x2b\x2d-\x7e]{1,512}")
_FIRST = re.compile(rb"(n|y|p=[A-Za-z0-9.-]+),(?:a=([^,]*))?,(n=([^,]*),r=([^,]*)(?:,[A-Za-z]=[^,]+)*)")
_FINAL = re.compile(rb"(c=([^,]*),r=([^,]*)(?:,[A-Za-z]=[^,]+)*),p=([^,]*)")


class ScramFault(ValueError):
    """The exchange cannot go on; ``str()`` is one public sentence without a full stop."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """What is kept of a password (RFC 5802 §3)."""

    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


def make_verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> Verifier:
    """Return the verifier of a password of ASCII characters."""
    salted = pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", sha256)
    return Verifier(sha256(client_key).digest(), hmac.digest(salted, b"Server Key", sha256))


def scram_mechanisms(binding: bytes | None) -> tuple[str, ...]:
    """Return the mechanisms that can be offered on a connection, by its channel binding."""
    return (SCRAM,) if binding is None else (SCRAM, SCRAM_PLUS)


class ScramServer:
    """One exchange: ``read_first``, ``challenge``, ``read_final``, ``outcome``, in this order.

    ``binding`` is the hash of the certificate that this connection shows, or None when it is not known; then
    SCRAM-SHA-256-PLUS is not offered. ``plus`` tells whether the client chose it. ``nonce`` is the server's part.
    """

    def __init__(self, nonce: bytes, binding: bytes | None = None, plus: bool = False) -> None:
        self._nonce = nonce
        self._binding = binding
        self._plus = plus
        self._header = b""
        self._bare = b""
        self._server_first = b""
        self._auth_message = b""

    def read_first(self, message: bytes) -> str:
        """Return the user name of the client-first-message; raises ScramFault."""
        match = _FIRST.fullmatch(message) if len(message) <= MESSAGE_OCTETS else None
        if match is None or not _NAME.fullmatch(match[4]) or not _NONCE.fullmatch(match[5]):
            raise ScramFault("The first SCRAM message is malformed")
        self._check_binding(match[1])
        if match[2] not in (None, match[4]):
            raise ScramFault("Acting for another user is not offered")
        self._header, self._bare = message[: match.start(3)], match[3]
        self._nonce = match[5] + self._nonce
        try:
            return match[4].replace(b"=2C", b",").replace(b"=3D", b"=").decode()
        except UnicodeDecodeError:
            raise ScramFault("The user name is not UTF-8") from None

    def _check_binding(self, flag: bytes) -> None:
        """Compare the channel binding flag with the mechanism and with what was offered (RFC 5802 §6)."""
        if self._plus != flag.startswith(b"p="):
            raise ScramFault("The mechanism and the channel binding flag disagree")
        if self._plus and (self._binding is None or flag != b"p=" + BINDING_TYPE):
            raise ScramFault("The only channel binding here is tls-server-end-point")
        if flag == b"y" and self._binding is not None:
            raise ScramFault("Channel binding was offered; somebody hid it from you")

    def challenge(self, salt: bytes, iterations: int = ITERATIONS) -> bytes:
        """Return the server-first-message."""
        self._server_first = b"r=%b,s=%b,i=%d" % (self._nonce, b64encode(salt), iterations)
        return self._server_first

    def read_final(self, message: bytes, verifiers: Sequence[Verifier]) -> int | None:
        """Return the place of the verifier that the client's proof fits, None when none does; raises ScramFault.

        Every verifier is looked at, whichever fits.
        """
        match = _FINAL.fullmatch(message) if len(message) <= MESSAGE_OCTETS else None
        if match is None:
            raise ScramFault("The final SCRAM message is malformed")
        bound = self._header + (self._binding or b"" if self._plus else b"")
        if not hmac.compare_digest(_decode(match[2]), bound):
            raise ScramFault("The channel bindings do not match")
        if not hmac.compare_digest(match[3], self._nonce):
            raise ScramFault("The nonce is not the one of this exchange")
        proof = _decode(match[4])
        if len(proof) != sha256().digest_size:
            raise ScramFault("The final SCRAM message is malformed")
        self._auth_message = b",".join((self._bare, self._server_first, match[1]))
        fitting = [place for place, verifier in enumerate(verifiers) if self._fits(proof, verifier)]
        return fitting[0] if fitting else None

    def _fits(self, proof: bytes, verifier: Verifier) -> bool:
        signature = hmac.digest(verifier.stored_key, self._auth_message, sha256)
        client_key = bytes(left ^ right for left, right in zip(proof, signature, strict=True))
        return hmac.compare_digest(sha256(client_key).digest(), verifier.stored_key)

    def outcome(self, verifier: Verifier) -> bytes:
        """Return the server-final-message of the verifier that fitted."""
        return b"v=" + b64encode(hmac.digest(verifier.server_key, self._auth_message, sha256))


def _decode(text: bytes) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ScramFault("A part of the SCRAM message is not base64") from None
