"""How long traces are kept, and who is taken out of them when."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from domains.errors import Forbidden, Refused
from domains.identifiers import identifier_at
from domains.models import AuditRecord, Trace, TraceEvent
from domains.services import expansion
from domains.services.expansion import expand_pending_traces
from domains.services.trace_days import make_days
from domains.services.trace_keeping import change_keeping, forget_address, keep_traces, keeping
from domains.services.traces import TraceQuery, find_traces
from domains.trace import TRACE_INSERT, MessageTrace
from tests.domains.test_trace_days import _no_days  # noqa: F401
from tests.factories import domain_admin_act, make_domain, superadmin_act

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2031, 5, 17, 12, tzinfo=UTC)


def store(moment=NOON, expand=True):
    trace = MessageTrace(
        "in",
        id=(identifier_at(moment) + "0" * 26)[:26],
        mail_from="bob@far.example",
        recipients=["alice@acme.example", "amy@x.example"],
        domains={"acme.example"},
        received_at=moment,
        client_address="192.0.2.7",
        outcome="delivered",
        message_id="<1@far.example>",
    )
    trace.add("connect", "accepted", "", {"address": "192.0.2.7", "name": "host-192-0-2-7.far.example"})
    trace.add("rcpt", "refused", "bob@far.example may not", {"reply": "550 5.7.1 bob@far.example may not, 192.0.2.7"})
    with connection.cursor() as cursor:
        cursor.execute(TRACE_INSERT, trace.as_row())
    if expand:
        expand_pending_traces()
    TraceEvent.objects.filter(trace_id=trace.id).update(dns=[{"name": "far.example"}])
    return trace


def everything():
    """Return all that the database says of traces, rows and terms alike."""
    heads = list(Trace.objects.values_list("mail_from", "recipients", "client_address", "terms", "pending_events"))
    return str(heads) + str(list(TraceEvent.objects.values_list("reason", "detail", "dns")))


def test_only_superadministrators_set_it_within_bounds_and_it_is_recorded():
    acme = make_domain("acme.example")
    with pytest.raises(Forbidden):
        change_keeping(domain_admin_act(acme), 10, 10, None)
    for wrong in ((0, 1, None), (10, 11, None), (4000, 1, None), (10, 10, -1)):
        with pytest.raises(Refused):
            change_keeping(superadmin_act(), *wrong)
    change_keeping(superadmin_act(), 90, 14, 7)
    kept = keeping()
    assert (kept.head_days, kept.event_days, kept.redact_days) == (90, 14, 7)
    assert AuditRecord.objects.get(action="trace.keeping").changes["event_days"] == [30, 14]


def test_details_go_before_their_heads():
    make_days(NOON, ahead=0)
    trace = store()
    change_keeping(superadmin_act(), 20, 10, None)
    keep_traces(NOON + timedelta(days=11))
    assert Trace.objects.filter(pk=trace.id).exists()
    assert not TraceEvent.objects.exists()
    keep_traces(NOON + timedelta(days=21))
    assert not Trace.objects.exists()


@pytest.mark.parametrize("with_day", [True, False], ids=["in its day", "in the default partition"])
def test_an_old_day_names_nobody_and_is_still_found_by_what_is_left(with_day):
    make_domain("acme.example")
    if with_day:
        make_days(NOON, ahead=0)
    trace = store()
    change_keeping(superadmin_act(), 90, 90, 7)
    keep_traces(NOON + timedelta(days=7))
    assert "bob@far.example" in everything()
    keep_traces(NOON + timedelta(days=8))
    left = everything()
    for gone in ("bob", "amy", "192.0.2.7", "192-0-2-7", "'name': 'far.example'"):
        assert gone not in left, gone
    head = Trace.objects.get(pk=trace.id)
    assert (head.mail_from, head.recipients) == ("…@far.example", ["alice@acme.example", "…@x.example"])
    act = superadmin_act()
    for found in ("alice@acme.example", "far.example", "x.example", "192.0.2.0/24"):
        assert [row.pk for row in find_traces(act, TraceQuery(address=found), 5)] == [trace.id], found
    assert find_traces(act, TraceQuery(replies=("550", "5.7.1")), 5)
    assert find_traces(act, TraceQuery(message_id="<1@far.example>"), 5)
    assert not find_traces(act, TraceQuery(address="bob@far.example"), 5)


def test_what_is_added_to_a_redacted_trace_is_redacted_by_the_next_run():
    trace = store()
    change_keeping(superadmin_act(), 90, 90, 1)
    keep_traces(NOON + timedelta(days=2))
    later = NOON + timedelta(days=2, minutes=5)
    TraceEvent.objects.create(trace_id=trace.id, at=later, stage="relay", outcome="failed", reason="amy@x.example?")
    keep_traces(NOON + timedelta(days=2, hours=1))
    assert "amy" not in everything()


def test_what_is_not_expanded_is_left_whole_for_those_who_are_told(monkeypatch):
    told = []
    monkeypatch.setattr(expansion, "_listeners", [told.extend])
    change_keeping(superadmin_act(), 90, 90, 1)
    store(expand=False)
    keep_traces(NOON + timedelta(days=5))
    assert "bob@far.example" in everything()
    expand_pending_traces()
    keep_traces(NOON + timedelta(days=5, hours=1))
    assert told[0].client_address == "192.0.2.7"
    assert "bob" not in everything()


def test_at_once_means_with_the_expansion_after_all_were_told(monkeypatch):
    told = []
    monkeypatch.setattr(expansion, "_listeners", [told.extend])
    change_keeping(superadmin_act(), 90, 90, 0)
    trace = store()
    TraceEvent.objects.filter(trace_id=trace.id).update(dns=[])
    assert told[0].mail_from == "bob@far.example"
    assert "bob" not in everything()


def test_one_address_is_forgotten_whole_and_the_record_does_not_name_it():
    make_domain("acme.example")
    store()
    with pytest.raises(Forbidden):
        forget_address(domain_admin_act(make_domain("b.example")), "bob@far.example")
    for wrong in ("far.example", "", "@far.example", "a\0@x.example"):
        with pytest.raises(Refused):
            forget_address(superadmin_act(), wrong)
    assert forget_address(superadmin_act(), "nobody@far.example") == 0
    assert forget_address(superadmin_act(), " Bob@FAR.example ") == 1
    assert not Trace.objects.exists()
    assert not TraceEvent.objects.exists()
    assert "bob" not in str(list(AuditRecord.objects.values_list("changes", "object_name")))


def files():
    """Return the file of each table and index of the trace."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, relfilenode FROM pg_class WHERE relname LIKE 'domains_trace%2031%'")
        return dict(cursor.fetchall())


