"""A DNS server of their own for the tests of this folder."""

from tests.dns_fixtures import dns, dns_settings  # noqa: F401
