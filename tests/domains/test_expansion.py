"""Pending traces become event rows exactly once, and packages above are told of each in the same transaction."""

import pytest
from django.db import OperationalError, connection, transaction

from domains.models import Domain, Trace, TraceEvent
from domains.services import expansion
from domains.services.expansion import expand_pending_traces, on_expanded
from domains.trace import TRACE_INSERT, MessageTrace
from tests.factories import make_domain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def listeners(monkeypatch):
    """Only this test's listeners."""
    kept = []
    monkeypatch.setattr(expansion, "_listeners", kept)
    return kept


def store(number=1, **fields):
    traces = []
    for place in range(number):
        trace = MessageTrace("in", mail_from=f"s{place}@x.example", client_address="192.0.2.7", **fields)
        trace.outcome = "delivered"
        trace.add("connect", "accepted", "", {"address": "192.0.2.7"})
        trace.add("delivery", "delivered", "Stored.")
        traces.append(trace)
    with connection.cursor() as cursor:
        cursor.executemany(TRACE_INSERT, [trace.as_row() for trace in traces])
    return traces


def test_each_stage_becomes_a_row_once():
    store(3)
    assert expand_pending_traces() == 3
    assert expand_pending_traces() == 0
    assert TraceEvent.objects.count() == 6
    assert not Trace.objects.filter(pending_events__isnull=False).exists()


def test_a_listener_sees_every_trace_once_with_head_and_events(monkeypatch):
    monkeypatch.setattr(expansion, "BATCH", 2)
    told = []
    on_expanded(told.extend)
    traces = store(5, domains={"acme.example"}, recipients=["alice@acme.example"])
    assert expand_pending_traces() == 5
    assert expand_pending_traces() == 0
    assert sorted(trace.id for trace in told) == sorted(trace.id for trace in traces)
    first = next(trace for trace in told if trace.id == traces[0].id)
    assert (first.mail_from, first.client_address, first.domains) == ("s0@x.example", "192.0.2.7", ["acme.example"])
    assert first.event("connect")["detail"] == {"address": "192.0.2.7"}
    assert first.event("spf") is None


def test_what_a_listener_writes_commits_with_the_expansion():
    on_expanded(lambda batch: [make_domain(f"{trace.id}.example") for trace in batch])
    store(2)
    with transaction.atomic():
        expand_pending_traces()
        transaction.set_rollback(True)
    assert (Domain.objects.count(), TraceEvent.objects.count()) == (0, 0)
    expand_pending_traces()
    assert (Domain.objects.count(), TraceEvent.objects.count()) == (2, 4)


def test_one_trace_that_a_listener_cannot_take_holds_no_other_up(caplog):
    told = []

    def listener(batch):
        for trace in batch:
            make_domain(f"{trace.id}.example")
            if trace.mail_from == "s1@x.example":
                raise ValueError("not this one")
        told.extend(batch)

    on_expanded(listener)
    traces = store(3)
    assert expand_pending_traces() == 3
    assert {trace.id for trace in told} == {traces[0].id, traces[2].id}
    assert Domain.objects.count() == 2
    assert traces[1].id in caplog.text


def test_a_lost_database_undoes_the_batch():
    def listener(batch):
        raise OperationalError("gone")

    on_expanded(listener)
    store(2)
    with pytest.raises(OperationalError):
        expand_pending_traces()
    assert TraceEvent.objects.count() == 0
    assert Trace.objects.filter(pending_events__isnull=False).count() == 2
