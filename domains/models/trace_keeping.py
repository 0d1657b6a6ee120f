"""How long traces are kept, and when persons are taken out of them: one row for the installation."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class TraceKeeping(models.Model):
    """``redact_days`` None: never. Days before ``redacted_until`` are done; ``redacted_at`` is when that last ran.

    ``to_rewrite`` names the tables whose pages may still hold what was taken out of their rows.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    head_days = models.PositiveIntegerField(default=30)
    event_days = models.PositiveIntegerField(default=30)
    redact_days = models.PositiveIntegerField(null=True)
    redacted_until = models.DateField(null=True)
    redacted_at = models.DateTimeField(null=True)
    to_rewrite = ArrayField(models.TextField(), default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_trace_keeping"),
            models.CheckConstraint(
                condition=models.Q(event_days__lte=models.F("head_days")), name="no_event_outlives_its_trace"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.head_days} days"
