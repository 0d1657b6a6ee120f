"""REPLACE (RFC 8508): a new message is there and the old one gone, at once."""

from collections.abc import AsyncIterator

import pytest

from mailboxes.models import Account, Mailbox
from tests.mailboxes.imap.dialogue import Client, play
from tests.mailboxes.imap.test_dialogues import APPEND, BODY, CHUNKS, HELLO, asked

ONE = f"{{{len(BODY)}+}}\\r\\n{HELLO}"


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


async def opened(account: Account, chunk: int = 0, command: str = "SELECT") -> Client:
    """Return a client in INBOX with three messages."""
    client = Client(account.pk, chunk)
    await play(client, "S: * OK <*>\n" + APPEND * 3)
    client.send(f"b {command} INBOX\r\n".encode())
    await client.read_until(rb"^b OK .*\r\n")
    return client


@pytest.mark.parametrize("chunk", CHUNKS)
async def test_a_message_is_replaced(account: Account, chunk: int) -> None:
    client = await opened(account, chunk)
    await play(
        client,
        rf"""
        C: c REPLACE 2 INBOX (\Seen) {ONE}
        S: * OK [APPENDUID <*> 4] <*>
        S: * 2 EXPUNGE
        S: * 3 EXISTS
        S: c OK REPLACE completed
        C: d UID REPLACE 4 Drafts ~{ONE}
        S: * OK [APPENDUID <*> 1] <*>
        S: * 3 EXPUNGE
        S: d OK REPLACE completed
        C: e UID REPLACE 4 INBOX {ONE}
        S: e NO [NONEXISTENT] <*>
        C: f REPLACE 9 INBOX {ONE}
        S: f BAD <*>
        C: g REPLACE 1:2 INBOX {ONE}
        S: g BAD <*>
        C: h REPLACE 1 nowhere {ONE}
        S: h NO [TRYCREATE] <*>
        C: i REPLACE 1 INBOX {{0+}}\r\n
        S: i NO [CANNOT] <*>
        C: j STATUS INBOX (MESSAGES UNSEEN SIZE)
        S: * STATUS INBOX (MESSAGES 2 UNSEEN 2 SIZE {2 * len(BODY)})
        S: j OK STATUS completed
        C: k ENABLE QRESYNC
        S: * ENABLED QRESYNC
        S: k OK ENABLE completed
        C: l REPLACE * INBOX {ONE}
        S: * OK [APPENDUID <*> 5] <*>
        S: * VANISHED 3
        S: * 2 EXISTS
        S: l OK [HIGHESTMODSEQ <*>] REPLACE completed
        """,
    )
    await client.close()


async def test_in_a_mailbox_open_read_only_nothing_is_replaced(account: Account) -> None:
    client = await opened(account, command="EXAMINE")
    await play(client, f"C: c REPLACE 1 INBOX {ONE}\nS: c NO [READ-ONLY] <*>")
    await client.close()


async def test_a_full_account_may_replace_by_what_is_not_larger(account: Account) -> None:
    client = await opened(account)
    await asked(lambda: Account.objects.filter(pk=account.pk).update(quota_bytes=3 * len(BODY)))
    await play(client, f"C: c REPLACE 1 Drafts {ONE}\nS: * OK <*>\nS: * 1 EXPUNGE\nS: c OK REPLACE completed")
    large = f"{{{len(BODY) + 1}+}}\\r\\n{HELLO}x"
    await play(client, f"C: d REPLACE 1 Drafts {large}\nS: d NO [OVERQUOTA] <*>")
    counts = await asked(lambda: list(Mailbox.objects.filter(messages_count__gt=0).values_list("messages_count")))
    assert sorted(counts) == [(1,), (2,)]
    assert (await asked(lambda: Account.objects.get(pk=account.pk))).used_bytes == 3 * len(BODY)
    await client.close()


async def test_a_large_message_takes_the_place_too(account: Account) -> None:
    client = await opened(account)
    octets = b"a: b\r\n\r\n" + b"x" * 3_000_000
    client.send(b"c UID REPLACE 1 INBOX {%d}\r\n" % len(octets))
    await client.read_until(rb"^\+ .*\r\n")
    client.send(octets + b"\r\n")
    await client.read_until(rb"^c OK .*\r\n")
    await client.close()
