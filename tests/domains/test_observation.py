"""What is seen where, and the faults of real zones, against a BIND and a server that fails on demand."""

import json
from dataclasses import replace
from ipaddress import ip_network

import pytest
from django.db import connections
from django.test import AsyncClient, Client

from domains.api.observation import read_dns_provider
from domains.dns.resolver import NameServer as Authority
from domains.dns.resolver import Zone
from domains.models import KeyState, ZoneObservation
from domains.services import asking
from domains.services.check import check_due_domains, check_now, record_states
from domains.services.provision import get_domain_for
from domains.services.publication import desired_records, zone_text
from tests.conftest import needs_program
from tests.dns_server import DnsServer
from tests.factories import make_domain, superadmin_act
from tests.name_server import NameServer

pytestmark = pytest.mark.django_db

ZONE = "acme.example"
SPF = "v=spf1 mx ip4:192.0.2.25 -all"
DMARC = '"v=DMARC1; p=none; rua=mailto:dmarc-reports@acme.example"'
APEX_TXT, APEX_MX = "acme.example. 3600 IN TXT", "acme.example. 3600 IN MX"
HOSTS = ("ns1.gandi.net", "ns2.gandi.net")


@pytest.fixture
def settled(settings):
    """The settings of these tests: our host outside the zone, one public address, loopback reachable."""
    settings.MAILADMIN = replace(
        settings.MAILADMIN,
        hostname="mail.host.example",
        public_addresses=("192.0.2.25",),
        private_networks=(ip_network("127.0.0.0/8"),),
        trusted_resolvers=(ip_network("127.0.0.0/8"),),
    )
    return settings


@pytest.fixture
def served(settled, monkeypatch):
    """Gives a function: these places are the zone's authoritative servers, the first is the resolver too."""

    def serve(*places, resolver=None, zone=ZONE):
        async def zone_of(name, asked, addresses=True):
            hosts = HOSTS[: len(places)]
            return Zone(zone, hosts, tuple(map(Authority, hosts, places)) if addresses else ())

        monkeypatch.setattr(asking, "zone_of", zone_of)
        resolvers = (resolver or places[0],)
        settled.MAILADMIN = replace(settled.MAILADMIN, authoritative=True, resolvers=resolvers)

    return serve


@pytest.fixture
def bind(tmp_path, served):
    """Gives a function: a BIND that serves these lines of the zone, and others, is asked for everything."""
    running = []

    def serve(lines, zone=ZONE, **others):
        server = NameServer(
            tmp_path / "named", {zone: lines} | {f"{name}.example": text for name, text in others.items()}
        )
        running.append(server.__enter__())
        served(("127.0.0.1", server.port))
        return server

    yield serve
    for server in running:
        server.stop()


def states():
    """The states of a check now, by purpose; of several records of a purpose the last that is not right."""
    rows = check_now(superadmin_act(), ZONE)
    return {row.record.purpose: row for row in sorted(rows, key=lambda row: row.status != "right")}


def lines_of(domain, *without):
    """The zone's lines as the product emits them, but for names that begin so."""
    lines = zone_text(desired_records(domain), domain.name).splitlines()[2:]
    return "\n".join(line for line in lines if not line.startswith(without or ("\0",))) + "\n"


def told(state):
    """The verdict and its cause."""
    return str(state.status), str(state.remark.cause) if state.remark else ""


# ---- Against BIND -----------------------------------------------------------------------------------------------


@needs_program("named")
def test_what_each_server_answered_is_kept(bind):
    domain = make_domain()
    bind(lines_of(domain))
    rows = states()["dkim"].seen
    assert [(row["authoritative"], row["host"]) for row in rows] == [(False, ""), (True, "ns1.gandi.net")]
    assert [row["dnssec"] for row in rows] == ["insecure", "unknown"], "only a trusted resolver's word counts"
    assert {row["ttl"] for row in rows} == {3600}
    assert {row["status"] for row in rows} == {"right"}
    assert rows[0]["texts"] == [states()["dkim"].record.value]
    assert ZoneObservation.objects.get().hosts == ["ns1.gandi.net"]


