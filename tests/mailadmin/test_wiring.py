"""What the wiring knows of this host."""

import socket
from pathlib import Path

import pytest

from mailadmin.runner.config import parse_config
from mailadmin.runner.sockets import local_addresses
from mailadmin.runner.wiring import _own_places


def test_the_kernel_names_the_loopback_address() -> None:
    assert "127.0.0.1" in local_addresses()
    for address in local_addresses() - {"::1"}:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            if not address.startswith("fe80"):
                probe.bind((address, 0))  # only a local address can be bound


@pytest.mark.parametrize(("bind", "known"), [("127.0.0.3", False), ("0.0.0.0", True), ("::", True)])
def test_a_listener_on_every_address_is_known_by_each(bind: str, known: bool, tmp_path: Path) -> None:
    config = parse_config({"MAILADMIN_BIND": bind, "MAILADMIN_MX_PORT": "2525"}, tmp_path)
    places = _own_places(config)
    assert (bind, 2525) in places
    assert (("127.0.0.1", 2525) in places) is known
