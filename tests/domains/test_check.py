"""Publishing and checking as one loop: a real DNS server answers with the records that the product emitted."""

import pytest

from domains.models import DkimKey, DomainState, KeyState, RecordObservation
from domains.services import provision
from domains.services.check import check_due_domains, check_now, health_of
from domains.services.publication import desired_records, ownership_value, zone_text
from tests.factories import domain_admin_act, make_administrator, make_domain, superadmin_act

pytestmark = pytest.mark.django_db


def publish(server, domain):
    """Publish what the product emits."""
    server.load_zone_text(zone_text(desired_records(domain), domain.name))


def statuses(name="acme.example", act=None):
    """The status words of a check now, by purpose."""
    found = {}
    for state in check_now(act or superadmin_act(), name):
        found.setdefault(state.record.purpose, set()).add(str(state.status))
    return found


def key_states(domain):
    return set(DkimKey.objects.filter(domain=domain).values_list("state", flat=True))


def test_nothing_published_is_missing_and_no_key_signs(dns_settings):
    domain = make_domain()
    assert set.union(*statuses().values()) == {"missing"}
    assert key_states(domain) == {KeyState.AWAITING_DNS}
    assert health_of(provision.get_domain_for(superadmin_act(), domain.name)).word == "bad"


@pytest.mark.parametrize("truncated", [False, True], ids=["UDP", "TCP after truncation"])
def test_what_was_emitted_is_right_and_the_keys_become_active(dns_settings, truncated):
    domain = make_domain()
    publish(dns_settings, domain)
    if truncated:
        dns_settings.truncated |= {name for name, _ in dns_settings.zone}
    assert set.union(*statuses().values()) == {"right"}
    assert key_states(domain) == {KeyState.ACTIVE}
    assert health_of(provision.get_domain_for(superadmin_act(), domain.name)).word == "good"


def test_pinned_keys_and_reverse_names_are_checked_where_they_live(dns_settings, settings, tmp_path):
    from dataclasses import replace

    from tests.certificates import Authority

    cert, _key = Authority(tmp_path).issue("mail.acme.example")
    settings.MAILADMIN = replace(settings.MAILADMIN, tls_cert=cert, public_addresses=("192.0.2.25",))
    domain = make_domain()
    publish(dns_settings, domain)
    assert statuses()["ptr"] == {"missing"}
    dns_settings.load_zone_text(zone_text(desired_records(domain), "2.0.192.in-addr.arpa"))
    assert set.union(*statuses().values()) == {"right"}
    assert "tlsa" in statuses()


def test_a_key_becomes_active_only_on_its_exact_text(dns_settings):
    domain = make_domain()
    publish(dns_settings, domain)
    rsa, ed25519 = domain.dkim_keys.order_by("pk")
    name = f"{rsa.selector}._domainkey.acme.example"
    text = dns_settings.zone[name, "TXT"][0]
    dns_settings.zone[name, "TXT"] = [text.replace("; k=", ";k=")]
    assert statuses()["dkim"] == {"right", "wrong"}
    states = dict(DkimKey.objects.values_list("selector", "state"))
    assert states == {rsa.selector: KeyState.AWAITING_DNS, ed25519.selector: KeyState.ACTIVE}
    dns_settings.zone[name, "TXT"] = [text]
    assert statuses()["dkim"] == {"right"}
    assert key_states(domain) == {KeyState.ACTIVE}


def test_what_fails_validation_is_bogus(dns_settings):
    domain = make_domain()
    publish(dns_settings, domain)
    dns_settings.bogus |= {name for name, _ in dns_settings.zone}
    assert set.union(*statuses().values()) == {"bogus"}
    assert key_states(domain) == {KeyState.AWAITING_DNS}


def test_servfail_is_unreachable_and_takes_no_key_away(dns_settings):
    domain = make_domain()
    publish(dns_settings, domain)
    statuses()
    dns_settings.failing |= {name for name, _ in dns_settings.zone}
    assert set.union(*statuses().values()) == {"unreachable"}
    assert key_states(domain) == {KeyState.ACTIVE}


def test_a_record_at_one_of_two_resolvers_is_waiting(dns_settings, settings):
    from dataclasses import replace

    from tests.dns_server import DnsServer

    domain = make_domain()
    publish(dns_settings, domain)
    with DnsServer() as second:
        servers = ((dns_settings.address, dns_settings.port), (second.address, second.port))
        settings.MAILADMIN = replace(settings.MAILADMIN, resolvers=servers)
        assert set.union(*statuses().values()) == {"waiting"}
        assert key_states(domain) == {KeyState.AWAITING_DNS}
        publish(second, domain)
        assert set.union(*statuses().values()) == {"right"}
    assert key_states(domain) == {KeyState.ACTIVE}


def test_a_pending_domain_becomes_active_by_its_token_alone(dns_settings):
    dora = make_administrator("dora@operator.example")
    domain = provision.create_domain(domain_admin_act(actor=dora), "acme.example")
    act = domain_admin_act(domain)
    dns_settings.zone["_mailadmin-ownership.acme.example", "TXT"] = ["mailadmin-ownership=guessed"]
    assert statuses(act=act)["ownership"] == {"wrong"}
    domain.refresh_from_db()
    assert domain.state == DomainState.PENDING
    dns_settings.zone["_mailadmin-ownership.acme.example", "TXT"] = [ownership_value(domain)]
    check_now(act, "acme.example")
    domain.refresh_from_db()
    assert domain.state == DomainState.ACTIVE
    assert "ownership" not in statuses(act=act)


