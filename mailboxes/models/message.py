"""Messages, their bytes, and the memory of those removed."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from mailboxes.models.account import Account
from mailboxes.models.mailbox import Mailbox


class Blob(models.Model):
    """The bytes of a message: in the row when small (``data``), else in the blob store under ``path``.

    Never changed after it is written. ``account`` bounds reuse: bytes are shared inside one account only, None
    belongs to the queue. A collector removes what nothing refers to once ``created_at`` is past a safety age.
    ``line_octets`` is the size with CRLF at the end of every line, None where that is ``size``.
    """

    account = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="blobs")
    sha256 = models.BinaryField(max_length=32)
    size = models.PositiveBigIntegerField()
    data = models.BinaryField(null=True)
    path = models.CharField(max_length=100, null=True, unique=True)
    line_octets = models.PositiveBigIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(data__isnull=True) ^ models.Q(path__isnull=True), name="blob_in_one_place"
            )
        ]
        indexes = [
            models.Index(fields=["account", "sha256"], name="blob_by_digest"),
            models.Index(fields=["id"], condition=models.Q(line_octets__isnull=False), name="blob_of_odd_lines"),
        ]

    def __str__(self) -> str:
        return f"blob {self.pk} of {self.size} octets"


class Message(models.Model):
    """One message in one folder.

    ``flags`` are system flags with their backslash and keywords, as first spelt. ``envelope``, ``body`` and
    ``body_structure`` are wire bytes, ready to send after the item's name (BODY is BODYSTRUCTURE without extension
    data); ``header_octets`` is the size of the header block with its empty line. ``modseq`` is that of the last
    change, ``save_date`` when it came into this folder.
    """

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="messages")
    uid = models.PositiveBigIntegerField()
    modseq = models.PositiveBigIntegerField()
    flags = ArrayField(models.TextField(), default=list)
    internal_date = models.DateTimeField()
    save_date = models.DateTimeField()
    size = models.PositiveBigIntegerField()
    header_octets = models.PositiveIntegerField()
    envelope = models.BinaryField()
    body = models.BinaryField()
    body_structure = models.BinaryField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="messages")
    trace_id = models.CharField(max_length=26, blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailbox", "uid"], name="one_message_per_uid")]
        indexes = [models.Index(fields=["mailbox", "modseq"])]

    def __str__(self) -> str:
        return f"{self.mailbox_id}/{self.uid}"


class Expunged(models.Model):
    """A UID that left a folder, with the MODSEQ of its leaving (RFC 7162)."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="expunged")
    uid = models.PositiveBigIntegerField()
    modseq = models.PositiveBigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailbox", "uid"], name="expunged_once")]
        indexes = [models.Index(fields=["mailbox", "modseq"])]

    def __str__(self) -> str:
        return f"{self.mailbox_id}/{self.uid}"
