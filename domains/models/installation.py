"""The installation itself: one row of what this database was last used with."""

from django.db import models


class Installation(models.Model):
    """The only row of its table.

    ``key_fingerprint`` is ``sealing.key_fingerprint()`` of the first start; ``judged_by`` names what the sources of
    reports were judged by last (``services.report_basis``).
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    key_fingerprint = models.CharField(max_length=64)
    judged_by = models.CharField(max_length=64, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_installation")]

    def __str__(self) -> str:
        return self.key_fingerprint
