"""The audit log: one row a change, written in the change's own transaction."""

from django.db import models

from domains.models.actor import Actor


class AuditRecord(models.Model):
    """Who changed what, when, from where; ``actor_name`` and ``object_name`` survive what they name."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(Actor, null=True, on_delete=models.SET_NULL, related_name="audit_records")
    actor_name = models.CharField(max_length=320)
    door = models.CharField(max_length=16)  # panel, api, console, job
    address = models.GenericIPAddressField(null=True)
    action = models.CharField(max_length=40)  # domain.create, mailbox.change, …
    object_type = models.CharField(max_length=40)
    object_name = models.CharField(max_length=320)
    domain = models.CharField(max_length=253, blank=True, default="", db_index=True)
    changes = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.object_name}"
