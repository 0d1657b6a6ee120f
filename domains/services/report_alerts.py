"""Watching the reports: figures of all domains by nine queries, alerts opened and told once, closed when over.

One watch runs at a time, and a unique constraint holds an alert open once, so that none is told twice. Only
believed reports count, and only recent days: a backfill calls nobody.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import NotFound, Refused
from domains.identifiers import identifier_at
from domains.models import Domain, DomainState, MtaSts
from domains.models import ReportAlert as Row
from domains.notify import declare, notify
from domains.queries import fetch_all
from domains.reports.alerts import (
    KEY_DAYS,
    LOOKED_DAYS,
    NEW_DAYS,
    NEW_TOLD,
    SPOKEN_OF,
    TLS_DAYS,
    UNHEARD_DAYS,
    DayFigures,
    Figures,
    ReportAlert,
    alerts_of,
)
from domains.services.provision import get_domain_for, require_administrator
from domains.trace_terms import reach_term

CLOSED_AFTER = timedelta(days=3)
KEPT = timedelta(days=400)
LONGEST_NOTE = 500

DAYS = """
SELECT domain_id, day,
       coalesce(sum(messages) FILTER (WHERE kind IN ('own', 'service-aligned', 'service-misaligned')), 0)::bigint,
       coalesce(sum(messages) FILTER (WHERE kind IN ('own', 'service-aligned', 'service-misaligned')
                                      AND (dkim_aligned OR spf_aligned)), 0)::bigint,
       coalesce(sum(messages) FILTER (WHERE kind = 'impostor'), 0)::bigint,
       coalesce(sum(messages) FILTER (WHERE kind IN ('own', 'service-aligned', 'service-misaligned')
                                      AND disposition IN ('quarantine', 'reject')), 0)::bigint
FROM domains_dmarcday WHERE day >= %s AND believed GROUP BY domain_id, day
"""
# Those that came in their time: the end of an archive that was read in late is no silence.
REPORTED = """
SELECT DISTINCT d.id, r.day FROM domains_domain d
CROSS JOIN LATERAL (SELECT max(day) AS day FROM domains_dmarcreport
                    WHERE domain_id = d.id AND standing = 'counted' AND believed AND received_at < day + %s) AS last
JOIN domains_dmarcreport r ON r.domain_id = d.id AND r.day BETWEEN last.day - %s AND last.day
WHERE r.standing = 'counted' AND r.believed AND r.received_at < r.day + %s
"""
FRESH = """
WITH fresh AS MATERIALIZED (
    SELECT DISTINCT s.domain_id, s.source_ip FROM domains_dmarcsource s
    WHERE s.first_day >= %(since)s
        AND NOT EXISTS (SELECT 1 FROM domains_dmarcsource o WHERE o.domain_id = s.domain_id
                        AND o.source_ip = s.source_ip AND o.first_day < %(since)s)
)
SELECT d.domain_id, host(d.source_ip), sum(d.messages)::bigint
FROM fresh JOIN domains_dmarcdaily d USING (domain_id, source_ip)
WHERE d.day >= %(since)s AND d.kind = 'unknown' AND d.believed
    AND EXISTS (SELECT 1 FROM domains_dmarcday b WHERE b.domain_id = d.domain_id AND b.day < %(since)s AND b.believed)
GROUP BY d.domain_id, d.source_ip
"""
SELECTORS = """
SELECT r.domain_id, one->>'selector', sum(r.messages)::bigint,
       coalesce(sum(r.messages) FILTER (WHERE one->>'result' <> 'pass'), 0)::bigint
FROM domains_dmarcreport p JOIN domains_dmarcrecord r ON r.report_id = p.id AND r.day = p.day
JOIN domains_dmarcsource s ON s.domain_id = r.domain_id AND s.source_ip = r.source_ip
    AND s.dkim_aligned = r.dkim_aligned AND s.spf_aligned = r.spf_aligned
    AND s.kind IN ('own', 'service-aligned', 'service-misaligned')
