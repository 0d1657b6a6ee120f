"""The servers that mail programs are told of: one list for SRV records, set-up files and pages."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7SignatureBuilder
from django.conf import settings

from domains.autoconfig import MailServer, apple_profile
from domains.models import Domain, DomainKind, DomainState
from domains.services.serving import pair_for

_PROTOCOLS = {
    "imaps": "imap",
    "imap": "imap",
    "pop3s": "pop3",
    "pop3": "pop3",
    "submissions": "smtp",
    "submission": "smtp",
}


@dataclass(frozen=True, slots=True)
class OfferedService:
    """A service with an open port: its name in SRV records, and where it is reached from outside."""

    name: str
    server: MailServer


def offered_services() -> list[OfferedService]:
    """Return the services for mail programs that listen here: IMAP first, TLS at once before STARTTLS."""
    config = settings.MAILADMIN
    open_ports = {
        "imaps": config.imaps_port,
        "imap": config.imap_port,
        "pop3s": config.pop3s_port,
        "pop3": config.pop3_port,
        "submissions": config.submissions_port,
        "submission": config.submission_port,
    }
    return [
        OfferedService(
            name, MailServer(_PROTOCOLS[name], config.hostname, config.public_ports[name], name.endswith("s"))
        )
        for name, port in open_ports.items()
        if port is not None
    ]


def offered_servers() -> list[MailServer]:
    """Return the same as servers."""
    return [service.server for service in offered_services()]


def home_of(domain: str) -> str:
    """Return the domain whose mailboxes an active domain of ours has, itself or its target; empty for any other."""
    rows = Domain.objects.filter(name=domain, state=DomainState.ACTIVE).exclude(kind=DomainKind.PARKED)
    found = rows.select_related("alias_of").first()
    if found is None:
        return ""
    return found.alias_of.name if found.alias_of is not None else found.name


def serves(domain: str) -> bool:
    """True for an active domain of ours that takes mail, by its name in A-labels."""
    return bool(home_of(domain))


def signed_profile(address: str, login: str) -> bytes:
    """Return the profile for Apple's programs, signed with the certificate in use; unsigned where that cannot sign.

    Empty when no server is offered for one of both ways.
    """
    profile = apple_profile(address, offered_servers(), login)
    if not profile:
        return b""
    try:
        return _sign(profile)
    except (OSError, ValueError):
        return profile


def _sign(octets: bytes) -> bytes:
    """Return the octets in a PKCS #7 envelope with the whole chain; raises OSError, ValueError."""
    pair = pair_for(settings.MAILADMIN.hostname)
    leaf, *chain = x509.load_pem_x509_certificates(pair.chain)
    key = load_pem_private_key(pair.key, None)
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise ValueError("a key of this kind signs no profile")
    builder = PKCS7SignatureBuilder().set_data(octets).add_signer(leaf, key, SHA256())
    for certificate in chain:
        builder = builder.add_certificate(certificate)
    return builder.sign(Encoding.DER, [])
