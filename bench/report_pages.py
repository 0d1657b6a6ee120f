"""How long the queries of every page and call on reports take at ten million facts.

    python -m bench.report_pages [--facts 10000000] [--days 365] [--domains 200] [--folder F]

Fills an embedded PostgreSQL of its own (``bench.report_filling``), then opens each page of the largest domain as a
superadministrator: one cold run, then median and best of five warm ones, all queries of a page together, by number
and milliseconds, and the page as a whole. Of a download what comes until its first row. With ``--folder`` the filled
database stays for the next run.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.report_filling import Size, fill
from bench.trace_search import database

WARM = 5
TARGET_MS = 200
DEEP_PAGES = 40
Act = Callable[[], object]


class Queries:
    """Counts the queries of a run, and the seconds until their rows were there."""

    def __init__(self) -> None:
        self.count, self.seconds, self.slowest, self.statement = 0, 0.0, 0.0, ""

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        """Run one query."""
        begin = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            took = time.perf_counter() - begin
            self.count += 1
            self.seconds += took
            if took > self.slowest:
                self.slowest, self.statement = took, str(sql)


def pages(name: str) -> Iterator[tuple[str, Act]]:
    """Yield what is opened: its label and what opens it once."""
    panel, calls = _panel(), _calls()
    reports, of = f"/domains/{name}/reports", f"/domains/{name}/dmarc"

    def page(label: str, path: str) -> tuple[str, Act]:
        return label, lambda: _opened(panel(path))

    def call(label: str, path: str) -> tuple[str, Act]:
        return f"API {label}", lambda: _opened(calls(path))

    today = datetime.now(UTC).date()
    yield page("all domains", "/reports")
    yield page("summary of the week", "/reports/week")
    for days in (7, 30, 90, 365):
        yield page(f"domain, {days} days", f"{reports}?days={days}")
    yield page("domain, 60 days across months", f"{reports}?from={today - timedelta(70)}&to={today - timedelta(11)}")
    for days in (30, 90, 365):
        yield page(f"addresses, {days} days", f"{reports}/sources?days={days}")
    yield page("addresses of a class, 90 days", f"{reports}/sources?days=90&kind=impostor")
    yield page("addresses, CSV, 365 days", f"{reports}/sources?days=365&format=csv")
    for label, address in _addresses(name).items():
        yield page(f"{label} address, 365 days", f"{reports}/sources/{address}?days=365")
        yield page(f"records of the {label} address", f"{reports}/records?days=365&source={address}")
    for label, query in {
        "": "days=365",
        ", a class": "days=365&kind=service-misaligned",
        ", impostors": "days=365&kind=impostor",
        ", a sender": "days=365&sender=Mailchimp",
        ", put into junk": "days=365&disposition=quarantine",
        ", refused, both fail": "days=365&disposition=reject&spf=0&dkim=0",
        ", SPF alone": "days=365&spf=1&dkim=0",
        ", DKIM alone": "days=365&spf=0&dkim=1",
        ", a reporter": "days=365&reporter=reporter3.example",
        ", an unknown sender": "days=365&sender=Nobody",
        ", CSV": "days=365&format=csv",
    }.items():
        yield page(f"records{label}", f"{reports}/records?{query}")
    yield page(f"records, page {DEEP_PAGES}", f"{reports}/records?days=365&after={_deep(name)}")
    yield page("volume, CSV, 365 days", f"{reports}?days=365&format=csv")
    yield page("one report", f"{reports}/{_report(name)}")
    yield page("advice", f"{reports}/advice")
    yield page("another DMARC record tried", f"{reports}/what-if?record=v%3DDMARC1%3B+p%3Dreject")
    yield page("another SPF record tried", f"{reports}/spf-what-if?record=v%3Dspf1+-all")
    yield page("TLS, 365 days", f"{reports}/tls?days=365")
    yield page("failures", f"{reports}/failures")
    yield page("files", f"{reports}/files")
    yield page("alerts", f"{reports}/alerts")
    yield page("corrections", f"{reports}/corrections")
    yield page("senders", f"/domains/{name}/senders")
    yield call("overview", "/dmarc/overview")
    yield call("volume, 365 days", f"{of}/volume?from={today - timedelta(364)}")
    for days in (30, 90, 365):
        yield call(f"sources, {days} days", f"{of}/sources?from={today - timedelta(days - 1)}")
    yield call("reports", f"{of}/reports")
    yield call("records", f"{of}/records?from={today - timedelta(364)}")
    yield call("advice", f"{of}/advice")
    yield call("TLS failures", f"/domains/{name}/tls/failures?from={today - timedelta(364)}")
    yield "the hourly watch of all domains", _watch


def _panel() -> Callable[[str], Any]:
    """Return what opens a page as a superadministrator."""
    from django.test import Client

    from domains.models import Actor, Role
    from mailadmin.access.middleware import VERSION_KEY

    actor, _made = Actor.objects.get_or_create(email="rosa@operator.example", role=Role.SUPERADMIN)
    client = Client()
    client.force_login(actor, backend="mailadmin.access.backend.ActorBackend")
    session = client.session
    session[VERSION_KEY] = actor.credential_version
    session.save()
    return client.get


def _calls() -> Callable[[str], Any]:
    """Return what calls the API with a superadministrator's token."""
    from django.test import Client

    from domains.models import ApiToken, Role

    digest = sha256(b"bench").digest()
    ApiToken.objects.get_or_create(digest=digest, defaults={"name": "bench", "role": Role.SUPERADMIN})
    client = Client(headers={"authorization": "Bearer bench"})
    return lambda path: client.get(f"/api/v1{path}")


