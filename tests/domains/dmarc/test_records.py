"""Records and senders of a domain, found through the roll-ups, are those that the facts hold."""

from collections import defaultdict
from datetime import date, timedelta
from itertools import product

import pytest

from domains.dmarc.report import SpfResult
from domains.models import DmarcDaily, DmarcDirtyDay, DmarcRecord, DmarcSource, Domain
from domains.services.report_records import RecordQuery, all_records, records_page
from domains.services.report_rollup import mark_dirty
from domains.services.report_sources import senders_in_reports
from domains.services.reports import take_in
from tests.domains.dmarc.samples import BEGIN, make_row, report_xml

pytestmark = pytest.mark.django_db
SPAN = (date(2025, 10, 1), date(2025, 10, 31))


@pytest.fixture
def domain() -> Domain:
    made = Domain.objects.create(name="example.org", skeleton="example.org", ownership_token="token")
    chimp = {"dkim": "fail", "dkim_results": (), "spf_results": (SpfResult("mail1.mcsv.net", "mfrom", "pass"),)}
    for age in range(9):
        begin = BEGIN + timedelta(days=age)
        rows = [make_row(f"192.0.2.{number}", number + age + 1) for number in range(7 if age % 2 else 2)]
        if age in (1, 5):
            rows.append(make_row("203.0.113.9", 40, disposition="reject", **chimp))
            rows.append(make_row("198.51.100.1", 4, dkim="fail", dkim_results=(), spf_results=()))
        for number in range(2):
            said = {"report_id": f"r-{age}-{number}", "org_name": f"Reporter {number + age % 3}"}
            report = report_xml(begin=begin, end=begin, rows=tuple(rows), **said)
            take_in(report, "", "upload")
    return made


def expected(domain: Domain, query: RecordQuery) -> list[int]:
    streams = {
        (row.source_ip, row.dkim_aligned, row.spf_aligned): row for row in DmarcSource.objects.filter(domain=domain)
    }
    rows = [
        row for row in DmarcRecord.objects.filter(
            domain=domain, day__range=(query.first_day, query.last_day)).select_related("report")
        if query.source in (None, row.source_ip) and query.disposition in (None, row.disposition)
        and query.dkim in (None, row.dkim_aligned) and query.reporter in (None, row.report.org_name)
        and query.kind in (None, streams[row.source_ip, row.dkim_aligned, row.spf_aligned].kind)
        and query.sender in (None, streams[row.source_ip, row.dkim_aligned, row.spf_aligned].sender)
    ]  # fmt: skip
    return [row.pk for row in sorted(rows, key=lambda row: (row.day, row.report_id, row.pk), reverse=True)]


def test_every_filter_and_page_finds_what_the_facts_hold(domain):
    choices = product(
        (SPAN, (date(2025, 10, 12), date(2025, 10, 15))),
        (None, "192.0.2.1", "203.0.113.9"),
        (None, "unknown", "impostor"),
        (None, "reject"),
        (None, False),
        (None, "Reporter 2", "Nobody"),
        (None, "Mailchimp", "Nobody"),
    )
    names = ("source", "kind", "disposition", "dkim", "reporter", "sender")
    found_some = 0
    for span, *values in choices:
        query = RecordQuery(*span, **dict(zip(names, values, strict=True)))
        wanted = expected(domain, query)
        found_some += bool(wanted)
        for limit in (2, 20):
            seen, cursor = [], ""
            while True:
                rows, cursor = records_page(domain, query, limit, cursor)
                seen += [row.id for row in rows]
                if not cursor:
                    break
            assert seen == wanted, query
    assert found_some > 20


def test_records_of_a_day_that_waits_to_be_added_up_are_found(domain):
    query = RecordQuery(*SPAN, kind="impostor")
    before = [row.id for row in all_records(domain, query)]
    day = DmarcDaily.objects.filter(kind="impostor").latest("day").day
    DmarcDaily.objects.filter(day=day).delete()
    mark_dirty([(domain.pk, day)])
    assert DmarcDirtyDay.objects.exists()
    assert [row.id for row in all_records(domain, query)] == before


def test_senders_are_what_the_days_add_up_to(domain):
    sums: dict[tuple[str, str], list] = defaultdict(lambda: [0, 0, 0, set()])
    for row in DmarcDaily.objects.filter(domain=domain):
        one = sums[row.kind, row.sender]
        one[0] += row.messages
        one[1] += row.messages if row.dkim_aligned or row.spf_aligned else 0
        one[2] += row.messages if row.disposition in ("quarantine", "reject") else 0
        one[3].add(row.source_ip)
    found = {
        (line.kind, line.sender): [line.messages, line.passed, line.held, line.addresses]
        for line in senders_in_reports(domain, *SPAN)
    }
    assert found == {key: [*counts, len(addresses)] for key, (*counts, addresses) in sums.items()}
    assert len(found) >= 3
