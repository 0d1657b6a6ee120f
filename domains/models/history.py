"""What became of each record of a domain: what was seen, what was wanted, what was published from here."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from domains.models.audit import AuditRecord
from domains.models.domain import Domain
from domains.models.record import RecordStatus


class HistoryKind(models.TextChoices):
    """What an entry tells."""

    SEEN = "seen", _("Seen in the DNS")
    WANTED = "wanted", _("Changed here")
    APPLIED = "applied", _("Published from here")


class RecordHistory(models.Model):
    """One change of one record, known by (purpose, name, type); the newest entry of a record is its present state.

    ``before`` and ``after`` are the texts that the entry is about: those seen, those wanted, or those taken out and
    put in. ``wanted``, ``found`` and ``status`` are how the record stood then, ``lacking`` how many of the servers
    ``asked`` had not the right text; ``status_before`` is empty for the first look. ``here``: what was seen follows
    from what was published from here. ``times`` counts the changes from ``at`` to ``until`` that were drawn together.
    ``actor_name`` is empty where nobody of ours acted.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="history")
    at = models.DateTimeField()
    until = models.DateTimeField()
    purpose = models.CharField(max_length=16)
    name = models.CharField(max_length=255)
    type = models.CharField(max_length=8)
    kind = models.CharField(max_length=8, choices=HistoryKind.choices)
    here = models.BooleanField(default=False)
    times = models.PositiveIntegerField(default=1)
    status_before = models.CharField(max_length=16, blank=True, default="")
    status = models.CharField(max_length=16, choices=RecordStatus.choices)
    before = models.JSONField(default=list)
    after = models.JSONField(default=list)
    lacking = models.PositiveSmallIntegerField(default=0)
    asked = models.PositiveSmallIntegerField(default=0)
    wanted = models.JSONField(default=list)
    found = models.JSONField(default=list)
    actor_name = models.CharField(max_length=320, blank=True, default="")
    audit = models.ForeignKey(AuditRecord, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["domain", "purpose", "name", "type", "-id"], name="history_by_record")]

    def __str__(self) -> str:
        return f"{self.name} {self.type} {self.kind} {self.status}"
