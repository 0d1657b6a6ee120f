"""DKIM key pairs: made, stored as PKCS#8 DER, published as base64 (RFC 6376 section 3.6.1, RFC 8301, RFC 8463)."""

import base64
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

SigningKey = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class KeyPair:
    """``private_der`` is PKCS#8; ``public_key`` the text of the record's ``p=``. Never shown as a whole."""

    private_der: bytes
    public_key: str

    def __repr__(self) -> str:
        return "KeyPair(…)"


RSA_BITS = {"rsa2048": 2048, "rsa4096": 4096}


class UnusableKey(ValueError):
    """What was given is not a private key that can sign here; ``str()`` says why."""


def generate_key(algorithm: str) -> KeyPair:
    """Return a fresh pair for ``rsa2048``, ``rsa4096`` or ``ed25519``; RSA takes about 0.1 s, 4096 a second."""
    if algorithm == "ed25519":
        return _pair(Ed25519PrivateKey.generate())
    if algorithm not in RSA_BITS:
        raise ValueError(f"{algorithm} is not rsa2048, rsa4096 or ed25519")
    return _pair(rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS[algorithm]))


def import_key(pem: str) -> tuple[str, KeyPair]:
    """Return the algorithm and the pair of a private key in PEM (PKCS#8 or PKCS#1); raises UnusableKey."""
    try:
        key = load_pem_private_key(pem.strip().encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnusableKey("it is not an unencrypted private key in PEM") from error
    if isinstance(key, Ed25519PrivateKey):
        return "ed25519", _pair(key)
    sizes = {bits: name for name, bits in RSA_BITS.items()}
    if isinstance(key, RSAPrivateKey) and key.key_size in sizes:
        return sizes[key.key_size], _pair(key)
    raise UnusableKey("allowed are RSA keys of 2048 or 4096 bits and Ed25519 keys")


def export_key(private_der: bytes) -> str:
    """Return a stored key as PKCS#8 in PEM."""
    return load_key(private_der).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


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
