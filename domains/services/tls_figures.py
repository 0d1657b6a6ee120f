"""What TLS reports say of a domain over days: sessions, and failures by remote and reason; one SQL query each.

Mailed reports count only when the domain that mailed them passed DMARC: anybody can write one.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection

from domains.models import Domain

MAXIMUM_FAILURES = 200

BELIEVED = (
    "domain_id = %s AND (authenticated OR submitter = '') AND (end_at AT TIME ZONE 'UTC')::date BETWEEN %s AND %s"
)
SESSIONS = f"""
SELECT (end_at AT TIME ZONE 'UTC')::date, sum(succeeded)::bigint, sum(failed)::bigint, count(*)
FROM domains_tlsreport WHERE {BELIEVED} GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - put together from constants
FAILURES = f"""
SELECT coalesce(one->>'result', ''), coalesce(one->>'mx', ''), coalesce(one->>'policy', ''),
       coalesce(one->>'reason', ''), sum((one->>'sessions')::bigint)::bigint,
       count(DISTINCT org_name), max((end_at AT TIME ZONE 'UTC')::date)
FROM domains_tlsreport, jsonb_array_elements(failures) AS one WHERE {BELIEVED}
GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2 LIMIT {MAXIMUM_FAILURES}
"""  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class TlsDay:
    """Sessions of the reports that end on one day."""

    day: date
    succeeded: int
    failed: int
    reports: int


@dataclass(frozen=True, slots=True)
class TlsTrouble:
    """Sessions that failed alike: the result (RFC 8460 section 4.3), the remote's MX, under which policy, why."""

    result: str
    mx: str
    policy: str
    reason: str
    sessions: int
    reporters: int
    last_day: date


def tls_days(domain: Domain, first_day: date, last_day: date) -> list[TlsDay]:
    """Return the days that have reports, in order."""
    return [TlsDay(*row) for row in _rows(SESSIONS, [domain.pk, first_day, last_day])]


def tls_troubles(domain: Domain, first_day: date, last_day: date) -> list[TlsTrouble]:
    """Return the failures of these days, most sessions first, at most ``MAXIMUM_FAILURES``."""
    rows = _rows(FAILURES, [domain.pk, first_day, last_day])
    return [TlsTrouble(*row) for row in rows]


def _rows(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
