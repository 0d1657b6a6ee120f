"""Blocks of days: over any span the pages say what the facts say, whatever stands, changes, comes late or goes."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domains.audit import system_act
from domains.models import (
    DmarcBlock,
    DmarcBlockSource,
    DmarcDaily,
    DmarcDay,
    DmarcRecord,
    DmarcReport,
    DmarcSource,
    Domain,
    SourceCorrection,
)
from domains.services import report_rollup
from domains.services.failure_reports import change_keeping
from domains.services.report_blocks import add_up_blocks, sums_of
from domains.services.report_keeping import keep_reports
from domains.services.report_sources import addresses_in_reports, senders_in_reports, sources_of
from domains.services.reports import take_in
from tests.domains.dmarc.samples import make_row, report_xml

pytestmark = pytest.mark.django_db

FIRST = date(2025, 3, 1)
DAYS = 200


@pytest.fixture
def domain() -> Domain:
    return Domain.objects.create(name="example.org", skeleton="example.org", ownership_token="token")


def reported(day: date, *rows: Any, submitter: str = "") -> None:
    begin = datetime(day.year, day.month, day.day, tzinfo=timezone.get_default_timezone())
    xml = report_xml(report_id=f"r-{day}", begin=begin, end=begin + timedelta(hours=23), rows=rows or (make_row(),))
    take_in(xml, "", "mail", submitter, bool(submitter))


def later() -> datetime:
    return timezone.now() + timedelta(hours=2)


# ---- Against the facts --------------------------------------------------------------------------------------------


def facts(domain: Domain, first: date, last: date, **wanted: str) -> list[tuple[Any, ...]]:
    """Return (address, kind, sender, day, messages, disposition, DKIM aligned, SPF aligned) of what counts."""
    streams = {
        (one.source_ip, one.dkim_aligned, one.spf_aligned): (one.kind, one.sender)
        for one in DmarcSource.objects.filter(domain=domain)
    }
    rows = DmarcRecord.objects.filter(domain=domain, report__standing="counted", day__range=(first, last))
    found = []
    for row in rows:
        kind, sender = streams[row.source_ip, row.dkim_aligned, row.spf_aligned]
        if wanted.get("kind", kind) == kind and wanted.get("sender", sender) == sender:
            said = (row.day, row.messages, row.disposition, row.dkim_aligned, row.spf_aligned)
            found.append((row.source_ip, kind, sender, *said))
    return found


def counted(rows: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return messages, passed, SPF, DKIM, held, first and last day."""

    def count(holds: Any) -> int:
        return sum(row[4] for row in rows if holds(*row[5:]))

    return (
        count(lambda *_: True),
        count(lambda _done, dkim, spf: dkim or spf),
        count(lambda _done, _dkim, spf: spf),
        count(lambda _done, dkim, _spf: dkim),
        count(lambda done, *_: done in ("quarantine", "reject")),
        min(row[3] for row in rows),
        max(row[3] for row in rows),
    )


def by(rows: list[tuple[Any, ...]], *columns: int) -> dict[tuple[Any, ...], list[tuple[Any, ...]]]:
    found = defaultdict(list)
    for row in rows:
        found[tuple(row[column] for column in columns)].append(row)
    return found


def check_against_facts(domain: Domain, first: date, last: date) -> None:
    senders = {
        (one.kind, one.sender): (one.messages, one.passed, one.spf, one.dkim, one.held, one.first_day, one.last_day)
        for one in senders_in_reports(domain, first, last)
    }
    said = facts(domain, first, last)
    assert senders == {key: counted(rows) for key, rows in by(said, 1, 2).items()}
    for one in senders_in_reports(domain, first, last):
        addresses = {row[0] for row in by(said, 1, 2)[one.kind, one.sender]}
        assert one.addresses == len(addresses)
        assert one.address == (addresses.pop() if len(addresses) == 1 and not one.sender else "")
    for wanted in ({}, {"kind": "impostor"}, {"sender": ""}, {"kind": "own", "sender": "Attic"}):
        lines = {
            (one.address, one.kind, one.sender): (
                *(one.messages, one.passed, one.spf, one.dkim, one.held),
                *(one.first_day, one.last_day),
            )
            for one in addresses_in_reports(domain, first, last, **wanted)
        }
        assert lines == {
            key: counted(rows) for key, rows in by(facts(domain, first, last, **wanted), 0, 1, 2).items()
        }
    check_sources(domain, said, first, last)


def check_sources(domain: Domain, said: list[tuple[Any, ...]], first: date, last: date) -> None:
    found = {one.source_ip: one for one in sources_of(domain, first, last)}
    assert found.keys() == {row[0] for row in said}
    for (address,), rows in by(said, 0).items():
        one = found[address]
        numbers = (one.messages, one.dmarc_pass, one.spf_aligned, one.dkim_aligned)
        assert (*numbers, one.first_day, one.last_day) == (*counted(rows)[:4], *counted(rows)[5:])
        assert one.dispositions == {key[0]: counted(some)[0] for key, some in by(rows, 5).items()}
        parts = {key: counted(some)[0] for key, some in by(rows, 1, 2).items()}
        assert one.class_ == min(parts, key=lambda key: (-parts[key], key[0]))[0]
        assert one.name == min(parts, key=lambda key: (-parts[key], key[1]))[1]