@needs_program("named")
@pytest.mark.parametrize(
    ("without", "added", "purpose", "expected"),
    [
        (["_dmarc"], f"_dmarc.acme.example IN TXT {DMARC}", "dmarc", ("missing", "doubled-zone")),
        (["_dmarc"], f"_dmarc._dmarc IN TXT {DMARC}", "dmarc", ("missing", "doubled-label")),
        ([APEX_TXT], f'www IN TXT "{SPF}"', "spf", ("missing", "at-www")),
        ([APEX_TXT], f'@ IN SPF "{SPF}"', "spf", ("missing", "old-type")),
        ([APEX_TXT], f'@ IN TXT "v=spf1 -all"\n@ IN TXT "{SPF}"', "spf", ("duplicate", "spf-several")),
        ([APEX_TXT], f'@ IN TXT "\\"{SPF}\\""', "spf", ("missing", "quoted")),
        ([APEX_MX], "@ IN MX 10 mail.host.example", "mx", ("wrong", "target-doubled")),
        ([], "@ IN MX 20 old.example.", "mx", ("conflicting", "leftover-mx")),
        (["autodiscover"], "autodiscover IN A 192.0.2.9", "autoconfig", ("conflicting", "occupied")),
        (["autodiscover"], "autodiscover IN CNAME old.example.", "autoconfig", ("conflicting", "leftover")),
        (["_dmarc"], "_dmarc IN CNAME www\nwww IN A 192.0.2.9", "dmarc", ("conflicting", "alias")),
        (["_dmarc"], '* IN TXT "v=spf1 -all"', "dmarc", ("missing", "nothing")),
        (["_dmarc"], '* IN TXT "v=DMARC1; p=reject"', "dmarc", ("conflicting", "wildcard")),
        (["_dmarc"], f"* IN TXT {DMARC}", "dmarc", ("right", "")),
        (["_dmarc"], "_dmarc IN CNAME a\na IN CNAME b\nb IN CNAME a", "dmarc", ("unreachable", "loop")),
    ],
    ids=lambda value: "/".join(value) if isinstance(value, tuple) else None,
)
def test_slips_and_conflicts(bind, without, added, purpose, expected):
    domain = make_domain()
    bind(lines_of(domain, *without) + added + "\n")
    assert told(states()[purpose]) == expected


@needs_program("named")
def test_a_wildcard_is_noted_with_the_types_it_answers(bind):
    domain = make_domain()
    bind(lines_of(domain) + '* IN TXT "hello"\n* IN MX 10 old.example.\n')
    assert {row.status for row in check_now(superadmin_act(), ZONE) if row.record.purpose == "dkim"} == {"right"}
    assert ZoneObservation.objects.get().wildcard == ["TXT"]


@needs_program("named")
def test_a_record_of_four_kilobytes_comes_over_tcp_and_is_judged(bind):
    domain = make_domain()
    parts = " ".join(f'"{"x" * 200} "' for _ in range(20))
    bind(lines_of(domain, "_dmarc") + f'_dmarc IN TXT "v=DMARC1; p=none; x=" {parts}\n')
    state = states()["dmarc"]
    assert told(state) == ("wrong", "dmarc-lacks")
    assert len(state.found[0]) == 4000


@needs_program("named")
def test_a_delegated_name_is_asked_at_its_own_servers(bind, monkeypatch):
    domain = make_domain()
    keys = lines_of(domain)
    below = "\n".join(line for line in keys.splitlines() if "_domainkey" in line)
    rest = "\n".join(line for line in keys.splitlines() if "_domainkey" not in line)
    server = bind(f"{rest}\n_domainkey IN NS ns.keys.example.\n", keys="")
    with DnsServer() as child:
        child.load_zone_text(f"$ORIGIN {ZONE}.\n{below}\n")
        places = {"_domainkey.acme.example": (child.address, child.port), ZONE: ("127.0.0.1", server.port)}

        async def zone_of(name, resolver, addresses=True):
            place = places.get(name, places[ZONE])
            return Zone(name, HOSTS[:1], (Authority(HOSTS[0], place),))

        monkeypatch.setattr(asking, "zone_of", zone_of)
        found = [row for row in check_now(superadmin_act(), ZONE) if row.record.purpose == "dkim"]
    seen = [row["status"] for row in found[0].seen if row["authoritative"]]
    assert seen == ["right"], "the parent only hands on"


@needs_program("named")
def test_a_server_that_only_points_elsewhere_is_lame_and_denies_nothing(bind, served):
    make_domain("sub.acme.example")
    server = bind("sub IN NS ns.gone.example.\n")
    served(("127.0.0.1", server.port), zone="sub.acme.example")
    rows = check_now(superadmin_act(), "sub.acme.example")
    assert {row.seen[-1]["reason"] for row in rows if row.record.zone == "sub.acme.example"} == {"lame"}
    assert {row.seen[-1]["status"] for row in rows if row.record.zone == "sub.acme.example"} == {"unreachable"}


# ---- Against a server that fails on demand ----------------------------------------------------------------------


@pytest.fixture
def two(served):
    """Two authoritative servers, the first of which is the resolver too."""
    with DnsServer() as one, DnsServer() as other:
        served((one.address, one.port), (other.address, other.port))
        yield one, other


def test_waiting_names_the_server_that_lacks_the_record(two):
    one, _other = two
    one.load_zone_text(zone_text(desired_records(make_domain()), ZONE))
    state = states()["dkim"]
    assert told(state) == ("waiting", "lacking")
    assert state.remark.values["servers"] == "ns2.gandi.net"
    assert [row["status"] for row in state.seen] == ["right", "right", "missing"]


