"""Certificates from an authority: its account, one row a server name, and the challenges that wait to be asked."""

from django.db import models
from django.utils import timezone

from domains.models.domain import Domain


class AcmeAccount(models.Model):
    """The installation's account at an authority (RFC 8555): the only row of its table.

    ``uri`` is the account's address there. ``key_sealed`` is its private key in PEM, bound to the directory's URL.
    ``caa_identities`` are the names by which CAA records know the authority. Until ``rest_until`` nothing is ordered:
    it asked for patience, or did not answer.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    directory_url = models.CharField(max_length=500)
    uri = models.CharField(max_length=500)
    key_sealed = models.BinaryField()
    contact = models.CharField(max_length=320, blank=True, default="")
    terms_url = models.CharField(max_length=500, blank=True, default="")
    caa_identities = models.JSONField(default=list)
    agreed_by = models.CharField(max_length=320)
    agreed_at = models.DateTimeField()
    rest_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_acme_account")]

    def __str__(self) -> str:
        return self.uri


class Certificate(models.Model):
    """The certificate of one server name; without a domain the name is one of the installation's own.

    ``chain`` is PEM, the leaf first, empty before the first issue. ``key_sealed`` is the private key in PEM, bound to
    the name; it is kept when the certificate is renewed. ``due_at`` is when something is to be done: the first order,
    a renewal, another attempt. ``advice_at`` is when the authority may be asked again when to renew. ``trouble`` is a
    word of ``certificates.port.Trouble``, ``detail`` and ``problem`` the authority's own words, ``failures`` how many
    attempts failed since the last success.

    ``digest`` is what TLSA 3 1 1 says of the key. While the key is replaced, ``next_key_sealed`` and ``next_digest``
    are those of the key to come, ``last_digest`` that of the one before; ``rolled_at`` is when the replacement began
    or, after it, happened; ``seen_at`` and ``seen_seconds`` are those of ``certificates.roll``.
    """

    name = models.CharField(max_length=253, unique=True)
    domain = models.ForeignKey(Domain, null=True, blank=True, on_delete=models.CASCADE, related_name="certificates")
    chain = models.TextField(blank=True, default="")
    key_sealed = models.BinaryField(default=b"")
    digest = models.CharField(max_length=64, blank=True, default="")
    issuer = models.CharField(max_length=200, blank=True, default="")
    method = models.CharField(max_length=8, blank=True, default="")
    not_before = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField(null=True, blank=True)
    issued_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(default=timezone.now, db_index=True)
    ordered_at = models.DateTimeField(null=True, blank=True, db_index=True)
    advice_at = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=16, blank=True, default="")
    detail = models.CharField(max_length=1000, blank=True, default="")
    problem = models.JSONField(default=dict, blank=True)
    failures = models.PositiveIntegerField(default=0)
    failed_at = models.DateTimeField(null=True, blank=True)
    next_key_sealed = models.BinaryField(default=b"")
    next_digest = models.CharField(max_length=64, blank=True, default="")
    last_digest = models.CharField(max_length=64, blank=True, default="")
    rolled_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    seen_seconds = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class AcmeChallenge(models.Model):
    """What the panel answers at a name to the authority's question (RFC 8555 section 8.3), from any process."""

    token = models.CharField(max_length=128, unique=True)
    name = models.CharField(max_length=253)
    content = models.CharField(max_length=300)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.name} {self.token}"
