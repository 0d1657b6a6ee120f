"""How things look in the API: explicit fields, never a model's own."""

from typing import Any

from domains.models import Actor, ApiToken, DkimKey, DmarcReport, Domain, Trace, TraceEvent
from domains.times import instant


def show_actor(actor: Actor) -> dict[str, Any]:
    """Return an administrator; the domains are prefetched."""
    return {
        "email": actor.email,
        "role": actor.role,
        "domains": sorted(domain.name for domain in actor.domains.all()),
    }


def show_token(token: ApiToken) -> dict[str, Any]:
    """Return a token without its text, which nobody can read again."""
    return {
        "id": token.pk,
        "name": token.name,
        "role": token.role,
        "domains": sorted(domain.name for domain in token.domains.all()),
        "created_at": instant(token.created_at),
        "last_used_at": instant(token.last_used_at),
    }


def show_report(report: DmarcReport) -> dict[str, Any]:
    """Return the head of an aggregate report."""
    return {
        "org_name": report.org_name,
        "report_id": report.report_id,
        "domain": report.domain.name,
        "records": report.records_count,
        "messages": report.messages_count,
        "begin": instant(report.begin_at),
        "end": instant(report.end_at),
    }


def show_event(event: TraceEvent) -> dict[str, Any]:
    """Return one stage of a message."""
    return {
        "at": instant(event.at),
        "stage": event.stage,
        "outcome": event.outcome,
        "reason": event.reason,
        "detail": event.detail,
        "dns": event.dns,
    }


def show_trace(trace: Trace) -> dict[str, Any]:
    """Return the head of a message's trace."""
    return {
        "id": trace.pk,
        "direction": trace.direction,
        "message_id": trace.message_id,
        "mail_from": trace.mail_from,
        "recipients": trace.recipients,
        "received_at": instant(trace.received_at),
        "outcome": trace.outcome,
    }


def show_key(key: DkimKey, record_name: str, record_value: str) -> dict[str, Any]:
    """Return a DKIM key without its private part."""
    return {
        "selector": key.selector,
        "algorithm": key.algorithm,
        "state": key.state,
        "record_name": record_name,
        "record_value": record_value,
        "created_at": instant(key.created_at),
    }


def show_domain(domain: Domain, unicode_name: str, health: str) -> dict[str, Any]:
    """Return a domain."""
    return {
        "name": domain.name,
        "unicode_name": unicode_name,
        "state": domain.state,
        "health": health,
        "created_at": instant(domain.created_at),
    }
