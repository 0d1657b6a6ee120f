"""A certificate chain with its private key, in memory: read from files or sealed rows, given to TLS contexts."""

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

_end_points: "WeakKeyDictionary[ssl.SSLContext, bytes | None]" = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Pair:
    """Both in PEM, the leaf first in the chain."""

    chain: bytes
    key: bytes = field(repr=False)


def read_pair(certificate: Path, key: Path) -> Pair:
    """Return the pair of two files; raises OSError."""
    return Pair(certificate.read_bytes(), key.read_bytes())


def load_pair(context: ssl.SSLContext, pair: Pair) -> None:
    """Make a server context use the pair; raises OSError, of which ssl.SSLError is one.

    OpenSSL reads files only: this one is memory, never on a disk.
    """
    descriptor = os.memfd_create("pair", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pair.chain + b"\n" + pair.key)
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    _end_points[context] = _end_point(pair.chain)


def end_point_of(context: ssl.SSLContext) -> bytes | None:
    """Return what ``tls-server-end-point`` binds to (RFC 5929 §4.1): the hash of the certificate that it shows.

    None when that is not defined for the certificate, or the context was not made by ``load_pair``.
    """
    return _end_points.get(context)


def _end_point(chain: bytes) -> bytes | None:
    """Return the leaf's hash by the hash of its signature, by SHA-256 in the place of MD5 and SHA-1."""
    leaf = x509.load_pem_x509_certificate(chain)
    algorithm = leaf.signature_hash_algorithm
    if algorithm is None:
        return None
    return leaf.fingerprint(SHA256() if algorithm.name in ("md5", "sha1") else algorithm)


def chain_digest(chain: bytes) -> str:
    """Return what TLSA 3 1 1 says of a chain's leaf (RFC 7672 section 3.1); raises ValueError."""
    return _digest(x509.load_pem_x509_certificate(chain).public_key())


def key_digest(key: bytes) -> str:
    """Return the same of a private key; raises ValueError."""
    return _digest(load_pem_private_key(key, None).public_key())


def _digest(public: object) -> str:
    digest = Hash(SHA256())
    digest.update(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))  # type: ignore[attr-defined]
    return digest.finalize().hex()


def names_of(chain: bytes) -> frozenset[str]:
    """Return the DNS names of a chain's leaf, wildcards as they stand; none when it cannot be read."""
    try:
        leaf = x509.load_pem_x509_certificate(chain)
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return frozenset()
    return frozenset(name.lower() for name in found.get_values_for_type(x509.DNSName))


def covers(chain: bytes, name: str) -> bool:
    """True when a chain's leaf is for this name, itself or by a wildcard for its first label (RFC 9525)."""
    names = names_of(chain)
    return name in names or f"*.{name.partition('.')[2]}" in names
