"""Linear canonicalisation and OpenSSL behind dkimpy's own calls (RFC 6376 section 3.4, RFC 8463).

dkimpy signs and verifies; its canonicalisation and choice of fields are quadratic and its RSA is pure Python.
Importing this module replaces those parts in the library, once: keys are objects of ``cryptography``, hashes stay the
library's.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import dkim
import dkim.canonicalization
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from domains.dkim.keys import SigningKey
from domains.octets import MappedOctets, Octets, behind, spill

_MANY_LINE_ENDS = b"\r\n" * 4096
_WINDOW = 256 * 1024
_RUNS = tuple(b" " * length for length in (4096, 64, 8, 2))
_HASHES = {"sha256": SHA256(), "sha1": SHA1()}  # noqa: S303
_INSIDE_WORD = re.compile(rb"[^ \t\r\n]{2}")
_FIELD_END = re.compile(rb"\r\n(?![ \t])")
_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]+?)[ \t]*:")


def _single_spaces(octets: bytes) -> bytes:
    """Return the octets with each run of blanks and tabs as one space."""
    if b"\t" in octets:
        octets = octets.replace(b"\t", b" ")
    for run in _RUNS:  # a run of any length is one space after at most ten passes
        while run in octets:
            octets = octets.replace(run, b" ")
    return octets


def relaxed_headers(fields: Iterable[Sequence[bytes]]) -> list[tuple[bytes, bytes]]:
    """Return each (name, value) in relaxed form, the value ended by CRLF (RFC 6376 section 3.4.2)."""
    return [(field[0].lower().rstrip(), _relaxed_value(field[1])) for field in fields]


def _relaxed_value(value: bytes) -> bytes:
    value = value.strip()
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    return _single_spaces(value) + b"\r\n"


def select_fields(fields: Sequence[Sequence[bytes]], names: Iterable[bytes]) -> list[Sequence[bytes]]:
    """Return the fields that ``names`` (lower case) ask for, each from the bottom up (RFC 6376 section 5.4.2)."""
    waiting: dict[bytes, list[Sequence[bytes]]] = {}
    for field in fields:
        waiting.setdefault(field[0].lower(), []).append(field)
    return [waiting[name].pop() for name in names if waiting.get(name)]


def relaxed_body(body: Octets) -> bytes | memoryview:
    """Return the body in relaxed form (RFC 6376 section 3.4.4), in time linear in its size."""
    if isinstance(body, MappedOctets):
        return spill(_canonical_pieces(body, relaxed=True))
    stripped = simple_body(_relaxed_lines(body))
    return b"" if stripped == b"\r\n" else stripped


def simple_body(body: bytes) -> bytes:
    """Return the body without empty lines at its end, ended by one CRLF (RFC 6376 section 3.4.3)."""
    end = _end_of_text(body)
    return body + b"\r\n" if end == len(body) else body[: end + 2]


def body_digest(body: Octets, canonicalisation: str, algorithm: str) -> bytes:
    """Return the hash of a body in ``relaxed`` or ``simple`` form, read in windows: it is never copied whole."""
    hasher = hashlib.new(algorithm)
    for piece in _canonical_pieces(body, canonicalisation == "relaxed"):
        hasher.update(piece)
    return hasher.digest()


def _canonical_pieces(body: Octets, relaxed: bool) -> Iterator[bytes | memoryview]:
    """Yield the canonical form of a body in pieces of about a window."""
    held, begun = 0, False  # line ends held back: those at the body's end do not count
    for window in _windows(body):
        lines = _relaxed_lines(window) if relaxed else window
        end = _end_of_text(lines)
        ends = (len(lines) - end) // 2
        if not end:
            held += ends
            continue
        for step in range(0, held, 4096):
            yield _MANY_LINE_ENDS[: 2 * min(4096, held - step)]
        yield lines if end == len(lines) else memoryview(lines)[:end]
        held, begun = ends, True
    if begun or not relaxed:
        yield b"\r\n"


def _windows(body: Octets) -> Iterator[bytes]:
    """Yield the body in pieces of about ``_WINDOW`` octets, each ended by a line end or inside a word."""
    if isinstance(body, bytes) and len(body) <= _WINDOW:
        yield body
        return
    start = 0
    while start < len(body):
        size = 2 * _WINDOW
        while not (piece := _whole_lines(body[start : start + size], start + size >= len(body))):
            size *= 2  # nothing but white space
        yield piece
        start += len(piece)


def _whole_lines(octets: bytes, last: bool) -> bytes:
    """Return the octets up to where canonicalisation can be cut, nothing where it cannot."""
    if last:
        return octets
    end = octets.find(b"\r\n", len(octets) // 2)
    if end >= 0:
        return octets[: end + 2]
    inside = _INSIDE_WORD.search(octets, len(octets) // 2)
    return octets[: inside.start() + 1] if inside else b""


def _relaxed_lines(lines: bytes) -> bytes:
    lines = _single_spaces(lines)
    if b" \r\n" in lines:
        lines = lines.replace(b" \r\n", b"\r\n")
    return lines.removesuffix(b" ")


def _end_of_text(lines: bytes) -> int:
    """Return where the text ends before the line ends at its end."""
    end = len(lines)
    for step in (_MANY_LINE_ENDS, b"\r\n"):
        while lines.endswith(step, 0, end):
            end -= len(step)
    return end


def split_message(octets: Octets) -> tuple[list[list[bytes]], Octets]:
    """Return header fields as ``[name, value with CRLF]`` and the body; raises dkim.MessageFormatError.

    Only the header block is taken apart, so the time does not grow with the body's lines.
    """
    if octets.startswith(b"\r\n"):
        return [], behind(octets, 2)
    end = octets.find(b"\r\n\r\n")
    block = octets[:].removesuffix(b"\r\n") if end < 0 else octets[:end]
    body = behind(octets, end + 4) if end >= 0 else b""
    fields: list[list[bytes]] = []
    for field in _FIELD_END.split(block):
        match = _FIELD.match(field)
        if match is None:
            raise dkim.MessageFormatError("a header line without a name")
        fields.append([match[1], field[match.end() :] + b"\r\n"])
    return fields, body


class Message(dkim.DKIM):  # type: ignore[misc]
    """dkimpy's message with the header block split once, and the body hashed once for all signatures alike."""

    def set_message(self, message: Octets) -> None:
        """Take the message apart; raises dkim.MessageFormatError."""
        super().set_message(b"")
        self.headers, self.body = split_message(message)
        self._digests: dict[tuple[str, str], bytes] = {}

    def body_hash(self, canonicalisation: str, algorithm: str) -> bytes:
        """Return the body's hash, computed at the first question; the canonicalisation is that of the body."""
        asked = (canonicalisation, algorithm)
        if asked not in self._digests:
            self._digests[asked] = body_digest(self.body, *asked)
        return self._digests[asked]

    def verify_sig_process(
        self, sig: dict[bytes, bytes], include_headers: list[bytes], sig_header: Sequence[bytes], dnsfunc: Any
    ) -> bool:
        """Hold ``bh=`` against the shared hash, and leave the rest to the library; ``l=`` is not known here."""
        _, _, canonicalisation = sig.get(b"c", b"").partition(b"/")
        algorithm = sig[b"a"].rpartition(b"-")[2].decode()
        told = base64.b64decode(b"".join(sig[b"bh"].split()))
        if self.body_hash(canonicalisation.decode() or "simple", algorithm) != told:
            raise dkim.ValidationError("body hash mismatch")
        rest = {tag: value for tag, value in sig.items() if tag != b"bh"}
        return bool(super().verify_sig_process(rest, include_headers, sig_header, dnsfunc))


