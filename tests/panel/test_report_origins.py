"""Where mail came from: owners of networks and countries on the pages of reports, and in downloads."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from domains.models import Actor
from domains.services.report_origins import located, origins_of
from domains.services.report_sources import AddressLine
from tests.networks import real_networks as real_networks
from tests.panel.people import Place, signed_in
from tests.panel.test_reports import TODAY, hand_in, row, text

BASE = "/domains/near.example/reports"
GOOGLE, QUAD9, RIPE = "8.8.8.8", "9.9.9.9", "193.0.6.139"


@pytest.fixture
def _spread(near: Place, _no_network: None) -> None:
    rows = (row(GOOGLE, 40, done="reject"), row("8.8.4.4", 2), row(QUAD9, 25), row(RIPE, 7), row("192.0.2.9", 3))
    hand_in("near.example", *rows)


@pytest.mark.usefixtures("_spread", "real_networks")
def test_countries_and_networks_are_summed_and_lead_to_their_addresses(rosa: Actor) -> None:
    body = text(rosa, f"{BASE}/sources?days=7")
    countries, _, networks = body[body.index('id="origins"') :].partition("<caption>Networks")
    assert re.search(r'country=US"[^>]*><span data-country="US">US</span>.*?>67<', countries, re.S)
    assert re.search(r"network=15169[^>]*>Google LLC \(AS15169\)</a>.*?>42<", networks, re.S)
    assert networks.index("AS15169") < networks.index("AS19281") < networks.index("AS3333")
    for query, shown, hidden in (
        ("country=US", (GOOGLE, QUAD9), (RIPE, "192.0.2.9")),
        ("network=15169", (GOOGLE, "8.8.4.4"), (QUAD9, RIPE)),
        ("network=3333&country=NL", (RIPE,), (GOOGLE,)),
        ("country=ZZ", (), (GOOGLE, "192.0.2.9")),
        ("country=%3Cscript%3E&network=x", (GOOGLE, "192.0.2.9"), ()),  # nonsense asks for nothing
    ):
        found = text(rosa, f"{BASE}/sources?days=7&{query}")
        table = found[found.index('id="addresses"') :]
        assert all(f"sources/{address}" in table for address in shown), query
        assert not any(f"sources/{address}" in table for address in hidden), query


@pytest.mark.usefixtures("_spread", "real_networks")
def test_an_address_without_a_name_shows_its_network(rosa: Actor) -> None:
    for page in ("?days=7", "/sources?days=7", f"/sources/{GOOGLE}"):
        body = text(rosa, BASE + page)
        assert "Google LLC (AS15169)" in body, page
        assert 'href="https://db-ip.com"' in body, page
        assert 'href="https://www.routeviews.org"' in body, page
        assert 'href="https://www.nro.net"' in body, page
    source = text(rosa, f"{BASE}/sources/{GOOGLE}")
    assert "The network belongs to Google LLC (AS15169)." in source
    assert 'data-country="US"' in source
    assert "Impostor" in source
    assert "data-country" not in text(rosa, f"{BASE}/sources/192.0.2.9")


@pytest.mark.usefixtures("_spread", "real_networks")
def test_downloads_name_the_network(rosa: Actor) -> None:
    client = signed_in(rosa)
    rows = csv.DictReader(io.StringIO(client.get(f"{BASE}/sources?format=csv&country=NL").getvalue().decode()))
    assert [(one["source_ip"], one["as_number"], one["country"]) for one in rows] == [(RIPE, "3333", "NL")]
    listed = json.loads(client.get(f"{BASE}/sources?format=json").getvalue())
    assert {one["source_ip"]: one["network_owner"] for one in listed}[GOOGLE] == "Google LLC"
    assert {one["source_ip"]: one["as_number"] for one in listed}["192.0.2.9"] is None


@pytest.mark.usefixtures("_spread")
def test_without_the_table_the_pages_say_so_once_and_work(rosa: Actor, settings, tmp_path: Path) -> None:
    settings.NETWORK_TABLE = tmp_path / "none.bin"
    body = text(rosa, f"{BASE}/sources?days=7")
    assert body.count("Owners of networks and countries are not known here") == 1
    assert GOOGLE in body
    assert "db-ip.com" not in body
    assert 'id="origins"' not in body
    assert signed_in(rosa).get(f"{BASE}/sources?format=csv").status_code == 200
    for page in ("?days=7", f"/sources/{GOOGLE}"):
        assert "db-ip.com" not in text(rosa, BASE + page)


@pytest.mark.usefixtures("_spread", "real_networks")
def test_french_says_it_too(rosa: Actor) -> None:
    client = signed_in(rosa)
    body = client.get(f"{BASE}/sources?days=7", headers={"accept-language": "fr"}).content.decode()
    assert "D’où ils viennent" in body


@pytest.mark.usefixtures("_spread", "real_networks")
def test_origins_need_no_query_of_their_own(rosa: Actor, settings, tmp_path: Path) -> None:
    client = signed_in(rosa)
    counts = []
    for table in (settings.NETWORK_TABLE, tmp_path / "none.bin"):
        settings.NETWORK_TABLE = table
        client.get(f"{BASE}/sources")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(f"{BASE}/sources")
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.usefixtures("real_networks")
def test_ten_thousand_addresses_are_all_placed_and_few_lines_are_told() -> None:
    lines = [
        AddressLine(
            f"{8 + number % 180}.{number // 250}.{number % 250}.1", "impostor", "", 5, 0, 0, 0, 1, TODAY, TODAY
        )
        for number in range(10_000)
    ]
    found = origins_of(located(lines))
    assert sum(one.messages for one in found.countries) == sum(one.messages for one in found.networks) == 50_000
    assert sum(one.addresses for one in found.networks) == len({line.address for line in lines})
    assert len(found.networks) <= 12
