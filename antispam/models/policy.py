"""What a domain of ours does with mail from outside."""

from django.db import models

from domains.models import Domain


class InboundPolicy(models.Model):
    """The choices of one domain; without a row the defaults hold. An alias domain has its target's.

    ``dispositions`` holds a row's name and its disposition (``antispam.disposition.rows``) where they differ from the
    default, ``forwarders`` domains whose signature counts as a forwarder's. ``full_mailbox_reply`` is the code of the
    reply for a mailbox without room: 452 lets the sender try again, 552 tells its author at once.
    """

    domain = models.OneToOneField(Domain, on_delete=models.CASCADE, primary_key=True, related_name="inbound_policy")
    dispositions = models.JSONField(default=dict, blank=True)
    forwarders = models.JSONField(default=list, blank=True)
    full_mailbox_reply = models.PositiveSmallIntegerField(default=452)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(full_mailbox_reply__in=(452, 552)), name="a_full_mailbox_is_452_or_552"
            )
        ]

    def __str__(self) -> str:
        return self.domain.name