class _RsaKey(dict[str, int]):
    """What dkimpy asks of a public key (its modulus), beside the key itself."""

    def __init__(self, key: RSAPublicKey) -> None:
        numbers = key.public_numbers()
        super().__init__(modulus=numbers.n, publicExponent=numbers.e)
        self.key = key


@lru_cache(maxsize=512)
def parse_public_key(der: bytes) -> _RsaKey:
    """Return the key of a SubjectPublicKeyInfo or RSAPublicKey in DER; raises dkim.UnparsableKeyError."""
    try:
        key = load_der_public_key(der)
    except (ValueError, TypeError) as error:
        raise dkim.UnparsableKeyError(f"not an RSA key: {error}") from error
    if not isinstance(key, RSAPublicKey):
        raise dkim.UnparsableKeyError("not an RSA key")
    return _RsaKey(key)


_SIGNATURE = re.compile(rb"(\A|;)(\s*b\s*=)[^;]*")


def without_signature(value: bytes) -> bytes:
    """Return a signature field's value with an empty ``b=`` (RFC 6376 section 3.5)."""
    return _SIGNATURE.sub(rb"\1\2", value)


def sign_digest(key: SigningKey, octets: bytes) -> bytes:
    """Return the signature over the SHA-256 of the octets (RFC 6376 section 3.3.1, RFC 8463 section 3)."""
    if isinstance(key, RSAPrivateKey):
        return key.sign(octets, PKCS1v15(), SHA256())
    return key.sign(hashlib.sha256(octets).digest())


