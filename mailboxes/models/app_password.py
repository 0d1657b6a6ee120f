"""An app password: a long random secret of one device, for the protocols that it needs."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailboxes.models.account import Account


class Protocol(models.TextChoices):
    """What an app password may be used for; the values are the doors' names."""

    IMAP = "imap", _("Reading mail (IMAP)")
    POP3 = "pop3", _("Fetching mail (POP3)")
    SUBMISSION = "submission", _("Sending mail (SMTP)")


SHORT = {"imap": "IMAP", "pop3": "POP3", "submission": "SMTP"}


class AppPassword(models.Model):
    """One device's password, kept as a keyed digest and as the verifier of SCRAM (RFC 5802 §3), never itself.

    ``digest`` is an HMAC over address and password, so one look at an index finds it. ``last_used_at`` and the
    address beside it are written at most once a minute.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="app_passwords")
    name = models.CharField(max_length=100)
    protocols = ArrayField(models.CharField(max_length=16, choices=Protocol.choices))
    digest = models.BinaryField(max_length=32, unique=True)
    stored_key = models.BinaryField(max_length=32)
    server_key = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_address = models.GenericIPAddressField(null=True, blank=True)
    last_used_protocol = models.CharField(max_length=16, choices=Protocol.choices, blank=True, default="")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def uses(self) -> list[str]:
        """What its protocols are called in short."""
        return [SHORT[protocol] for protocol in self.protocols]

    @property
    def last_use(self) -> str:
        """What it was used for last, in short."""
        return SHORT.get(self.last_used_protocol, "")

    @property
    def has_ended(self) -> bool:
        """True once its end is past."""
        return self.expires_at is not None and self.expires_at <= timezone.now()
