"""Mailboxes elsewhere that are watched for reports."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from domains.models.domain import Domain


class MailboxSecurity(models.TextChoices):
    """How the connection is protected; there is no way without."""

    TLS = "tls", _("TLS from the first octet")
    STARTTLS = "starttls", _("STARTTLS")


class ReportMailbox(models.Model):
    """A folder of an IMAP account elsewhere; without a domain it is read for all domains of the installation.

    ``password_sealed`` is bound to host, port and user. Every message up to ``last_uid`` of the folder whose
    UIDVALIDITY is ``uid_validity`` is taken in, and none above. ``trusted_results`` is the authserv-id whose
    Authentication-Results are believed (RFC 8601), empty for none; taken messages go to ``move_to``, empty to leave
    them. ``fault`` says why the last look failed, in one or two sentences.
    """

    domain = models.ForeignKey(
        Domain, null=True, blank=True, on_delete=models.CASCADE, related_name="report_mailboxes"
    )
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField(default=993)
    security = models.CharField(max_length=8, choices=MailboxSecurity.choices, default=MailboxSecurity.TLS)
    user = models.CharField(max_length=320)
    password_sealed = models.BinaryField()
    folder = models.CharField(max_length=200, default="INBOX")
    move_to = models.CharField(max_length=200, blank=True, default="")
    trusted_results = models.CharField(max_length=253, blank=True, default="")
    enabled = models.BooleanField(default=True)
    uid_validity = models.PositiveBigIntegerField(default=0)
    last_uid = models.PositiveBigIntegerField(default=0)
    taken = models.PositiveBigIntegerField(default=0)
    fault = models.CharField(max_length=500, blank=True, default="")
    checked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.user} at {self.host}, {self.folder}"
