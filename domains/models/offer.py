"""An offer to hand a domain over to another administrator."""

from django.db import models

from domains.models.actor import Actor
from domains.models.domain import Domain


class DomainOffer(models.Model):
    """One offer a domain; ``giver`` is whose place is offered, None when the operator's own script offers it.

    ``email`` is what was typed: whether anybody has it is known to nobody but who accepts.
    """

    domain = models.OneToOneField(Domain, on_delete=models.CASCADE, related_name="offer")
    email = models.CharField(max_length=320, db_index=True)
    giver = models.ForeignKey(Actor, null=True, on_delete=models.CASCADE, related_name="offers")
    giver_name = models.CharField(max_length=320)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["domain__name"]

    def __str__(self) -> str:
        return f"{self.domain_id} to {self.email}"
