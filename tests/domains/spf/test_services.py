"""The list of well-known services is usable as it stands, and reports are read against it."""

import pytest

from domains.names import DomainName, is_selector
from domains.spf.record import parse_spf_record
from domains.spf.services import SERVICES, service_of_include


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.slug)
def test_a_service_is_well_formed(service):
    assert is_selector(service.slug)
    names = [service.include, *service.known_includes, *service.domains, *service.reverse_names]
    for name in filter(None, names):
        assert DomainName(name.lstrip("_").replace("._", ".")).ascii.count(".") >= 1
        assert name == name.lower()
    if service.include:
        assert parse_spf_record(f"v=spf1 include:{service.include} -all").mechanisms[0].domain_spec == service.include
    assert all(is_selector(selector) for selector in service.selectors)
    assert {selector for selector, _target in service.aliases} <= set(service.selectors)
    for _selector, target in service.aliases:
        assert "{" not in target.replace("{domain}", "")


def test_no_two_services_claim_the_same():
    slugs = [service.slug for service in SERVICES]
    includes = [name for service in SERVICES for name in (service.include, *service.known_includes) if name]
    reverse = [name for service in SERVICES for name in service.reverse_names]
    for names in (slugs, includes, reverse):
        assert len(names) == len(set(names))
    assert len(SERVICES) >= 30


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("_spf.google.com", "google-workspace"),
        ("_SPF.Google.com.", "google-workspace"),
        ("servers.mcsv.net", "mailchimp"),
        ("1234567.spf02.hubspotemail.net", "hubspot"),
        ("google.com", None),
        ("evilmcsv.net", None),
        ("_spf.other.example", None),
    ],
)
def test_a_service_is_known_by_its_include(name, slug):
    found = service_of_include(name)
    assert (found and found.slug) == slug


def networks(*texts):
    from ipaddress import ip_network

    return tuple(ip_network(text) for text in texts)
