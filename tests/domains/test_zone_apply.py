"""A plan applied to BIND by RFC 2136: what its owner wrote stays, nothing unseen is changed, and it can be undone."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from django.db import connections

from domains.audit import system_act
from domains.dns import update
from domains.dns.update import SetChange
from domains.errors import NotFound, Refused, Taken
from domains.models import AuditRecord, DkimKey, DnsAccount, KeyState, RecordHistory, RecordObservation, ZoneChange
from domains.services import zone_apply
from domains.services.check import check_now
from domains.services.dns_access import set_account
from domains.services.sealing import seal
from domains.services.zone_apply import apply_plan, propose, propose_undo, undo_change
from domains.services.zone_texts import nsupdate_script
from tests.conftest import needs_program
from tests.factories import make_domain
from tests.name_server import KEY_NAME, SECRET, NameServer

pytestmark = [
    pytest.mark.django_db,
    needs_program("named", "nsupdate"),
]

ZONE = "acme.example"
OLD_SPF = "v=spf1 include:_spf.other.example ~all"
LINES = f"""@ IN TXT "site-verification=1"
@ IN TXT "{OLD_SPF}"
@ IN MX 10 mx.old.example.
_dmarc IN TXT "v=DMARC1; p=none; rua=mailto:boss@acme.example"
www IN A 192.0.2.80
_spf.other IN A 192.0.2.81
"""
ACT = system_act("api")


@pytest.fixture
def server(tmp_path: Any, settings: Any) -> Iterator[NameServer]:
    with NameServer(tmp_path / "named", {ZONE: LINES, "other.example": '_spf IN TXT "v=spf1 -all"\n'}) as running:
        settings.MAILADMIN = replace(
            settings.MAILADMIN,
            resolvers=(("127.0.0.1", running.port),),
            authoritative=False,
            hostname=f"mail.{ZONE}",
            public_addresses=("192.0.2.25",),
            private_networks=(ip_network("127.0.0.0/8"),),
        )
        yield running


@pytest.fixture
def domain(server: NameServer) -> Any:
    row = make_domain(ZONE)
    DkimKey.objects.filter(domain=row, algorithm="rsa2048").delete()
    DkimKey.objects.filter(domain=row).update(selector="s1")
    set_account(ACT, ZONE, server="127.0.0.1", port=server.port, key_name=KEY_NAME, secret=SECRET)
    return row


def statuses() -> dict[str, str]:
    return {row.purpose: row.status for row in RecordObservation.objects.all()}


def test_a_dry_run_changes_nothing(domain, server):
    proposal = propose(ACT, ZONE)
    assert {step.record.purpose for step in proposal.steps} >= {"spf", "dkim", "dmarc", "host", "tls-rpt"}
    assert "mx" not in {step.record.purpose for step in proposal.steps}  # it moves mail
    assert len(server.texts(ZONE, "TXT")) == 2
    assert not ZoneChange.objects.exists()


def test_applied_and_seen_and_what_was_there_stays(domain, server):
    row = apply_plan(ACT, ZONE)
    assert row.state == "applied"
    merged = '"v=spf1 include:_spf.other.example mx ip4:192.0.2.25 ~all"'
    assert server.texts(ZONE, "TXT") == sorted(['"site-verification=1"', merged])
    assert server.texts(ZONE, "MX") == ["10 mx.old.example."]
    assert "boss@acme.example" in server.texts(f"_dmarc.{ZONE}", "TXT")[0]
    assert server.texts(f"www.{ZONE}", "A") == ["192.0.2.80"]
    assert {statuses()[purpose] for purpose in ("spf", "dkim", "dmarc", "host")} == {"right"}
    assert DkimKey.objects.get(selector="s1").state == KeyState.ACTIVE
    assert AuditRecord.objects.filter(action="zone.apply").count() == 1


def test_the_history_says_who_published_what(domain):
    check_now(ACT, ZONE)
    apply_plan(ACT, ZONE)
    rows = RecordHistory.objects.filter(purpose="spf", kind="applied")
    assert [(row.actor_name, row.here) for row in rows] == [(ACT.name, True)]
    seen = RecordHistory.objects.filter(purpose="spf", kind="seen").latest("pk")
    assert (seen.status, seen.here) == ("right", True)


def test_what_is_delegated_stops_only_itself(domain, server):
    change = SetChange(f"_domainkey.{ZONE}", "TXT", 300, (), (), ('"x"',))
    script = nsupdate_script([change], ZONE).replace('TXT "x"', "NS ns.other.example.")
    subprocess.run(
        ["nsupdate"],
        input=f"server 127.0.0.1 {server.port}\nkey hmac-sha256:{KEY_NAME} {SECRET}\n{script}".encode(),
        check=True,
        capture_output=True,
    )
    purposes = {step.record.purpose for step in propose(ACT, ZONE).steps}
    assert "spf" in purposes
    assert "dkim" not in purposes
    assert apply_plan(ACT, ZONE).state == "applied"


def test_nothing_is_left_to_apply_after(domain):
    apply_plan(ACT, ZONE, consent=["moves-mail"])
    assert apply_plan(ACT, ZONE, consent=["moves-mail"]) is None
    assert ZoneChange.objects.count() == 1


def test_mail_moves_only_when_somebody_said_so(domain, server):
    proposal = propose(ACT, ZONE, consent=["moves-mail"])
    [mx] = [step for step in proposal.steps if step.record.purpose == "mx"]
    [host] = [step for step in proposal.steps if step.record.purpose == "host"]
    with pytest.raises(Refused) as caught:
        apply_plan(ACT, ZONE, [mx.id])
    assert list(caught.value.errors) == ["consent"]
    apply_plan(ACT, ZONE, [mx.id, host.id], ["moves-mail"])
    assert server.texts(ZONE, "MX") == [f"10 mail.{ZONE}."]
    assert OLD_SPF in server.texts(ZONE, "TXT")[1]  # the others were not chosen


def test_a_step_that_is_no_longer_in_the_plan_stops_all(domain):
    steps = [step.id for step in propose(ACT, ZONE).steps]
    with pytest.raises(Taken) as caught:
        apply_plan(ACT, ZONE, [*steps, "0" * 12])
    assert list(caught.value.errors) == ["steps"]
    assert not ZoneChange.objects.exists()


def test_what_changes_between_look_and_change_stops_all(domain, server, monkeypatch):
    real = update.change_zone

    async def others_first(access, changes):
        held = await update.read_sets(access, [(ZONE, "TXT")])
        raw = held[ZONE, "TXT"].raw
        await real(access, [SetChange(ZONE, "TXT", 300, raw, (), ('"somebody else"',))])
        await real(access, changes)

    monkeypatch.setattr(zone_apply, "change_zone", others_first)
    with pytest.raises(Taken):
        apply_plan(ACT, ZONE)
    assert server.texts(f"s1._domainkey.{ZONE}", "TXT") == []
    assert ZoneChange.objects.get().state == "failed"


@pytest.mark.django_db(transaction=True)
def test_two_at_once_exclude_each_other(domain, monkeypatch):
    inside, go_on, errors = threading.Event(), threading.Event(), []
    real = zone_apply.change_zone

    async def slowly(access, changes):
        inside.set()
        assert go_on.wait(20)
        await real(access, changes)

    monkeypatch.setattr(zone_apply, "change_zone", slowly)

    def first():
        try:
            apply_plan(ACT, ZONE)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(20)
    with pytest.raises(Taken) as caught:
        apply_plan(ACT, ZONE)
    go_on.set()
    thread.join(30)
    assert list(caught.value.errors) == ["zone"]
    assert errors == []
    assert ZoneChange.objects.get().state == "applied"


def test_a_server_that_dies_in_the_middle_is_judged_later(domain, server, monkeypatch):
    real = zone_apply.change_zone
    monkeypatch.setattr(update, "SECONDS", 1.0)

    async def stops(access, changes):
        server._process.send_signal(signal.SIGSTOP)
        await real(access, changes)

    monkeypatch.setattr(zone_apply, "change_zone", stops)
    try:
        with pytest.raises(Refused) as caught:
            apply_plan(ACT, ZONE)
    finally:
        server._process.send_signal(signal.SIGCONT)
    assert list(caught.value.errors) == ["server"]
    assert ZoneChange.objects.get().state == "unknown"
    monkeypatch.setattr(zone_apply, "change_zone", real)
    apply_plan(ACT, ZONE)  # what is left, if anything is
    assert ZoneChange.objects.earliest("pk").state in ("applied", "failed")
    assert not ZoneChange.objects.filter(state__in=("unknown", "sending")).exists()


def test_a_stopped_server_is_told_and_nothing_is_kept(domain, server):
    server.stop()
    with pytest.raises(Refused) as caught:
        apply_plan(ACT, ZONE)
    assert list(caught.value.errors) == ["server"]
    assert not ZoneChange.objects.exists()


def test_a_wrong_key_is_told(domain, server):
    sealed = seal(f"dns-account {ZONE} {KEY_NAME}", b"another secret")
    DnsAccount.objects.update(secret_sealed=sealed)
    with pytest.raises(Refused) as caught:
        apply_plan(ACT, ZONE)
    assert list(caught.value.errors) == ["server"]


def test_undone_as_it_was_but_for_the_key_that_signs(domain, server):
    before = server.texts(ZONE, "TXT"), server.texts(f"_dmarc.{ZONE}", "TXT")
    row = apply_plan(ACT, ZONE)
    reversal = propose_undo(ACT, ZONE, row.pk)
    assert reversal.left == [f"s1._domainkey.{ZONE}"]
    undone = undo_change(ACT, ZONE, row.pk)
    assert undone.undoes_id == row.pk
    assert (server.texts(ZONE, "TXT"), server.texts(f"_dmarc.{ZONE}", "TXT")) == before
    assert server.texts(f"mail.{ZONE}", "A") == []
    assert server.texts(f"s1._domainkey.{ZONE}", "TXT") != []
    row.refresh_from_db()
    assert row.state == "undone"
    assert AuditRecord.objects.filter(action="zone.undo").count() == 1
    for again in (row, undone):
        with pytest.raises(Refused):
            undo_change(ACT, ZONE, again.pk)


def test_a_change_that_a_later_one_stands_on_is_not_undone(domain, server):
    """Without the mail host's address, an MX that leads there would lose mail."""
    first = apply_plan(ACT, ZONE)
    second = apply_plan(ACT, ZONE, consent=["moves-mail"])
    with pytest.raises(Refused):
        undo_change(ACT, ZONE, first.pk)
    assert server.texts(f"mail.{ZONE}", "A") != []
    undo_change(ACT, ZONE, second.pk)
    undo_change(ACT, ZONE, first.pk)
    assert server.texts(ZONE, "MX") == ["10 mx.old.example."]


