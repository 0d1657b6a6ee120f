"""Owner and country of real addresses by the table that set-up made; without it nothing is known and all works."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from domains.models import DmarcSource, Domain
from domains.network_table import UNKNOWN
from domains.networks import network_of, networks_edition, networks_known
from domains.services.reports import take_in
from tests.domains.dmarc.samples import make_row, report_xml
from tests.networks import real_networks as real_networks


@pytest.mark.usefixtures("real_networks")
@pytest.mark.parametrize(
    ("address", "number", "owner", "country"),
    [
        ("8.8.8.8", 15169, "Google", "US"),
        ("9.9.9.9", 19281, "Quad9", "US"),
        ("193.0.6.139", 3333, "RIPE NCC", "NL"),
        ("40.107.1.1", 8075, "Microsoft", "US"),
        ("2001:4860:4860::8888", 15169, "Google", "US"),
        ("::ffff:8.8.8.8", 15169, "Google", "US"),
    ],
)
def test_well_known_addresses(address: str, number: int, owner: str, country: str) -> None:
    found = network_of(address)
    assert (found.number, found.country) == (number, country)
    assert owner in found.owner
    assert networks_known()
    assert networks_edition() >= "2026-06-17"


@pytest.mark.usefixtures("real_networks")
@pytest.mark.parametrize("address", ["192.0.2.1", "10.1.2.3", "127.0.0.1", "2001:db8::1", "fd00::1", "100.64.0.1"])
def test_nothing_is_known_of_addresses_of_special_use(address: str) -> None:
    assert network_of(address) == UNKNOWN


@pytest.mark.parametrize("octets", [None, b"", b"rubbish" * 100])
def test_without_a_table_nothing_is_known(settings, tmp_path: Path, octets: bytes | None) -> None:
    settings.NETWORK_TABLE = tmp_path / "networks.bin"
    if octets is not None:
        settings.NETWORK_TABLE.write_bytes(octets)
    assert network_of("8.8.8.8") == UNKNOWN
    assert not networks_known()
    assert networks_edition() == ""


@pytest.mark.django_db
@pytest.mark.usefixtures("real_networks")
def test_the_owner_is_evidence_and_makes_nobody_right() -> None:
    Domain.objects.create(name="example.org", skeleton="example.org", ownership_token="token")
    begin = timezone.now().replace(microsecond=0) - timedelta(days=1)
    rows = tuple(
        make_row(address, 9, dkim="fail", spf="fail", dkim_results=(), spf_results=())
        for address in ("8.8.8.8", "192.0.2.9")
    )
    take_in(report_xml(begin=begin, end=begin + timedelta(hours=1), rows=rows), "", "upload")
    found = {row.source_ip: row for row in DmarcSource.objects.all()}
    assert {row.kind for row in found.values()} == {"impostor"}
    assert {"code": "network-of", "name": "Google LLC (AS15169)"} in found["8.8.8.8"].evidence
    assert [one["code"] for one in found["192.0.2.9"].evidence] == ["nothing-proven"]
