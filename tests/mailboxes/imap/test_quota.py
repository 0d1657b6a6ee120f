"""QUOTA (RFC 9208) and what STATUS tells of messages marked \\Deleted."""

from collections.abc import AsyncIterator

import pytest

from mailboxes.models import Account
from tests.mailboxes.imap.test_dialogues import APPEND, BODY, asked, run

BIG = "x" * 3000


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


async def test_the_quota_of_an_account_is_told_and_kept(account: Account) -> None:
    await asked(lambda: Account.objects.filter(pk=account.pk).update(quota_bytes=4096))
    await run(
        account,
        f"C: a APPEND INBOX {{3000+}}\\r\\n{BIG}\n"
        + r"""
        S: a OK <*>
        C: b GETQUOTAROOT inbox
        S: * QUOTAROOT INBOX ""
        S: * QUOTA "" (STORAGE 3 4)
        S: b OK GETQUOTAROOT completed
        C: c GETQUOTA ""
        S: * QUOTA "" (STORAGE 3 4)
        S: c OK GETQUOTA completed
        C: d GETQUOTA "!partition/sda4"
        S: d NO [NONEXISTENT] There is no such quota root
        C: e GETQUOTAROOT nowhere
        S: e NO [NONEXISTENT] There is no such mailbox
        C: f GETQUOTA
        S: f BAD <*>
        """
        + f"C: g APPEND INBOX {{3000+}}\\r\\n{BIG}\nS: g NO [OVERQUOTA] The account is full",
    )


async def test_without_a_quota_there_is_no_root(account: Account) -> None:
    await run(
        account,
        r"""
        C: a GETQUOTAROOT Sent
        S: * QUOTAROOT Sent
        S: a OK GETQUOTAROOT completed
        C: b GETQUOTA ""
        S: b NO [NONEXISTENT] There is no such quota root
        """,
    )


async def test_status_tells_what_expunge_would_free(account: Account) -> None:
    append = APPEND.replace("INBOX", r"INBOX (\Deleted)")
    await run(
        account,
        APPEND
        + append * 2
        + rf"""
        C: b STATUS INBOX (DELETED DELETED-STORAGE)
        S: * STATUS INBOX (DELETED 2 DELETED-STORAGE {2 * len(BODY)})
        S: b OK STATUS completed
        C: c LIST "" INBOX RETURN (STATUS (DELETED-STORAGE))
        S: * LIST <*> INBOX
        S: * STATUS INBOX (DELETED-STORAGE {2 * len(BODY)})
        S: c OK LIST completed
        """,
    )
