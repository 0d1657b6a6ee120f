"""RFC 2136 with TSIG against BIND: all or nothing, and only over what was seen."""

import asyncio
import base64
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from domains.dns.texts import zone_text
from domains.dns.update import SetChange, UpdateFault, ZoneAccess, change_zone, probe, read_sets
from tests.conftest import needs_program
from tests.name_server import KEY_NAME, SECRET, NameServer
from tests.ports import free_port

pytestmark = needs_program("named", "nsupdate")

ZONE = "acme.example"
LINES = '@ IN TXT "site=1" "2"\n@ IN MX 10 mx.old.example.\nalias IN CNAME www\nmail IN A 192.0.2.25\n'


@pytest.fixture
def server(tmp_path: Path):
    with NameServer(tmp_path / "named", {ZONE: LINES}) as running:
        yield running


@pytest.fixture
def access(server: NameServer) -> ZoneAccess:
    return ZoneAccess(ZONE, "127.0.0.1", server.port, KEY_NAME, "hmac-sha256", base64.b64decode(SECRET))


async def test_what_the_primary_has_is_read_as_it_is_and_as_the_zone_file_spells_it(access):
    held = await read_sets(access, [(ZONE, "TXT"), (ZONE, "MX"), (f"no.{ZONE}", "A")])
    assert held[ZONE, "TXT"].answer.records == ("site=12",)
    assert held[ZONE, "TXT"].raw == ('"site=1" "2"',)
    assert held[ZONE, "TXT"].ttl == 300
    assert held[ZONE, "MX"].raw_of("10 mx.old.example") == "10 mx.old.example."
    assert held[f"no.{ZONE}", "A"].answer.absent


@pytest.fixture
def wild(tmp_path: Path):
    """A zone whose wildcards answer for whatever is not there."""
    lines = f'*.{ZONE}. TXT "wild"\n_here TXT "wild"\n*.deep CNAME www\nalias.deep CNAME www\n'
    with NameServer(tmp_path / "wild", {ZONE: lines}) as running:
        yield ZoneAccess(ZONE, "127.0.0.1", running.port, KEY_NAME, "hmac-sha256", base64.b64decode(SECRET))


async def test_what_a_wildcard_answers_is_not_there(wild):
    names = [f"_dmarc.{ZONE}", f"a.b.{ZONE}", f"_here.{ZONE}", f"x.deep.{ZONE}", f"alias.deep.{ZONE}"]
    held = await read_sets(wild, [(name, "TXT") for name in names])
    assert [held[name, "TXT"].raw for name in names] == [(), (), ('"wild"',), (), ()]
    canonical = [held[name, "TXT"].answer.canonical_name for name in names]
    assert canonical[-2:] == [f"x.deep.{ZONE}", f"www.{ZONE}"]
    new = [SetChange(name, "TXT", 300, (), (), ('"v=DMARC1; p=none"',)) for name in names[:2] + names[3:4]]
    await change_zone(wild, new)
    assert (await read_sets(wild, [(names[3], "TXT")]))[names[3], "TXT"].raw == ('"v=DMARC1; p=none"',)


async def test_the_case_of_a_host_name_is_no_difference(access):
    shouted = SetChange(f"shout.{ZONE}", "CNAME", 300, (), (), ("MAIL.Acme.EXAMPLE.",))
    await change_zone(access, [shouted])
    held = (await read_sets(access, [(shouted.name, "CNAME")]))[shouted.name, "CNAME"]
    assert held.raw == ("mail.acme.example.",)
    await change_zone(access, [SetChange(shouted.name, "CNAME", 300, held.raw, held.raw)])
    assert (await read_sets(access, [(shouted.name, "CNAME")]))[shouted.name, "CNAME"].raw == ()


async def test_changes_happen_together(access, server):
    spf = SetChange(ZONE, "TXT", 300, ('"site=1" "2"',), (), ('"v=spf1 mx -all"',))
    mx = SetChange(ZONE, "MX", 300, ("10 mx.old.example.",), ("10 mx.old.example.",), (f"10 mail.{ZONE}.",))
    new = SetChange(f"_dmarc.{ZONE}", "TXT", 300, (), (), ('"v=DMARC1; p=none"',))
    await change_zone(access, [spf, mx, new])
    assert server.texts(ZONE, "TXT") == ['"site=1" "2"', '"v=spf1 mx -all"']
    assert server.texts(ZONE, "MX") == [f"10 mail.{ZONE}."]
    assert server.texts(f"_dmarc.{ZONE}", "TXT") == ['"v=DMARC1; p=none"']


