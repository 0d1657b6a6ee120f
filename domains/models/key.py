"""DKIM keys of a domain, private parts sealed."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from domains.models.domain import Domain


class KeyAlgorithm(models.TextChoices):
    """What a key signs with (RFC 8301, RFC 8463)."""

    RSA2048 = "rsa2048", "RSA 2048"
    RSA4096 = "rsa4096", "RSA 4096"
    ED25519 = "ed25519", "Ed25519"


class KeyState(models.TextChoices):
    """Where a key stands in its life; only an active one signs."""

    GENERATED = "generated", _("Generated")
    AWAITING_DNS = "awaiting_dns", _("Waiting for the DNS record")
    ACTIVE = "active", _("Active")
    RETIRING = "retiring", _("Retiring")
    REVOKED = "revoked", _("Revoked")
    REMOVED = "removed", _("Removed")


class DkimKey(models.Model):
    """One selector of a domain.

    ``private_key_sealed`` is the PKCS#8 key in DER, sealed with the master key and bound to (domain, selector); it is
    empty once the key is revoked. ``public_key`` is the base64 text of the record's ``p=`` tag. ``hosted_in`` is the
    zone of the installation in which its text is published, empty for the domain's own. ``replaces`` is the
    selector whose successor it is; ``stale_seconds`` and ``wait_until`` are those of ``domains.dkim.lifecycle``.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="dkim_keys")
    selector = models.CharField(max_length=63)
    algorithm = models.CharField(max_length=16, choices=KeyAlgorithm.choices)
    state = models.CharField(max_length=16, choices=KeyState.choices, default=KeyState.AWAITING_DNS)
    private_key_sealed = models.BinaryField()
    public_key = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    hosted_in = models.CharField(max_length=253, blank=True, default="")
    replaces = models.CharField(max_length=63, blank=True, default="")
    stale_seconds = models.PositiveIntegerField(default=0)
    wait_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["domain", "selector"], name="one_key_per_selector")]

    def __str__(self) -> str:
        return f"{self.selector} of {self.domain_id}"
