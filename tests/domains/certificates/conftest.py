"""A small world for certificates: a name server, an authority, the panel over HTTP where the authority looks."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import django
import pytest

from tests.acme_server import NAME, AcmeServer
from tests.dns_fixtures import dns, dns_settings  # noqa: F401
from tests.dns_server import DnsServer

django.setup()  # this file is read before pytest-django does it

from domains.models import AcmeAccount  # noqa: E402
from domains.services import acme_account  # noqa: E402
from tests.factories import superadmin_act  # noqa: E402

LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def authority(dns_settings: DnsServer, settings: Any, tmp_path: Path, live_server: Any) -> Iterator[AcmeServer]:  # noqa: F811
    """The authority, which finds the panel under every name that its DNS leads to 127.0.0.1."""
    dns_settings.zone[NAME, "A"] = ["127.0.0.1"]
    dns_settings.zone["mail.acme.example", "A"] = ["127.0.0.1"]
    with AcmeServer(tmp_path, f"127.0.0.1:{dns_settings.port}", live_server.thread.port) as server:
        settings.MAILADMIN = replace(
            settings.MAILADMIN,
            ca_file=server.ca_file,
            private_networks=LOOPBACK,
            public_addresses=("127.0.0.1",),
            tls_cert=tmp_path / "own.pem",
            tls_key=tmp_path / "own.key",
        )
        yield server


@pytest.fixture
def account(authority: AcmeServer) -> AcmeAccount:
    """An account there."""
    return acme_account.set_account(superadmin_act(), directory_url=authority.directory_url, agree=True)
