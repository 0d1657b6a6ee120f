"""The folders that every account begins with (RFC 6154 names their uses)."""

import time

from django.db import transaction

from mailboxes.models import Account, Mailbox, SpecialUse

DEFAULT_FOLDERS = (
    ("INBOX", ""),
    ("Drafts", SpecialUse.DRAFTS),
    ("Sent", SpecialUse.SENT),
    ("Junk", SpecialUse.JUNK),
    ("Trash", SpecialUse.TRASH),
    ("Archive", SpecialUse.ARCHIVE),
)


def create_default_mailboxes(account: Account) -> list[Mailbox]:
    """Make the folders of a new account and return them; each takes the account's next UIDVALIDITY.

    The first is the clock's, so an address that is deleted and made again repeats none (RFC 9051 §2.3.1.1).
    """
    with transaction.atomic():
        locked = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        first = max(locked.next_uid_validity, int(time.time()))
        made = Mailbox.objects.bulk_create(
            Mailbox(account=locked, name=name, special_use=special_use, uid_validity=first + offset)
            for offset, (name, special_use) in enumerate(DEFAULT_FOLDERS)
        )
        locked.next_uid_validity = account.next_uid_validity = first + len(DEFAULT_FOLDERS)
        locked.save(update_fields=["next_uid_validity"])
    return made
