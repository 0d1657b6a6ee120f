"""Floods of reports: what one submitter and all may send a day, what is kept, and who waits for whom."""

from datetime import timedelta

import pytest
from django.utils import timezone

from domains.models import DmarcReport, Domain, ReportFile
from domains.reports import budget as report_budget
from domains.reports.budget import MB, Budget, Excess, Spent, excess_of
from domains.services import report_fences, reports
from domains.services.report_files import read_again, read_all_again
from domains.services.reports import take_in_file, take_in_now, take_in_pending
from tests.domains.dmarc.samples import report_mail, report_xml
from tests.factories import make_domain, superadmin_act

NOTHING = Spent(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("authenticated", "spent", "octets", "excess"),
    [
        (False, NOTHING, 25 * MB, None),  # the first always fits
        (False, Spent(99, 0, 499, 0), 10, None),
        (False, Spent(100, 0, 100, 0), 10, Excess.FILES),
        (False, Spent(0, 0, 500, 0), 10, Excess.ALL_FILES),  # many names, one flood
        (False, Spent(1, 20 * MB, 1, 20 * MB), 1, Excess.OCTETS),
        (False, Spent(0, 0, 9, 100 * MB), 1, Excess.ALL_OCTETS),
        (True, Spent(999, 0, 9999, 0), 10, None),
        (True, Spent(1000, 0, 1000, 0), 10, Excess.FILES),
        (True, Spent(0, 0, 10_000, 0), 10, Excess.ALL_FILES),
        (True, Spent(3, 200 * MB, 3, 200 * MB), 1, Excess.OCTETS),
    ],
)
def test_what_one_more_mail_exceeds(authenticated, spent, octets, excess):
    assert excess_of(authenticated, spent, octets) is excess


@pytest.fixture
def acme(db) -> Domain:
    return make_domain("acme.example")


def make_file(domain: Domain, number: int = 1, **fields) -> ReportFile:
    values = {"road": "mail", "content": report_mail("acme.example", report_id=f"r-{number}")} | fields
    return ReportFile.objects.create(domain=domain, **values)


def test_reports_past_the_days_number_are_kept_and_not_counted_until_somebody_says_so(acme, monkeypatch):
    monkeypatch.setattr(report_budget, "UNAUTHENTICATED", Budget(9, 9, 9, 9, reports=2))
    first, second, third, real = (make_file(acme, number) for number in range(4))
    ReportFile.objects.filter(pk=real.pk).update(authenticated=True, submitter="real.example")
    assert [take_in_file(one.pk) for one in (first, second, third, real)] == ["stored", "stored", "fenced", "stored"]
    third.refresh_from_db()
    assert third.reason == (
        "Senders whom nothing authenticates have sent their 2 reports on acme.example today. The file is kept, and "
        "not counted."
    )
    assert DmarcReport.objects.count() == 3
    assert bytes(third.content)
    assert read_again(superadmin_act(), third.pk).state == "stored"
    assert DmarcReport.objects.count() == 4


def test_an_authenticated_flood_uses_up_its_own_alone(acme, monkeypatch):
    monkeypatch.setattr(report_budget, "AUTHENTICATED", Budget(9, 9, 9, 9, reports=1))
    flood = [make_file(acme, number, authenticated=True, submitter="flood.example") for number in range(2)]
    real = make_file(acme, 7, authenticated=True, submitter="real.example")
    assert [take_in_file(one.pk) for one in (*flood, real)] == ["stored", "fenced", "stored"]
    flood[1].refresh_from_db()
    assert flood[1].reason.startswith("flood.example has sent its 1 reports on acme.example today.")
    assert read_all_again(superadmin_act(), acme) == 1
    assert DmarcReport.objects.count() == 3


def test_the_budget_is_of_a_day(acme, monkeypatch):
    monkeypatch.setattr(report_budget, "UNAUTHENTICATED", Budget(9, 9, 9, 9, reports=1))
    assert take_in_file(make_file(acme, 1).pk) == "stored"
    DmarcReport.objects.update(received_at=timezone.now() - timedelta(days=1))
    assert take_in_file(make_file(acme, 2).pk) == "stored"


def test_administrators_are_not_fenced(acme, monkeypatch):
    monkeypatch.setattr(report_budget, "UNAUTHENTICATED", Budget(9, 9, 9, 9, reports=0))
    assert reports.take_in(report_xml("acme.example"), "", "api")[1]


def test_the_sweep_takes_turns_and_the_authenticated_first(acme, monkeypatch):
    flood = [make_file(acme, number, submitter="flood.example").pk for number in range(4)]
    quiet = make_file(acme, 10, submitter="quiet.example").pk
    real = make_file(acme, 20, submitter="real.example", authenticated=True).pk
    order: list[int] = []
    monkeypatch.setattr(reports, "take_in_file", lambda pk: order.append(pk) or "stored")
    take_in_pending()
    assert order == [real, flood[0], quiet, *flood[1:]]


def test_while_many_wait_only_the_authenticated_go_at_once(acme, monkeypatch):
    monkeypatch.setattr(reports, "QUEUE_FILES", 3)
    flood = [make_file(acme, number) for number in range(3)]
    real = make_file(acme, 10, authenticated=True, submitter="real.example")
    take_in_now(flood[0].pk)
    take_in_now(real.pk)
    states = dict(ReportFile.objects.values_list("pk", "state"))
    assert (states[flood[0].pk], states[real.pk]) == ("pending", "stored")
    assert take_in_pending() == 3


def test_what_nobody_can_read_is_kept_within_bounds_the_unauthenticated_let_go_first(acme, monkeypatch):
    monkeypatch.setattr(report_fences, "KEPT_OCTETS", 250)
    rows = [make_file(acme, 1, content=b"x" * 100, authenticated=n == 0, state="broken") for n in range(4)]
    other = make_file(make_domain("other.example"), 1, content=b"x" * 200, state="broken")
    assert report_fences.let_go() == 2
    assert report_fences.let_go() == 0
    kept = {row.pk: len(row.content) for row in ReportFile.objects.all()}
    assert kept == {rows[0].pk: 100, rows[1].pk: 0, rows[2].pk: 0, rows[3].pk: 100, other.pk: 200}
    assert "let go" in ReportFile.objects.get(pk=rows[1].pk).reason


def test_files_whose_reports_are_stored_have_a_bound_of_their_own(acme, monkeypatch):
    monkeypatch.setattr(report_fences, "TAKEN_OCTETS", 150)
    broken = make_file(acme, 1, content=b"x" * 1000, state="broken")
    stored = [make_file(acme, 1, content=b"x" * 100, state="stored") for _ in range(2)]
    assert report_fences.let_go() == 1
    kept = {row.pk: len(row.content) for row in ReportFile.objects.all()}
    assert kept == {broken.pk: 1000, stored[0].pk: 0, stored[1].pk: 100}


def test_years_of_a_watched_mailbox_are_no_flood(acme, monkeypatch):
    monkeypatch.setattr(report_budget, "UNAUTHENTICATED", Budget(9, 9, 9, 9, reports=1))
    states = [take_in_file(make_file(acme, number, road="imap").pk) for number in range(3)]
    assert states == ["stored"] * 3
    assert take_in_file(make_file(acme, 9).pk) == "stored"  # nor do they count against what comes by mail


def test_their_number_is_bounded_too(acme, monkeypatch):
    monkeypatch.setattr(report_fences, "KEPT_FILES", 2)
    for _ in range(3):
        make_file(acme, 1, content=b"x", state="broken")
    assert report_fences.let_go() == 1
