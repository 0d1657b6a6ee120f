"""What the wiring knows of this host."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from mailadmin.runner.admission import Admission
from mailadmin.runner.config import parse_config
from mailadmin.runner.listener import TlsMode
from mailadmin.runner.serve import Door, ListenerService
from mailadmin.runner.sockets import local_addresses
from mailadmin.runner.tls import Certificates
from mailadmin.runner.wiring import _own_places, _pop3
from tests.mailboxes.imap.service import make_certificate


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


async def test_pop3_listens_at_both_ports_under_the_budget_of_an_address(tmp_path: Path) -> None:
    config = parse_config({"MAILADMIN_POP3_PORT": "3110", "MAILADMIN_POP3S_PORT": "3995"}, tmp_path)
    make_certificate(tmp_path)
    certificates = Certificates(tmp_path / "cert.pem", tmp_path / "key.pem")
    specs = list(_pop3(config, certificates))
    assert [(spec.port, spec.tls) for spec in specs] == [(3110, TlsMode.STARTTLS), (3995, TlsMode.IMPLICIT)]
    service = ListenerService("pop3", [replace(specs[0], port=0)], Door(Admission(1)))
    await service.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", service.listeners[0].port)
    assert await reader.readline() == b"+OK mail.localhost ready\r\n"
    second, also = await asyncio.open_connection("127.0.0.1", service.listeners[0].port)
    assert await second.read() == b"-ERR [SYS/TEMP] Too many connections from your address\r\n"
    writer.write(b"CAPA\r\n")
    assert b"STLS\r\n" in await reader.readuntil(b"\r\n.\r\n")
    await service.drain(5)
    assert await reader.read() == b"-ERR [SYS/TEMP] The service is stopping\r\n"
    for each in (writer, also):
        each.close()
    await service.stop()
