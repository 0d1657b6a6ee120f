"""The advice on a domain's DMARC policy from its stored reports, its application, and what another record would do.

Three SQL queries for an advice. Applying sets the wish; the DNS plan shows the change of the record.
"""

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act
from domains.dmarc.record import BadPolicyRecord, PolicyRecord, parse_policy_record
from domains.errors import Refused
from domains.models import AuditRecord, Domain
from domains.queries import fetch_all
from domains.reports.advice import LOOKED_DAYS, Advice, Known, Step, Traffic, advise
from domains.reports.replay import Replay, Reported, replay
from domains.services.dmarc_policy import dmarc_policy_of, set_policy
from domains.services.provision import get_domain_for

LONGEST_RECORD = 4096
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

TRAFFIC = """
SELECT header_from, kind, sender, coalesce(sum(messages) FILTER (WHERE dkim_aligned OR spf_aligned), 0)::bigint,
       coalesce(sum(messages) FILTER (WHERE NOT (dkim_aligned OR spf_aligned)), 0)::bigint
FROM domains_dmarcdaily WHERE domain_id = %s AND day BETWEEN %s AND %s AND believed GROUP BY 1, 2, 3
"""
REPORTERS = """
SELECT count(DISTINCT day), count(DISTINCT org_name) FROM domains_dmarcreport
WHERE domain_id = %s AND day BETWEEN %s AND %s AND standing = 'counted' AND believed
"""
# What believed reports say, by pattern and stream. In steps, for the planner cannot know how many facts a report has,
# and would sort them all.
BELIEVED_FACTS = """
heads AS MATERIALIZED (
    SELECT id FROM domains_dmarcreport
    WHERE domain_id = %(domain)s AND standing = 'counted' AND believed AND day BETWEEN %(first)s AND %(last)s
), facts AS MATERIALIZED (
    SELECT pattern_id, source_ip, dkim_aligned, spf_aligned, sum(messages)::bigint AS messages
    FROM domains_dmarcrecord WHERE day BETWEEN %(first)s AND %(last)s AND report_id IN (SELECT id FROM heads)
    GROUP BY pattern_id, source_ip, dkim_aligned, spf_aligned
)
"""
# A pattern says the same in every month.
REPORTED = f"""
WITH {BELIEVED_FACTS}, found AS (
    SELECT f.pattern_id, coalesce(s.kind, 'unknown') AS kind, coalesce(s.sender, '') AS sender, f.dkim_aligned,
           f.spf_aligned, sum(f.messages)::bigint AS messages
    FROM facts f LEFT JOIN domains_dmarcsource s ON s.domain_id = %(domain)s AND s.source_ip = f.source_ip
        AND s.dkim_aligned = f.dkim_aligned AND s.spf_aligned = f.spf_aligned
    GROUP BY 1, 2, 3, 4, 5
)
SELECT a.header_from, f.kind, f.sender, a.dkim::text, a.spf::text, f.messages, f.dkim_aligned, f.spf_aligned
FROM found f CROSS JOIN LATERAL (
    SELECT header_from, dkim, spf FROM domains_authpattern WHERE pattern_id = f.pattern_id LIMIT 1
) AS a
"""  # noqa: S608 - put together from constants
_POLICY = {
    Step.NONE: ("none", False),
    Step.TRIAL: ("quarantine", True),
    Step.QUARANTINE: ("quarantine", False),
    Step.REJECT: ("reject", False),
}


def advice_of(domain: Domain, today: date | None = None) -> Advice:
    """Return the advice on the domain's policy, by the last ``LOOKED_DAYS`` days."""
    last = today or timezone.now().date()
    span = [domain.pk, last - timedelta(days=LOOKED_DAYS - 1), last]
    traffic = [Traffic(*row) for row in fetch_all(TRAFFIC, span)]
    ((days, reporters),) = fetch_all(REPORTERS, span)
    messages = sum(one.passed + one.failed for one in traffic)
    known = Known(days, messages, reporters, _changed_days(domain, last))
    return advise(domain.name, dmarc_policy_of(domain), known, traffic)


def apply_step(act: Act, name: str, wanted: str) -> Domain:
    """Set the step that is proposed now, or ``np`` or ``sp`` that may be set early; raises NotFound, Refused.

    A step that is set already is no fault; one that the reports do not bear any more is refused.
    """
    domain = get_domain_for(act, name)
    advice, record = advice_of(domain), dmarc_policy_of(domain)
    early = {reason.code for reason in advice.early}
    if wanted in ("np-reject", "sp-reject"):
        below = wanted == "sp-reject"
        if (record.subdomain_policy if below else record.nonexistent_policy) == "reject":
            return domain
        if wanted not in early:
            raise Refused({"step": _("The reports do not bear this now; look at the advice again.")})
        changed = (
            replace(record, subdomain_policy="reject") if below else replace(record, nonexistent_policy="reject")
        )
        return _set(act, domain, changed)
    if wanted == advice.current:
        return domain
    if advice.proposed is None or wanted != advice.proposed:
        raise Refused({"step": _("The reports do not bear this now; look at the advice again.")})
    policy, testing = _POLICY[advice.proposed]
    return _set(act, domain, replace(record, policy=policy, testing=testing))


def what_if(domain: Domain, text: str, first_day: date, last_day: date) -> tuple[PolicyRecord, Replay]:
    """Return the record that a text is, and what it would have changed on these days; raises Refused."""
    try:
        wanted = parse_policy_record(tried_text(text))
    except BadPolicyRecord as error:
        raise Refused({"record": _("This is not a DMARC record: %(why)s.") % {"why": str(error)}}) from error
    values = {"domain": domain.pk, "first": first_day, "last": last_day}
    rows = (
        Reported(header_from or domain.name, kind, sender, proven(dkim), proven(spf), messages, *said)
        for header_from, kind, sender, dkim, spf, messages, *said in fetch_all(REPORTED, values)
    )
    return wanted, replay(domain.name, dmarc_policy_of(domain), wanted, rows)


def tried_text(text: str) -> str:
    """Return the text of a record to try, in one line; raises Refused for one that no record can have."""
    record = text.strip()
    if len(record) > LONGEST_RECORD:
        raise Refused({"record": _("A record is at most %(count)d characters long.") % {"count": LONGEST_RECORD}})
    if _CONTROL.search(record):
        raise Refused({"record": _("A record is one line, without control characters.")})
    return record


def proven(text: str) -> tuple[str, ...]:
    """Return the domains that passed; a HELO name's pass is none for DMARC (RFC 9989 section 4.4)."""
    results = (one for one in json.loads(text) if one.get("scope") != "helo")
    return tuple(one["domain"] for one in results if one.get("result") == "pass")


def _set(act: Act, domain: Domain, record: PolicyRecord) -> Domain:
    """Set a whole record; what it does not change stays."""
    chosen: dict[str, Any] = {
        name: getattr(record, name)
        for name in (
            "policy",
            "subdomain_policy",
            "nonexistent_policy",
            "testing",
            "dkim_alignment",
            "spf_alignment",
        )
    }
    kept = {key: value for key, value in domain.dmarc.items() if key not in chosen}
    return set_policy(act, domain.name, **kept, **chosen)


def _changed_days(domain: Domain, today: date) -> int | None:
    """Return since how many days the policy stands, None when it was never changed."""
    rows = AuditRecord.objects.filter(domain=domain.name, action="domain.change", changes__has_key="dmarc")
    latest = rows.order_by("-id").values_list("at", flat=True).first()
    return None if latest is None else max(0, (today - latest.date()).days)