def test_a_provider_that_is_down_is_asked_a_few_times_only(two, monkeypatch):
    one, other = two
    monkeypatch.setattr("domains.dns.resolver.TRY_SECONDS", 0.1)
    domain = make_domain()
    make_domain("second.example")
    for name in (ZONE, "second.example"):
        one.load_zone_text(zone_text(desired_records(get_domain_for(superadmin_act(), name)), name))
    other.silent |= {name for name, _ in one.zone}
    monkeypatch.setattr(asking, "CONCURRENCY", 1)
    assert check_due_domains() == 2
    assert len(other.asked) <= asking.PATIENCE * 2, "each question is tried twice"
    assert {
        row.seen[-1]["reason"]
        for row in record_states(get_domain_for(superadmin_act(), ZONE))
        if row.seen[-1]["host"]
    } == {"silent"}
    assert set(domain.dkim_keys.values_list("state", flat=True)) == {KeyState.AWAITING_DNS}


def test_a_resolver_alone_is_asked_however_silent_it_is(two, settings, monkeypatch):
    one, other = two
    monkeypatch.setattr("domains.dns.resolver.TRY_SECONDS", 0.05)
    monkeypatch.setattr(asking, "CONCURRENCY", 1)
    settings.MAILADMIN = replace(settings.MAILADMIN, authoritative=False)
    domain = make_domain()
    one.silent |= {row.name for row in desired_records(domain)}
    assert {state.status for state in check_now(superadmin_act(), ZONE) if state.record.zone == ZONE} == {
        "unreachable"
    }
    assert {name for name, _ in one.asked} >= {row.name for row in desired_records(domain)}
    assert other.asked == []


def test_bogus_is_said_with_what_to_do(two):
    one, _other = two
    one.load_zone_text(zone_text(desired_records(make_domain()), ZONE))
    one.bogus |= {name for name, _ in one.zone}
    state = states()["spf"]
    assert told(state) == ("bogus", "bogus")
    assert state.seen[0]["dnssec"] == "bogus"


def test_a_right_record_costs_no_further_question(two):
    one, _other = two
    domain = make_domain()
    one.load_zone_text(zone_text(desired_records(domain), ZONE))
    states()
    names = {name for name, _ in one.asked}
    strays = [name for name in names if name.startswith("mailadmin-")]
    assert len(strays) == 1, "one name that nobody made, for all types"
    assert names - set(strays) <= {row.name for row in desired_records(domain)}


def test_a_new_domain_is_asked_for_slips_below_a_name_that_does_not_exist_only_once(two):
    one, _other = two
    make_domain()
    states()
    doubled = [name for name, _ in one.asked if name.endswith(f"{ZONE}.{ZONE}")]
    assert doubled == [f"{ZONE}.{ZONE}"]


def test_the_provider_is_told_over_the_api(two):
    one, _other = two
    one.load_zone_text(zone_text(desired_records(make_domain()), ZONE))
    states()
    seen = read_dns_provider(_Request(), ZONE)
    assert (seen.provider, seen.naming, seen.apex, seen.final_dot) == ("Gandi", "relative", "@", True)
    assert seen.name_servers == list(HOSTS)
    make_domain("fresh.example")
    assert read_dns_provider(_Request(), "fresh.example").provider == ""


class _Request:
    auth = superadmin_act()


# ---- The page and the call --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
async def test_rows_come_before_the_last_is_known(two, monkeypatch):
    from asgiref.sync import sync_to_async

    from tests.factories import make_administrator
    from tests.panel.people import signed_in

    one, _other = two

    def prepare():
        one.load_zone_text(zone_text(desired_records(make_domain()), ZONE))
        rosa = make_administrator("rosa@operator.example", role="superadmin")
        return signed_in(rosa).cookies

    monkeypatch.setattr("domains.dns.resolver.TRY_SECONDS", 1.5)
    client = AsyncClient()
    client.cookies = await sync_to_async(prepare)()
    one.silent.add(f"_dmarc.{ZONE}")
    response = await client.post(f"/domains/{ZONE}/dns/check", headers={"accept": "application/x-ndjson"})
    rows = [json.loads(line) async for line in response.streaming_content]
    assert response["X-Accel-Buffering"] == "no"
    assert "_dmarc" in rows[-2]["html"], "the silent one comes last of the rows"
    assert rows[-1]["html"].startswith("<section")
    assert "row" not in rows[-1]
    page = (await sync_to_async(Client.get)(_signed(client), f"/domains/{ZONE}/dns")).content.decode()
    assert "Gandi" in page
    assert "What was seen where" in page
    assert "ns2.gandi.net" in page
    await sync_to_async(connections.close_all)()


def _signed(client):
    plain = Client()
    plain.cookies = client.cookies
    return plain
