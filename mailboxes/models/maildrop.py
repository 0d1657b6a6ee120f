"""Which POP3 session holds an account's maildrop (RFC 1939 §4: one at a time)."""

from django.db import models

from mailboxes.models.account import Account


class MaildropLease(models.Model):
    """One row while a session lasts. ``session`` renews ``held_until``; past it any other may take over."""

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.CASCADE, related_name="maildrop_lease")
    session = models.CharField(max_length=26)
    held_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.account_id} held by {self.session}"
