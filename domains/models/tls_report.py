"""TLS reports as received (RFC 8460), each with its failures."""

from django.db import models

from domains.models.domain import Domain


class TlsReport(models.Model):
    """One report on one domain; known by (domain, org_name, report_id, begin, end).

    ``succeeded`` and ``failed`` count sessions under MTA-STS or no policy; those under DANE are in ``failures``
    alone, a list of objects ``{policy, result, mx, ip, sessions, reason}``.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="tls_reports")
    org_name = models.CharField(max_length=300)
    report_id = models.CharField(max_length=300)
    contact = models.CharField(max_length=300, blank=True, default="")
    begin_at = models.DateTimeField()
    end_at = models.DateTimeField()
    succeeded = models.PositiveBigIntegerField()
    failed = models.PositiveBigIntegerField()
    failures = models.JSONField(default=list)
    submitter = models.CharField(max_length=320, blank=True, default="")
    authenticated = models.BooleanField(default=False)
    trace_id = models.CharField(max_length=26, blank=True, default="")
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-end_at", "-id"]
        indexes = [models.Index(fields=["domain", "end_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "org_name", "report_id", "begin_at", "end_at"], name="one_tls_report_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.org_name} {self.report_id}"
