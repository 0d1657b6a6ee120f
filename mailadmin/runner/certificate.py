"""The self-signed certificate that a host has until it is given a better one: ECDSA P-256, RFC 5280."""

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=825)
RENEW_BEFORE = timedelta(days=30)


def ensure_certificate(certificate: Path, key: Path, hostname: str) -> bool:
    """Make the pair when it is absent, unreadable, nearly over or for another name; True when it was made."""
    if key.exists() and _serves(certificate, hostname):
        return False
    certificate.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    private = ec.generate_private_key(ec.SECP256R1())
    made = _sign(private, hostname)
    octets = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(key, octets, 0o600)
    _write(certificate, made.public_bytes(serialization.Encoding.PEM), 0o644)
    return True


def _serves(path: Path, hostname: str) -> bool:
    """True when the certificate can be read, names the host and is good for a while."""
    try:
        held = x509.load_pem_x509_certificate(path.read_bytes())
        names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    good_until = held.not_valid_after_utc - RENEW_BEFORE
    return hostname in names.get_values_for_type(x509.DNSName) and datetime.now(UTC) < good_until


def _sign(private: ec.EllipticCurvePrivateKey, hostname: str) -> x509.Certificate:
    """Return the certificate; its subject is the host's name, cut at a common name's 64 characters."""
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    loopback = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in dict.fromkeys((hostname, "localhost"))]
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectAlternativeName([*names, *loopback]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )


def _write(path: Path, octets: bytes, mode: int) -> None:
    """Replace the file at once, never readable by more than the mode says."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
