"""Keys behind aliases: the owner publishes once, the panel rotates in its own zone; each signature is verified."""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from itertools import pairwise
from typing import Any

import dkim
import dns.message
import dns.query
import pytest
from django.db.models import F
from django.utils import timezone

from domains import tasks
from domains.audit import Act, system_act
from domains.dkim.sign import LoadedKey, sign
from domains.dns.resolver import Zone
from domains.errors import Forbidden, Refused
from domains.models import DkimKey, DnsAccount, Domain, DomainState, KeyState
from domains.services import provision
from domains.services.check import check_now, desired_records
from domains.services.dns_access import set_account
from domains.services.hosted_keys import host_keys, offer_hosting
from domains.services.key_life import replace_key, revoke_key
from domains.services.keys import unsealed_key
from domains.services.plan import plan_of
from tests.conftest import needs_program
from tests.factories import make_domain, make_message
from tests.name_server import KEY_NAME, SECRET, NameServer

pytestmark = [pytest.mark.django_db, needs_program("named", "nsupdate")]

ZONE, OWN = "acme.example", "keys.operator.example"
ACT = system_act("api")
DAY = timedelta(days=1)
MOMENTS = ("created_at", "activated_at", "retired_at", "revoked_at", "wait_until")


@pytest.fixture
def server(tmp_path: Any, settings: Any, monkeypatch: Any) -> Iterator[NameServer]:
    monkeypatch.setattr("domains.jobs.current_app.send_task", lambda *a, **k: None)
    with NameServer(tmp_path / "named", {ZONE: "", OWN: ""}) as running:
        settings.MAILADMIN = replace(
            settings.MAILADMIN,
            resolvers=(("127.0.0.1", running.port),),
            authoritative=False,
            private_networks=(ip_network("127.0.0.0/8"),),
        )
        yield running


@pytest.fixture
def domain(server: NameServer) -> Domain:
    set_account(ACT, None, zone=OWN, server="127.0.0.1", port=server.port, key_name=KEY_NAME, secret=SECRET)
    offer_hosting(ACT, OWN, True)
    return make_domain(ZONE)


def nsupdate(server: NameServer, zone: str, *lines: str) -> None:
    script = [
        f"server 127.0.0.1 {server.port}",
        f"key hmac-sha256:{KEY_NAME} {SECRET}",
        f"zone {zone}.",
        *lines,
        "send",
    ]
    subprocess.run(["nsupdate"], input="\n".join([*script, ""]).encode(), check=True, capture_output=True)


def records() -> list[Any]:
    return [row for row in desired_records(Domain.objects.get(name=ZONE)) if row.purpose == "dkim"]


def publish_once(server: NameServer) -> None:
    """What the owner of the domain does: every alias, and nothing else."""
    rows = [row for row in records() if row.zone == ZONE and row.type == "CNAME"]
    nsupdate(server, ZONE, *[f"update add {row.name}. 300 CNAME {row.value}." for row in rows])


def states() -> dict[str, str]:
    return dict(DkimKey.objects.values_list("selector", "state"))


def look() -> dict[str, str]:
    check_now(ACT, ZONE)
    return states()


def later(time: timedelta) -> None:
    """Let time pass: what happened is longer ago."""
    DkimKey.objects.update(**{name: F(name) - time for name in MOMENTS})


def settle() -> dict[str, str]:
    """Look, and look again when old answers are forgotten."""
    look()
    later(timedelta(minutes=6))
    return look()


def verify_what_is_signed(server: NameServer) -> list[str]:
    """Sign with each key that signs and verify with dkimpy at the real name server; returns the selectors."""
    keys = list(DkimKey.objects.filter(state=KeyState.ACTIVE))
    for key in keys:
        loaded = LoadedKey(key.selector, key.algorithm, unsealed_key(ZONE, key.selector, key.private_key_sealed))
        message = make_message()
        signed = sign(message, ZONE, [loaded]) + message
        assert dkim.verify(signed, dnsfunc=lambda name, timeout=5: text_at(server, name)), key.selector
    return sorted(key.selector for key in keys)


