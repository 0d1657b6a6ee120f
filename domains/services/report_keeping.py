"""How long aggregate reports are kept: their months are dropped, their heads removed, and later what was added up."""

from datetime import date, datetime, timedelta

from django.db import connection
from django.utils import timezone

from domains.models import DmarcSource, ReportFile
from domains.services.failure_reports import keeping
from domains.services.report_blocks import remove_blocks
from domains.services.report_months import remove_months

BATCH = 5_000


def oldest_day_kept(now: datetime | None = None) -> datetime:
    """Return the moment before which no aggregate report is taken in: its records would be dropped at once."""
    return (now or timezone.now()) - timedelta(days=keeping().record_days)


def keep_reports(now: datetime | None = None) -> int:
    """Remove what is past its time; returns how many months of records were dropped.

    A month is dropped when all of it is past its time; the heads of its reports go with it.
    """
    now = now or timezone.now()
    before = oldest_day_kept(now).date().replace(day=1)
    dropped = remove_months(before)
    if dropped:
        ReportFile.objects.filter(report__day__lt=before).update(report=None)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM domains_dmarcreport WHERE day < %s", [before])
    sums = (now - timedelta(days=keeping().sum_days)).date()
    remove_blocks(sums)
    for table in ("domains_dmarcdaily", "domains_dmarcday"):
        _remove_days(table, sums)
    DmarcSource.objects.filter(last_day__lt=sums).delete()
    return dropped


def _remove_days(table: str, before: date) -> None:
    """Remove old rows, a batch a statement, so that nobody waits long for one."""
    statement = f"DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table} WHERE day < %s LIMIT %s)"  # noqa: S608
    count = BATCH
    while count == BATCH:
        with connection.cursor() as cursor:
            cursor.execute(statement, [before, BATCH])
            count = cursor.rowcount
