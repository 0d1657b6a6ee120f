"""What the MX answers at each stage: replies as values, nothing decided twice."""

from mailboxes.delivery.resolve import Found, Resolution
from mailboxes.smtp.replies import Reply

HOPS = 50

_REFUSALS = {
    Found.FOREIGN: Reply(550, "5.7.1", "We do not accept mail for this domain"),
    Found.PARKED: Reply(556, "5.1.10", "This domain takes no mail"),
    Found.SUSPENDED: Reply(450, "4.2.1", "This domain takes no mail at the moment; try again later"),
    Found.UNKNOWN: Reply(550, "5.1.1", "There is no such mailbox here"),
    Found.DISABLED: Reply(550, "5.2.1", "This mailbox is disabled"),
    Found.FULL: Reply(452, "4.2.2", "The mailbox is full; try again later"),
}
UNAVAILABLE = Reply(451, "4.3.0", "Temporary failure; try again later")
LOOP = Reply(554, "5.4.6", f"The message has passed more than {HOPS} servers: a loop")


def reply_to_recipient(resolution: Resolution) -> Reply | None:
    """Return the refusal, or None when the recipient is accepted."""
    return _REFUSALS.get(resolution.found)


def is_looping(header_block: bytes) -> bool:
    """True for more than ``HOPS`` Received fields (RFC 5321 section 6.3)."""
    return (b"\r\n" + header_block.lower()).count(b"\r\nreceived:") > HOPS
