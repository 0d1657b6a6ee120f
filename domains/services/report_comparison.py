"""Two reports of one name beside each other: what differs, row by row, for whoever says which of them counts."""

from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.utils.translation import gettext as _

from domains.audit import Act
from domains.errors import NotFound
from domains.models import DmarcReport, ReportStanding
from domains.services.report_files import uncounted_for
from domains.services.report_months import month_of

MOST_ROWS = 20

DIFFERENCES = """
WITH both_sides AS (
    SELECT r.source_ip, p.header_from, r.disposition, r.dkim_aligned, r.spf_aligned,
        coalesce(sum(r.messages) FILTER (WHERE r.report_id = %(counted)s), 0)::bigint AS counted,
        coalesce(sum(r.messages) FILTER (WHERE r.report_id = %(disputed)s), 0)::bigint AS disputed
    FROM domains_dmarcrecord r
    LEFT JOIN domains_authpattern p ON p.pattern_id = r.pattern_id AND p.month = %(month)s
    WHERE r.report_id IN (%(counted)s, %(disputed)s) AND r.day = %(day)s
    GROUP BY 1, 2, 3, 4, 5
)
SELECT host(source_ip), coalesce(header_from, ''), disposition, dkim_aligned, spf_aligned, counted, disputed,
    count(*) OVER ()
FROM both_sides WHERE counted <> disputed
ORDER BY abs(counted - disputed) DESC, source_ip, header_from LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """Messages that one report tells of and the other does not, or in another number."""

    source_ip: str
    header_from: str
    disposition: str
    dkim_aligned: bool
    spf_aligned: bool
    counted: int
    disputed: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The report that counts, None when none does, the disputed one, and the largest of ``differing`` differences."""

    counted: DmarcReport | None
    disputed: DmarcReport
    differences: tuple[Difference, ...]
    differing: int


def compare(act: Act, identifier: int) -> Comparison:
    """Return a disputed or replaced report beside the one of its name that counts; raises NotFound, Forbidden."""
    disputed = uncounted_for(act).filter(pk=identifier).first()
    if disputed is None:
        raise NotFound(_("There is no such dispute. Perhaps it was settled meanwhile."))
    counted = DmarcReport.objects.filter(
        domain=disputed.domain_id,
        org_name=disputed.org_name,
        report_id=disputed.report_id,
        begin_at=disputed.begin_at,
        end_at=disputed.end_at,
        standing=ReportStanding.COUNTED,
    ).first()
    values: dict[str, int | date] = {
        "counted": counted.pk if counted else 0,
        "disputed": disputed.pk,
        "day": disputed.day,
        "month": month_of(disputed.day),
        "most": MOST_ROWS,
    }
    with connection.cursor() as cursor:
        cursor.execute(DIFFERENCES, values)
        rows = cursor.fetchall()
    found = tuple(Difference(*row[:7]) for row in rows)
    return Comparison(counted, disputed, found, int(rows[0][7]) if rows else 0)
