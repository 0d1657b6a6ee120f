"""INPROGRESS (RFC 9585): a command that takes long says how far it is."""

from collections.abc import AsyncIterator

import pytest

from mailboxes.imap.connection import ImapLimits
from mailboxes.models import Account
from tests.mailboxes.imap.dialogue import Client, play
from tests.mailboxes.imap.test_dialogues import APPEND


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


@pytest.mark.parametrize("seconds", [0.0, 60.0])
async def test_how_far_a_search_is(account: Account, seconds: float) -> None:
    client = Client(account.pk, limits=ImapLimits(progress_seconds=seconds))
    await play(client, "S: * OK <*>\n" + APPEND * 3)
    client.send(b"b SELECT INBOX\r\n")
    await client.read_until(rb"^b OK .*\r\n")
    for command, answer in (
        ("SEARCH NOT 1 TEXT hello", "SEARCH 2 3"),
        ("SORT (DATE) UTF-8 NOT 1", "SORT 2 3"),
        ("THREAD ORDEREDSUBJECT UTF-8 NOT 1", "THREAD (2 3)"),
    ):
        said = "" if seconds else 'S: * OK [INPROGRESS ("c-1" 2 2)] Still working\n'
        await play(client, f"C: c-1 {command}\n{said}S: * {answer}\nS: c-1 OK <*>")
    await play(client, "C: d SEARCH SEEN\nS: * SEARCH\nS: d OK SEARCH completed")  # no message is read for it
    await client.close()
