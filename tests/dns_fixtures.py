"""Fixtures over the real DNS server: import what a test file needs.

``dns`` is a fresh server on loopback; ``dns_settings`` makes it the product's only resolver, for what asks the
settings, and hands it out.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.dns_server import DnsServer


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    """A DNS server with an empty zone."""
    with DnsServer() as server:
        yield server


@pytest.fixture
def dns_settings(dns: DnsServer, settings: Any) -> DnsServer:
    """The same server as the resolver of the settings; authoritative servers are not asked."""
    settings.MAILADMIN = replace(
        settings.MAILADMIN, resolvers=((dns.address, dns.port),), authoritative=False, hostname="mail.acme.example"
    )
    return dns
