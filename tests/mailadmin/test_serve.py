"""Listeners on real sockets: budgets by address, PROXY, TLS and its reload, occupied ports, drain."""

import asyncio
import socket
import ssl
from ipaddress import ip_network

import pytest
import uvloop

from mailadmin.runner.admission import Admission, plain_address
from mailadmin.runner.listener import ListenerSpec, ServiceState, TlsMode
from mailadmin.runner.serve import Door, ListenerService
from mailadmin.runner.tls import CertificateFault, Certificates
from mailboxes.smtp.budgets import SmtpLimits
from mailboxes.smtp.proxy import SIGNATURE, ProxyFault, parse_proxy_header
from mailboxes.smtp.server import SmtpService
from tests.mailboxes.smtp_peer import Recorder, Talker, certificate, trusting

LOOPBACK = (ip_network("127.0.0.0/8"),)
REFUSAL = b"421 4.7.0 Too many connections\r\n"


@pytest.fixture(scope="module")
def event_loop_policy():
    return uvloop.EventLoopPolicy()


@pytest.fixture
async def serve():
    """Start listeners; returns (service, port of the first)."""
    services = []

    async def start(handler=None, door=None, tls=TlsMode.NONE, port=0, factory=None):
        factory = factory or SmtpService("mx", "mx.example", handler or Recorder(), SmtpLimits()).connection
        service = ListenerService(
            "mx", [ListenerSpec("mx", "127.0.0.1", port, tls, factory, REFUSAL)], door or Door()
        )
        services.append(service)
        await service.start()
        return service, service.listeners[0].port

    yield start
    for service in services:
        await service.stop()
    await asyncio.sleep(0.05)


async def call(port, source="127.0.0.1", **options):
    return Talker(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0), **options))


async def test_the_51st_connection_of_an_address_is_refused_and_others_are_not(serve):
    service, port = await serve()
    held = [await call(port) for _ in range(50)]
    for client in held:
        assert (await client.reply()).startswith("220")
    late = await call(port)
    assert (await late.reply()).startswith("421 4.7.0")
    assert await late.closed()
    other = await call(port, source="127.0.0.2")
    assert (await other.reply()).startswith("220")
    await held[0].say("QUIT")
    await held[0].closed()
    again = await call(port)
    assert (await again.reply()).startswith("220")
    row = service.status().listeners[0]
    assert (row.open, row.total, row.refused) == (51, 53, 1)


async def test_the_budget_counts_over_all_listeners_of_a_worker(serve):
    door = Door(Admission(2))
    _, first = await serve(door=door)
    _, second = await serve(door=door)
    one, two = await call(first), await call(second)
    await one.reply(), await two.reply()
    assert (await (await call(first)).reply()).startswith("421")
    assert (await (await call(second)).reply()).startswith("421")


async def test_unlimited_networks_are_not_counted(serve):
    _, port = await serve(door=Door(Admission(1), unlimited_networks=LOOPBACK))
    for client in [await call(port) for _ in range(5)]:
        assert (await client.reply()).startswith("220")


PROXIED = [
    (b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 25\r\n", ("198.51.100.7", 4711), "version 1"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n", ("2001:db8::7", 4711), "version 1, IPv6"),
    (
        SIGNATURE + b"\x21\x11\x00\x0c" + bytes([198, 51, 100, 7, 192, 0, 2, 1]) + b"\x12\x67\x00\x19",
        ("198.51.100.7", 4711),
        "version 2",
    ),
]


@pytest.mark.parametrize(("header", "client_is", "why"), PROXIED, ids=[row[2] for row in PROXIED])
@pytest.mark.parametrize("step", [1, 1000])
async def test_a_proxy_names_the_client(serve, header, client_is, why, step):
    handler = Recorder()
    _, port = await serve(handler, Door(proxy_peers=LOOPBACK))
    client = await call(port)
    for at in range(0, len(header), step):
        client.writer.write(header[at : at + step])
        await asyncio.sleep(0.001)
    await client.hello()
    session = handler.sessions[0]
    assert (session.client_address, session.client_port) == client_is


