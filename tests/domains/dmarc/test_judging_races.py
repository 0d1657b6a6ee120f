"""Whoever is listed or corrected while a roll-up runs is not judged by what was known before."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic, sleep
from typing import Any

import pytest
from django.db import connection, connections, transaction

from domains.dmarc.report import SpfResult
from domains.models import DmarcDay, DmarcSource, Domain, Sender
from domains.services import report_corrections, report_rollup, senders
from domains.services.reports import take_in
from tests.domains.dmarc.samples import make_row, report_xml
from tests.factories import superadmin_act

pytestmark = pytest.mark.django_db(transaction=True)

# Waited for by every judgement, after it has read who is known.
HOLD = "LOCK TABLE domains_addressname IN ACCESS EXCLUSIVE MODE"
HELD = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'domains_addressname'::regclass"


@pytest.fixture
def domain() -> Domain:
    return Domain.objects.create(name="example.org", skeleton="example.org", ownership_token="token")


def chimp_report() -> bytes:
    chimp = {"dkim": "fail", "dkim_results": (), "spf": "fail"}
    return report_xml(rows=(make_row(**chimp, spf_results=(SpfResult("mail1.mcsv.net", "mfrom", "pass"),)),))


def aside(pool: ThreadPoolExecutor, work: Callable[[], Any]) -> Future[Any]:
    def with_own_connection() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    return pool.submit(with_own_connection)


def wait_until_held() -> None:
    end = monotonic() + 20
    while monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(HELD)
            if cursor.fetchone()[0]:
                return
        sleep(0.01)
    raise AssertionError("nobody judges")


@pytest.mark.parametrize("new", [True, False])
def test_a_sender_listed_while_its_mail_is_judged_is_known_in_the_end(domain: Domain, new: bool) -> None:
    if not new:
        take_in(chimp_report(), "", "upload")
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(HOLD)
            if new:
                judging = aside(pool, lambda: take_in(chimp_report(), "", "upload"))
            else:
                judging = aside(pool, lambda: report_rollup.reclassify(domain.pk))
            wait_until_held()
            sender = Sender(kind="service", value="mailchimp", name="Chimp")
            aside(pool, lambda: senders.store(superadmin_act(), "example.org", sender)).result(20)
        judging.result(20)
    assert DmarcSource.objects.get().kind == "unknown"
    assert report_rollup.judge_marked() == 1
    assert DmarcSource.objects.get().kind == "service-misaligned"
    assert set(DmarcDay.objects.values_list("kind", flat=True)) == {"service-misaligned"}
    assert report_rollup.judge_marked() == 0


def test_a_correction_made_while_its_mail_is_judged_for_the_first_time_holds(domain: Domain) -> None:
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(HOLD)
            judging = aside(pool, lambda: take_in(chimp_report(), "", "upload"))
            wait_until_held()
            act = superadmin_act()
            said = aside(
                pool, lambda: report_corrections.add_correction(act, "example.org", "192.0.2.10", "own", "Attic")
            )
        judging.result(20)
        said.result(20)
    assert set(DmarcDay.objects.values_list("kind", flat=True)) == {"own"}
