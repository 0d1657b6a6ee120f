"""A mail domain of ours."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class DomainState(models.TextChoices):
    """Whether the domain is served."""

    PENDING = "pending", _("Waiting for proof of ownership")
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")
    DELETED = "deleted", _("Being deleted")


CLOSED = (DomainState.SUSPENDED, DomainState.DELETED)  # nobody signs in to a mailbox of theirs


class MtaSts(models.TextChoices):
    """What the domain asks of servers that deliver to it (RFC 8461); ``off`` publishes nothing."""

    OFF = "off", _("Off")
    TESTING = "testing", _("Testing")
    ENFORCE = "enforce", _("Enforced")
    NONE = "none", _("Being withdrawn")


class DomainKind(models.TextChoices):
    """What the domain is for."""

    MAIL = "mail", _("Mail")
    PARKED = "parked", _("Parked")
    ALIAS = "alias", _("Alias")


class Domain(models.Model):
    """A domain by its name in A-labels, lower case, without the final dot.

    Only an ``active`` domain is local (mail for it is accepted) and signs. ``skeleton`` is the confusable skeleton
    of the Unicode name, so that look-alikes of a domain of ours are refused. ``ownership_token`` is the text that
    a pending domain must publish in TXT. ``rotation_days`` is how old a DKIM key gets, 0 for ever; ``key_zone`` is
    the zone of the installation in which its keys are published, empty when they stand in its own. ``dmarc``
    holds what ``services.dmarc_policy`` was told, by the fields of ``PolicyRecord``. ``mta_sts_at`` is
    when ``mta_sts`` was last changed, ``switch_ready_at`` when nothing spoke against moving its MX.
    A ``deleted`` one is kept for a time of grace, since ``deleted_at``, with the ``state_before``.

    A ``parked`` domain neither receives nor signs; ``reports_to`` is the address for reports about it, empty for
    none. An ``alias`` has no mailboxes of its own: mail to any address in it is delivered as to the same one in
    ``alias_of``, which is a ``mail`` domain. ``bimi_logo`` and ``bimi_certificate`` are URLs.
    """

    name = models.CharField(max_length=253, unique=True)
    skeleton = models.CharField(max_length=512, unique=True)
    state = models.CharField(max_length=16, choices=DomainState.choices, default=DomainState.ACTIVE)
    kind = models.CharField(max_length=8, choices=DomainKind.choices, default=DomainKind.MAIL)
    alias_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="alias_domains"
    )
    reports_to = models.CharField(max_length=320, blank=True, default="")
    bimi_logo = models.CharField(max_length=500, blank=True, default="")
    bimi_certificate = models.CharField(max_length=500, blank=True, default="")
    ownership_token = models.CharField(max_length=64)
    dmarc = models.JSONField(default=dict, blank=True)
    rotation_days = models.PositiveSmallIntegerField(default=365)
    key_zone = models.CharField(max_length=253, blank=True, default="")
    mta_sts = models.CharField(max_length=8, choices=MtaSts.choices, default=MtaSts.OFF)
    mta_sts_at = models.DateTimeField(null=True, blank=True)
    state_before = models.CharField(max_length=16, choices=DomainState.choices, blank=True, default="")
    deleted_at = models.DateTimeField(null=True, blank=True)
    switch_ready_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="alias", alias_of__isnull=False)
                | (~models.Q(kind="alias") & models.Q(alias_of__isnull=True)),
                name="only_an_alias_has_a_target",
            )
        ]

    def __str__(self) -> str:
        return self.name