rows = st.builds(
    lambda last, count, dkim, spf, done: make_row(f"192.0.2.{last}", count, dkim=dkim, spf=spf, disposition=done),
    st.integers(1, 3),
    st.integers(0, 9),
    st.sampled_from(["pass", "fail"]),
    st.sampled_from(["pass", "fail"]),
    st.sampled_from(["none", "quarantine", "reject", "pass"]),
)
numbers = st.integers(0, DAYS)
deeds = st.one_of(
    st.tuples(st.just("report"), numbers, st.lists(rows, min_size=1, max_size=3)),
    st.tuples(st.just("blocks"), st.just(0), st.just([])),
    st.tuples(st.just("correction"), st.integers(1, 3), st.just([])),
)
spans = st.tuples(numbers, numbers).map(sorted)


def do(domain: Domain, deed: str, number: int, said: list[Any]) -> None:
    if deed == "report":
        reported(FIRST + timedelta(days=number), *said, submitter="reporter.example")
    elif deed == "blocks":
        add_up_blocks(later())
    else:
        values = {"kind": "own", "name": "Attic"}
        SourceCorrection.objects.update_or_create(domain=domain, network=f"192.0.2.{number}/32", defaults=values)
        report_rollup.reclassify(domain.pk, [f"192.0.2.{number}"])


@given(st.lists(deeds, min_size=2, max_size=9), st.lists(spans, min_size=2, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_say_what_the_facts_say(domain, done, wanted):
    for model in (SourceCorrection, DmarcReport, DmarcDaily, DmarcDay, DmarcSource, DmarcBlockSource, DmarcBlock):
        model.objects.all().delete()
    for deed in done:
        do(domain, *deed)
    for first, last in wanted:
        check_against_facts(domain, FIRST + timedelta(days=first), FIRST + timedelta(days=last))
    add_up_blocks(later())
    for first, last in wanted:
        check_against_facts(domain, FIRST + timedelta(days=first), FIRST + timedelta(days=last))


# ---- What stands --------------------------------------------------------------------------------------------------


def parts(domain: Domain) -> tuple[int, int, int]:
    """Return how many large and small blocks and how many single days a page over all days reads."""
    last = FIRST + timedelta(days=DAYS)
    _sums, values = sums_of(domain.pk, FIRST, last)
    lengths = list(DmarcBlock.objects.filter(pk__in=values["blocks"]).values_list("days", flat=True))
    return lengths.count(64), lengths.count(8), (last - FIRST).days + 1 - sum(lengths)


@pytest.fixture
def filled(domain: Domain) -> Domain:
    for number in range(0, DAYS + 1, 4):
        reported(FIRST + timedelta(days=number))
    assert parts(domain) == (0, 0, DAYS + 1)
    add_up_blocks(later())
    return domain


def test_a_span_is_read_by_its_largest_blocks(filled):
    large, small, days = parts(filled)
    assert large >= 2
    assert small <= 14
    assert days <= 14
    assert DmarcBlock.objects.filter(stands=False).count() == 0
    assert add_up_blocks(later()) == 0


def test_a_late_report_costs_the_large_blocks_eighth_until_it_is_added_up_again(filled):
    before = parts(filled)
    large = DmarcBlock.objects.filter(days=64, first_day__gte=FIRST).earliest("first_day")
    day = large.first_day + timedelta(days=11)
    reported(day, make_row("198.51.100.9", 5), submitter="reporter.example")
    assert parts(filled) == (before[0] - 1, before[1] + 7, before[2] + 8)
    check_against_facts(filled, FIRST, FIRST + timedelta(days=DAYS))
    assert add_up_blocks(later()) == 2
    assert parts(filled) == before
    check_against_facts(filled, FIRST, FIRST + timedelta(days=DAYS))


def test_a_block_waits_until_it_is_over_and_its_days_are_added_up(domain):
    reported(later().date())
    assert add_up_blocks(later()) == 0
    reported(FIRST)
    assert add_up_blocks() == 0
    assert add_up_blocks(timezone.now() + timedelta(minutes=9)) == 1
    report_rollup.mark_dirty([(domain.pk, FIRST)])
    assert add_up_blocks(later()) == 0
    report_rollup.roll_up()
    assert add_up_blocks(later()) == 2


def test_what_is_kept_no_longer_is_in_no_block(domain):
    now = timezone.now()
    for age in range(380, 430, 3):
        reported((now - timedelta(days=age)).date())
    add_up_blocks(later())
    change_keeping(system_act(), record_days=400, sum_days=400)
    keep_reports(now)
    oldest = (now - timedelta(days=400)).date()
    assert not DmarcBlock.objects.filter(first_day__lt=oldest).exists()
    assert set(DmarcBlockSource.objects.values_list("block", flat=True)) <= set(
        DmarcBlock.objects.values_list("pk", flat=True)
    )
    (line,) = addresses_in_reports(domain, oldest - timedelta(days=60), now.date())
    assert line.messages == sum(DmarcDaily.objects.values_list("messages", flat=True))
    assert line.first_day >= oldest


def test_a_domain_that_goes_takes_its_blocks_along(filled):
    filled.delete()
    assert not DmarcBlock.objects.exists()
    assert not DmarcBlockSource.objects.exists()


def test_the_blocks_of_days_that_there_were_before_wait_to_be_added_up(filled):
    known = set(DmarcBlock.objects.values_list("domain", "days", "first_day"))
    DmarcBlock.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(import_module("domains.migrations.0037_report_blocks").WAITING)
    assert set(DmarcBlock.objects.values_list("domain", "days", "first_day")) == known
    assert set(DmarcBlock.objects.values_list("stands", flat=True)) == {False}
