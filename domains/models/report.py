"""DMARC aggregate reports (RFC 9990, RFC 7489): the files, the reports, their rows as facts, and what is added up.

Facts are partitioned by month (``services.report_months``); what the pages ask is answered by the roll-ups, which
``services.report_rollup`` makes anew for every day that changed (decision 0019). So the database knows no primary key
of facts and roll-ups; their ids come from sequences.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from domains.models.actor import Actor
from domains.models.domain import Domain


class ReportFileState(models.TextChoices):
    """What became of a file."""

    PENDING = "pending", _("Waiting")
    STORED = "stored", _("Stored")
    KNOWN = "known", _("Already known")
    DISPUTED = "disputed", _("Disputed")
    BROKEN = "broken", _("Not readable")
    FENCED = "fenced", _("Too many that day")


class ReportStanding(models.TextChoices):
    """Whether a report's messages count."""

    COUNTED = "counted", _("Counted")
    REPLACED = "replaced", _("Replaced")
    DISPUTED = "disputed", _("Disputed")


class DmarcReport(models.Model):
    """One report on one domain; of each (domain, org_name, report_id, begin, end) at most one counts.

    ``day`` is the UTC day on which its messages count. ``road`` is how it came (``mail``, ``upload``, ``api``,
    ``imap``, ``folder``, ``command``). ``believed`` when the domain that sent it passed DMARC, or an administrator
    brought it. ``digest`` is over what it says; empty for one stored before digests were kept by rows.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="dmarc_reports")
    road = models.CharField(max_length=8, default="mail")
    standing = models.CharField(max_length=8, choices=ReportStanding.choices, default=ReportStanding.COUNTED)
    submitter = models.CharField(max_length=320, blank=True, default="")
    authenticated = models.BooleanField(default=False)
    believed = models.BooleanField(default=False)
    org_name = models.CharField(max_length=300)
    org_email = models.CharField(max_length=320, blank=True, default="")
    report_id = models.CharField(max_length=300)
    begin_at = models.DateTimeField()
    end_at = models.DateTimeField()
    day = models.DateField()
    schema = models.CharField(max_length=40, blank=True, default="")
    policy = models.JSONField(default=dict)
    digest = models.BinaryField(max_length=32)
    records_count = models.PositiveIntegerField()
    messages_count = models.PositiveBigIntegerField()
    received_at = models.DateTimeField(auto_now_add=True)
    trace_id = models.CharField(max_length=26, blank=True, default="")

    class Meta:
        ordering = ["-end_at", "-id"]
        indexes = [
            models.Index(fields=["domain", "day"], name="dmarcreport_day"),
            models.Index(fields=["domain", "end_at"], name="dmarcreport_end"),
            models.Index(fields=["domain", "received_at"], name="dmarcreport_came"),
            models.Index(
                fields=["domain", "org_name", "report_id", "begin_at", "end_at"], name="dmarcreport_identity"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "org_name", "report_id", "begin_at", "end_at"],
                condition=models.Q(standing="counted"),
                name="one_report_counts",
            )
        ]

    def __str__(self) -> str:
        return f"{self.org_name} {self.report_id}"


class AuthPattern(models.Model):
    """What the results of many rows share, once a month: names and what was found of each signature and identity.

    ``pattern_id`` is the hash of its content, so equal ones are equal everywhere. ``dkim`` is a list of
    ``{domain, selector, result, human_result}``, ``spf`` of ``{domain, scope, result, human_result}``, ``reasons`` of
    ``{type, comment}``.
    """

    month = models.DateField()
    pattern_id = models.UUIDField()
    header_from = models.CharField(max_length=255, blank=True, default="")
    envelope_from = models.CharField(max_length=255, blank=True, default="")
    envelope_to = models.CharField(max_length=255, blank=True, default="")
    dkim = models.JSONField(default=list)
    spf = models.JSONField(default=list)
    reasons = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pattern_id", "month"], name="one_pattern_a_month")]

    def __str__(self) -> str:
        return f"{self.header_from} {self.pattern_id}"


class DmarcRecord(models.Model):
    """One row of a report: a source address, how many messages, and how they were judged."""

    report = models.ForeignKey(DmarcReport, on_delete=models.CASCADE, related_name="records", db_constraint=False)
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="dmarc_records", db_constraint=False)
    day = models.DateField()
    pattern_id = models.UUIDField()
    source_ip = models.GenericIPAddressField()
    messages = models.PositiveBigIntegerField()
    disposition = models.CharField(max_length=16)
    dkim_aligned = models.BooleanField()
    spf_aligned = models.BooleanField()

    pattern: AuthPattern | None = None  # given by whoever reads them for people

    def __str__(self) -> str:
        return f"{self.messages} from {self.source_ip}"


class DmarcDaily(models.Model):
    """Messages of one day from one address that were judged alike: what pages of sources and the advisor read.

    ``kind`` is a word of ``domains.reports.kinds``, ``sender`` the name of who stands behind the address.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    day = models.DateField()
    source_ip = models.GenericIPAddressField()
    header_from = models.CharField(max_length=255, blank=True, default="")
    disposition = models.CharField(max_length=16)
    dkim_aligned = models.BooleanField()
    spf_aligned = models.BooleanField()
    believed = models.BooleanField()
    kind = models.CharField(max_length=20)
    sender = models.CharField(max_length=300, blank=True, default="")
    messages = models.PositiveBigIntegerField()
    records = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.messages} from {self.source_ip} on {self.day}"


