"""Made-up reports for ``bench.report_pages``: heads, patterns and facts by SQL, then the product's own roll-up.

The largest domain has three tenths of all facts, the others ever fewer; each domain's addresses are as uneven: the
busiest come every day, the last once a month. A tenth are IPv6. Two in ten are the domain's own, one is a service set
up wrong, three forward, two are strangers, two impostors.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context

LARGEST, LARGEST_SOURCES = 0.3, 10_000
VARIANTS = 8
BLOCKS_WAIT = timedelta(hours=2)

PLAN = """
CREATE TABLE bench_plan AS SELECT * FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[], %s::text[])
    AS t (domain_id, facts_a_day, sources, reporters, name)
"""
HEADS = """
INSERT INTO domains_dmarcreport (domain_id, road, standing, submitter, authenticated, believed, org_name, org_email,
    report_id, begin_at, end_at, day, schema, policy, digest, records_count, messages_count, received_at, trace_id)
SELECT p.domain_id, 'mail', 'counted', 'reporter' || r || '.example', r %% 10 > 0, r %% 10 > 0,
    'reporter' || r || '.example', '', p.domain_id || '-' || d, d::timestamptz, d + interval '86399 seconds', d, '',
    '{}', sha256(''), p.facts_a_day / p.reporters, 4 * (p.facts_a_day / p.reporters), d + interval '30 hours', ''
FROM generate_series(%(first)s::date, %(last)s::date, interval '1 day') AS at
CROSS JOIN LATERAL (SELECT at::date AS d) AS day
CROSS JOIN bench_plan p CROSS JOIN LATERAL generate_series(1, p.reporters) AS r
"""
# Classes of sources: 0 own, 1 a service set up wrong, 2 forwarders, 3 strangers, 4 impostors.
PATTERNS = """
INSERT INTO domains_authpattern (month, pattern_id, header_from, envelope_from, envelope_to, dkim, spf, reasons)
SELECT m::date, md5(p.domain_id || '-' || c || '-' || v)::uuid,
    CASE WHEN v = 7 THEN 'news.' ELSE '' END || p.name,
    CASE c WHEN 0 THEN p.name WHEN 1 THEN 'mail' || v || '.mcsv.net' ELSE 'bounce' || c || v || '.example' END, '',
    CASE WHEN c IN (0, 2) THEN jsonb_build_array(jsonb_build_object('domain', p.name, 'selector', 's' || v %% 3,
            'result', 'pass', 'human_result', '')) ELSE '[]' END,
    jsonb_build_array(jsonb_build_object('domain', CASE c WHEN 0 THEN p.name WHEN 1 THEN 'mail' || v || '.mcsv.net'
            ELSE 'bounce' || c || v || '.example' END,
            'scope', 'mfrom', 'result', CASE WHEN c = 4 THEN 'fail' ELSE 'pass' END, 'human_result', '')), '[]'
FROM generate_series(date_trunc('month', %(first)s::timestamptz), %(last)s, interval '1 month') AS m
CROSS JOIN bench_plan p CROSS JOIN generate_series(0, 4) AS c CROSS JOIN generate_series(0, %(variants)s - 1) AS v
"""
FACTS = """
INSERT INTO domains_dmarcrecord (day, domain_id, report_id, source_ip, messages, pattern_id, disposition,
    dkim_aligned, spf_aligned)
SELECT day, domain_id, report_id,
    CASE WHEN source %% 10 = 9 THEN '2400:cb00::'::inet ELSE '20.0.0.0'::inet END
        + (domain_id * 20000 + source),
    1 + (power(b, 8) * 400)::int, md5(domain_id || '-' || class || '-' || source %% %(variants)s)::uuid,
    CASE WHEN class IN (0, 2) OR c < 0.6 THEN 'none' WHEN c < 0.85 THEN 'quarantine' ELSE 'reject' END,
    class IN (0, 2), class = 0
FROM (
    SELECT *, CASE WHEN source %% 10 < 2 THEN 0 WHEN source %% 10 = 2 THEN 1 WHEN source %% 10 < 6 THEN 2
        WHEN source %% 10 < 8 THEN 3 ELSE 4 END AS class
    FROM (
        SELECT r.day, r.domain_id, r.id AS report_id, (power(random(), 4) * (p.sources - 1))::int AS source,
            random() AS b, random() AS c
        FROM domains_dmarcreport r JOIN bench_plan p USING (domain_id)
        CROSS JOIN LATERAL generate_series(1, r.records_count)
        WHERE r.day BETWEEN %(first)s AND %(last)s
    ) AS rolled
) AS classed
"""
TLS = """
INSERT INTO domains_tlsreport (domain_id, org_name, report_id, contact, begin_at, end_at, succeeded, failed, failures,
    submitter, authenticated, trace_id, received_at)
