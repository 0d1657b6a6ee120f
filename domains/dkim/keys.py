"""DKIM key pairs: made, stored as PKCS#8 DER, published as base64 (RFC 6376 section 3.6.1, RFC 8301, RFC 8463)."""

import base64
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

SigningKey = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class KeyPair:
    """``private_der`` is PKCS#8; ``public_key`` the text of the record's ``p=``. Never shown as a whole."""

    private_der: bytes
    public_key: str

    def __repr__(self) -> str:
        return "KeyPair(…)"


def generate_key(algorithm: str) -> KeyPair:
    """Return a fresh pair for ``rsa2048`` or ``ed25519``; RSA takes about 0.1 s."""
    if algorithm == "rsa2048":
        return _pair(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    if algorithm == "ed25519":
        return _pair(Ed25519PrivateKey.generate())
    raise ValueError(f"{algorithm} is not rsa2048 or ed25519")


def _pair(key: SigningKey) -> KeyPair:
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    if isinstance(key, Ed25519PrivateKey):
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    else:
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(private, base64.b64encode(public).decode())


def load_key(private_der: bytes) -> SigningKey:
    """Return the key object; raises ValueError for anything but RSA and Ed25519."""
    key = load_der_private_key(private_der, None)
    if not isinstance(key, (RSAPrivateKey, Ed25519PrivateKey)):
        raise ValueError("not an RSA or Ed25519 key")
    return key