class DmarcDay(models.Model):
    """Messages of one day by class and result: what charts and rates read."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    day = models.DateField()
    kind = models.CharField(max_length=20)
    disposition = models.CharField(max_length=16)
    dkim_aligned = models.BooleanField()
    spf_aligned = models.BooleanField()
    believed = models.BooleanField()
    messages = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.messages} on {self.day}"


class DmarcSource(models.Model):
    """One stream: all mail from one address whose SPF and DKIM were aligned alike, and who it is thought to be.

    ``pattern_ids`` are the latest patterns that the judgement rests on; ``evidence`` is a list of
    ``{"code", …}`` and ``fix`` such an object or null (``domains.reports.classify``).
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="+")
    source_ip = models.GenericIPAddressField()
    dkim_aligned = models.BooleanField()
    spf_aligned = models.BooleanField()
    kind = models.CharField(max_length=20)
    sender = models.CharField(max_length=300, blank=True, default="")
    sender_slug = models.CharField(max_length=100, blank=True, default="")
    evidence = models.JSONField(default=list)
    fix = models.JSONField(null=True)
    pattern_ids = ArrayField(models.UUIDField(), default=list)
    believed = models.BooleanField(default=False)  # whether the patterns are of believed reports
    first_day = models.DateField()
    last_day = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "source_ip", "dkim_aligned", "spf_aligned"], name="one_stream_once"
            )
        ]
        indexes = [
            models.Index(fields=["domain", "first_day"], name="dmarcsource_new"),
        ]

    def __str__(self) -> str:
        return f"{self.source_ip} {self.kind}"


class DmarcDirtyDay(models.Model):
    """A day whose roll-up is to be made anew; only ever inserted and taken away, so that no change is missed."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    day = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["domain"], name="dmarcdirtyday_domain")]

    def __str__(self) -> str:
        return f"{self.domain_id} {self.day}"


class DmarcDirtySources(models.Model):
    """A domain whose senders changed, so its sources are to be judged anew; only ever inserted and taken away."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="+", db_constraint=False)

    def __str__(self) -> str:
        return f"{self.domain_id}"


class SourceCorrection(models.Model):
    """What an administrator said of a network: it wins over every other evidence."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="source_corrections")
    network = models.CharField(max_length=43)
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=100, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="")
    made_by = models.CharField(max_length=320, blank=True, default="")
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["domain", "network"], name="one_correction_a_network")]

    def __str__(self) -> str:
        return f"{self.network} {self.kind}"


class ReportAlert(models.Model):
    """Something that the reports show and administrators were told of once; open until it has not held for days.

    ``figures`` are those of ``domains.reports.alerts`` as last seen. One that is muted stays quiet until it ends.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="report_alerts")
    code = models.CharField(max_length=20)
    key = models.CharField(max_length=255, blank=True, default="")
    figures = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    muted_by = models.CharField(max_length=320, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "code", "key"], condition=models.Q(closed_at=None), name="one_open_alert"
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.key}"


class AddressName(models.Model):
    """The reverse name of an address as last asked; ``verified`` when the name leads back to it."""

    address = models.GenericIPAddressField(primary_key=True)
    name = models.CharField(max_length=255, blank=True, default="")
    verified = models.BooleanField(default=False)
    asked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.address} {self.name}"


class ReportFile(models.Model):
    """A file that came in as a report, kept with its reason when it could not be read.

    ``reader`` is the version of ``services.reports.READER`` that read it last, 0 before any; ``brought_by`` is the
    administrator who handed it in on a page.
    """

    domain = models.ForeignKey(Domain, null=True, on_delete=models.CASCADE, related_name="report_files")
    received_at = models.DateTimeField(auto_now_add=True)
    road = models.CharField(max_length=8)  # mail, upload, api, imap, folder, command
    submitter = models.CharField(max_length=320, blank=True, default="")
    authenticated = models.BooleanField(default=False)
    trace_id = models.CharField(max_length=26, blank=True, default="")
    file_name = models.CharField(max_length=300, blank=True, default="")
    content = models.BinaryField()
    state = models.CharField(max_length=8, choices=ReportFileState.choices, default=ReportFileState.PENDING)
    reason = models.TextField(blank=True, default="")
    report = models.ForeignKey(DmarcReport, null=True, on_delete=models.SET_NULL, related_name="files")
    reader = models.PositiveSmallIntegerField(default=0, db_default=0)
    brought_by = models.ForeignKey(Actor, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["domain", "received_at"], name="reportfile_came"),
            models.Index(fields=["state", "id"], name="reportfile_state"),
        ]

    def __str__(self) -> str:
        return f"{self.file_name or 'report'} ({self.state})"
