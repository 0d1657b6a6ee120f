"""How long aggregate reports are kept: whole months go, sums stay longer, what is older is not taken in."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from domains.audit import system_act
from domains.errors import Refused
from domains.models import DmarcDaily, DmarcDay, DmarcRecord, DmarcReport, DmarcSource, Domain, ReportKeeping
from domains.services.failure_reports import change_keeping
from domains.services.report_keeping import keep_reports
from domains.services.reports import take_in
from tests.domains.dmarc.samples import report_xml

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(microsecond=0)


@pytest.fixture(autouse=True)
def domain() -> Domain:
    return Domain.objects.create(name="example.org", skeleton="example.org", ownership_token="token")


def reported(age: int) -> None:
    begin = NOW - timedelta(days=age)
    take_in(report_xml(report_id=f"r-{age}", begin=begin, end=begin + timedelta(seconds=1)), "", "upload")


def test_months_of_records_go_and_sums_stay_longer():
    for age in (5, 200, 700):
        reported(age)
    change_keeping(system_act(), record_days=100, sum_days=400)
    assert keep_reports(NOW) >= 2
    assert DmarcRecord.objects.count() == DmarcReport.objects.count() == 1
    days = [(NOW - timedelta(days=age)).date() for age in (200, 5)]
    assert list(DmarcDaily.objects.order_by("day").values_list("day", flat=True)) == days
    assert list(DmarcDay.objects.order_by("day").values_list("day", flat=True)) == days
    assert DmarcSource.objects.exists()
    assert keep_reports(NOW) == 0


def test_the_first_month_is_dropped_when_all_of_it_is_old():
    ReportKeeping.objects.create(record_days=100, sum_days=100)
    moment = NOW.replace(day=15, hour=0)
    oldest = (moment - timedelta(days=100)).date()
    kept, gone = oldest.replace(day=1), oldest.replace(day=1) - timedelta(days=1)
    ReportKeeping.objects.update(record_days=3650)
    for day in (kept, gone):
        reported((NOW.date() - day).days)
    ReportKeeping.objects.update(record_days=100)
    keep_reports(moment)
    assert list(DmarcRecord.objects.values_list("day", flat=True)) == [date(kept.year, kept.month, 1)]


def test_what_is_older_than_is_kept_is_refused():
    change_keeping(system_act(), record_days=100, sum_days=100)
    reported(99)
    with pytest.raises(Refused, match="before the days"):
        reported(102)


@pytest.mark.parametrize(("values", "field"), [({"record_days": 0}, "record_days"), ({"sum_days": 30}, "sum_days")])
def test_what_cannot_be_kept_is_refused_by_field(values, field):
    with pytest.raises(Refused) as refusal:
        change_keeping(system_act(), **values)
    assert list(refusal.value.errors) == [field]
