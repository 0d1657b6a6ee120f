"""The life of keys in the database: sightings from a real DNS, rotation, emergency, import and export."""

from datetime import timedelta

import pytest
from django.utils import timezone

from domains.dkim.lifecycle import RETIRING, REVOKED
from domains.errors import Forbidden, Refused, Taken
from domains.models import AuditRecord, DkimKey, Domain, KeyState
from domains.services.check import check_due_domains, check_now, due_domains, health_of
from domains.services.key_life import replace_key, revoke_key, set_rotation
from domains.services.keys import create_key, export_key, key_identity
from domains.services.provision import get_domain_for
from domains.services.publication import desired_records, key_record_value, zone_text
from domains.services.sealing import unseal
from tests.factories import PASSWORD, domain_admin_act, make_administrator, make_domain, superadmin_act

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def publish(server, domain):
    server.load_zone_text(zone_text(desired_records(get_domain_for(superadmin_act(), domain.name)), domain.name))


def check(domain):
    check_now(superadmin_act(), domain.name)
    return states(domain)


def states(domain):
    return dict(DkimKey.objects.filter(domain=domain).values_list("selector", "state"))


def refused(call, *arguments):
    """The fields that a refusal names."""
    with pytest.raises(Refused) as caught:
        call(*arguments)
    return set(caught.value.errors)


@pytest.fixture
def signing(dns_settings):
    """A domain whose two keys sign."""
    domain = make_domain()
    publish(dns_settings, domain)
    assert set(check(domain).values()) == {"active"}
    return domain


@pytest.fixture
def rsa(signing):
    return signing.dkim_keys.get(algorithm="rsa2048")


def age(key, days):
    DkimKey.objects.filter(pk=key.pk).update(created_at=timezone.now() - days * DAY)


def test_an_old_key_gets_a_successor_and_signs_until_that_is_seen(dns_settings, signing, rsa):
    age(rsa, 365)
    found = check(signing)
    (new,) = set(found) - {key.selector for key in signing.dkim_keys.all()[:2]}
    assert (found[rsa.selector], found[new]) == ("active", "awaiting_dns")
    assert health_of(get_domain_for(superadmin_act(), signing.name)).word != "bad"
    assert check(signing) == found  # one successor, however often it is looked at
    publish(dns_settings, signing)
    found = check(signing)
    assert (found[rsa.selector], found[new]) == ("retiring", "active")


def test_a_retiring_key_stays_published_then_is_revoked_then_removed(dns_settings, signing, rsa):
    replace_key(superadmin_act(), signing.name, rsa.selector)
    publish(dns_settings, signing)
    check(signing)
    rsa.refresh_from_db()
    value = key_record_value(rsa)
    assert value in {row.value for row in desired_records(get_domain_for(superadmin_act(), signing.name))}
    DkimKey.objects.filter(pk=rsa.pk).update(retired_at=timezone.now() - RETIRING)
    assert check(signing)[rsa.selector] == "revoked"
    rsa.refresh_from_db()
    assert (key_record_value(rsa), bytes(rsa.private_key_sealed)) == ("v=DKIM1; k=rsa; p=", b"")
    DkimKey.objects.filter(pk=rsa.pk).update(revoked_at=timezone.now() - REVOKED)
    assert check(signing)[rsa.selector] == "removed"
    names = {row.name for row in desired_records(get_domain_for(superadmin_act(), signing.name))}
    assert f"{rsa.selector}._domainkey.{signing.name}" not in names
    actions = set(AuditRecord.objects.filter(object_name__startswith=rsa.selector).values_list("action", flat=True))
    assert {"key.activate", "key.retire", "key.revoke", "key.remove"} <= actions


def test_a_record_that_goes_away_stops_its_key_until_old_answers_have_aged(dns_settings, signing, rsa):
    name = (f"{rsa.selector}._domainkey.{signing.name}", "TXT")
    dns_settings.negative_ttl = 900
    text = dns_settings.zone.pop(name)
    assert check(signing)[rsa.selector] == "awaiting_dns"
    assert AuditRecord.objects.filter(action="key.lost").count() == 1
    dns_settings.zone[name] = text
    assert check(signing)[rsa.selector] == "awaiting_dns"
    rsa.refresh_from_db()
    assert timedelta(seconds=850) < rsa.wait_until - timezone.now() <= timedelta(seconds=900)
    assert not due_domains().exists()
    DkimKey.objects.filter(pk=rsa.pk).update(wait_until=timezone.now())
    assert check_due_domains() == 1
    assert states(signing)[rsa.selector] == "active"