def _opened(answer: Any) -> None:
    """Read an answer: all of a page, a download until its first row."""
    assert answer.status_code == 200, (answer.status_code, answer.content[:500])
    if answer.streaming:
        rows = iter(answer.streaming_content)
        next(rows), next(rows)


def _addresses(name: str) -> dict[str, str]:
    from domains.queries import fetch_all

    rows = fetch_all(
        "SELECT host(source_ip) FROM domains_dmarcdaily d JOIN domains_domain o ON o.id = d.domain_id"
        " WHERE o.name = %s GROUP BY source_ip ORDER BY sum(records) DESC",
        [name],
    )
    return {"busiest": rows[0][0], "seldom": rows[-1][0]}


def _report(name: str) -> int:
    from domains.models import DmarcReport

    return DmarcReport.objects.filter(domain__name=name).latest("day", "id").pk


def _deep(name: str) -> str:
    from domains.models import Domain
    from domains.services.report_records import RecordQuery, records_page

    today = datetime.now(UTC).date()
    query = RecordQuery(today - timedelta(364), today)
    return records_page(Domain.objects.get(name=name), query, 50 * DEEP_PAGES)[1]


def _watch() -> None:
    """Let the watch look at everything, and forget what it opened."""
    from django.db import transaction

    from domains.services.report_alerts import watch_reports

    with transaction.atomic():
        watch_reports()
        transaction.set_rollback(True)


def measure(act: Act) -> tuple[float, float, float, float, Queries]:
    """Return milliseconds: the first run's queries, the warm runs' median and best, the page; and the last run."""
    from django.db import connection

    times, wholes = [], []
    for _run in range(WARM + 1):
        queries = Queries()
        begin = time.perf_counter()
        with connection.execute_wrapper(queries):
            act()
        wholes.append((time.perf_counter() - begin) * 1000)
        times.append(queries.seconds * 1000)
    return times[0], statistics.median(times[1:]), min(times[1:]), statistics.median(wholes[1:]), queries


def sizes() -> None:
    """Print how many rows there are and what they take."""
    from domains.queries import fetch_all

    for table in (
        "dmarcreport",
        "dmarcrecord",
        "authpattern",
        "dmarcdaily",
        "dmarcday",
        "dmarcsource",
        "dmarcblocksource",
    ):
        ((rows, octets),) = fetch_all(
            f"SELECT (SELECT count(*) FROM domains_{table}), pg_total_relation_size('domains_{table}')"
            f" + (SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0) FROM pg_inherits"
            f" WHERE inhparent = 'domains_{table}'::regclass)"
        )
        print(f"  {table:16} {rows:12,} rows {float(octets) / 1e6:8.0f} MB")


def report(name: str, statements: bool) -> bool:
    """Print every page with its times; True when the queries of each keep the target."""
    kept = True
    print(f"{'page':38} {'queries':>7} {'first ms':>9} {'warm ms':>9} {'best ms':>9} {'page ms':>9}")
    for label, act in pages(name):
        first, warm, best, whole, queries = measure(act)
        kept &= warm <= TARGET_MS
        mark = "" if warm <= TARGET_MS else "  over the target"
        print(f"{label:38} {queries.count:7} {first:9.1f} {warm:9.1f} {best:9.1f} {whole:9.1f}{mark}", flush=True)
        if statements and warm > TARGET_MS / 2:
            print(f"    {queries.slowest * 1000:.0f} ms: {' '.join(queries.statement.split())[:600]}")
    return kept


def main() -> int:
    """Fill unless it is filled, open every page, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--domains", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--statements", action="store_true", help="show the slowest statement of slow pages")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mailadmin-bench-") as made, database(options.folder or Path(made)):
        from django.conf import settings

        from domains.models import DmarcDaily, Domain

        settings.ALLOWED_HOSTS = ["*"]
        if not DmarcDaily.objects.exists():
            fill(Size(options.facts, options.days, options.domains), options.jobs)
        sizes()
        first = Domain.objects.order_by("id").first()
        assert first is not None
        return 0 if report(first.name, options.statements) else 1


if __name__ == "__main__":
    raise SystemExit(main())
