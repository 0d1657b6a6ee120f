"""The trace of every message, accepted or refused: a head row and one event row a stage."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models


class Trace(models.Model):
    """The head of one message's trace; ``pending_events`` are those not yet expanded into event rows."""

    id = models.CharField(max_length=26, primary_key=True)
    direction = models.CharField(max_length=8)
    message_id = models.TextField(blank=True, default="")
    mail_from = models.TextField(blank=True, default="")
    recipients = ArrayField(models.TextField(), default=list)
    domains = ArrayField(models.TextField(), default=list)
    received_at = models.DateTimeField(db_index=True)
    outcome = models.CharField(max_length=16)
    client_address = models.GenericIPAddressField(null=True)
    pending_events = models.JSONField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [  # written with every message: one for each question, none for LIKE
            models.Index(fields=["message_id"], name="trace_message_id"),
            models.Index(fields=["mail_from"], name="trace_mail_from"),
            GinIndex(fields=["recipients"], fastupdate=True, name="trace_recipients"),
            GinIndex(fields=["domains"], fastupdate=True, name="trace_domains"),
            models.Index(
                fields=["received_at"], condition=models.Q(pending_events__isnull=False), name="trace_pending"
            ),
        ]

    def __str__(self) -> str:
        return self.id


class TraceEvent(models.Model):
    """One stage of a message; the trace row may be gone or not yet there, so the reference is not enforced."""

    trace = models.ForeignKey(Trace, on_delete=models.CASCADE, related_name="events", db_constraint=False)
    at = models.DateTimeField()
    stage = models.CharField(max_length=24)
    outcome = models.CharField(max_length=24)
    reason = models.TextField(blank=True, default="")
    detail = models.JSONField(default=dict)
    dns = models.JSONField(default=list)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.stage} {self.outcome}"
