"""What is known of the senders of a domain, read once for all its streams, in a fixed number of queries."""

from ipaddress import ip_network

from domains.models import Domain, SourceCorrection
from domains.reports.classify import Catalogue, Correction
from domains.reports.kinds import Kind
from domains.services.senders import catalogue_of


def catalogue_for(domain: Domain) -> Catalogue:
    """Return what is known beforehand of the domain's senders."""
    own, *senders = catalogue_of(domain)
    corrections = tuple(
        Correction(ip_network(row.network), Kind(row.kind), row.name, row.made_by)
        for row in SourceCorrection.objects.filter(domain=domain)
    )
    return Catalogue(domain.name, own, tuple(senders), corrections)
