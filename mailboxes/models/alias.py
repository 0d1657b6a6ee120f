"""Addresses that stand for others."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from domains.models import Domain


class Alias(models.Model):
    """An address of ours whose mail goes to ``targets``: full addresses, ours or others'."""

    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="aliases")
    local_part = models.CharField(max_length=64)
    targets = ArrayField(models.CharField(max_length=320))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["domain__name", "local_part"]
        constraints = [models.UniqueConstraint(fields=["domain", "local_part"], name="one_alias_per_address")]

    def __str__(self) -> str:
        return self.address

    @property
    def address(self) -> str:
        """The full address, the domain in A-labels."""
        return f"{self.local_part}@{self.domain.name}"


class CatchAll(models.Model):
    """Where mail to unknown local parts of a domain goes."""

    domain = models.OneToOneField(Domain, on_delete=models.CASCADE, related_name="catch_all")
    target = models.CharField(max_length=320)

    def __str__(self) -> str:
        return f"*@{self.domain_id}"
