"""DMARC failure reports as received (RFC 9991), and how long what reports bring is kept."""

from django.db import models

from domains.models.domain import Domain


class FailureReport(models.Model):
    """One message that failed at a receiver; of each ``digest`` (of what the report says) a domain has one.

    ``details`` holds what else the report says, by the fields of ``domains.dmarc.failure.FailureReport``. Of the
    message itself only From domain, subject and Message-ID are kept; ``redacted_at`` is when subject and persons'
    addresses were taken out.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="failure_reports")
    digest = models.BinaryField(max_length=32)
    received_at = models.DateTimeField(auto_now_add=True)
    road = models.CharField(max_length=8)
    submitter = models.CharField(max_length=320, blank=True, default="")
    authenticated = models.BooleanField(default=False)
    trace_id = models.CharField(max_length=26, blank=True, default="")
    arrived_at = models.DateTimeField(null=True)
    source_ip = models.GenericIPAddressField(null=True)
    reported_domain = models.CharField(max_length=253)
    header_from = models.CharField(max_length=253, blank=True, default="")
    mail_from = models.CharField(max_length=320, blank=True, default="")
    subject = models.CharField(max_length=300, blank=True, default="")
    failures = models.JSONField(default=list)
    incidents = models.PositiveIntegerField(default=1)
    details = models.JSONField(default=dict)
    redacted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["domain", "digest"], name="one_failure_report_once")]
        indexes = [
            models.Index(fields=["domain", "received_at"], name="failurereport_came"),
            models.Index(
                fields=["received_at"], condition=models.Q(redacted_at=None), name="failurereport_to_redact"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reported_domain} from {self.source_ip}"


class ReportKeeping(models.Model):
    """How long reports of every kind are kept, and when persons are taken out: one row.

    ``record_days`` is for aggregate reports with their records, ``sum_days`` for what was added up of them.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    file_days = models.PositiveIntegerField(default=90)
    failure_days = models.PositiveIntegerField(default=30)
    redact_days = models.PositiveIntegerField(default=7)
    record_days = models.PositiveIntegerField(default=3650)
    sum_days = models.PositiveIntegerField(default=3650)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_report_keeping")]

    def __str__(self) -> str:
        return f"{self.file_days} days"