def text_at(server: NameServer, name: bytes) -> bytes:
    """Return the TXT text as a verifier finds it: along the alias."""
    [target] = server.texts(name.decode(), "CNAME")
    response = dns.query.tcp(dns.message.make_query(target, "TXT"), "127.0.0.1", timeout=2, port=server.port)
    return b"".join(part for rrset in response.answer for rdata in rrset for part in rdata.strings)


@pytest.fixture
def hosted(domain: Domain, server: NameServer) -> Domain:
    """A domain whose two kinds of keys sign behind aliases."""
    host_keys(ACT, ZONE, OWN)
    publish_once(server)
    assert settle() == {"ma1": "active", "me1": "active"}
    return domain


def test_the_owner_publishes_four_aliases_and_the_panel_the_texts(domain, server):
    host_keys(ACT, ZONE, OWN)
    rows = {(row.name, row.type): row for row in records()}
    aliases = {name: row.value for (name, rdtype), row in rows.items() if rdtype == "CNAME"}
    assert aliases == {f"{slot}._domainkey.{ZONE}": f"{slot}.{ZONE}.{OWN}" for slot in ("ma1", "ma2", "me1", "me2")}
    assert {row.zone for row in rows.values() if row.managed} == {OWN}
    look()
    assert server.texts(f"ma1.{ZONE}.{OWN}", "TXT") != []
    assert server.texts(f"ma2.{ZONE}.{OWN}", "TXT") == []
    assert set(states().values()) == {"awaiting_dns"}  # the aliases are not there yet


def test_a_key_signs_when_alias_and_text_are_there_and_old_answers_are_forgotten(domain, server):
    host_keys(ACT, ZONE, OWN)
    publish_once(server)
    assert set(look().values()) == {"awaiting_dns"}
    later(timedelta(minutes=6))
    assert set(look().values()) == {"active"}
    assert verify_what_is_signed(server) == ["ma1", "me1"]


def test_the_plan_leaves_the_panels_own_records_out(hosted):
    rows = desired_records(Domain.objects.get(name=ZONE))
    steps = asyncio.run(plan_of(ZONE, rows, {}, None))
    assert not [step for step in steps if step.record.zone == OWN]


def test_a_domain_that_signs_goes_over_without_a_gap(domain, server):
    old = DkimKey.objects.get(algorithm="ed25519")
    DkimKey.objects.update(state=KeyState.ACTIVE, activated_at=timezone.now())
    lines = [
        f"update add {row.name}. 60 TXT {' '.join(chr(34) + p + chr(34) for p in row.strings)}" for row in records()
    ]
    nsupdate(server, ZONE, *lines)
    host_keys(ACT, ZONE, OWN)
    assert look()[old.selector] == "active"
    publish_once(server)
    after = settle()
    assert after[old.selector] == "retiring"
    assert {after["ma1"], after["me1"]} == {"active"}


