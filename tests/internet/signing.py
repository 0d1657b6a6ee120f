"""DKIM signatures of every kind, good and bad, made without the product's signer (RFC 6376 section 3.4: simple)."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# A public key of 512 bits, which the library makes no more; what is signed in its name need not verify.
RSA512 = (
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALOmDXGA0zooUx6Ib2fCK5I9NanH7yAjML6HQwckiBnVAGdI0o/y9UgXJ0V76+ZhBqMFA5nZ"
    "FbchYAi6OJWUcl8CAwEAAQ=="
)
SIGNED = ("From", "To", "Subject", "Date", "Message-ID")


@dataclass(frozen=True)
class Signature:
    """Who signs: ``d=`` and the selector; ``tags`` overrides or, with None, leaves out any tag.

    ``key`` names the key (``rsa``, ``rsa1024``, ``ed25519``, ``other``); ``names`` the fields signed.
    """

    domain: str = "good.example"
    selector: str = "s1"
    key: str = "rsa"
    names: Sequence[str] = SIGNED
    tags: Mapping[str, str | None] = field(default_factory=dict)
    length: int | None = None


@cache
def private_key(name: str) -> rsa.RSAPrivateKey | Ed25519PrivateKey:
    """Return the key of this name, the same for the whole run."""
    if name == "ed25519":
        return Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, int(name.removeprefix("rsa") or 2048) if name != "other" else 2048)


def public_text(name: str) -> str:
    """Return ``p=`` of the key of this name."""
    if name == "rsa512":
        return RSA512
    public = private_key(name).public_key()
    if name == "ed25519":
        form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    else:
        form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(public.public_bytes(*form)).decode()


def key_record(name: str, more: str = "") -> str:
    """Return the TXT of a key."""
    kind = "ed25519" if name == "ed25519" else "rsa"
    return f"v=DKIM1; k={kind}; {more}p={public_text(name)}"


def sign_plainly(octets: bytes, signature: Signature) -> bytes:
    """Return a DKIM-Signature field (``c=simple/simple``) of a message with CRLF line ends."""
    head, _, body = octets.partition(b"\r\n\r\n")
    body = body.rstrip(b"\r\n") + b"\r\n"
    hashed = body if signature.length is None else body[: signature.length]
    algorithm = "ed25519-sha256" if signature.key == "ed25519" else "rsa-sha256"
    usual: dict[str, str | None] = {"v": "1", "a": algorithm, "c": "simple/simple", "d": signature.domain}
    usual |= {"s": signature.selector, "h": ":".join(signature.names)}
    usual |= {"l": str(signature.length)} if signature.length is not None else {}
    usual |= {"bh": base64.b64encode(hashlib.sha256(hashed).digest()).decode()} | dict(signature.tags) | {"b": ""}
    text = "DKIM-Signature: " + "; ".join(f"{tag}={value}" for tag, value in usual.items() if value is not None)
    data = b"".join(_fields(head, signature.names)) + text.encode()
    return text.encode() + _signed(signature, usual, data) + b"\r\n"


def _fields(head: bytes, names: Sequence[str]) -> list[bytes]:
    """Return the fields to be hashed: of several with a name the last first (RFC 6376 section 5.4.2)."""
    left = head.replace(b"\r\n ", b"\0 ").split(b"\r\n")
    found = []
    for name in names:
        places = [place for place, line in enumerate(left) if line.lower().startswith(name.lower().encode() + b":")]
        if places:
            found.append(left.pop(places[-1]).replace(b"\0 ", b"\r\n ") + b"\r\n")
    return found


def _signed(signature: Signature, tags: Mapping[str, str | None], data: bytes) -> bytes:
    key = private_key(signature.key)
    if isinstance(key, Ed25519PrivateKey):
        return base64.b64encode(key.sign(hashlib.sha256(data).digest()))
    hash_ = hashes.SHA1() if tags["a"] == "rsa-sha1" else hashes.SHA256()
    return base64.b64encode(key.sign(data, padding.PKCS1v15(), hash_))
