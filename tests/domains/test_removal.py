"""Deleting with a time of grace: absent for everybody at once, restored whole, removed for good later."""

from datetime import timedelta

import pytest
from django.utils import timezone

from domains.errors import Forbidden, NotEmpty, NotFound, Refused, Taken
from domains.models import AuditRecord, DkimKey, DmarcReport, Domain, KeyState
from domains.services import check, provision, reports
from domains.services.dmarc_policy import set_policy
from domains.services.removal import delete_domain, kept_until, remove_deleted, restore_domain
from mailboxes.models import Account, Alias
from mailboxes.services import accounts, aliases
from tests.domains.dmarc.samples import report_xml
from tests.domains.test_check import publish
from tests.factories import (
    domain_admin_act,
    make_account,
    make_administrator,
    make_alias,
    make_domain,
    owner_act,
    superadmin_act,
    suspend,
)
from tests.panel.people import make_report

pytestmark = pytest.mark.django_db
NAME = "acme.example"


@pytest.fixture
def acme(dns_settings):
    """acme.example with a mailbox, an alias, a report and active keys, published."""
    account = make_account(f"alice@{NAME}")
    make_alias(f"sales@{NAME}")
    publish(dns_settings, account.domain)
    check.check_now(superadmin_act(), NAME)
    make_report(account.domain)
    return Domain.objects.get(name=NAME)


def delete(**options):
    delete_domain(superadmin_act(), NAME, cascade=True, **options)


def actions():
    wanted = AuditRecord.objects.filter(object_type="domain").exclude(action="domain.create").order_by("pk")
    return list(wanted.values_list("action", flat=True))


def test_a_deleted_domain_is_absent_and_keeps_everything(acme):
    delete()
    act = superadmin_act()
    with pytest.raises(NotFound):
        provision.get_domain_for(act, NAME)
    assert not provision.domains_for(act).exists()
    assert not accounts.accounts_for(act).exists()
    assert not aliases.aliases_for(act).exists()
    for call in (accounts.get_account_for, aliases.get_alias_for):
        with pytest.raises(NotFound):
            call(act, f"alice@{NAME}")
    assert [domain.name for domain in provision.deleted_domains_for(act)] == [NAME]
    assert (Account.objects.count(), Alias.objects.count(), DmarcReport.objects.count()) == (1, 1, 1)
    assert DkimKey.objects.filter(state=KeyState.ACTIVE).count() == 2
    assert actions() == ["domain.delete"]


def test_every_change_of_a_deleted_domain_is_refused_as_absent(acme):
    delete()
    act = superadmin_act()
    calls = [
        lambda: provision.change_domain(act, NAME, "active"),
        lambda: delete(),
        lambda: check.check_now(act, NAME),
        lambda: set_policy(act, NAME, policy="none"),
        lambda: accounts.change_account(act, f"alice@{NAME}", enabled=False),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()
    with pytest.raises(Refused):
        make_account(f"bob@{NAME}")


def test_restored_it_is_as_it_was(acme):
    before = Domain.objects.filter(pk=acme.pk).values().get()
    delete()
    assert restore_domain(superadmin_act(), NAME).pk == acme.pk
    after = Domain.objects.filter(pk=acme.pk).values().get()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"checked_at"}
    assert DkimKey.objects.filter(state=KeyState.ACTIVE).count() == 2
    assert accounts.get_account_for(superadmin_act(), f"alice@{NAME}").messages_count == 0
    assert actions() == ["domain.delete", "domain.restore"]


def test_a_key_whose_record_went_away_meanwhile_does_not_sign_again(acme, dns_settings):
    delete()
    for name, rdtype in list(dns_settings.zone):
        if "_domainkey" in name:
            del dns_settings.zone[name, rdtype]
    restore_domain(superadmin_act(), NAME)
    assert set(DkimKey.objects.values_list("state", flat=True)) == {KeyState.AWAITING_DNS}


def test_a_suspended_domain_comes_back_suspended(acme):
    suspend(acme)
    delete()
    assert restore_domain(superadmin_act(), NAME).state == "suspended"


def test_it_is_neither_checked_nor_concluded_about(acme, dns_settings):
    seen = check.due_domains(timezone.now() + timedelta(days=1))
    assert seen.count() == 1
    delete()
    assert seen.all().count() == 0
    Domain.objects.update(checked_at=None)
    check.keep(superadmin_act(), acme, [])
    assert Domain.objects.get().checked_at is None


