"""Who stands behind a row of a DMARC report: which of a domain's senders, or which well-known service.

Pure: evidence and a catalogue in, a sender out. The evidence must be proven by whoever reports: domains of SPF and
DKIM that passed, a reverse name that leads back to the address. A selector counts in our own domain only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from domains.spf.services import SERVICES, Service, under

Networks = tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True, slots=True)
class KnownSender:
    """How one sender is known; ``listed`` when the domain's administrators named it as theirs.

    ``domains`` are its envelope and signing domains with all below them, ``selectors`` those of its signatures in
    ``domain``, ours.
    """

    name: str
    domain: str = ""
    networks: Networks = ()
    domains: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    reverse_names: tuple[str, ...] = ()
    listed: bool = True


def of_service(service: Service, domain: str, selectors: Sequence[str] = (), listed: bool = True) -> KnownSender:
    """Return how a service is known to a domain; ``selectors`` are further ones that its administrators named.

    One that is not listed has no selector here: anybody may call a key of our domain's ``s1``.
    """
    own = (*service.selectors, *selectors) if listed else ()
    return KnownSender(service.name, domain, (), service.domains, own, service.reverse_names, listed)


def unlisted(listed_slugs: frozenset[str]) -> tuple[KnownSender, ...]:
    """Return the well-known services that a domain did not name."""
    return tuple(of_service(service, "", listed=False) for service in SERVICES if service.slug not in listed_slugs)


def source_of(
    ip: str, spf_domain: str, dkim_domain: str, selector: str, ptr: str, catalogue: Sequence[KnownSender]
) -> KnownSender | None:
    """Return the sender that a row belongs to, None when nothing names one; empty texts are no evidence.

    An address that is listed comes first, then whose signature or envelope it is, then the reverse name.
    """
    try:
        address = ip_address(ip)
    except ValueError:
        address = None
    names = [name for name in (dkim_domain, spf_domain) if name]
    tests: tuple[Callable[[KnownSender], bool], ...] = (
        lambda one: address is not None and any(address in network for network in one.networks),
        lambda one: bool(selector) and dkim_domain.lower() == one.domain and selector.lower() in one.selectors,
        lambda one: any(under(name, one.domains) for name in names),
        lambda one: bool(ptr) and under(ptr, one.reverse_names),
    )
    return next((one for test in tests for one in catalogue if test(one)), None)
