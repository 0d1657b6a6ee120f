"""What somebody is told: troubles that last, notices of what happened and where they are sent, weekly summaries."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from domains.models.actor import Actor
from domains.models.domain import Domain


class TroubleKind(models.TextChoices):
    """What is amiss."""

    RECORD = "record", _("A record is no longer right")
    SILENCE = "silence", _("The DNS does not answer")
    KEY = "key", _("A key waits for its record")


class Trouble(models.Model):
    """Something amiss in a domain from the look that first saw it until it is over.

    ``looks`` counts those that saw it; ``told_at`` is when a notice was written, None while it may be a passing
    fault.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="troubles")
    kind = models.CharField(max_length=8, choices=TroubleKind.choices)
    purpose = models.CharField(max_length=16, blank=True, default="")
    name = models.CharField(max_length=255, blank=True, default="")
    type = models.CharField(max_length=8, blank=True, default="")
    status = models.CharField(max_length=16, blank=True, default="")
    required = models.BooleanField(default=False)
    looks = models.PositiveIntegerField(default=1)
    since = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["since", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "kind", "purpose", "name", "type"], name="one_trouble_per_thing"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of {self.domain_id}"


class Notice(models.Model):
    """One event that people and programs are told of; ``type`` is a word of ``domains.notify``, ``data`` JSON.

    ``domain`` is None for what concerns the installation. ``mailed_at`` is when it was put into a mail, or when it
    was decided that none goes; ``mail`` is the trace id of that mail, empty when none went.
    """

    id = models.CharField(max_length=26, primary_key=True)
    at = models.DateTimeField()
    domain = models.ForeignKey(Domain, null=True, on_delete=models.CASCADE, related_name="notices")
    type = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail = models.CharField(max_length=26, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["domain", "-id"], name="notice_by_domain"),
            models.Index(fields=["id"], condition=models.Q(mailed_at=None), name="notice_to_mail"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class Webhook(models.Model):
    """An address that is told of events: of one domain, or of the whole installation when ``domain`` is None.

    ``secret_sealed`` is the signing key, bound to the row. ``failing_since`` is when the unbroken run of failures
    began; an endpoint that is ``disabled_at`` gets nothing until somebody enables it.
    """

    domain = models.ForeignKey(Domain, null=True, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    secret_sealed = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.url


class DeliveryState(models.TextChoices):
    """How a delivery stands."""

    WAITING = "waiting", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")


class WebhookDelivery(models.Model):
    """One notice on its way to one endpoint; ``next_attempt_at`` is also the lease of the attempt under way."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    attempted_at = models.DateTimeField(null=True, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["webhook", "notice"], name="one_delivery_per_notice")]
        indexes = [models.Index(fields=["next_attempt_at"], condition=models.Q(state="waiting"), name="delivery_due")]

    def __str__(self) -> str:
        return f"{self.notice_id} to {self.webhook_id}: {self.state}"


class WeeklySummary(models.Model):
    """That the summary of a week was decided for an actor: ``week`` is its Monday, ``mail`` the mail's trace id.

    ``mail`` is empty when none went: the actor wishes none, or nothing was ever reported. The row is written in the
    transaction that queues the mail, so that no week is told twice.
    """

    actor = models.ForeignKey(Actor, on_delete=models.CASCADE, related_name="weekly_summaries")
    week = models.DateField()
    decided_at = models.DateTimeField(auto_now_add=True)
    mail = models.CharField(max_length=26, blank=True, default="")

    class Meta:
        ordering = ["-week", "actor"]
        constraints = [models.UniqueConstraint(fields=["actor", "week"], name="one_summary_a_week")]

    def __str__(self) -> str:
        return f"{self.week} to {self.actor_id}"
