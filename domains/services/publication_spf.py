"""The SPF record of a domain, made from who may send in its name (RFC 7208).

Our own hosts come first, then what costs no look-up, then hosts, then includes, each in the order in which it was
added, so that the text stays the same until somebody changes the senders.
"""

from ipaddress import ip_network

from django.conf import settings

from domains.models import Domain, DomainKind, Sender, SenderKind
from domains.services.publication_parked import NO_SENDERS
from domains.spf.budget import MAXIMUM_LOOKUPS
from domains.spf.merge import flattened
from domains.spf.services import BY_SLUG

_ORDER = ("ip4", "ip6", "a", "include")


def network_term(address: str) -> str:
    """Return an address or a network as a mechanism."""
    return f"ip{ip_network(address).version}:{address}"


def own_terms() -> list[str]:
    """Return the mechanisms of our own hosts: whoever takes the domain's mail in, and the addresses we send from."""
    return ["mx", *(network_term(address) for address in settings.MAILADMIN.public_addresses)]


def term_of(sender: Sender) -> str:
    """Return the mechanism by which SPF lets a sender pass, empty when its envelope domain is not ours."""
    if sender.kind == SenderKind.SERVICE:
        service = BY_SLUG.get(sender.value)
        return f"include:{service.include}" if service is not None and service.include else ""
    if sender.kind == SenderKind.CUSTOM:
        return f"include:{sender.value}"
    try:
        return network_term(sender.value)
    except ValueError:
        return f"a:{sender.value}"


def spf_value(domain: Domain) -> str:
    """Return the record; our own look-ups are left out when the others need all that receivers make."""
    if domain.kind == DomainKind.PARKED:
        return NO_SENDERS
    terms = [term for sender in domain.senders.all() if (term := term_of(sender))]
    terms.sort(key=lambda term: _ORDER.index(term.partition(":")[0]))
    value = " ".join(["v=spf1", *own_terms(), *terms, "-all"])
    return value if 1 + others_lookups(domain) <= MAXIMUM_LOOKUPS else light_value(value)


def light_value(value: str) -> str:
    """Return the record without look-ups of our own hosts, as it is when their addresses are not known."""
    config = settings.MAILADMIN
    return flattened(value, frozenset({config.hostname}), config.public_addresses)


def others_lookups(domain: Domain) -> int:
    """Return what the terms of all but our own hosts cost, as last seen."""
    return sum(sender.lookups for sender in domain.senders.all())


def own_lookups(record: str) -> int:
    """Return what our own hosts cost in a record of ours."""
    return int("mx" in record.split())