@pytest.mark.parametrize(
    "stale",
    [
        SetChange(ZONE, "TXT", 300, ('"another"',), (), ('"v=spf1 -all"',)),
        SetChange(ZONE, "TXT", 300, (), (), ('"v=spf1 -all"',)),
        SetChange(f"gone.{ZONE}", "TXT", 300, ('"was here"',), ('"was here"',), ()),
        SetChange(f"alias.{ZONE}", "TXT", 300, (), (), ('"beside an alias"',)),
        SetChange(ZONE, "CNAME", 300, (), (), ("www.old.example.",)),
    ],
    ids=["text changed", "text appeared", "text went", "alias in place", "name in use"],
)
async def test_a_set_that_changed_meanwhile_stops_everything(access, server, stale):
    fine = SetChange(f"_dmarc.{ZONE}", "TXT", 300, (), (), ('"v=DMARC1; p=none"',))
    with pytest.raises(UpdateFault) as caught:
        await change_zone(access, [fine, stale])
    assert caught.value.trouble == "changed"
    assert server.texts(f"_dmarc.{ZONE}", "TXT") == []


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        ({"secret": b"another secret"}, "bad-signature"),
        ({"key_name": "nobodys-key"}, "bad-key"),
        ({"algorithm": "hmac-sha512"}, "bad-key"),
        ({"zone": "other.example"}, "not-zone"),
    ],
    ids=["secret", "name", "algorithm", "zone"],
)
async def test_a_wrong_access_is_told(access, change, trouble):
    with pytest.raises(UpdateFault) as caught:
        await probe(replace(access, **change))
    assert caught.value.trouble == trouble


async def test_the_probe_leaves_nothing(access, server):
    await probe(access)
    assert server.texts(f"_mailadmin-access.{ZONE}", "TXT") == []


async def test_a_server_that_is_not_there(access):
    with pytest.raises(UpdateFault) as caught:
        await probe(replace(access, port=free_port()))
    assert caught.value.trouble == "unreachable"


async def test_an_answer_that_never_comes_leaves_the_outcome_unknown(access, server, monkeypatch):
    import signal

    monkeypatch.setattr("domains.dns.update.SECONDS", 1.0)
    server._process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(UpdateFault) as caught:
            await change_zone(access, [SetChange(f"a.{ZONE}", "A", 60, (), (), ("192.0.2.1",))])
    finally:
        server._process.send_signal(signal.SIGCONT)
    assert caught.value.trouble == "unknown"


async def test_a_server_that_answers_slowly_does_not_hold_the_reader(access, monkeypatch):
    async def drip(reader, writer):
        with suppress(ConnectionError):
            while await reader.read(1):
                writer.write(b"\0")
                await asyncio.sleep(0.05)

    monkeypatch.setattr("domains.dns.update.READING_SECONDS", 0.3)
    slow = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = slow.sockets[0].getsockname()[1]
    with pytest.raises(UpdateFault) as caught:
        await read_sets(replace(access, port=port), [(ZONE, "TXT"), (ZONE, "MX")])
    slow.close()
    assert caught.value.trouble == "unreachable"


async def test_what_the_server_refuses_changes_nothing(access, server):
    fine = SetChange(f"_dmarc.{ZONE}", "TXT", 300, (), (), ('"v=DMARC1; p=none"',))
    nowhere = SetChange(f"sub.{ZONE}", "MX", 300, (), (), (f"10 without-address.{ZONE}.",))
    with pytest.raises(UpdateFault) as caught:
        await change_zone(access, [fine, nowhere])
    assert caught.value.trouble == "refused"
    assert server.texts(f"_dmarc.{ZONE}", "TXT") == []


async def test_a_name_that_another_zone_holds_is_refused(access):
    with pytest.raises(UpdateFault) as caught:
        await change_zone(access, [SetChange("a.other.example", "A", 60, (), (), ("192.0.2.1",))])
    assert caught.value.trouble == "not-zone"


@pytest.mark.parametrize("rdtype", ["SOA", "NS", "ns"])
def test_the_zone_itself_is_never_touched(rdtype):
    with pytest.raises(ValueError):
        SetChange(ZONE, rdtype, 60)


async def test_a_long_text_with_signs_comes_back_as_it_went(access):
    text = 'v=DKIM1; p="\\' + "x" * 600 + "é"
    await change_zone(access, [SetChange(f"k.{ZONE}", "TXT", 60, (), (), (zone_text("TXT", text),))])
    held = await read_sets(access, [(f"k.{ZONE}", "TXT")])
    assert held[f"k.{ZONE}", "TXT"].answer.records == (text,)


def test_nsupdate_is_here_for_the_texts_of_the_plan():
    assert subprocess.run(["nsupdate", "-V"], capture_output=True).returncode == 0
