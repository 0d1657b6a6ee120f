"""Failure reports (RFC 9991): stored once by what they say, shown, and redacted early, for each tells of one mail.

A report belongs to our nearest domain above the one that it is about; where it may arrive is the business of
``report_destinations``. After ``redact_days`` the subject, local parts of others and host parts of addresses go,
after ``failure_days`` the whole; the mail that brought a report is not kept once it was read.
"""

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.dmarc.failure import FailureReport as Report
from domains.errors import Forbidden, NotFound, Refused
from domains.models import DmarcSource, Domain, DomainState, FailureReport, ReportFile, ReportKeeping
from domains.names import parent_names
from domains.redaction import redact_address, redact_client, redact_text, redact_value
from domains.services.provision import get_domain_for
from domains.services.report_destinations import refusal_of
from domains.services.report_fences import require_room

MOST_DAYS = 3650
BATCH = 500
_OWN_COLUMNS = ("arrival_date", "source_ip", "reported_domain", "header_from", "original_mail_from", "subject")
_OWN_WORDS = ("auth_failure", "incidents")
_NAMED = ("original_rcpt_to", "dkim_identity", "message_id", "original_envelope_id")


def store(
    report: Report, file: ReportFile, act: Act | None = None, fenced: bool = True
) -> tuple[FailureReport, bool]:
    """Store what a report says; returns the row and whether it is new. ``file`` says how it came.

    With an ``act`` the report must be about a domain in its reach. Raises Refused with the reason.
    """
    domain = _domain_of(report, act)
    refusal = refusal_of(file, domain, "ruf") if act is None else ""  # an act has its own reach
    if refusal:
        raise Refused({"file": refusal})
    if fenced:
        require_room(file, domain, FailureReport)
    said = asdict(report)
    digest = sha256(json.dumps(said, default=str, sort_keys=True).encode("utf-8", "replace")).digest()
    values: dict[str, Any] = {
        "road": file.road,
        "submitter": file.submitter,
        "authenticated": file.authenticated,
        "trace_id": file.trace_id,
        "arrived_at": report.arrival_date,
        "source_ip": report.source_ip or None,
        "reported_domain": report.reported_domain,
        "header_from": report.header_from,
        "mail_from": report.original_mail_from,
        "subject": report.subject,
        "failures": list(report.auth_failure),
        "incidents": min(report.incidents, 2**31 - 1),
        "details": {name: value for name, value in said.items() if name not in _OWN_COLUMNS + _OWN_WORDS and value},
    }
    with transaction.atomic():
        row, created = FailureReport.objects.get_or_create(domain=domain, digest=digest, defaults=values)
        if not created and file.authenticated and not row.authenticated:
            row.submitter, row.authenticated = file.submitter, True
            row.save(update_fields=["submitter", "authenticated"])
        if created and act is not None:
            record(act, "report.take_in", "failure_report", report.reported_domain, domain.name, {"road": file.road})
    return row, created


def _domain_of(report: Report, act: Act | None) -> Domain:
    served = Domain.objects.exclude(state__in=(DomainState.PENDING, DomainState.DELETED))
    found = served.filter(name__in=parent_names(report.reported_domain))
    domain = max(found, key=lambda one: len(one.name), default=None)
    reach = None if act is None else act.domain_ids
    if domain is None or (reach is not None and domain.pk not in reach):
        message = _("The report is about %(domain)s, which is not a domain of ours.")
        raise Refused({"file": message % {"domain": report.reported_domain}})
    return domain


def failures_of(domain: Domain, text: str = "") -> QuerySet[FailureReport]:
    """Return a domain's failure reports, newest first; ``text`` narrows by source address, domain or submitter."""
    rows = FailureReport.objects.filter(domain=domain).order_by("-id")
    if text:
        named = Q(header_from__icontains=text) | Q(mail_from__icontains=text) | Q(submitter__icontains=text)
        rows = rows.filter(named | Q(reported_domain__icontains=text) | Q(source_ip__contains=text))
    return rows


def is_known_source(row: FailureReport) -> bool:
    """True when aggregate reports tell of the same address, so that it has a page."""
    return DmarcSource.objects.filter(domain=row.domain_id, source_ip=row.source_ip or "::").exists()


def get_failure(act: Act, name: str, identifier: int) -> FailureReport:
    """Return one failure report of a domain; raises NotFound."""
    row = failures_of(get_domain_for(act, name)).select_related("domain").filter(pk=identifier).first()
    if row is None:
        raise NotFound(_("There is no such report."))
    return row


# ---- Keeping -------------------------------------------------------------------------------------------------------


def keeping() -> ReportKeeping:
    """Return what holds; its row is made when something is first set."""
    return ReportKeeping.objects.first() or ReportKeeping()


def keeping_for(act: Act) -> ReportKeeping:
    """Return what holds; superadministrators only. Raises Forbidden."""
    if not act.is_superadmin:
        raise Forbidden(_("Only a superadministrator sets how long reports are kept."))
    return keeping()


@transaction.atomic
def change_keeping(act: Act, **wanted: int) -> ReportKeeping:
    """Set how long reports are kept, by the fields of ``ReportKeeping``; what is not named stays.

    Superadministrators only. Raises Forbidden, Refused.
    """
    keeping_for(act)
    for field, days in wanted.items():
        least = 0 if field == "redact_days" else 1
        if not least <= days <= MOST_DAYS:
            raise Refused({field: _("From %(least)d to %(most)d days.") % {"least": least, "most": MOST_DAYS}})
    row, _made = ReportKeeping.objects.select_for_update().get_or_create(id=1)
    if wanted.get("sum_days", row.sum_days) < wanted.get("record_days", row.record_days):
        raise Refused({"sum_days": _("Sums are kept at least as long as records.")})
    changes = {name: [getattr(row, name), value] for name, value in wanted.items() if getattr(row, name) != value}
    if changes:
        for name, value in wanted.items():
            setattr(row, name, value)
        row.save()
        record(act, "report.keeping", "installation", "", "", changes)
    return row


def keep_failures(now: datetime | None = None) -> int:
    """Remove failure reports past their time, and take persons out of older ones; returns how many were changed."""
    now, kept = now or timezone.now(), keeping()
    gone = FailureReport.objects.filter(received_at__lt=now - timedelta(days=kept.failure_days)).delete()[0]
    due = FailureReport.objects.filter(redacted_at=None, received_at__lt=now - timedelta(days=kept.redact_days))
    changed = 0
    ours = frozenset(Domain.objects.values_list("name", flat=True))
    while rows := list(due.order_by("id")[:BATCH]):
        for row in rows:
            _redact(row, ours, now)
        fields = ["mail_from", "subject", "source_ip", "details", "redacted_at"]
        FailureReport.objects.bulk_update(rows, fields)
        changed += len(rows)
    return gone + changed


def _redact(row: FailureReport, ours: frozenset[str], now: datetime) -> None:
    """Take persons out of one report: what tells why it failed stays."""
    row.subject = ""
    row.mail_from = redact_address(row.mail_from, ours)
    row.source_ip = redact_client(row.source_ip)
    details = redact_value({name: value for name, value in row.details.items() if name not in _NAMED}, ours)
    rcpt = [redact_address(str(address), ours) for address in row.details.get("original_rcpt_to", ())]
    row.details = details | ({"original_rcpt_to": rcpt} if rcpt else {})
    row.submitter = redact_text(row.submitter, ours)
    row.redacted_at = now
