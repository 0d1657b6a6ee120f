"""Another SPF record tried on mail reported and mail received: the rows first, then the DNS about what it names."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.utils.translation import gettext as _

from antispam.services.received import received_mail
from antispam.spf.evaluate import SpfResult
from antispam.spf.impact import Sent, SpfImpact, TriedRecord, impact_of, results_of
from antispam.tried import Ends, Kept, Tried, impact, try_sender
from domains.audit import Act
from domains.dns.resolver import BudgetedResolver, default_resolver
from domains.errors import Refused
from domains.models import Domain
from domains.queries import fetch_all
from domains.services.dmarc_policy import dmarc_policy_of
from domains.services.report_advice import BELIEVED_FACTS, tried_text
from domains.spf.record import BadSpfRecord, is_spf_record, parse_spf_record

ADDRESSES = 2_000  # the busiest are judged, the others stay undecided
QUESTIONS, SECONDS = 500, 20.0

SENT = f"""
WITH {BELIEVED_FACTS}, patterns AS MATERIALIZED (
    SELECT f.pattern_id, a.header_from, one->>'result' = 'pass' AS passed
    FROM (SELECT DISTINCT pattern_id FROM facts) AS f
    CROSS JOIN LATERAL (
        SELECT header_from, spf FROM domains_authpattern WHERE pattern_id = f.pattern_id LIMIT 1
    ) AS a
    CROSS JOIN LATERAL (
        SELECT one FROM jsonb_array_elements(a.spf) AS one
        WHERE one->>'domain' = %(name)s AND one->>'scope' <> 'helo' LIMIT 1
    ) AS results
)
SELECT host(f.source_ip), coalesce(s.kind, 'unknown'), coalesce(s.sender, ''), a.passed, f.dkim_aligned,
       %(relaxed)s OR a.header_from IN ('', %(name)s), sum(f.messages)::bigint
FROM facts f JOIN patterns a USING (pattern_id)
LEFT JOIN domains_dmarcsource s ON s.domain_id = %(domain)s AND s.source_ip = f.source_ip
    AND s.dkim_aligned = f.dkim_aligned AND s.spf_aligned = f.spf_aligned
GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 7 DESC
"""  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class SpfTrial:
    """What a record would have changed for mail that was reported, and for mail that came in here."""

    reported: SpfImpact
    received: Tried


def try_spf_record(act: Act, domain: Domain, text: str, first_day: date, last_day: date) -> SpfTrial:
    """Return what a record would have changed on these days; raises Refused for what is no SPF record."""
    record = tried_text(text)
    try:
        if not is_spf_record(record):
            raise BadSpfRecord("it begins with v=spf1")
        parse_spf_record(record)
    except BadSpfRecord as error:
        raise Refused({"record": _("This is not an SPF record: %(why)s.") % {"why": str(error)}}) from error
    relaxed = dmarc_policy_of(domain).spf_alignment != "s"
    values = {"domain": domain.pk, "name": domain.name, "first": first_day, "last": last_day, "relaxed": relaxed}
    rows = [Sent(*row) for row in fetch_all(SENT, values)]
    addresses = list(dict.fromkeys(row.source_ip for row in rows))[:ADDRESSES]
    kept, messages = received_mail(act, domain, first_day, last_day)
    results, ends = asyncio.run(_judged(domain.name, record, addresses, messages))
    return SpfTrial(impact_of(rows, results), impact(kept, zip(messages, ends, strict=True)))


async def _judged(
    domain: str, record: str, addresses: Sequence[str], messages: Sequence[Kept]
) -> tuple[dict[str, SpfResult], list[Ends | None]]:
    """Return what the record says of each address and how each message ends; both share the budget of questions."""
    resolver = TriedRecord(BudgetedResolver(default_resolver(), QUESTIONS, SECONDS), domain, record)
    results = await results_of(resolver, domain, addresses)
    host = settings.MAILADMIN.hostname
    return results, [await try_sender(message, domain, record, resolver, host) for message in messages]