def all_anew(before):
    """Tell whether every table and index that is still there was written anew, and that there was any."""
    now = files()
    return bool(before) and all(now[name] != number for name, number in before.items() if name in now)


def test_the_pages_of_a_redacted_day_are_written_anew():
    """A key of an index stays in it after VACUUM: only a new index is without it."""
    make_days(NOON, ahead=0)
    store()
    change_keeping(superadmin_act(), 90, 90, 1)
    before = files()
    keep_traces(NOON + timedelta(days=2))
    assert all_anew(before)
    assert keeping().redacted_until == date(2031, 5, 18)
    assert keeping().to_rewrite == []


def test_a_day_that_somebody_reads_is_written_anew_by_a_later_run():
    make_days(NOON, ahead=0)
    store()
    change_keeping(superadmin_act(), 90, 90, 1)
    before = files()
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as reader:
        reader.execute("SELECT count(*) FROM domains_trace")
        keep_traces(NOON + timedelta(days=2))
        assert "bob@far.example" not in everything()
        assert not all_anew(before)
    keep_traces(NOON + timedelta(days=2, hours=1))
    assert all_anew(before)
    assert keeping().to_rewrite == []


def test_a_day_redacted_row_by_row_is_written_anew_when_it_is_over():
    make_days(NOON, ahead=0)
    change_keeping(superadmin_act(), 90, 90, 0)
    store()
    before = files()
    keep_traces(NOON + timedelta(hours=1))
    assert files() == {**files(), **before}
    keep_traces(NOON + timedelta(days=1))
    assert all_anew(before)


def test_the_day_of_a_forgotten_address_is_written_anew_when_it_is_over():
    make_days(NOON, ahead=0)
    store()
    before = files()
    assert forget_address(superadmin_act(), "bob@far.example") == 1
    keep_traces(NOON + timedelta(hours=1))
    assert files() == {**files(), **before}
    keep_traces(NOON + timedelta(days=1))
    assert all_anew(before)
    assert keeping().to_rewrite == []
