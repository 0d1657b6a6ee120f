"""An account: an address with a message store and an owner."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Value

from domains.models import Actor, Domain


class Account(models.Model):
    """A mailbox in the panel's words; its folders are ``Mailbox`` rows.

    ``local_part`` is a dot-atom in lower case. ``used_bytes`` and ``messages_count`` change in the transaction that
    adds or removes messages. ``quota_bytes`` None means no limit. With ``app_passwords_only`` the owner's own
    password signs in to the panel alone. ``lost_subscriptions`` are folders that were subscribed when they were
    deleted: a subscription outlives its mailbox (RFC 9051 §6.3.7).
    """

    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="accounts")
    local_part = models.CharField(max_length=64)
    actor = models.OneToOneField(Actor, on_delete=models.PROTECT, related_name="account")
    display_name = models.CharField(max_length=200, blank=True, default="")
    quota_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    used_bytes = models.PositiveBigIntegerField(default=0)
    messages_count = models.PositiveBigIntegerField(default=0)
    enabled = models.BooleanField(default=True)
    app_passwords_only = models.BooleanField(default=False, db_default=False)
    lost_subscriptions = ArrayField(
        models.TextField(), default=list, db_default=Value([], ArrayField(models.TextField()))
    )
    next_uid_validity = models.PositiveBigIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["domain__name", "local_part"]
        constraints = [models.UniqueConstraint(fields=["domain", "local_part"], name="one_account_per_address")]

    def __str__(self) -> str:
        return self.address

    @property
    def address(self) -> str:
        """The full address, the domain in A-labels."""
        return f"{self.local_part}@{self.domain.name}"
