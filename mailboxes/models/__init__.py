"""The schema of mailboxes: accounts, aliases, groups, folders, messages, blobs and the outbound queue."""

from mailboxes.models.account import Account
from mailboxes.models.alias import Alias, CatchAll
from mailboxes.models.group import Group, Writers
from mailboxes.models.mailbox import Mailbox, SpecialUse
from mailboxes.models.message import Blob, Expunged, Message
from mailboxes.models.queue import QueueEntry, QueueState

__all__ = [
    "Account",
    "Alias",
    "Blob",
    "CatchAll",
    "Expunged",
    "Group",
    "Mailbox",
    "Message",
    "QueueEntry",
    "QueueState",
    "SpecialUse",
    "Writers",
]
