"""What was found and done, counted by day: for the reports that we owe, for a domain's page, for later verdicts."""

from django.db import models


class DmarcEvaluation(models.Model):
    """Messages that were evaluated alike on one day (RFC 9990 section 3.1): a row of the report to be sent.

    ``digest`` is over everything but the count. ``published`` holds the record's tags in force, ``discovery_method``
    how it was found; ``dkim_results`` and ``spf_results`` are as section 3.1.1.13 lists them, ``reasons`` why the
    ``disposition`` (``none``, ``pass``, ``quarantine``, ``reject``) is not what was asked for.
    """

    day = models.DateField()
    policy_domain = models.CharField(max_length=253)
    digest = models.BinaryField(max_length=32)
    source_ip = models.GenericIPAddressField()
    header_from = models.CharField(max_length=253)
    envelope_from = models.CharField(max_length=253, blank=True, default="")
    disposition = models.CharField(max_length=10)
    dkim_aligned = models.BooleanField()
    spf_aligned = models.BooleanField()
    dkim_results = models.JSONField(default=list)
    spf_results = models.JSONField(default=list)
    published = models.JSONField(default=dict)
    discovery_method = models.CharField(max_length=8)
    reasons = models.JSONField(default=list)
    messages = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["day", "policy_domain", "id"]
        constraints = [
            models.UniqueConstraint(fields=["day", "policy_domain", "digest"], name="one_row_an_evaluation"),
        ]

    def __str__(self) -> str:
        return f"{self.policy_domain} {self.day}"


class VerdictCount(models.Model):
    """How many messages one row of the decision table took in one domain of ours on one day."""

    day = models.DateField()
    domain = models.CharField(max_length=253)
    row = models.CharField(max_length=40)
    disposition = models.CharField(max_length=10)
    messages = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["domain", "day"]
        constraints = [
            models.UniqueConstraint(fields=["domain", "day", "row", "disposition"], name="one_count_a_row_and_day"),
        ]

    def __str__(self) -> str:
        return f"{self.domain} {self.day} {self.row}"


class KnownNetwork(models.Model):
    """A network from which good mail came, with the first and last day and on how many days it did."""

    network = models.CharField(max_length=43, primary_key=True)
    first_day = models.DateField()
    last_day = models.DateField(db_index=True)
    days = models.PositiveIntegerField()
    messages = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return self.network
