"""MULTIAPPEND (RFC 3502): several messages in one APPEND, all of them or none."""

from collections.abc import AsyncIterator

import pytest

from mailboxes.models import Account, Message
from tests.mailboxes.imap.dialogue import Client, play
from tests.mailboxes.imap.test_dialogues import BODY, CHUNKS, HELLO, asked

ONE = f"{{{len(BODY)}+}}\\r\\n{HELLO}"


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


@pytest.mark.parametrize("chunk", CHUNKS)
async def test_several_messages_are_added_at_once(account: Account, chunk: int) -> None:
    client = Client(account.pk, chunk)
    second = r'(\Seen $Work) " 7-Feb-1994 21:52:25 -0800" ' + ONE
    await play(
        client,
        f"""
        S: * OK <*>
        C: a APPEND INBOX {ONE} {second} ~{ONE}
        S: a OK [APPENDUID <*> 1:3] APPEND completed
        C: b APPEND INBOX {ONE} {{1+}}\\r\\n\0
        S: b NO [UNKNOWN-CTE] <*>
        C: c APPEND INBOX {ONE} {{0+}}\\r\\n
        S: c NO [CANNOT] <*>
        C: d APPEND nowhere {ONE} {ONE}
        S: d NO [TRYCREATE] <*>
        C: e APPEND INBOX {ONE} (\\Seen)
        S: e BAD <*>
        """,
    )
    rows = await asked(
        lambda: list(Message.objects.order_by("uid").values_list("uid", "flags", "internal_date__year"))
    )
    assert [(uid, flags) for uid, flags, _ in rows] == [(1, []), (2, ["\\Seen", "$Work"]), (3, [])]
    assert rows[1][2] == 1994
    await client.close()


async def test_a_synchronising_client_is_asked_for_each_message(account: Account) -> None:
    client = Client(account.pk)
    client.send(b"a APPEND INBOX {%d}\r\n" % len(BODY))
    await client.read_until(rb"^\+ .*\r\n")
    client.send(BODY + b" (\\Flagged) {%d}\r\n" % len(BODY))
    await client.read_until(rb"^\+ .*\r\n")
    client.send(BODY + b"\r\n")
    assert b"APPENDUID" in await client.read_until(rb"^a OK .*\r\n")
    await client.close()


async def test_over_quota_none_is_added(account: Account) -> None:
    await asked(lambda: Account.objects.filter(pk=account.pk).update(quota_bytes=2 * len(BODY)))
    client = Client(account.pk)
    await play(
        client,
        f"""
        S: * OK <*>
        C: a APPEND INBOX {ONE} {ONE} {ONE}
        S: a NO [OVERQUOTA] The account is full
        C: b APPEND INBOX {ONE} {ONE}
        S: b OK [APPENDUID <*> 1:2] APPEND completed
        """,
    )
    await client.close()


async def test_too_many_at_once_are_refused(account: Account) -> None:
    client = Client(account.pk)
    client.send(b"a APPEND INBOX" + b" {1+}\r\nx" * 1001 + b"\r\nb NOOP\r\n")
    assert b"a BAD There are too many messages at once" in await client.read_until(rb"^b OK .*\r\n")
    assert await asked(Message.objects.count) == 0
    await client.close()