def test_no_token_but_the_domains_own_at_its_own_name_proves_it(dns_settings):
    dora = make_administrator("dora@operator.example")
    act = domain_admin_act(actor=dora)
    domain, other = (provision.create_domain(act, name) for name in ("acme.example", "dora.example"))
    act = domain_admin_act(domain, other, actor=dora)
    name, token = "_mailadmin-ownership.acme.example", ownership_value(domain)
    dns_settings.zone[name, "TXT"] = [ownership_value(other)]
    assert statuses(act=act)["ownership"] == {"wrong"}
    dns_settings.zone[name, "TXT"] = [token.upper()]
    assert statuses(act=act)["ownership"] == {"wrong"}
    del dns_settings.zone[name, "TXT"]
    dns_settings.zone[name, "CNAME"] = ["parking.example"]
    dns_settings.zone["parking.example", "TXT"] = [token]
    assert statuses(act=act)["ownership"] == {"conflicting"}
    domain.refresh_from_db()
    assert domain.state == DomainState.PENDING
    del dns_settings.zone[name, "CNAME"]
    dns_settings.zone[name, "TXT"] = [token, ownership_value(other)]
    check_now(act, "acme.example")
    domain.refresh_from_db()
    assert domain.state == DomainState.ACTIVE


def test_a_suspended_domain_is_not_woken_by_its_token(dns_settings):
    dora = make_administrator("dora@operator.example")
    domain = provision.create_domain(domain_admin_act(actor=dora), "acme.example")
    publish(dns_settings, domain)
    provision.change_domain(superadmin_act(), "acme.example", "suspended")
    check_now(superadmin_act(), "acme.example")
    domain.refresh_from_db()
    assert domain.state == DomainState.SUSPENDED


def test_a_hostile_answer_is_kept_as_text_and_bounded(dns_settings):
    make_domain()
    dns_settings.zone["_dmarc.acme.example", "TXT"] = ["v=DMARC1; p=none; <script>\0\x07" + "x" * 9000]
    statuses()
    row = RecordObservation.objects.get(purpose="dmarc")
    assert "\0" not in row.found[0]
    assert len(row.found[0]) == 4000


def test_a_changed_expectation_is_unchecked_again(dns_settings, settings):
    from dataclasses import replace

    from domains.services.check import record_states

    domain = make_domain()
    publish(dns_settings, domain)
    statuses()
    settings.MAILADMIN = replace(settings.MAILADMIN, hostname="new.acme.example")
    states = {state.record.purpose: state.status for state in record_states(domain)}
    assert states["mx"] == "unchecked"
    assert states["spf"] == "right"


def test_the_scheduled_check_takes_what_is_due_and_leaves_suspended_ones(dns_settings):
    publish(dns_settings, make_domain())
    make_domain("asleep.example")
    provision.change_domain(superadmin_act(), "asleep.example", "suspended")
    assert check_due_domains() == 1
    assert check_due_domains() == 0
    assert DkimKey.objects.filter(domain__name="acme.example", state=KeyState.ACTIVE).count() == 2


@pytest.fixture
def second(dns_settings, settings, monkeypatch):
    """A second DNS server; both are the zone's authoritative servers, the first is also the resolver."""
    from dataclasses import replace
    from ipaddress import ip_network

    from domains.dns.resolver import NameServer, Zone
    from domains.services import asking
    from tests.dns_server import DnsServer

    with DnsServer() as server:
        hosts = ("ns1.acme.example", "ns2.acme.example")
        places = [(one.address, one.port) for one in (dns_settings, server)]

        async def zone_of(name, resolver, addresses=True):
            return Zone(name, hosts, tuple(map(NameServer, hosts, places)))

        monkeypatch.setattr(asking, "zone_of", zone_of)
        private = (ip_network("127.0.0.0/8"),)
        settings.MAILADMIN = replace(settings.MAILADMIN, authoritative=True, private_networks=private)
        yield server


def test_a_key_waits_while_one_authoritative_server_is_silent(dns_settings, second):
    domain = make_domain()
    publish(dns_settings, domain)
    publish(second, domain)
    second.failing |= {name for name, _ in second.zone}
    seen = statuses()
    assert seen["dkim"] == {"waiting"}
    assert seen["spf"] == {"right"}
    assert key_states(domain) == {KeyState.AWAITING_DNS}
    second.failing.clear()
    assert set.union(*statuses().values()) == {"right"}
    assert key_states(domain) == {KeyState.ACTIVE}


def test_a_key_does_not_wait_for_a_resolver_that_rests(dns_settings, second, settings):
    from dataclasses import replace

    domain = make_domain()
    publish(dns_settings, domain)
    publish(second, domain)
    resolvers = (*settings.MAILADMIN.resolvers, ("127.0.0.1", 1))
    settings.MAILADMIN = replace(settings.MAILADMIN, resolvers=resolvers)
    assert statuses()["dkim"] == {"right"}
    assert key_states(domain) == {KeyState.ACTIVE}


def test_a_claim_waits_while_one_authoritative_server_is_silent(dns_settings, second):
    dora = make_administrator("dora@operator.example")
    domain = provision.create_domain(domain_admin_act(actor=dora), "acme.example")
    publish(dns_settings, domain)
    second.failing.add("_mailadmin-ownership.acme.example")
    assert statuses(act=domain_admin_act(domain))["ownership"] == {"waiting"}
    domain.refresh_from_db()
    assert domain.state == DomainState.PENDING
