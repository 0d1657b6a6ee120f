"""The provider by its servers' names, and what its form takes."""

import pytest

from domains.dns.providers import PROVIDERS, provider_of

KNOWN = [
    (["ada.ns.cloudflare.com", "BOB.NS.CLOUDFLARE.COM."], "Cloudflare", "any case, final dot"),
    (["ns-1.awsdns-00.com", "ns-2.awsdns-11.co.uk"], "Amazon Route 53", "numbers inside the name"),
    (["ns-cloud-a1.googledomains.com"], "Google Cloud DNS", "the longer end goes first"),
    (["ns1.googledomains.com"], "Squarespace", "the shorter end"),
    (["hydrogen.ns.hetzner.com", "helium.ns.hetzner.de"], "Hetzner", "two top-level domains"),
    (["dns10.ovh.net", "ns10.ovh.net"], "OVHcloud", "same end"),
    (["ns1.gandi.net", "ns1.he.net"], None, "a mixed set"),
    (["ns1.evilgandi.net"], None, "the end of a label is no end of a name"),
    (["ns1.gandi.net.attacker.example"], None, "not at the end"),
    (["gandi.net", "x" * 300], None, "what is no name"),
    (["ns1.acme.example"], None, "unknown"),
    ([], None, "none"),
]


@pytest.mark.parametrize(("hosts", "name", "why"), KNOWN, ids=[row[2] for row in KNOWN])
def test_a_provider_is_known_by_its_servers(hosts, name, why):
    found = provider_of(hosts)
    assert (found.name if found else None) == name


def test_the_table_is_whole():
    ends = [end for provider in PROVIDERS for end in provider.servers]
    assert len(PROVIDERS) >= 40
    assert len(set(ends)) == len(ends), "each end belongs to one provider"
    assert [provider.name.lower() for provider in PROVIDERS] == sorted(
        provider.name.lower() for provider in PROVIDERS
    )
    for provider in PROVIDERS:
        for end in provider.servers:
            assert provider_of([f"ns1.{end.replace('#', '12')}"]) is provider or "#" in end
            assert provider_of([end.replace("#", "12")]) is provider, end


@pytest.mark.parametrize(
    ("provider", "inner", "apex"),
    [("Cloudflare", "_dmarc", "@"), ("Porkbun", "_dmarc", ""), ("NS1", "_dmarc.acme.example", "acme.example")],
)
def test_names_are_written_as_the_form_takes_them(provider, inner, apex):
    found = next(row for row in PROVIDERS if row.name == provider)
    assert found.entry("_dmarc.acme.example", "acme.example") == inner
    assert found.entry("acme.example", "acme.example") == apex
