"""History and notices of a domain whose DNS really changes, on a name server on loopback."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from domains.models import DkimKey, Domain, Notice, RecordHistory, RecordObservation, Trouble, ZoneChange
from domains.services import history, provision, removal
from domains.services.check import check_due_domains, check_now, due_domains
from domains.services.dmarc_policy import set_policy
from domains.services.drift import troubles_for
from domains.services.publication import desired_records, zone_text
from tests.dns_server import DnsServer
from tests.factories import domain_admin_act, make_administrator, make_domain, superadmin_act

pytestmark = pytest.mark.django_db

DMARC = ("_dmarc.acme.example", "TXT")


def publish(server, domain):
    server.load_zone_text(zone_text(desired_records(domain), domain.name))


def look():
    check_now(superadmin_act(), "acme.example")


def later(**ago):
    """Let time pass: what was written is older by so much."""
    step = timedelta(**ago)
    for row in RecordHistory.objects.all():
        row.at, row.until = row.at - step, row.until - step
        row.save()
    for row in Trouble.objects.all():
        row.since -= step
        row.save()
    for domain in Domain.objects.exclude(checked_at=None):
        domain.checked_at -= step
        domain.save()


def told():
    return list(Notice.objects.order_by("id").values_list("type", flat=True))


def lines(name="_dmarc.acme.example"):
    rows = RecordHistory.objects.filter(name=name).order_by("id")
    return [(row.kind, row.status_before, row.status, row.actor_name) for row in rows]


@pytest.fixture
def domain(dns_settings):
    """All of it published and seen, a day ago."""
    domain = make_domain()
    look()
    later(hours=5)
    publish(dns_settings, domain)
    look()
    later(days=1)
    return Domain.objects.get(pk=domain.pk)


def test_publishing_is_history_and_nobody_is_told(domain):
    assert lines() == [("seen", "", "missing", ""), ("seen", "missing", "right", "")]
    assert told() == []
    look()
    assert len(lines()) == 2


def test_a_change_outside_is_told_once_and_its_end_too(dns_settings, domain):
    right = dns_settings.zone[DMARC]
    dns_settings.zone[DMARC] = ["v=DMARC1; p=reject"]
    look()
    assert lines()[-1] == ("seen", "right", "wrong", "")
    row = RecordHistory.objects.first()
    assert (row.before, row.after, row.here) == (right, ["v=DMARC1; p=reject"], False)
    assert told() == ["record.wrong", "domain.bad"]
    data = Notice.objects.get(type="record.wrong").data
    assert (data["name"], data["status"], data["found"]) == (DMARC[0], "wrong", ["v=DMARC1; p=reject"])
    look()
    assert told() == ["record.wrong", "domain.bad"]
    dns_settings.zone[DMARC] = right
    later(hours=2)
    look()
    assert told() == ["record.wrong", "domain.bad", "record.right", "domain.good"]
    assert lines()[-1] == ("seen", "wrong", "right", "")
    assert not Trouble.objects.exists()


def test_the_scheduled_check_tells_once_though_two_run(dns_settings, domain):
    del dns_settings.zone[DMARC]
    assert check_due_domains() == 1
    assert check_due_domains() == 0
    later(hours=1)
    assert check_due_domains() == 1
    assert told() == ["record.wrong", "domain.bad"]


def test_what_only_some_servers_lack_needs_a_second_look(dns_settings, domain, settings):
    with DnsServer() as second:
        servers = ((dns_settings.address, dns_settings.port), (second.address, second.port))
        settings.MAILADMIN = replace(settings.MAILADMIN, resolvers=servers)
        publish(second, domain)
        del second.zone[DMARC]
        look()
        look()  # at the same moment: one fault
        assert told() == []
        assert not due_domains().exists()
        row = RecordHistory.objects.filter(name=DMARC[0]).first()
        assert (row.status, row.lacking, row.asked) == ("waiting", 1, 2)
        later(minutes=11)
        assert due_domains().exists()  # doubt is looked at again before the hour is over
        look()
        assert told() == ["record.wrong", "domain.bad"]


def test_a_passing_fault_is_told_to_nobody(dns_settings, domain, settings):
    with DnsServer() as second:
        servers = ((dns_settings.address, dns_settings.port), (second.address, second.port))
        settings.MAILADMIN = replace(settings.MAILADMIN, resolvers=servers)
        look()
        assert Trouble.objects.count() > 5
        publish(second, domain)
        later(minutes=15)
        look()
    assert told() == []
    assert not Trouble.objects.exists()


def test_silence_is_told_softly_once_and_changes_nothing(dns_settings, domain):
    since = RecordObservation.objects.get(name=DMARC[0]).right_since
    dns_settings.failing |= {name for name, _ in dns_settings.zone}
    look()
    assert told() == []
    later(hours=1)
    look()
    look()
    assert told() == ["dns.silent"]
    assert Notice.objects.get().data["records"] > 5
    dns_settings.failing.clear()
    later(hours=1)
    look()
    assert told() == ["dns.silent", "dns.answers"]
    assert RecordObservation.objects.get(name=DMARC[0]).right_since == since
    assert [line[2] for line in lines()] == ["missing", "right", "unreachable", "right"]


def test_what_we_changed_is_ours_by_name_and_no_alarm(dns_settings, domain):
    dora = make_administrator("dora@operator.example", domain)
    act = domain_admin_act(domain, actor=dora)
    set_policy(act, domain.name, policy="quarantine")
    look()
    assert lines()[-2:] == [("wanted", "right", "unchecked", "dora"), ("seen", "unchecked", "wrong", "")]
    row = RecordHistory.objects.filter(kind="wanted").get()
    assert row.audit.action == "domain.change"
    assert "p=none" in row.before[0]
    assert "p=quarantine" in row.after[0]
    later(hours=2)
    look()
    assert told() == []
    publish(dns_settings, Domain.objects.get(pk=domain.pk))
    later(hours=2)
    look()
    assert lines()[-1] == ("seen", "wrong", "right", "")
    assert told() == []


def test_a_change_of_the_settings_has_no_author(dns_settings, domain, settings):
    set_policy(superadmin_act(), domain.name, policy="quarantine")
    settings.MAILADMIN = replace(settings.MAILADMIN, hostname="new.acme.example")
    look()
    rows = {row.purpose: row for row in RecordHistory.objects.filter(kind="wanted")}
    assert (rows["dmarc"].actor_name, rows["mx"].actor_name, rows["mx"].audit) == ("mailadmin", "", None)


def test_what_was_published_from_here_is_not_outside(dns_settings, domain):
    dns_settings.zone[DMARC], right = ["v=DMARC1; p=reject"], dns_settings.zone[DMARC]
    look()
    later(hours=2)
    quoted = {"removes": ['"v=DMARC1; p=reject"'], "adds": [f'"{right[0][:20]}" "{right[0][20:]}"']}
    change = {"name": DMARC[0], "type": DMARC[1], **quoted}
    history.note_applied(ZoneChange.objects.create(domain=domain, actor_name="dora", changes=[change]))
    dns_settings.zone[DMARC] = right
    look()
    assert lines()[-2:] == [("applied", "wrong", "wrong", "dora"), ("seen", "wrong", "right", "")]
    applied = RecordHistory.objects.get(kind="applied")
    assert (applied.before, applied.after) == (["v=DMARC1; p=reject"], right)
    assert RecordHistory.objects.filter(name=DMARC[0]).first().here


def test_flapping_fills_nothing(dns_settings, domain):
    right = dns_settings.zone[DMARC]
    for _ in range(6):
        dns_settings.zone[DMARC] = ["v=DMARC1; p=reject"]
        look()
        dns_settings.zone[DMARC] = right
        look()
    row = RecordHistory.objects.filter(name=DMARC[0]).first()
    assert (RecordHistory.objects.filter(name=DMARC[0]).count(), row.times) == (3, 12)
    assert (row.before, row.after, row.status_before, row.status) == (right, right, "right", "right")


def test_old_history_goes_but_the_present_state(domain):
    assert history.remove_old_history() == 0
    later(days=800)
    look()
    before = RecordHistory.objects.count()
    removed = history.remove_old_history()
    assert removed == before / 2
    assert RecordHistory.objects.filter(name=DMARC[0]).count() == 1
    look()
    assert RecordHistory.objects.filter(name=DMARC[0]).count() == 1


def test_a_record_has_its_share_and_no_more(domain):
    last = RecordHistory.objects.filter(name=DMARC[0]).first()
    now = timezone.now()
    for _ in range(250):
        last.pk, last.at, last.until = None, now, now
        last.save(force_insert=True)
    history.remove_old_history()
    assert RecordHistory.objects.filter(name=DMARC[0]).count() == history.ENTRIES_PER_RECORD


def test_a_key_that_waits_too_long_is_told_and_its_end(dns_settings):
    domain = make_domain()
    look()
    assert told() == []
    key = DkimKey.objects.order_by("pk")[0]
    DkimKey.objects.filter(pk=key.pk).update(created_at=timezone.now() - timedelta(days=9))
    look()
    look()
    assert told() == ["key.overdue"]
    assert Notice.objects.get().data == {"selector": key.selector}
    publish(dns_settings, domain)
    look()
    assert told() == ["key.overdue", "key.seen"]


def test_a_suspended_domain_tells_nothing(dns_settings, domain):
    provision.change_domain(superadmin_act(), domain.name, "suspended")
    dns_settings.zone.clear()
    look()
    assert told() == []
    assert lines()[-1][2] == "missing"


def test_a_deleted_domain_leaves_nothing(dns_settings, domain):
    dns_settings.zone.clear()
    look()
    assert Trouble.objects.exists()
    removal.delete_domain(superadmin_act(), domain.name, cascade=True, now=True)
    assert not RecordHistory.objects.exists()
    assert not Trouble.objects.exists()
    assert not Notice.objects.exists()


def test_troubles_are_shown_in_reach_only(dns_settings, domain):
    dns_settings.zone.clear()
    look()
    assert troubles_for(superadmin_act()).count() > 5
    assert troubles_for(domain_admin_act(domain)).count() > 5
    assert troubles_for(domain_admin_act(make_domain("other.example"))).count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_look_at_once_tell_once(dns_settings, domain):
    del dns_settings.zone[DMARC]
    gate = threading.Barrier(3)

    def work():
        gate.wait(10)
        try:
            look()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(work) for _ in range(3)]:
            done.result()
    assert told() == ["record.wrong", "domain.bad"]
    assert len(lines()) == 3
