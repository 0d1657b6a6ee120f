"""What was last seen in the DNS for each record that a domain should publish."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from domains.models.domain import Domain


class RecordStatus(models.TextChoices):
    """How an observed record compares with the desired one."""

    UNCHECKED = "unchecked", _("Not checked yet")
    RIGHT = "right", _("Right")
    WRONG = "wrong", _("Wrong")
    MISSING = "missing", _("Missing")
    DUPLICATE = "duplicate", _("Published twice")
    CONFLICTING = "conflicting", _("In conflict with another record")
    WAITING = "waiting", _("Waiting for all servers")
    UNREACHABLE = "unreachable", _("The DNS did not answer")
    BOGUS = "bogus", _("DNSSEC validation failed")


class RecordObservation(models.Model):
    """The last look at one record; ``expected`` is the value it was compared with, so a changed one is unchecked.

    ``seen`` is what each server answered, as the API shows it; ``remark`` is ``[cause, values]``, empty when right.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="observations")
    purpose = models.CharField(max_length=16)
    name = models.CharField(max_length=255)
    type = models.CharField(max_length=8)
    expected = models.TextField()
    status = models.CharField(max_length=16, choices=RecordStatus.choices, default=RecordStatus.UNCHECKED)
    found = models.JSONField(default=list)
    seen = models.JSONField(default=list)
    remark = models.JSONField(default=list)
    checked_at = models.DateTimeField()
    right_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["domain", "name", "type", "expected"], name="one_observation_per_record")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.type} {self.status}"


class ZoneObservation(models.Model):
    """What the last check saw of a domain's zone: the names of its servers, and the types that a wildcard answers."""

    domain = models.OneToOneField(Domain, on_delete=models.CASCADE, related_name="zone_observation")
    hosts = models.JSONField(default=list)
    wildcard = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.domain_id} {' '.join(self.hosts)}"