def test_a_record_that_is_no_longer_as_it_was_left_stops_the_undoing(domain, server):
    row = apply_plan(ACT, ZONE)
    script = f"server 127.0.0.1 {server.port}\nkey hmac-sha256:{KEY_NAME} {SECRET}\nzone {ZONE}.\n"
    script += f"update delete mail.{ZONE}. A\nupdate add mail.{ZONE}. 60 A 192.0.2.99\nsend\n"
    subprocess.run(["nsupdate"], input=script.encode(), check=True)
    with pytest.raises(Taken):
        undo_change(ACT, ZONE, row.pk)
    assert server.texts(f"_dmarc.{ZONE}", "TXT") != []


def test_no_change_of_another_domain_can_be_undone(domain):
    row = apply_plan(ACT, ZONE)
    other = make_domain("bee.example")
    ZoneChange.objects.filter(pk=row.pk).update(domain=other)
    with pytest.raises(NotFound):
        undo_change(ACT, ZONE, row.pk)


def test_the_script_for_nsupdate_does_the_same(domain, server):
    proposal = propose(ACT, ZONE, consent=["moves-mail"])
    script = nsupdate_script(proposal.changes, ZONE, f"127.0.0.1 {server.port}")
    script = f"key hmac-sha256:{KEY_NAME} {SECRET}\n{script}"
    subprocess.run(["nsupdate"], input=script.encode(), check=True, capture_output=True)
    assert server.texts(ZONE, "MX") == [f"10 mail.{ZONE}."]
    assert propose(ACT, ZONE, consent=["moves-mail"]).changes == []
    again = subprocess.run(["nsupdate"], input=script.encode(), capture_output=True)
    assert again.returncode != 0  # its prerequisites hold no more
