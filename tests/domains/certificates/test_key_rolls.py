"""The key of a real certificate is replaced: at once where nothing is pinned, else after its record."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from domains.certificates.roll import Stage, stage_of
from domains.errors import Forbidden, NotFound, Refused
from domains.models import AuditRecord, Certificate
from domains.services import certificates
from domains.services.certificate_facts import forget_facts
from domains.services.certificate_orders import order_due
from domains.services.certificate_rolls import roll_key, roll_of
from domains.services.publication import desired_records
from domains.services.serving import pair_for
from domains.tls.pair import chain_digest
from tests.conftest import needs_program
from tests.factories import domain_admin_act, make_domain, superadmin_act

pytestmark = [pytest.mark.django_db(transaction=True), needs_program("pebble")]
HOST = "mail.acme.example"
PIN = "_25._tcp.mail.acme.example"


@pytest.fixture
def row(authority, account):
    order_due()
    return Certificate.objects.get(name=HOST)


def in_use():
    return chain_digest(pair_for(HOST).chain)


def pins(domain):
    return [one.value.removeprefix("3 1 1 ") for one in desired_records(domain) if one.purpose == "tlsa"]


def stage():
    return stage_of(roll_of(Certificate.objects.get(name=HOST)), timezone.now())


def pass_time(hours):
    """Let what was written before have happened so much earlier."""
    for field in ("seen_at", "rolled_at", "ordered_at"):
        for row in Certificate.objects.exclude(**{field: None}):
            Certificate.objects.filter(pk=row.pk).update(**{field: getattr(row, field) - timedelta(hours=hours)})


def test_without_a_pin_in_the_dns_the_next_key_is_used_at_once(row):
    before = in_use()
    roll_key(superadmin_act(), HOST)
    assert order_due() == 1
    assert in_use() not in ("", before)
    order_due()
    assert stage() is Stage.STEADY


def test_a_pinned_key_is_replaced_after_the_record_of_the_next_one(row, dns_settings):
    domain = make_domain()
    Certificate.objects.filter(domain=domain).delete()
    first = in_use()
    dns_settings.zone[PIN, "TLSA"] = [f"3 1 1 {first}"]
    roll_key(superadmin_act(), HOST)
    forget_facts()
    assert pins(domain)[0] == first
    (following,) = pins(domain)[1:]
    order_due()
    assert (stage(), in_use()) == (Stage.ANNOUNCED, first)
    certificates.renew(superadmin_act(), HOST)  # a renewal meanwhile keeps the old key
    assert order_due() == 1
    assert in_use() == first
    dns_settings.zone[PIN, "TLSA"] = [f"3 1 1 {first}", f"3 1 1 {following}"]
    order_due()
    assert stage() is Stage.AGEING
    pass_time(1)  # more than twice the TTL of 300 seconds
    assert order_due() == 1
    assert (in_use(), stage()) == (following, Stage.LEAVING)
    forget_facts()
    assert pins(domain) == [following, first]
    order_due()
    assert stage() is Stage.LEAVING
    pass_time(2)
    order_due()
    assert stage() is Stage.STEADY
    forget_facts()
    assert pins(domain) == [following]
    assert AuditRecord.objects.filter(action="certificate.unpin").count() == 1


def test_a_silent_dns_moves_nothing(row, dns_settings):
    first = in_use()
    dns_settings.silent.add(PIN)
    roll_key(superadmin_act(), HOST)
    order_due()
    assert (stage(), in_use()) == (Stage.ANNOUNCED, first)


def test_what_cannot_be_replaced_is_said(row):
    with pytest.raises(NotFound):
        roll_key(superadmin_act(), "other.example\n")
    with pytest.raises(Forbidden):
        roll_key(domain_admin_act(), HOST)
    roll_key(superadmin_act(), HOST)
    with pytest.raises(Refused):
        roll_key(superadmin_act(), HOST)
    Certificate.objects.create(name="new.acme.example")
    with pytest.raises(Refused):
        roll_key(superadmin_act(), "new.acme.example")


def test_a_key_that_nobody_pins_is_replaced_at_once(row, dns_settings, settings):
    settings.MAILADMIN = replace(settings.MAILADMIN, url="https://panel.acme.example")
    dns_settings.zone["panel.acme.example", "A"] = ["127.0.0.1"]
    assert order_due() == 1
    before = pair_for("panel.acme.example").key
    roll_key(superadmin_act(), "panel.acme.example")
    assert order_due() == 1
    assert pair_for("panel.acme.example").key != before