SELECT p.domain_id, 'reporter' || r || '.example', p.domain_id || '-' || d::date, '', d, d + interval '86399 seconds',
    1000, 2, jsonb_build_array(jsonb_build_object('policy', 'sts', 'result', 'certificate-expired', 'mx',
        'mx' || r || '.example', 'ip', '192.0.2.1', 'sessions', 2, 'reason', '')), '', true, '', now()
FROM generate_series(%(first)s::date, %(last)s::date, interval '1 day') AS d CROSS JOIN bench_plan p
CROSS JOIN generate_series(1, 4) AS r
"""
FAILURES = """
INSERT INTO domains_failurereport (domain_id, digest, received_at, road, submitter, authenticated, trace_id,
    arrived_at, source_ip, reported_domain, header_from, mail_from, subject, failures, incidents, details)
SELECT p.domain_id, sha256((p.domain_id || '-' || n)::bytea), now(), 'mail', '', true, '', now(), '192.0.2.1', p.name,
    p.name, '', 'Hello', '["dmarc"]', 1, '{}'
FROM bench_plan p CROSS JOIN generate_series(1, 100) AS n
"""
INDEXES = """
CREATE INDEX dmarcrecord_report ON domains_dmarcrecord (report_id);
CREATE INDEX dmarcrecord_source ON domains_dmarcrecord (domain_id, source_ip, day);
"""
MARK = "INSERT INTO domains_dmarcdirtyday (domain_id, day) SELECT DISTINCT domain_id, day FROM domains_dmarcreport"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is filled in."""

    facts: int
    days: int
    domains: int


def fill(size: Size, jobs: int) -> None:
    """Fill the store: reports, what was added up of them, TLS and failure reports."""
    from django.db import connection

    from domains.services.report_blocks import add_up_blocks
    from domains.services.report_months import ensure_months

    last = datetime.now(UTC).date()
    first = last - timedelta(days=size.days - 1)
    span = {"first": first, "last": last, "variants": VARIANTS}
    ensure_months(first + timedelta(days=number) for number in range(size.days))
    plan = _plan(size)
    with connection.cursor() as cursor:
        cursor.execute(PLAN, plan)
        for step, statement in (("heads", HEADS), ("patterns", PATTERNS), ("TLS", TLS), ("failures", FAILURES)):
            _say(step)
            cursor.execute(statement, span)
        cursor.execute("ANALYZE domains_dmarcreport; DROP INDEX dmarcrecord_report, dmarcrecord_source")
        for begin, end in _thirties(first, last):
            _say(f"facts from {begin}")
            cursor.execute(FACTS, span | {"first": begin, "last": end})
        _say("indexes")
        cursor.execute(INDEXES)
        cursor.execute(MARK)
        cursor.execute("VACUUM ANALYZE domains_dmarcrecord, domains_dmarcreport, domains_authpattern")
    _say("adding up")
    connection.close()
    with ProcessPoolExecutor(jobs, get_context("spawn"), _ready) as pool:
        list(pool.map(_add_up, plan[0]))
    _say("blocks of days")
    add_up_blocks(datetime.now(UTC) + BLOCKS_WAIT)
    _say("tidying")
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_plan")
        cursor.execute("VACUUM ANALYZE")


def _plan(size: Size) -> list[list[int] | list[str]]:
    """Make the domains; returns columns: their ids, facts a day, addresses, reporters, names."""
    from domains.models import Domain, Sender

    names = [f"domain{number}.example" for number in range(size.domains)]
    domains = Domain.objects.bulk_create(Domain(name=name, skeleton=name, ownership_token="x") for name in names)
    Sender.objects.bulk_create(
        Sender(domain=domain, kind="service", value="mailchimp", name="Mailchimp") for domain in domains
    )
    weights = [1 / (number + 1) ** 0.8 for number in range(size.domains - 1)]
    shares = [LARGEST, *((1 - LARGEST) * weight / sum(weights) for weight in weights)]
    reporters = [max(2, min(24, int(share * 1000))) for share in shares]
    daily = [size.facts * share / size.days for share in shares]
    facts = [max(1, round(day / some)) * some for day, some in zip(daily, reporters, strict=True)]
    sources = [max(20, int(LARGEST_SOURCES * (share / LARGEST) ** 0.7)) for share in shares]
    return [[domain.pk for domain in domains], facts, sources, reporters, names]


def _thirties(first: date, last: date) -> list[tuple[date, date]]:
    begins = [first + timedelta(days=number) for number in range(0, (last - first).days + 1, 30)]
    return [(begin, min(last, begin + timedelta(days=29))) for begin in begins]


def _ready() -> None:
    import django

    django.setup()


def _add_up(domain_id: int) -> None:
    from domains.services.report_rollup import roll_up

    roll_up([domain_id])


def _say(step: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {step}", file=sys.stderr)