JOIN domains_authpattern a ON a.pattern_id = r.pattern_id AND a.month = r.day - extract(day FROM r.day)::int + 1
CROSS JOIN jsonb_array_elements(a.dkim) AS one
JOIN domains_dkimkey k ON k.domain_id = r.domain_id AND k.selector = one->>'selector'
JOIN domains_domain d ON d.id = r.domain_id AND one->>'domain' = d.name
WHERE p.day >= %(since)s AND r.day >= %(since)s AND p.standing = 'counted' AND p.believed GROUP BY 1, 2
"""
# Who asked for reports in the DNS all the time, by the latest entry of the record's history, and never got any.
UNHEARD = """
SELECT d.id, d.name FROM domains_domain d
WHERE d.state = 'active' AND NOT EXISTS (SELECT 1 FROM domains_dmarcreport r WHERE r.domain_id = d.id)
    AND EXISTS (SELECT 1 FROM (
        SELECT DISTINCT ON (name, type) status, until FROM domains_recordhistory h
        WHERE h.domain_id = d.id AND h.purpose = 'dmarc' ORDER BY name, type, id DESC
    ) AS latest WHERE latest.status = 'right' AND latest.until < %s)
"""
SENT = """
SELECT c.id, (SELECT count(*) FROM domains_trace t WHERE t.terms @> ARRAY[c.term] AND t.id >= %s
              AND t.direction = 'out' AND t.outcome <> 'refused')
