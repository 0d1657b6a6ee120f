"""How the senders of a domain, and well-known services, are known where reports tell of them; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from domains.spf.services import SERVICES, Service

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
    slug: str = ""


def of_service(service: Service, domain: str, selectors: Sequence[str] = (), listed: bool = True) -> KnownSender:
    """Return how a service is known to a domain; ``selectors`` are further ones that its administrators named.

    One that is not listed has no selector here: anybody may call a key of our domain's ``s1``.
    """
    own = (*service.selectors, *selectors) if listed else ()
    return KnownSender(service.name, domain, (), service.domains, own, service.reverse_names, listed, service.slug)


def unlisted(listed_slugs: frozenset[str]) -> tuple[KnownSender, ...]:
    """Return the well-known services that a domain did not name."""
    return tuple(of_service(service, "", listed=False) for service in SERVICES if service.slug not in listed_slugs)