def test_its_name_stays_taken_and_only_who_may_restore_it_is_told(acme):
    delete()
    with pytest.raises(Taken) as own:
        make_domain(NAME)
    assert f"POST /api/v1/domains/{NAME}/restore" in own.value.errors["name"]
    stranger = domain_admin_act(make_domain("other.example"))
    with pytest.raises(Taken) as foreign:
        provision.create_domain(stranger, NAME)
    assert foreign.value.errors["name"] == f"The domain {NAME} exists already."


def test_a_report_about_it_is_about_no_domain_of_ours(acme):
    delete()
    with pytest.raises(Refused):
        reports.take_in(report_xml(NAME), "report.xml", "api", act=superadmin_act())


def test_the_time_of_grace_ends_and_everything_goes(acme):
    delete()
    until = kept_until(Domain.objects.get())
    assert until - timezone.now() > timedelta(days=6, hours=23)
    assert remove_deleted(until) == 0
    assert Account.objects.exists()
    assert remove_deleted(until + timedelta(seconds=1)) == 1
    assert not Domain.objects.exists()
    assert not Account.objects.exists()
    assert not DmarcReport.objects.exists()
    assert actions() == ["domain.delete", "domain.remove"]
    assert make_domain(NAME).name == NAME


def test_a_restored_domain_is_not_removed_by_a_job_that_had_listed_it(acme):
    delete()
    from domains.services import removal

    before = timezone.now() + timedelta(days=30)
    restore_domain(superadmin_act(), NAME)
    assert not removal._remove_deleted(acme.pk, before)
    assert Domain.objects.exists()


@pytest.mark.parametrize("aside", [False, True])
def test_only_a_superadministrator_removes_at_once(acme, aside):
    dora = domain_admin_act(acme)
    if aside:
        delete_domain(dora, NAME, cascade=True)
    with pytest.raises(Forbidden):
        delete_domain(dora, NAME, cascade=True, now=True)
    delete_domain(superadmin_act(), NAME, cascade=not aside, now=True)
    assert not Domain.objects.exists()


def test_at_once_what_is_not_empty_still_needs_the_word(acme):
    with pytest.raises(NotEmpty):
        delete_domain(superadmin_act(), NAME, now=True)
    assert Domain.objects.get().state == "active"


def test_a_domain_never_proven_goes_at_once():
    act = domain_admin_act(actor=make_administrator("dora@operator.example"))
    provision.create_domain(act, NAME)
    delete_domain(superadmin_act(), NAME)
    assert not Domain.objects.exists()


def test_who_may_not_see_it_may_not_restore_it(acme):
    delete()
    for act in (domain_admin_act(make_domain("other.example")), domain_admin_act()):
        with pytest.raises(NotFound):
            restore_domain(act, NAME)
    with pytest.raises(NotFound):
        restore_domain(owner_act(Account.objects.get()), NAME)
    with pytest.raises(NotFound):
        restore_domain(superadmin_act(), "other.example")
    assert restore_domain(domain_admin_act(acme), NAME).name == NAME


def test_alias_domains_go_and_come_with_their_target(acme):
    from domains.services.kinds import Purpose, add_domain

    for name in ("early.example", "late.example"):
        add_domain(superadmin_act(), name, Purpose("alias", NAME))
    DkimKey.objects.filter(domain__name="early.example").update(activated_at=timezone.now())
    delete_domain(superadmin_act(), "early.example")
    delete()
    assert set(Domain.objects.values_list("state", flat=True)) == {"deleted"}
    with pytest.raises(Refused):
        restore_domain(superadmin_act(), "late.example")
    restore_domain(superadmin_act(), NAME)
    states = dict(Domain.objects.values_list("name", "state"))
    assert states == {NAME: "active", "early.example": "deleted", "late.example": "active"}
    restore_domain(superadmin_act(), "early.example")
    delete()
    assert remove_deleted(timezone.now() + timedelta(days=8)) == 1
    assert not Domain.objects.exists()


def test_a_domain_that_never_served_goes_at_once_and_can_be_added_again(db):
    for _turn in range(2):
        make_domain(NAME)
        delete_domain(superadmin_act(), NAME)
        assert not Domain.objects.exists()
    make_domain(NAME)
    DkimKey.objects.filter(domain__name=NAME).update(activated_at=timezone.now())
    delete_domain(superadmin_act(), NAME)
    with pytest.raises(Taken):
        make_domain(NAME)
