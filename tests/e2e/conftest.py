"""Two installations on 127.0.0.1 and 127.0.0.2 that find each other through a real DNS server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dns_server import DnsServer
from tests.e2e.installation import Installation
from tests.ports import free_port

ALICE = ("alice@acme.example", "tall giraffes 1 read")
BOB = ("bob@bee.example", "seven quiet 2 rivers")


@pytest.fixture(scope="session")
def dns() -> Iterator[DnsServer]:
    """The DNS of the whole small world."""
    with DnsServer() as server:
        server.zone[("mail.acme.example", "A")] = ["127.0.0.1"]
        server.zone[("mail.bee.example", "A")] = ["127.0.0.2"]
        yield server


@pytest.fixture(scope="session")
def mx_port() -> int:
    """The one port at which both call each other."""
    return free_port("0.0.0.0")


def _installation(folder: Path, address: str, hostname: str, dns: DnsServer, mx_port: int) -> Iterator[Installation]:
    settings = {
        "MAILADMIN_RESOLVER": f"127.0.0.1:{dns.port}",
        "MAILADMIN_RELAY_PORT": str(mx_port),
        "MAILADMIN_TEST_BUILD": "1",
    }
    made = Installation(folder, address, hostname, settings, {"mx": mx_port})
    try:
        made.start()
        yield made
    finally:
        made.stop()


def publish(dns: DnsServer, house: Installation, name: str) -> None:
    """Publish what the installation emits for a domain, as an administrator would paste it."""
    dns.load_zone_text(house.api("GET", f"/domains/{name}/records?format=zone"))


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, dns: DnsServer, mx_port: int) -> Iterator[Installation]:
    """acme.example with alice, published and checked."""
    for made in _installation(tmp_path_factory.mktemp("acme"), "127.0.0.1", "mail.acme.example", dns, mx_port):
        made.api("POST", "/domains", {"name": "acme.example"})
        made.api("POST", "/mailboxes", {"address": ALICE[0], "password": ALICE[1]})
        publish(dns, made, "acme.example")
        made.api("POST", "/domains/acme.example/check")
        yield made


@pytest.fixture(scope="session")
def neighbour(tmp_path_factory: pytest.TempPathFactory, dns: DnsServer, mx_port: int) -> Iterator[Installation]:
    """bee.example with bob, published and checked."""
    for made in _installation(tmp_path_factory.mktemp("bee"), "127.0.0.2", "mail.bee.example", dns, mx_port):
        made.api("POST", "/domains", {"name": "bee.example"})
        made.api("POST", "/mailboxes", {"address": BOB[0], "password": BOB[1]})
        publish(dns, made, "bee.example")
        made.api("POST", "/domains/bee.example/check")
        yield made