@pytest.mark.parametrize(
    "first", [b"EHLO c.example\r\n", b"PROXY TCP4 x y 1 2\r\n", b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x20\0\0\0"]
)
async def test_a_proxy_peer_without_a_client_is_closed(serve, first):
    service, port = await serve(door=Door(proxy_peers=LOOPBACK))
    client = await call(port)
    client.writer.write(first)
    assert await client.closed()
    await asyncio.sleep(0.05)
    assert service.status().listeners[0].open == 0


async def test_nobody_else_may_name_a_client(serve):
    handler = Recorder()
    _, port = await serve(handler, Door(proxy_peers=(ip_network("192.0.2.0/24"),)))
    client = await call(port)
    await client.reply()
    assert (await client.say("PROXY TCP4 198.51.100.7 192.0.2.1 4711 25")).startswith("500")
    assert handler.sessions[0].client_address == "127.0.0.1"


async def test_the_budget_is_the_proxied_clients(serve):
    _, port = await serve(door=Door(Admission(1), proxy_peers=LOOPBACK))
    held = []
    for number, expected in ((7, "220"), (8, "220"), (7, "421")):
        held.append(client := await call(port))
        client.send(f"PROXY TCP4 198.51.100.{number} 192.0.2.1 4711 25")
        assert (await client.reply()).startswith(expected)


@pytest.mark.parametrize("proxied", [False, True])
async def test_implicit_tls_and_a_proxy_header_before_it(serve, tmp_path, proxied):
    handler = Recorder()
    certificates = Certificates(*certificate(tmp_path))
    door = Door(proxy_peers=LOOPBACK if proxied else (), tls_context=certificates.current)
    _, port = await serve(handler, door, TlsMode.IMPLICIT)

    def talk():
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            if proxied:
                plain.sendall(b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 465\r\n")
            with trusting().wrap_socket(plain, server_hostname="localhost") as client:
                return client.version(), client.recv(100)

    version, banner = await asyncio.to_thread(talk)
    assert version == "TLSv1.3"
    assert banner.startswith(b"220 ")
    assert handler.sessions[0].tls["version"] == "TLSv1.3"
    assert handler.sessions[0].client_address == ("198.51.100.7" if proxied else "127.0.0.1")


async def test_old_tls_is_refused_and_the_place_given_back(serve, tmp_path):
    service, port = await serve(
        door=Door(tls_context=Certificates(*certificate(tmp_path)).current), tls=TlsMode.IMPLICIT
    )
    old = trusting()
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        await call(port, ssl=old)
    await asyncio.sleep(0.1)
    assert service.status().listeners[0].open == 0


async def test_a_new_certificate_serves_new_handshakes_and_old_sessions_live_on(serve, tmp_path):
    certificates = Certificates(*certificate(tmp_path))
    _, port = await serve(door=Door(tls_context=certificates.current), tls=TlsMode.IMPLICIT)
    old = await call(port, ssl=trusting())
    await old.reply()
    before = old.writer.get_extra_info("ssl_object").getpeercert(True)
    certificate(tmp_path)
    certificates.reload()
    new = await call(port, ssl=trusting())
    assert new.writer.get_extra_info("ssl_object").getpeercert(True) != before
    assert (await old.say("NOOP")).startswith("250")
    (tmp_path / "key.pem").write_text("broken")
    with pytest.raises(CertificateFault, match=r"cert\.pem"):
        certificates.reload()
    assert (await (await call(port, ssl=trusting())).reply()).startswith("220")


async def test_at_port_25_a_new_certificate_ends_no_session_that_began_tls_before(serve, tmp_path):
    certificates = Certificates(*certificate(tmp_path))
    service = SmtpService("mx", "mx.example", Recorder(), SmtpLimits(), certificates.offered)
    _, port = await serve(factory=service.connection, tls=TlsMode.STARTTLS)

    async def under_tls():
        client = await call(port)
        await client.hello()
        await client.start_tls(trusting())
        await client.say("EHLO client.example")
        return client, client.writer.get_extra_info("ssl_object").getpeercert(True)

    old, before = await under_tls()
    assert (await old.say("MAIL FROM:<a@x.example>")).startswith("250")
    certificate(tmp_path)
    certificates.reload()
    _, after = await under_tls()
    assert after != before
    assert (await old.say("RCPT TO:<b@y.example>")).startswith("250")
    assert (await old.say("DATA")).startswith("354")
    assert (await old.say("Subject: x\r\n\r\nx\r\n.")).startswith("250")


async def test_an_occupied_port_is_told_and_taken_when_it_is_free(serve, monkeypatch):
    monkeypatch.setattr("mailadmin.runner.serve.RETRY_SECONDS", 0.1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        service, _ = await serve(port=port)
        status = service.status()
        assert status.state == ServiceState.FAILED
        assert status.error == f"mx cannot listen at 127.0.0.1 port {port}: Address already in use"
    await asyncio.sleep(0.3)
    assert service.status().state == ServiceState.RUNNING


async def test_two_workers_share_a_port(serve):
    _, port = await serve()
    second, _ = await serve(port=port)
    assert second.status().state == ServiceState.RUNNING


async def test_drain_waits_for_the_last_transaction_and_refuses_new_connections(serve):
    release = asyncio.Event()

    async def slowly():
        await release.wait()

    service, port = await serve(Recorder(data=slowly))
    busy, idle = await call(port), await call(port)
    await idle.hello()
    await busy.hello()
    for line in ("MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA"):
        await busy.say(line)
    busy.send("x\r\n.")
    await asyncio.sleep(0.05)
    draining = asyncio.ensure_future(service.drain(5))
    assert (await idle.reply()).startswith("421 4.3.2")
    with pytest.raises(OSError):
        await call(port)
    assert service.status().state == ServiceState.DRAINING
    release.set()
    assert await busy.reply() == "250 2.0.0 queued as M1"
    await asyncio.wait_for(draining, 2)
    assert service.status().state == ServiceState.STOPPED
    await service.start()
    assert service.status().state == ServiceState.RUNNING


async def test_drain_ends_with_its_time_and_stop_ends_the_rest(serve):
    service, port = await serve()
    client = await call(port)
    await client.hello()
    await client.say("MAIL FROM:<a@x.example>")
    await service.drain(0.1)
    assert service.status().listeners[0].open == 1
    await service.stop()
    assert await client.closed()
    await asyncio.sleep(0.05)
    assert service.status().listeners[0].open == 0


@pytest.mark.parametrize(
    "octets",
    [
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 70000\r\n",
        b"PROXY TCP4 ::1 ::1 1 2\r\n",
        b"PROXY " + b"x" * 200,
        SIGNATURE + b"\x31\x11\0\x0c" + b"x" * 12,
        SIGNATURE + b"\x21\x31\0\x0c" + b"x" * 12,
        SIGNATURE + b"\x21\x11\xff\xff",
        b"\x16\x03\x01",
    ],
)
def test_what_is_no_proxy_header_is_a_fault(octets):
    with pytest.raises(ProxyFault):
        parse_proxy_header(octets)


def test_ipv6_clients_count_by_their_64():
    admission = Admission(1)
    assert admission.enter("2001:db8::1")
    assert not admission.enter("2001:db8::2")
    assert admission.enter("2001:db8:0:1::1")
    admission.leave("2001:db8::1")
    assert admission.enter("2001:db8::2")
    assert plain_address("::ffff:192.0.2.1") == "192.0.2.1"
