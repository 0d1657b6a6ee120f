"""A folder of an account, in IMAP's word a mailbox (RFC 9051)."""

from django.db import models

from mailboxes.models.account import Account


class SpecialUse(models.TextChoices):
    """Special-use attributes (RFC 6154), without the backslash."""

    DRAFTS = "Drafts"
    SENT = "Sent"
    JUNK = "Junk"
    TRASH = "Trash"
    ARCHIVE = "Archive"


class Mailbox(models.Model):
    """One folder. ``uid_next`` and ``highest_modseq`` only grow; a UID is never reused.

    ``name`` is Unicode with ``/`` as the hierarchy separator; INBOX is written in capitals. ``uid_validity`` comes
    from ``Account.next_uid_validity``, so a name deleted and made again never repeats one.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="mailboxes")
    name = models.CharField(max_length=500)
    special_use = models.CharField(max_length=16, choices=SpecialUse.choices, blank=True, default="")
    subscribed = models.BooleanField(default=True)
    uid_validity = models.PositiveBigIntegerField()
    uid_next = models.PositiveBigIntegerField(default=1)
    highest_modseq = models.PositiveBigIntegerField(default=1)
    messages_count = models.PositiveBigIntegerField(default=0)
    unseen_count = models.PositiveBigIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="one_mailbox_per_name")]

    def __str__(self) -> str:
        return self.name
