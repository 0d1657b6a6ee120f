"""The outbound queue: a table with leases; Celery and Redis only wake its workers."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from mailboxes.models.message import Blob


class QueueState(models.TextChoices):
    """Where an entry stands."""

    WAITING = "waiting", _("Waiting")
    SENDING = "sending", _("Sending")
    HELD = "held", _("Held")
    DEAD = "dead", _("Given up after three crashes")


class QueueEntry(models.Model):
    """One message to one group of recipients with the same next hop.

    ``next_hop`` is the recipients' domain in A-labels, or ``local`` for recipients of ours, which take the same road
    without a socket. An entry is claimed by setting ``lease_until`` by database time and finished by compare-and-set
    on (id, attempts). ``deaths`` counts leases that ran out; the third one makes it ``dead``. A finished entry is
    deleted; the trace tells what became of it.
    """

    id = models.CharField(max_length=26, primary_key=True)
    trace_id = models.CharField(max_length=26, db_index=True)
    mail_from = models.TextField(blank=True)
    recipients = ArrayField(models.TextField())
    sender_domain = models.CharField(max_length=253, blank=True, default="")
    next_hop = models.CharField(max_length=253)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="queue_entries")
    smtputf8 = models.BooleanField(default=False)
    parameters = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=QueueState.choices, default=QueueState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    deaths = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    last_reply = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["next_attempt_at"]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=models.Q(state="waiting"), name="queue_due"),
            models.Index(fields=["lease_until"], condition=models.Q(state="sending"), name="queue_leased"),
            models.Index(fields=["next_hop"]),
        ]

    def __str__(self) -> str:
        return self.id
