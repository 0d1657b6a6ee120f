"""What the guided page knows of a domain: read from the last check, the keys, the traces; asks no network."""

from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from domains.models import Domain, DomainKind, DomainState, KeyState, MtaSts, RecordStatus, Trace
from domains.services.check import record_states
from domains.services.dmarc_policy import dmarc_policy_of
from domains.services.flow import GONE_WRONG
from domains.services.onboarding import Facts
from domains.services.provision import contents_of

RECENT_TRACES = 50


def facts_about(domain: Domain, now: datetime | None = None) -> Facts:
    """Return what is known of a domain whose keys and observations are prefetched."""
    moment = now or timezone.now()
    keys = list(domain.dkim_keys.all())
    waits = [key.wait_until for key in keys if key.state == KeyState.AWAITING_DNS and key.wait_until is not None]
    return Facts(
        name=domain.name,
        states=record_states(domain),
        now=moment,
        pending=domain.state == DomainState.PENDING,
        parked=domain.kind == DomainKind.PARKED,
        receives=takes_mail(domain),
        signs=any(key.state == KeyState.ACTIVE for key in keys),
        keys_until=max((wait for wait in waits if wait > moment), default=None),
        ready_at=domain.switch_ready_at,
        received=_last_received(domain),
        sent=_last_sent(domain),
        tightened=dmarc_policy_of(domain).policy != "none" and domain.mta_sts != MtaSts.OFF,
    )


def takes_mail(domain: Domain) -> bool:
    """True when a mailbox, an alias or a group takes mail of the domain, or of the one that it is an alias of."""
    contents = contents_of(domain.alias_of or domain)
    return bool(contents.get("mailboxes") or contents.get("aliases") or contents.get("groups"))


def is_settled(domain: Domain) -> bool:
    """True once mail for the domain comes here, by the last check; its observations are prefetched."""
    moves = [row for row in domain.observations.all() if row.purpose == "mx"]
    return bool(moves) and all(row.status == RecordStatus.RIGHT for row in moves)


def _last_received(domain: Domain) -> str:
    """Return the last message that another server delivered to the domain."""
    return _traces(domain, "in").exclude(outcome__in=GONE_WRONG).values_list("pk", flat=True).first() or ""


def _last_sent(domain: Domain) -> str:
    """Return the last message of the domain that went to a domain not of ours."""
    rows = list(_traces(domain, "out").filter(outcome="sent", mail_from__endswith=f"@{domain.name}")[:RECENT_TRACES])
    reached = {to.rpartition("@")[2] for row in rows for to in row.recipients}
    ours = set(Domain.objects.filter(name__in=reached).values_list("name", flat=True))
    return next((row.pk for row in rows if any(to.rpartition("@")[2] not in ours for to in row.recipients)), "")


def _traces(domain: Domain, direction: str) -> QuerySet[Trace]:
    return Trace.objects.filter(
        direction=direction, domains__contains=[domain.name], received_at__gte=domain.created_at
    ).order_by("-pk")
