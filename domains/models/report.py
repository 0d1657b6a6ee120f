"""DMARC aggregate reports as received (RFC 9990, RFC 7489), their rows, and the files they came in."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from domains.models.domain import Domain


class ReportFileState(models.TextChoices):
    """What became of a file."""

    PENDING = "pending", _("Waiting")
    STORED = "stored", _("Stored")
    KNOWN = "known", _("Already known")
    BROKEN = "broken", _("Not readable")


class DmarcReport(models.Model):
    """One report on one domain; known by (domain, submitter, org_name, report_id, begin, end)."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="dmarc_reports")
    submitter = models.CharField(max_length=320, blank=True, default="")
    authenticated = models.BooleanField(default=False)
    org_name = models.CharField(max_length=300)
    org_email = models.CharField(max_length=320, blank=True, default="")
    report_id = models.CharField(max_length=300)
    begin_at = models.DateTimeField()
    end_at = models.DateTimeField()
    schema = models.CharField(max_length=40, blank=True, default="")
    policy = models.JSONField(default=dict)
    digest = models.BinaryField(max_length=32)
    records_count = models.PositiveIntegerField()
    messages_count = models.PositiveBigIntegerField()
    received_at = models.DateTimeField(auto_now_add=True)
    trace_id = models.CharField(max_length=26, blank=True, default="")

    class Meta:
        ordering = ["-end_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "submitter", "org_name", "report_id", "begin_at", "end_at"],
                name="one_report_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.org_name} {self.report_id}"


class DmarcRecord(models.Model):
    """One row of a report: a source address, how many messages, and how they were judged."""

    report = models.ForeignKey(DmarcReport, on_delete=models.CASCADE, related_name="records")
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="dmarc_records")
    day = models.DateField()
    source_ip = models.GenericIPAddressField()
    messages = models.PositiveBigIntegerField()
    disposition = models.CharField(max_length=16)
    dkim_aligned = models.BooleanField()
    spf_aligned = models.BooleanField()
    header_from = models.CharField(max_length=255, blank=True, default="")
    envelope_from = models.CharField(max_length=255, blank=True, default="")
    dkim = models.JSONField(default=list)
    spf = models.JSONField(default=list)
    reasons = models.JSONField(default=list)

    class Meta:
        indexes = [models.Index(fields=["domain", "day"])]

    def __str__(self) -> str:
        return f"{self.messages} from {self.source_ip}"


class ReportFile(models.Model):
    """A file that came in as a report, kept with its reason when it could not be read."""

    domain = models.ForeignKey(Domain, null=True, on_delete=models.CASCADE, related_name="report_files")
    received_at = models.DateTimeField(auto_now_add=True)
    road = models.CharField(max_length=8)  # mail, api, upload
    submitter = models.CharField(max_length=320, blank=True, default="")
    authenticated = models.BooleanField(default=False)
    trace_id = models.CharField(max_length=26, blank=True, default="")
    file_name = models.CharField(max_length=300, blank=True, default="")
    content = models.BinaryField()
    state = models.CharField(max_length=8, choices=ReportFileState.choices, default=ReportFileState.PENDING)
    reason = models.TextField(blank=True, default="")
    report = models.ForeignKey(DmarcReport, null=True, on_delete=models.SET_NULL, related_name="files")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.file_name or 'report'} ({self.state})"
