"""The trace of every message, accepted or refused: a head row and one event row a stage.

Both tables are partitioned by day over the trace's id, which sorts by time: ``services.trace_days`` makes and drops
the days (decision 0013). So the database knows no primary key of events; their ids come from one sequence.
"""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from domains.trace_terms import trace_terms

SELDOM = ("queued", "deferred", "bounced", "dropped", "failed")


class Trace(models.Model):
    """The head of one message's trace; ``pending_events`` are those not yet expanded into event rows.

    ``terms`` is all that it is found by (``domains.trace_terms``): the hot paths give them, ``save`` makes them.
    """

    id = models.CharField(max_length=26, primary_key=True, db_collation="C")
    direction = models.CharField(max_length=8)
    message_id = models.TextField(blank=True, default="")
    mail_from = models.TextField(blank=True, default="")
    recipients = ArrayField(models.TextField(), default=list)
    domains = ArrayField(models.TextField(), default=list)
    received_at = models.DateTimeField()
    outcome = models.CharField(max_length=16)
    client_address = models.GenericIPAddressField(null=True)
    terms = ArrayField(models.TextField(db_collation="C"), default=list)
    pending_events = models.JSONField(null=True)

    shown_to = ""  # the owner's address when it is not for an administrator: services.traces narrows it so far
    shown_in: frozenset[str] | None = None  # the domains whose administrator it is for; None for all of it

    class Meta:
        ordering = ["-id"]
        indexes = [  # written with every message: the bench trace_search tells what each costs
            GinIndex(fields=["terms"], fastupdate=True, name="trace_terms"),
            models.Index(fields=["client_address"], name="trace_client"),
            models.Index(fields=["outcome", "id"], condition=models.Q(outcome__in=SELDOM), name="trace_seldom"),
            models.Index(fields=["id"], condition=models.Q(pending_events__isnull=False), name="trace_pending"),
        ]

    def __str__(self) -> str:
        return self.id

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the head with its terms."""
        if not self.terms:
            self.terms = trace_terms(self.message_id, [self.mail_from, *self.recipients], (), self.domains)
        super().save(*args, **kwargs)


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
