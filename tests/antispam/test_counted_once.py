"""A jobs worker that dies again and again counts every message once: in event rows, reports, table rows, networks."""

import os
import random
import signal
import time

import pytest
from django.db import connection, connections
from django.db.models import Sum

from antispam.models import DmarcEvaluation, KnownNetwork, VerdictCount
from domains.models import Trace, TraceEvent
from domains.services import expansion
from domains.services.expansion import expand_pending_traces
from domains.trace import TRACE_INSERT, MessageTrace

pytestmark = pytest.mark.django_db(transaction=True)

MESSAGES = 1500
DEATHS = 12
AT_MOST = 100  # a life: so that the deaths come in the middle
RECORD = "v=DMARC1; p=none"


def judged():
    """One message that all three listeners count."""
    trace = MessageTrace("in", mail_from="a@shop.example", client_address="192.0.2.7", outcome="delivered")
    trace.domains = {"acme.example"}
    trace.add("spf", "pass", "", {"domain": "shop.example"})
    step = {"name": "shop.example", "found": RECORD, "note": ""}
    detail = {"author_domain": "shop.example", "policy_domain": "shop.example", "policy": "none"}
    aligned = {"mechanism": "spf", "domain": "shop.example", "aligned": True}
    trace.add("dmarc", "pass", "", detail | {"steps": [step], "alignments": [aligned]})
    trace.add("verdict", "inbox", "", {"row": "dmarc-pass", "signs": {}})
    return trace


def _expand_and_die(where):
    """Run in the child: expand until killed, at a random moment from outside or here before a commit."""
    if where == "before the commit":
        number = random.randint(2, 4)

        def die(_batch):
            nonlocal number
            number -= 1
            if number == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        expansion._listeners.append(die)
    try:
        expand_pending_traces(AT_MOST)
    finally:
        os._exit(0)


def test_a_worker_killed_again_and_again_counts_every_message_once(monkeypatch):
    monkeypatch.setattr(expansion, "BATCH", 10)
    traces = [judged() for _ in range(MESSAGES)]
    with connection.cursor() as cursor:
        cursor.executemany(TRACE_INSERT, [trace.as_row() for trace in traces])
    connections.close_all()
    killed = 0
    for number in range(DEATHS):
        child = os.fork()
        if child == 0:
            _expand_and_die("before the commit" if number % 2 else "any time")
        if number % 2 == 0:
            time.sleep(random.uniform(0.005, 0.04))
            os.kill(child, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert killed >= DEATHS / 2
    left = Trace.objects.filter(pending_events__isnull=False).count()
    assert 0 < left < MESSAGES
    for _ in range(100):  # the server may not have noticed yet that the last one is gone, and keeps its rows locked
        expand_pending_traces()
        if not Trace.objects.filter(pending_events__isnull=False).exists():
            break
        time.sleep(0.05)
    assert TraceEvent.objects.count() == 3 * MESSAGES
    counts = [
        model.objects.aggregate(n=Sum("messages"))["n"] for model in (DmarcEvaluation, VerdictCount, KnownNetwork)
    ]
    assert counts == [MESSAGES] * 3
