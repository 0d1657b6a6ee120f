"""Days of the trace: made ahead, found again, dropped; no insert waits for one or fails for want of one."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from domains.identifiers import identifier_at, moment_of, new_identifier
from domains.models import Trace, TraceEvent
from domains.services import trace_days
from domains.services.trace_days import days_of, make_days, remove_old_days

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2031, 5, 17, 12, tzinfo=UTC)
TABLES = ["domains_trace", "domains_traceevent"]


@pytest.fixture(autouse=True)
def _no_days():
    yield
    with connection.cursor() as cursor:
        for table in TABLES:
            for day in days_of(table):
                cursor.execute(f"DROP TABLE {trace_days.partition_name(table, day)}")


def store(moment, outcome="delivered"):
    trace = Trace.objects.create(
        id=(identifier_at(moment) + "0" * 26)[:26], direction="in", received_at=moment, outcome=outcome
    )
    TraceEvent.objects.create(trace=trace, at=moment, stage="connect", outcome="accepted")
    return trace


def where(table, key, value):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT tableoid::regclass::text FROM {table} WHERE {key} = %s", [value])
        return [row[0] for row in cursor.fetchall()]


def test_an_identifier_tells_its_moment():
    moment = datetime(2026, 11, 25, 3, 20, 1, 234000, tzinfo=UTC)
    assert moment_of(identifier_at(moment)) == moment
    before = datetime.now(UTC) - timedelta(milliseconds=2)
    assert identifier_at(before) < new_identifier() < identifier_at(before + timedelta(seconds=5))
    for bad in ("", "short", "uuuuuuuuuu", "zzzzzzzzzz", "é" * 10):
        with pytest.raises(ValueError, match="not an identifier"):
            moment_of(bad)


def test_days_are_made_once_and_hold_what_arrives_on_them():
    assert make_days(NOON, ahead=2) == 6
    assert make_days(NOON, ahead=2) == 0
    assert days_of("domains_trace") == [date(2031, 5, 17), date(2031, 5, 18), date(2031, 5, 19)]
    last = store(datetime(2031, 5, 17, 23, 59, 59, 999000, tzinfo=UTC))
    first = store(datetime(2031, 5, 18, tzinfo=UTC))
    assert where("domains_trace", "id", last.pk) == ["domains_trace_20310517"]
    assert where("domains_trace", "id", first.pk) == ["domains_trace_20310518"]
    assert where("domains_traceevent", "trace_id", first.pk) == ["domains_traceevent_20310518"]


@pytest.mark.parametrize("moment", [datetime(1999, 1, 1, tzinfo=UTC), datetime(2077, 1, 1, tzinfo=UTC)])
def test_a_clock_that_jumped_loses_nothing(moment):
    make_days(NOON)
    trace = store(moment)
    assert where("domains_trace", "id", trace.pk) == ["domains_trace_default"]
    assert Trace.objects.get(pk=trace.pk).events.count() == 1


def test_a_day_that_began_without_its_partition_stays_where_it_is():
    """The jobs worker was away for weeks: what came meanwhile is kept and found, and tomorrow has its day again."""
    trace = store(NOON)
    assert make_days(NOON, ahead=1) == 2
    assert days_of("domains_trace") == [date(2031, 5, 18)]
    assert Trace.objects.get(pk=trace.pk) == trace


def test_old_days_go_with_their_rows_and_so_do_old_rows_without_a_day():
    store(NOON - timedelta(days=9))
    make_days(NOON, ahead=1)
    store(NOON)
    new = store(NOON + timedelta(days=1))
    for table in TABLES:
        assert remove_old_days(table, date(2031, 5, 18)) == 1
    assert set(Trace.objects.values_list("pk", flat=True)) == {new.pk}
    assert set(TraceEvent.objects.values_list("trace_id", flat=True)) == {new.pk}


def test_a_busy_table_is_left_for_the_next_run(monkeypatch):
    """A backup reads for an hour: the drop gives up after moments, and nothing waits behind it."""
    monkeypatch.setattr(trace_days, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(trace_days, "LOCK_TIMEOUT", "20ms")
    make_days(NOON, ahead=0)
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None, "context": None}) as reader:
        reader.execute("SELECT count(*) FROM domains_trace")
        assert remove_old_days("domains_trace", date(2031, 5, 18)) == 0
        store(NOON)
        assert make_days(NOON, ahead=1) == 1  # events of tomorrow; the heads' default partition is being read
    assert remove_old_days("domains_trace", date(2031, 5, 18)) == 1
