"""Zones that the panel changes by itself (RFC 2136), and what it changed there."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from domains.models.domain import Domain


class DnsAccount(models.Model):
    """A zone's primary server and the TSIG key that may change it; without a domain it is one of the installation.

    ``server`` is a host name or an address. ``secret_sealed`` is the key's octets, bound to the zone and the key's
    name. In a zone that ``hosts_keys`` domains may have their DKIM keys published; ``fault`` says why that failed
    last.
    """

    domain = models.OneToOneField(Domain, null=True, blank=True, on_delete=models.CASCADE, related_name="dns_account")
    zone = models.CharField(max_length=253)
    server = models.CharField(max_length=253)
    port = models.PositiveIntegerField(default=53)
    key_name = models.CharField(max_length=253)
    algorithm = models.CharField(max_length=16, default="hmac-sha256")
    secret_sealed = models.BinaryField()
    proven_at = models.DateTimeField()
    hosts_keys = models.BooleanField(default=False)
    fault = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["zone"]
        constraints = [
            models.UniqueConstraint(fields=["zone"], condition=Q(domain=None), name="one_account_per_zone"),
        ]

    def __str__(self) -> str:
        return f"{self.zone} at {self.server}"


class ZoneChangeState(models.TextChoices):
    """How a change of a zone ended."""

    SENDING = "sending", _("On its way")
    APPLIED = "applied", _("Applied")
    FAILED = "failed", _("Not applied")
    UNKNOWN = "unknown", _("Not known")
    UNDONE = "undone", _("Undone")


class ZoneChange(models.Model):
    """One message that changed a zone: kept before it is sent, so that whatever happens can be told and undone.

    ``changes`` is a list of ``domains.dns.update.SetChange`` as objects, each with ``ttl_before``.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="zone_changes")
    at = models.DateTimeField(auto_now_add=True)
    actor_name = models.CharField(max_length=320)
    server = models.CharField(max_length=300)
    state = models.CharField(max_length=8, choices=ZoneChangeState.choices, default=ZoneChangeState.SENDING)
    reason = models.CharField(max_length=500, blank=True, default="")
    changes = models.JSONField(default=list)
    undoes = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="undone_by")

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.domain_id} {self.state} {self.at}"
