"""The records about the installation's certificates: pins of the mail host's key, the authority that may issue."""

from collections.abc import Iterator

from django.conf import settings
from django.utils.translation import gettext as _

from domains.models import Domain
from domains.services.certificate_facts import certificate_facts, pin_name, pinned_digests
from domains.services.desired import DesiredRecord
from domains.tls.caa import serialise_permission


def certificate_records(domain: Domain, host_zone: str) -> Iterator[DesiredRecord]:
    """Give them; ``host_zone`` is the zone of the mail host."""
    yield from _tlsa(host_zone)
    yield from _caa(domain, host_zone)


def _tlsa(host_zone: str) -> Iterator[DesiredRecord]:
    about = _(
        "Pins the key of the mail server's certificate, for senders that check DANE (RFC 7672). It counts only "
        "in a zone signed with DNSSEC; publish a new key's record before that key is used."
    )
    for digest in pinned_digests():
        yield DesiredRecord(pin_name(), host_zone, "TLSA", f"3 1 1 {digest}", "tlsa", about, required=False)


def _caa(domain: Domain, host_zone: str) -> Iterator[DesiredRecord]:
    """Give the records once an authority is chosen: of the mail host, and of the domain for the names below it."""
    config, facts = settings.MAILADMIN, certificate_facts()
    if not facts.caa_identities:
        return
    value = serialise_permission(facts.caa_identities[0], facts.account_uri)
    if not config.tls_given and config.hostname != domain.name:
        about = _(
            "Lets only this panel's account at its authority issue certificates for the mail server (RFC 8657)."
        )
        yield DesiredRecord(config.hostname, host_zone, "CAA", value, "caa", about, required=False)
    if config.https_port is not None:
        about = _(
            "Lets only this panel's account at its authority issue certificates for the domain and all names below "
            "it (RFC 8659, 8657). Where others get certificates for such names, a website for example, publish a "
            "record for their authorities first, or leave this one out."
        )
        yield DesiredRecord(domain.name, domain.name, "CAA", value, "caa", about, required=False)