FROM unnest(%s::bigint[], %s::text[]) AS c (id, term)
"""
TLS = """
SELECT domain_id, sum(succeeded + failed)::bigint, sum(failed)::bigint FROM domains_tlsreport
WHERE end_at >= %s AND (authenticated OR submitter = '') GROUP BY domain_id
"""


def _words(code: str, data: Mapping[str, Any]) -> str:
    values = {name: data.get(name, "?") for name in ("address", "messages", "share", "usual", "daily", "days")}
    values |= {name: data.get(name, "?") for name in ("selector", "failed", "sessions")}
    return _TEXTS[code]() % values


_TEXTS = {
    "new-source": lambda: _(
        "%(address)s is new and unknown: it sent %(messages)s messages in this domain's name within a week. "
        "Say who it is."
    ),
    "pass-rate": lambda: _(
        "Only %(share)s %% of your own mail passes DMARC, where %(usual)s %% did. Look which sender fails."
    ),
    "own-held": lambda: _(
        "The policy hits your own mail: %(failed)s of %(messages)s messages were put into junk or refused "
        "within days. Mend who sends them, or take the policy one step back."
    ),
    "impostor-wave": lambda: _(
        "Impostors sent %(daily)s messages a day in this domain's name, where %(usual)s were usual."
    ),
    "silence": lambda: _(
        "No report has come for %(days)s days, where they came daily. Check the DMARC record and its report address."
    ),
    "no-reports": lambda: _(
        "The DMARC record has asked for reports for more than %(days)s days, the domain sent %(messages)s messages, "
        "and none has come. Check that its report address takes mail from outside."
    ),
    "key-failures": lambda: _(
        "%(failed)s of %(messages)s signatures by the key %(selector)s fail. "
        "Check its record, and what signs with it."
    ),
    "tls-failures": lambda: _(
        "%(failed)s of %(sessions)s encrypted sessions failed while MTA-STS is enforced: such mail is not delivered."
    ),
}
_TONES = {"pass-rate": "bad", "own-held": "bad", "key-failures": "bad", "tls-failures": "bad"}
NOTICES = {
    code: declare(f"report.{code}", _TONES.get(code, "warn"), lambda data, code=code: _words(code, data))  # type: ignore[misc]
    for code in _TEXTS
}


def sentence_of(row: Row) -> str:
    """Return what an alert says, in the active language."""
    return _words(row.code, row.figures) if row.code in _TEXTS else row.code


def watch_reports(now: datetime | None = None) -> int:
    """Open, tell and close alerts; returns how many were opened. Call it by one process at a time."""
    now = now or timezone.now()
    figures = _figures(now)
    domains = Domain.objects.filter(state=DomainState.ACTIVE).in_bulk()
    open_rows: dict[int, list[Row]] = defaultdict(list)
    for row in Row.objects.filter(domain__in=domains, closed_at=None):
        open_rows[row.domain_id].append(row)
    opened = 0
    for domain in domains.values():
        found = alerts_of(figures(domain))
        if found or open_rows[domain.pk]:
            with transaction.atomic():
                opened += _keep(domain, {(one.code, one.key): one for one in found}, open_rows[domain.pk], now)
    Row.objects.filter(closed_at__lt=now - KEPT).delete()
    return opened


def _keep(domain: Domain, found: dict[tuple[str, str], ReportAlert], before: Iterable[Row], now: datetime) -> int:
    """Bring the open alerts of a domain in line with what holds; returns how many were opened."""
    open_rows = {(row.code, row.key): row for row in before}
    for identity, row in open_rows.items():
        if identity in found:
            row.figures, row.last_at = dict(found[identity].figures), now
        elif row.last_at < now - CLOSED_AFTER:
            row.closed_at = now
        else:
            continue
        row.save(update_fields=["figures", "last_at", "closed_at"])
    room = NEW_TOLD - sum(row.code == "new-source" and row.closed_at is None for row in open_rows.values())
    fresh = [one for identity, one in found.items() if identity not in open_rows]
    new, others = ([one for one in fresh if (one.code == "new-source") is told] for told in (True, False))
    fresh = new[: max(room, 0)] + others
    for one in fresh:
        Row.objects.create(
            domain=domain, code=one.code, key=one.key, figures=dict(one.figures), opened_at=now, last_at=now
        )
        notify(NOTICES[one.code], domain, one.figures, now)
    return len(fresh)


def _figures(now: datetime) -> Any:
    """Read the figures of all domains; returns what gives those of one."""
    today = now.date()
    days: dict[int, dict[date, DayFigures]] = defaultdict(dict)
    for domain_id, day, *counts in fetch_all(DAYS, [today - timedelta(days=LOOKED_DAYS)]):
        days[domain_id][day] = DayFigures(*counts)
    reported: dict[int, set[date]] = defaultdict(set)
    for domain_id, day in fetch_all(REPORTED, [LOOKED_DAYS, SPOKEN_OF, LOOKED_DAYS]):
        reported[domain_id].add(day)
    fresh: dict[int, dict[str, int]] = defaultdict(dict)
    for domain_id, address, count in fetch_all(FRESH, {"since": today - timedelta(days=NEW_DAYS)}):
        fresh[domain_id][address] = count
    selectors: dict[int, dict[str, tuple[int, int]]] = defaultdict(dict)
    for domain_id, selector, messages, failed in fetch_all(SELECTORS, {"since": today - timedelta(days=KEY_DAYS)}):
        selectors[domain_id][selector] = (messages, failed)
    before = now - timedelta(days=UNHEARD_DAYS)
    tls = {row[0]: (row[1], row[2]) for row in fetch_all(TLS, [today - timedelta(days=TLS_DAYS)])}

    waiting = dict(fetch_all(UNHEARD, [before]))
    terms = [reach_term(name) for name in waiting.values()]
    unheard = dict(fetch_all(SENT, [identifier_at(before), list(waiting), terms]))

    def one(domain: Domain) -> Figures:
        enforced = domain.mta_sts == MtaSts.ENFORCE
        return Figures(
            today,
            days[domain.pk],
            frozenset(reported[domain.pk]),
            fresh[domain.pk],
            selectors[domain.pk],
            tls.get(domain.pk, (0, 0)) if enforced else None,
            unheard.get(domain.pk, 0),
        )

    return one


def alerts_of_domain(domain: Domain) -> QuerySet[Row]:
    """Return the alerts of a domain, open ones first, then the latest."""
    return Row.objects.filter(domain=domain).order_by("-closed_at", "-opened_at", "-id")


def mute_alert(act: Act, name: str, identifier: int, note: str = "") -> Row:
    """Let an open alert be quiet until it ends; raises NotFound, Refused."""
    domain = get_domain_for(act, name)
    require_administrator(act)
    text = " ".join(note.split())
    if len(text) > LONGEST_NOTE or not text.isprintable():
        raise Refused({"note": _("At most %(count)d characters on one line.") % {"count": LONGEST_NOTE}})
    with transaction.atomic():
        row = Row.objects.select_for_update().filter(domain=domain, pk=identifier, closed_at=None).first()
        if row is None:
            raise NotFound(_("There is no such open alert."))
        if not row.muted_by or row.note != text:
            row.muted_by, row.note = act.name[:320], text
            row.save(update_fields=["muted_by", "note"])
            record(act, "report_alert.mute", "report_alert", row.code, domain.name, {"key": row.key, "note": text})
    return row
