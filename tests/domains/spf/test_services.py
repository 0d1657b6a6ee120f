"""The list of well-known services is usable as it stands, and reports are read against it."""

import pytest

from domains.names import DomainName, is_selector
from domains.spf.record import parse_spf_record
from domains.spf.services import BY_SLUG, SERVICES, service_of_include
from domains.spf.sources import KnownSender, of_service, source_of, unlisted


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


OWN = KnownSender("mail.acme.example", "acme.example", networks("192.0.2.25/32", "2001:db8::25/128"))
OFFICE = KnownSender("Office", "acme.example", networks("198.51.100.0/24"), selectors=("desk",))
MAILCHIMP = of_service(BY_SLUG["mailchimp"], "acme.example", ["extra"])
CATALOGUE = [OWN, OFFICE, MAILCHIMP, *unlisted(frozenset({"mailchimp"}))]


@pytest.mark.parametrize(
    ("evidence", "name", "why"),
    [
        (("192.0.2.25", "", "", "", ""), "mail.acme.example", "our own address"),
        (("2001:db8::25", "", "", "", ""), "mail.acme.example", "of either kind"),
        (("198.51.100.7", "other.example", "", "", ""), "Office", "an address that is listed says most"),
        (("203.0.113.1", "mail9.mcsv.net", "", "", ""), "Mailchimp", "its envelope domain"),
        (("203.0.113.1", "", "acme.example", "k2", ""), "Mailchimp", "its key in our domain"),
        (("203.0.113.1", "", "ACME.example", "K2", ""), "Mailchimp", "however it is written"),
        (("203.0.113.1", "", "acme.example", "extra", ""), "Mailchimp", "a key that was named"),
        (("203.0.113.1", "", "acme.example", "desk", ""), "Office", "a key of a relay"),
        (("203.0.113.1", "", "other.example", "k2", ""), None, "the same selector in another domain"),
        (("203.0.113.1", "", "acme.example", "s1", ""), None, "a service that is not listed has no key here"),
        (("203.0.113.1", "bounce.sendgrid.net", "acme.example", "s1", ""), "Twilio SendGrid", "but an envelope"),
        (("203.0.113.1", "", "", "", "mail22.mcsv.net"), "Mailchimp", "the reverse name"),
        (("203.0.113.1", "", "", "", "mcsv.net.evil.example"), None, "not as a part of another name"),
        (("203.0.113.1", "other.example", "other.example", "k1", "host.other.example"), None, "a stranger"),
        (("not an address", "", "", "", ""), None, "nothing"),
        (("", "", "", "", ""), None, "nothing at all"),
    ],
)
def test_a_row_of_a_report_belongs_to_a_sender(evidence, name, why):
    found = source_of(*evidence, CATALOGUE)
    assert (found and found.name) == name, why


def test_what_nobody_listed_is_marked():
    assert not source_of("203.0.113.1", "bounce.sendgrid.net", "", "", "", CATALOGUE).listed
    assert source_of("203.0.113.1", "mail9.mcsv.net", "", "", "", CATALOGUE).listed
