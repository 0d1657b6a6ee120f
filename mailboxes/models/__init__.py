"""The schema of mailboxes: accounts, app passwords, aliases, groups, folders, messages, blobs, the outbound queue."""

from mailboxes.models.account import Account
from mailboxes.models.alias import Alias, CatchAll
from mailboxes.models.app_password import AppPassword, Protocol
from mailboxes.models.group import Group, Writers
from mailboxes.models.mailbox import Mailbox, SpecialUse
from mailboxes.models.maildrop import MaildropLease
from mailboxes.models.message import Blob, Expunged, Message
from mailboxes.models.queue import QueueEntry, QueueState

__all__ = [
    "Account",
    "Alias",
    "AppPassword",
    "Blob",
    "CatchAll",
    "Expunged",
    "Group",
    "Mailbox",
    "MaildropLease",
    "Message",
    "Protocol",
    "QueueEntry",
    "QueueState",
    "SpecialUse",
    "Writers",
]
