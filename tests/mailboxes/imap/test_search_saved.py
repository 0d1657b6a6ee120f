"""SEARCHRES (RFC 5182): ``$`` stands for what the last search kept."""

from collections.abc import AsyncIterator

import pytest

from mailboxes.models import Account
from tests.mailboxes.imap.dialogue import play
from tests.mailboxes.imap.test_dialogues import APPEND, CHUNKS
from tests.mailboxes.imap.test_edges import opened


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


@pytest.mark.parametrize("chunk", CHUNKS)
async def test_what_a_search_kept_is_used_by_the_next_commands(account: Account, chunk: int) -> None:
    client = await opened(account)
    client.chunk = chunk
    await play(client, APPEND.replace("S: a", "S: * 1 EXISTS\nS: a"))
    for count in (2, 3, 4):
        await play(client, APPEND.replace("S: a", f"S: * {count} EXISTS\nS: a"))
    await play(
        client,
        r"""
        C: A1 FETCH $ UID
        S: A1 OK FETCH completed
        C: A2 SEARCH RETURN (SAVE) 2:4
        S: A2 OK SEARCH completed, result saved
        C: A3 FETCH $ (UID)
        S: * 2 FETCH (UID 2)
        S: * 3 FETCH (UID 3)
        S: * 4 FETCH (UID 4)
        S: A3 OK FETCH completed
        C: A4 UID SEARCH RETURN (SAVE COUNT MIN) UID $ SMALLER 4096 NOT 2
        S: * ESEARCH (TAG "A4") UID MIN 3 COUNT 2
        S: A4 OK SEARCH completed
        C: A5 STORE $ +FLAGS.SILENT (\Deleted)
        S: A5 OK STORE completed
        C: A6 SEARCH RETURN (SAVE MAX) $
        S: * ESEARCH (TAG "A6") MAX 4
        S: A6 OK SEARCH completed
        C: A7 UID EXPUNGE $
        S: * 4 EXPUNGE
        S: A7 OK EXPUNGE completed
        C: A8 SEARCH RETURN () OR $ 1
        S: * ESEARCH (TAG "A8") ALL 1
        S: A8 OK SEARCH completed
        C: A9 SEARCH RETURN (SAVE MIN MAX) 1:3
        S: * ESEARCH (TAG "A9") MIN 1 MAX 3
        S: A9 OK SEARCH completed
        C: A10 MOVE $ Archive
        S: * OK [COPYUID <*> 1,3 1:2] Moved
        S: * 3 EXPUNGE
        S: * 1 EXPUNGE
        S: A10 OK MOVE completed
        C: A11 COPY $ Archive
        S: A11 OK No messages copied
        C: A12 FETCH 1,$ UID
        S: A12 BAD <*>
        C: A13 SEARCH RETURN (SAVE) TEXT
        S: A13 BAD <*>
        """,
    )
    await client.close()


async def test_another_mailbox_begins_with_nothing_saved(account: Account) -> None:
    client = await opened(account)
    await play(client, APPEND.replace("S: a", "S: * 1 EXISTS\nS: a"))
    await play(client, "C: b SEARCH RETURN (SAVE) ALL\nS: b OK <*>")
    client.send(b"c SELECT INBOX\r\n")
    await client.read_until(rb"^c OK .*\r\n")
    await play(client, "C: d SEARCH $\nS: * SEARCH\nS: d OK <*>")
    await client.close()
