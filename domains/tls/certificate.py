"""The certificate in use, as another server judges it: by a TLS handshake in memory."""

import ssl
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_FLIGHTS = 4


def certificate_fault(certificate: Path, key: Path, hostname: str, ca_file: Path | None) -> str:
    """Return why a client that calls ``hostname`` would not trust the certificate; empty when it would.

    ``ca_file`` holds the authorities to trust, None: the system's.
    """
    try:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, key)
        client = ssl.create_default_context(cafile=ca_file)
        _shake_hands(client, server, hostname)
    except ssl.SSLCertVerificationError as fault:
        return str(fault.verify_message)
    except OSError as fault:  # ssl.SSLError is one
        return str(fault.strerror or fault)
    return ""


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, hostname: str) -> None:
    """Complete a handshake between both; raises ssl.SSLError."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(down, up, server_hostname=hostname)
    answers = server.wrap_bio(up, down, server_side=True)
    for _ in range(_FLIGHTS):
        waiting = 0
        for side in (asks, answers):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                waiting += 1
        if not waiting:
            return
    raise ssl.SSLError("the handshake does not end")


def public_key_digest(certificate: Path) -> str:
    """Return what TLSA 3 1 1 says of a PEM file's first certificate (RFC 7672 section 3.1); empty without one."""
    try:
        return _public_key_digest(certificate, certificate.stat().st_mtime_ns)
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=8)
def _public_key_digest(certificate: Path, _changed_ns: int) -> str:
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    digest = Hash(SHA256())
    digest.update(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()
