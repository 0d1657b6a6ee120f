"""Reading the audit log: who may see which record."""

from django.db.models import QuerySet

from domains.audit import Act
from domains.models import AuditRecord, Domain, Role


def audit_for(act: Act) -> QuerySet[AuditRecord]:
    """Return the records in the actor's reach, newest first: all, or those about its domains and its own acts."""
    rows = AuditRecord.objects.order_by("-pk")
    if act.is_superadmin and act.domain_ids is None:
        return rows
    if act.role != Role.DOMAIN_ADMIN:
        return rows.none()
    names = Domain.objects.filter(pk__in=act.domain_ids or ()).values("name")
    return rows.filter(domain__in=names) | rows.filter(actor=act.actor, actor__isnull=False)


def search_audit(act: Act, text: str) -> QuerySet[AuditRecord]:
    """Return the records whose actor, object or action holds a text."""
    rows = audit_for(act)
    if not text:
        return rows
    found = rows.filter(actor_name__icontains=text) | rows.filter(object_name__icontains=text)
    return found | rows.filter(action__icontains=text)
