"""Names of addresses that reports show: asked of a real DNS server, believed only when they lead back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from antispam.services.source_names import name_sources
from domains.models import AddressName, DmarcDaily, Domain
from domains.services.reports import take_in
from tests.domains.dmarc.samples import make_row, report_xml

pytestmark = pytest.mark.django_db


def report(*addresses: str) -> bytes:
    begin = timezone.now().replace(microsecond=0) - timedelta(days=1)
    rows = tuple(
        make_row(address, number + 1, dkim="fail", spf="fail", dkim_results=(), spf_results=())
        for number, address in enumerate(addresses)
    )
    return report_xml(begin=begin, end=begin + timedelta(hours=1), rows=rows)


def test_a_name_that_leads_back_names_the_source(dns_settings):
    Domain.objects.create(name="example.org", skeleton="example.org", ownership_token="token")
    zone = dns_settings.zone
    zone[("10.2.0.192.in-addr.arpa", "PTR")] = ["mail2.example.org."]
    zone[("mail2.example.org", "A")] = ["192.0.2.10"]
    zone[("11.2.0.192.in-addr.arpa", "PTR")] = ["mail3.example.org."]
    take_in(report("192.0.2.10", "192.0.2.11", "192.0.2.12"), "", "upload")
    assert set(DmarcDaily.objects.values_list("kind", flat=True)) == {"impostor"}
    assert name_sources() == 3
    kinds = dict(DmarcDaily.objects.values_list("source_ip", "kind"))
    assert kinds == {"192.0.2.10": "own", "192.0.2.11": "impostor", "192.0.2.12": "impostor"}
    assert name_sources() == 0, "asked once a month"
    assert name_sources(timezone.now() + timedelta(days=20)) == 0
    zone[("10.2.0.192.in-addr.arpa", "PTR")] = ["other.example."]
    AddressName.objects.update(asked_at=timezone.now() - timedelta(days=31))
    assert name_sources() == 3
    assert set(DmarcDaily.objects.values_list("kind", flat=True)) == {"impostor"}