@pytest.mark.parametrize("days", [30, 365])
def test_rotations_need_nobody_and_every_signature_can_be_verified(hosted, server, days):
    Domain.objects.update(rotation_days=days)
    signed_with = []
    for _turn in range(4):
        for _part in range(4):
            later(days // 3 * DAY)
            look()
            settle()
            signed_with.append(tuple(verify_what_is_signed(server)))
    assert set(signed_with) == {("ma1", "me1"), ("ma2", "me2")}
    turns = sum(one != other for one, other in pairwise(signed_with))
    assert turns >= 3
    assert len(server.texts(f"ma1._domainkey.{ZONE}", "CNAME")) == 1


def test_an_emergency_revokes_in_the_zone_and_the_other_selector_takes_over(hosted, server):
    revoke_key(ACT, ZONE, "ma1")
    after = settle()
    assert server.texts(f"ma1.{ZONE}.{OWN}", "TXT") == ['"v=DKIM1; k=rsa; p="']
    assert (after["ma1"], after["ma2"]) == ("revoked", "active")
    revoke_key(ACT, ZONE, "ma2")
    after = settle()
    assert (after["ma1"], after["ma2"]) == ("active", "revoked")
    assert verify_what_is_signed(server) == ["ma1", "me1"]


def test_no_third_key_while_one_retires(hosted):
    replace_key(ACT, ZONE, "ma1")
    assert settle()["ma1"] == "retiring"
    with pytest.raises(Refused) as caught:
        replace_key(ACT, ZONE, "ma2")
    assert list(caught.value.errors) == ["selector"]


def test_a_key_whose_alias_goes_away_signs_no_more(hosted, server):
    nsupdate(server, ZONE, f"update delete ma1._domainkey.{ZONE}. CNAME")
    assert look()["ma1"] == "awaiting_dns"
    publish_once(server)
    assert look()["ma1"] == "awaiting_dns"


def test_a_zone_that_cannot_be_written_stops_nothing_and_is_told(hosted, server):
    replace_key(ACT, ZONE, "ma1")
    server.stop()
    assert look()["ma1"] == "active"
    assert "cannot be reached" in DnsAccount.objects.get(zone=OWN).fault
    server.start()
    assert settle()["ma2"] == "active"
    assert DnsAccount.objects.get(zone=OWN).fault == ""


def test_names_that_the_zone_hands_on_are_not_written_and_that_is_told(domain, server):
    nsupdate(server, OWN, f"update add {ZONE}.{OWN}. 300 NS ns.other.example.")
    host_keys(ACT, ZONE, OWN)
    publish_once(server)
    assert set(look().values()) == {"awaiting_dns"}
    assert "primary" in DnsAccount.objects.get(zone=OWN).fault


def test_back_to_its_own_zone(hosted, server):
    host_keys(ACT, ZONE, "")
    rows = [row for row in records() if row.zone == ZONE and row.type == "TXT"]
    assert len(rows) == 2
    lines = [f"update add {row.name}. 60 TXT {' '.join(chr(34) + p + chr(34) for p in row.strings)}" for row in rows]
    nsupdate(server, ZONE, *lines)
    after = settle()
    assert (after["ma1"], after["me1"]) == ("retiring", "retiring")
    for _step in range(3):
        later(31 * DAY)
        look()
    assert server.texts(f"ma1.{ZONE}.{OWN}", "TXT") == []


def test_nothing_stays_behind_a_domain_that_is_gone(hosted, server, monkeypatch, django_capture_on_commit_callbacks):
    asked = []
    monkeypatch.setattr("domains.jobs.current_app.send_task", lambda *a, **k: asked.append(a))
    with django_capture_on_commit_callbacks(execute=True):
        for dependants in provision._dependants:
            dependants.remove(ACT, hosted)
    [(task, arguments)] = asked
    assert task == tasks.withdraw_keys.name
    tasks.withdraw_keys(*arguments)  # the domain is still here
    assert server.texts(f"ma1.{ZONE}.{OWN}", "TXT") != []
    hosted.delete()
    tasks.withdraw_keys(*arguments)
    assert server.texts(f"ma1.{ZONE}.{OWN}", "TXT") == []


def test_what_is_refused(domain):
    with pytest.raises(Refused):
        host_keys(ACT, ZONE, "elsewhere.example")
    long = make_domain("a." + "b" * 60 + "." + "c" * 60 + "." + "d" * 60 + ".example")
    DnsAccount.objects.filter(zone=OWN).update(zone="k" * 60 + ".operator.example")
    with pytest.raises(Refused):
        host_keys(ACT, long.name, "k" * 60 + ".operator.example")
    with pytest.raises(Forbidden):
        offer_hosting(Act("charlie@x.example", "domain_admin", "api"), OWN, True)


def test_every_server_of_the_hosting_zone_is_asked(hosted, monkeypatch):
    """Verifiers may meet any server of the zone in which the text stands, so each of them is asked."""
    asked = []

    async def zone_of(name, resolver, authoritative):
        asked.append(name)
        return Zone(name, ())

    monkeypatch.setattr("domains.services.asking.zone_of", zone_of)
    look()
    assert set(asked) == {ZONE, OWN}


def test_no_key_is_published_for_a_domain_that_nobody_proved(domain, server):
    """Aliases outlive a domain that left: who claims its name gets no key behind them."""
    Domain.objects.update(state=DomainState.PENDING)
    host_keys(ACT, ZONE, OWN)
    publish_once(server)
    assert set(look().values()) == {"awaiting_dns"}
    assert server.texts(f"ma1.{ZONE}.{OWN}", "TXT") == []
    Domain.objects.update(state=DomainState.ACTIVE)
    assert settle() == {"ma1": "active", "me1": "active"}
