"""One delivered message, read again from where delivery put it."""

from mailboxes.addresses import split_address
from mailboxes.models import Blob, Message
from mailboxes.store.blobs import BlobMissing, read_file


def stored_octets(address: str, folder: str, uid: int, trace_id: str) -> bytes | None:
    """Return a delivered message as long as it lies where it was put; None once it was moved or deleted."""
    local_part, domain = split_address(address)
    kept = Message.objects.filter(
        mailbox__account__domain__name=domain,
        mailbox__account__local_part=local_part,
        mailbox__name=folder,
        uid=uid,
        trace_id=trace_id,
    )
    blob = Blob.objects.filter(messages__in=kept).first()
    if blob is None:
        return None
    try:
        return bytes(blob.data) if blob.data is not None else read_file(str(blob.path))
    except BlobMissing:
        return None
