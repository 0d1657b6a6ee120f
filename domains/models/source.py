"""Who may send in a domain's name, and what its SPF record was last seen to cost."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from domains.models.domain import Domain


class SenderKind(models.TextChoices):
    """What a sender is; our own hosts are always one and have no row."""

    RELAY = "relay", _("Server or network")
    SERVICE = "service", _("Service")
    CUSTOM = "custom", _("Include")


class Sender(models.Model):
    """One legitimate sender besides our own hosts.

    ``value`` is what it is known by: a host name, an address or a network of a relay, the slug of a service of
    ``domains.spf.services``, the name in a custom include. ``lookups`` is what its terms last cost.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="senders")
    kind = models.CharField(max_length=8, choices=SenderKind.choices)
    value = models.CharField(max_length=253)
    name = models.CharField(max_length=100)
    selectors = models.JSONField(default=list, blank=True)
    note = models.CharField(max_length=500, blank=True, default="")
    lookups = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["domain", "kind", "value"], name="one_sender_once")]

    def __str__(self) -> str:
        return self.name


class SpfReading(models.Model):
    """The last reading of a domain's SPF record; ``content`` is ``services.spf_reading.Reading`` as JSON."""

    domain = models.OneToOneField(Domain, on_delete=models.CASCADE, related_name="spf_reading")
    read_at = models.DateTimeField()
    content = models.JSONField()

    def __str__(self) -> str:
        return f"SPF of {self.domain_id}"
