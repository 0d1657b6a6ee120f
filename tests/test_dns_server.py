"""The tests' DNS server itself, asked by the product's resolver and run as a program."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from domains.dns.port import DnsStatus
from domains.dns.resolver import ask_server
from tests.dns_server import DnsServer

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def server():
    with DnsServer() as running:
        running.zone = {
            ("acme.example", "MX"): ["10 mail.acme.example"],
            ("long.acme.example", "TXT"): ["x" * 5000],
            ("quoted.acme.example", "TXT"): ['a "b" \\ c; d'],
            ("alias.acme.example", "CNAME"): ["acme.example"],
        }
        yield running


async def ask(server, name, rdtype):
    return await ask_server((server.address, server.port), name, rdtype)


async def test_answers_and_absences(server):
    assert (await ask(server, "acme.example", "MX")).records == ("10 mail.acme.example",)
    assert (await ask(server, "ACME.example", "MX")).records == ("10 mail.acme.example",)
    assert (await ask(server, "alias.acme.example", "MX")).records == ("10 mail.acme.example",)
    assert (await ask(server, "acme.example", "A")).status is DnsStatus.NODATA
    assert (await ask(server, "example", "A")).status is DnsStatus.NODATA
    assert (await ask(server, "nil.acme.example", "A")).status is DnsStatus.NXDOMAIN


async def test_long_and_quoted_texts(server):
    assert (await ask(server, "long.acme.example", "TXT")).records == ("x" * 5000,)
    assert (await ask(server, "quoted.acme.example", "TXT")).records == ('a "b" \\ c; d',)


async def test_faults_on_demand(server):
    server.failing.add("acme.example")
    assert (await ask(server, "acme.example", "MX")).status is DnsStatus.TEMPFAIL
    server.failing.clear()
    server.truncated.add("acme.example")
    assert (await ask(server, "acme.example", "MX")).found


async def test_silence(server, monkeypatch):
    monkeypatch.setattr("domains.dns.resolver.TRY_SECONDS", 0.1)
    server.silent.add("acme.example")
    assert (await ask(server, "acme.example", "MX")).status is DnsStatus.TEMPFAIL


@pytest.fixture
def program(tmp_path):
    """The server as a program: its port and the file it serves."""
    zone = tmp_path / "acme.zone"
    zone.write_text("$ORIGIN acme.example.\n$TTL 60\nacme.example. 60 IN A 192.0.2.1\n")
    command = [sys.executable, "-m", "tests.dns_server", "--port", "0", "--zone-folder", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        yield int(running.stderr.readline().rpartition(":")[2]), zone
        running.terminate()


async def test_as_a_program_it_reads_changed_files_again(program):
    port, zone = program
    assert await becomes(port, ("192.0.2.1",))
    zone.write_text(zone.read_text().replace("192.0.2.1", "192.0.2.2"))
    assert await becomes(port, ("192.0.2.2",))


async def becomes(port, records):
    """True once the program answers so; within five seconds."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if (await ask_server(("127.0.0.1", port), "acme.example", "A")).records == records:
            return True
        await asyncio.sleep(0.1)
    return False
