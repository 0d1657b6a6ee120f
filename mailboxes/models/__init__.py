"""The schema of mailboxes: accounts, aliases, folders, messages, blobs and the outbound queue."""

from mailboxes.models.account import Account
from mailboxes.models.alias import Alias, CatchAll
from mailboxes.models.mailbox import Mailbox, SpecialUse
from mailboxes.models.message import Blob, Expunged, Message
from mailboxes.models.queue import QueueEntry, QueueState

__all__ = [
    "Account",
    "Alias",
    "Blob",
    "CatchAll",
    "Expunged",
    "Mailbox",
    "Message",
    "QueueEntry",
    "QueueState",
    "SpecialUse",
]