def verify_digest(key_type: str, public_key: str, octets: bytes, signature: bytes) -> bool:
    """Return whether a signature of ``rsa`` or ``ed25519`` by the key of a record (``p=``) verifies."""
    try:
        if key_type == "ed25519":
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
            key.verify(signature, hashlib.sha256(octets).digest())
        else:
            parse_public_key(base64.b64decode(public_key, validate=True)).key.verify(
                signature, octets, PKCS1v15(), SHA256()
            )
    except (InvalidSignature, ValueError, dkim.UnparsableKeyError):
        return False
    return True


def _rsa_sign(hasher: Any, key: Any) -> bytes:
    return bytes(key.sign(hasher.digest(), PKCS1v15(), Prehashed(_HASHES[hasher.name])))


def _rsa_verify(hasher: Any, signature: bytes, public_key: _RsaKey) -> bool:
    try:
        public_key.key.verify(signature, hasher.digest(), PKCS1v15(), Prehashed(_HASHES[hasher.name]))
    except InvalidSignature:
        return False
    return True


class _BadSignature(Exception):
    """An Ed25519 signature does not verify."""


class _VerifyKey:
    def __init__(self, text: bytes, encoder: object = None) -> None:
        try:
            self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
        except (ValueError, binascii.Error) as error:
            raise ValueError(str(error)) from error

    def verify(self, digest: bytes, signature: bytes) -> None:
        try:
            self._key.verify(signature, digest)
        except InvalidSignature as error:
            raise _BadSignature from error


class _SigningKey:
    def __init__(self, key: Any, encoder: object = None) -> None:
        self._key = key

    def sign(self, digest: bytes) -> SimpleNamespace:
        return SimpleNamespace(signature=self._key.sign(digest))


def _replace_slow_parts() -> None:
    dkim.select_headers = select_fields
    dkim.canonicalization.Relaxed.canonicalize_headers = staticmethod(relaxed_headers)
    dkim.canonicalization.Relaxed.canonicalize_body = staticmethod(relaxed_body)
    dkim.canonicalization.Simple.canonicalize_body = staticmethod(simple_body)
    dkim.parse_public_key = parse_public_key
    dkim.parse_pem_private_key = lambda key: key
    dkim.RSASSA_PKCS1_v1_5_sign = _rsa_sign
    dkim.RSASSA_PKCS1_v1_5_verify = _rsa_verify
    dkim.nacl = SimpleNamespace(
        signing=SimpleNamespace(VerifyKey=_VerifyKey, SigningKey=_SigningKey),
        encoding=SimpleNamespace(Base64Encoder=None),
        exceptions=SimpleNamespace(ValueError=ValueError, BadSignatureError=_BadSignature),
    )


_replace_slow_parts()
