"""A group: one address for several people, with a say about who may write to it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from domains.models import Domain


class Writers(models.TextChoices):
    """Who may write to a group."""

    EVERYBODY = "everybody", _("Everybody")
    DOMAIN = "domain", _("The domain's own people")
    MEMBERS = "members", _("Members")


class Group(models.Model):
    """An address of ours whose mail goes to all ``members``: full addresses, ours or others'."""

    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="groups")
    local_part = models.CharField(max_length=64)
    name = models.CharField(max_length=200, blank=True, default="")
    members = ArrayField(models.CharField(max_length=320), default=list)
    writers = models.CharField(max_length=16, choices=Writers.choices, default=Writers.EVERYBODY)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["domain__name", "local_part"]
        constraints = [models.UniqueConstraint(fields=["domain", "local_part"], name="one_group_per_address")]

    def __str__(self) -> str:
        return self.address

    @property
    def address(self) -> str:
        """The full address, the domain in A-labels."""
        return f"{self.local_part}@{self.domain.name}"
