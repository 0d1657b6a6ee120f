"""The folders of an account and their UIDVALIDITY."""

import time

from mailboxes.models import Account, Mailbox
from tests.mailboxes.imap.service import make_account


def test_an_address_that_is_made_again_repeats_no_uid_validity(account: Account) -> None:
    """A mail program that kept the first account's messages must not take the second one's for them."""
    before = dict(Mailbox.objects.values_list("name", "uid_validity"))
    actor = account.actor
    Mailbox.objects.filter(account=account).delete()
    account.delete()
    actor.delete()
    time.sleep(1.1)
    again = make_account()
    after = dict(Mailbox.objects.values_list("name", "uid_validity"))
    assert before.keys() == after.keys()
    assert all(after[name] > before[name] for name in before)
    assert again.next_uid_validity > max(after.values())
    assert max(after.values()) < 2**32