def test_silence_moves_no_key(dns_settings, signing):
    dns_settings.failing |= {name for name, _ in dns_settings.zone}
    assert set(check(signing).values()) == {"active"}


def test_two_successors_are_refused_and_so_is_one_of_a_retired_key(dns_settings, signing, rsa):
    new = replace_key(superadmin_act(), signing.name, rsa.selector)
    with pytest.raises(Taken):
        replace_key(superadmin_act(), signing.name, rsa.selector)
    publish(dns_settings, signing)
    check(signing)
    with pytest.raises(Refused):
        replace_key(superadmin_act(), signing.name, rsa.selector)
    assert states(signing)[new.selector] == "active"


def test_an_emergency_stops_the_key_at_once_and_destroys_it(signing, rsa):
    successor = revoke_key(superadmin_act(), signing.name, rsa.selector)
    rsa.refresh_from_db()
    assert (rsa.state, bytes(rsa.private_key_sealed)) == (KeyState.REVOKED, b"")
    assert (successor.algorithm, successor.state, successor.replaces) == ("rsa2048", "awaiting_dns", rsa.selector)
    with pytest.raises(Refused):
        revoke_key(superadmin_act(), signing.name, rsa.selector)
    assert check(signing)[rsa.selector] == "revoked"


def test_keys_beside_each_other_do_not_replace_each_other(dns_settings, signing):
    create_key(superadmin_act(), signing.name, "rsa2048", "beside")
    publish(dns_settings, signing)
    assert set(check(signing).values()) == {"active"}


@pytest.mark.parametrize(
    ("days", "good"), [(0, True), (30, True), (90, True), (1825, True), (29, False), (1826, False), (-1, False)]
)
def test_the_period_of_rotation_has_bounds(days, good):
    domain = make_domain()
    if good:
        assert set_rotation(superadmin_act(), domain.name, days).rotation_days == days
    else:
        with pytest.raises(Refused):
            set_rotation(superadmin_act(), domain.name, days)


def test_a_period_of_zero_never_rotates(signing, rsa):
    set_rotation(superadmin_act(), signing.name, 0)
    age(rsa, 4000)
    assert len(check(signing)) == 2


def test_a_suspended_domain_makes_no_successors(signing, rsa):
    age(rsa, 400)
    Domain.objects.update(state="suspended")
    assert len(check(signing)) == 2


@pytest.mark.parametrize("algorithm", ["rsa2048", "rsa4096", "ed25519"])
def test_a_key_taken_out_is_the_same_when_taken_in(algorithm):
    one, two = make_domain("acme.example"), make_domain("bee.example")
    dora = make_administrator("dora@acme.example", one, two)
    act = domain_admin_act(one, two, actor=dora)
    key = create_key(act, one.name, algorithm, "own")
    pem = export_key(act, one.name, "own", PASSWORD)
    copy = create_key(act, two.name, algorithm, "own", pem)
    assert copy.public_key == key.public_key
    sealed = [(row.domain.name, bytes(row.private_key_sealed)) for row in (key, copy)]
    assert len({unseal(key_identity(name, "own"), octets) for name, octets in sealed}) == 1
    assert AuditRecord.objects.filter(action="key.export", object_name="own._domainkey.acme.example").count() == 1


def test_a_key_goes_out_only_to_a_person_who_proves_it():
    domain = make_domain()
    dora = make_administrator("dora@acme.example", domain)
    act = domain_admin_act(domain, actor=dora)
    create_key(act, domain.name, "ed25519", "own")
    assert refused(export_key, act, domain.name, "own", "wrong") == {"password"}
    with pytest.raises(Forbidden):
        export_key(superadmin_act(), domain.name, "own", PASSWORD)


SMALL = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize("pem", ["nonsense", SMALL, "\0", "-----BEGIN PRIVATE KEY-----" * 10_000])
def test_what_is_no_key_is_refused(pem):
    domain = make_domain()
    assert refused(create_key, superadmin_act(), domain.name, "rsa2048", None, pem) == {"private_key"}


def test_a_key_of_another_kind_is_refused():
    domain = make_domain()
    dora = make_administrator("dora@acme.example", domain)
    act = domain_admin_act(domain, actor=dora)
    create_key(act, domain.name, "ed25519", "own")
    pem = export_key(act, domain.name, "own", PASSWORD)
    assert refused(create_key, act, domain.name, "rsa2048", None, pem) == {"algorithm"}
