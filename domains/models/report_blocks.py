"""Blocks of days: what the days of a domain's reports come to by address, for pages over weeks, months and years."""

from django.db import models

from domains.models.domain import Domain


class DmarcBlock(models.Model):
    """A block of ``days`` days from ``first_day`` on (``services.report_blocks``).

    It ``stands`` while its sums are those of its days. A change of a day takes it back, at ``changed_at``, until it
    is added up again; meanwhile pages read its days.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    days = models.PositiveSmallIntegerField()
    first_day = models.DateField()
    stands = models.BooleanField(default=False)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["domain", "days", "first_day"], name="one_block_once")]
        indexes = [
            models.Index(fields=["domain"], condition=models.Q(stands=False), name="dmarcblock_to_add_up"),
        ]

    def __str__(self) -> str:
        return f"{self.days} days from {self.first_day}"


class DmarcBlockSource(models.Model):
    """Messages of one block from one address of one class and sender.

    ``with_…`` count by disposition, null where no record has it; a word that is none of them counts as unknown.
    """

    block = models.ForeignKey(DmarcBlock, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    source_ip = models.GenericIPAddressField()
    kind = models.CharField(max_length=20)
    sender = models.CharField(max_length=300, blank=True, default="")
    messages = models.PositiveBigIntegerField()
    passed = models.PositiveBigIntegerField()
    spf = models.PositiveBigIntegerField()
    dkim = models.PositiveBigIntegerField()
    with_none = models.PositiveBigIntegerField(null=True)
    with_pass = models.PositiveBigIntegerField(null=True)
    with_quarantine = models.PositiveBigIntegerField(null=True)
    with_reject = models.PositiveBigIntegerField(null=True)
    with_unknown = models.PositiveBigIntegerField(null=True)
    first_day = models.DateField()
    last_day = models.DateField()

    def __str__(self) -> str:
        return f"{self.messages} from {self.source_ip}"
