"""IMAP4rev2 (RFC 9051) and UTF8=ACCEPT (RFC 9755): what changes once a client has enabled them."""

from collections.abc import AsyncIterator

import pytest

from mailboxes.models import Account
from tests.mailboxes.imap.dialogue import Client, play
from tests.mailboxes.imap.test_dialogues import APPEND, CHUNKS, run

REV2 = "C: r ENABLE IMAP4rev2\nS: * ENABLED IMAP4rev2\nS: r OK ENABLE completed\n"
UTF8 = "C: r ENABLE UTF8=ACCEPT\nS: * ENABLED UTF8=ACCEPT\nS: r OK ENABLE completed\n"


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


async def test_both_revisions_are_announced_from_the_greeting(account: Account) -> None:
    client = Client()
    await play(client, "S: * OK [CAPABILITY IMAP4rev1 IMAP4rev2 <*>] mail.test ready")
    await client.close()


@pytest.mark.parametrize("chunk", CHUNKS)
async def test_select_and_search_answer_in_the_new_way(account: Account, chunk: int) -> None:
    await run(
        account,
        REV2
        + APPEND * 2
        + r"""
        C: b SELECT inbox
        S: * FLAGS <*>
        S: * 2 EXISTS
        S: * LIST () "/" INBOX
        S: * OK [PERMANENTFLAGS <*>
        S: * OK [MAILBOXID <*>
        S: * OK [UIDVALIDITY <*>
        S: * OK [UIDNEXT 3] <*>
        S: * OK [HIGHESTMODSEQ 3] <*>
        S: b OK [READ-WRITE] Mailbox open
        C: c SEARCH UNSEEN
        S: * ESEARCH (TAG "c") ALL 1:2
        S: c OK SEARCH completed
        C: d UID SEARCH FLAGGED
        S: * ESEARCH (TAG "d") UID
        S: d OK SEARCH completed
        C: e SEARCH RETURN (COUNT) CHARSET UTF-8 ALL
        S: * ESEARCH (TAG "e") COUNT 2
        S: e OK SEARCH completed
        C: f SELECT Sent
        S: * OK [CLOSED] Previous mailbox closed
        S: * FLAGS <*>
        S: * 0 EXISTS
        S: * LIST () "/" Sent
        S: * OK [PERMANENTFLAGS <*>
        S: * OK [MAILBOXID <*>
        S: * OK [UIDVALIDITY <*>
        S: * OK [UIDNEXT 1] <*>
        S: * OK [HIGHESTMODSEQ 1] <*>
        S: f OK [READ-WRITE] Mailbox open
        """,
        chunk,
    )


@pytest.mark.parametrize("enable", [REV2, UTF8])
async def test_names_are_utf_8_in_both_directions(account: Account, enable: str) -> None:
    await run(
        account,
        r"""
        C: a CREATE "Entw&APw-rfe"
        S: a OK [MAILBOXID <*>] CREATE completed
        """
        + enable
        + r"""
        C: b LIST "" "E*"
        S: * LIST (\HasNoChildren) "/" "Entwürfe"
        S: b OK LIST completed
        C: c CREATE "A&B \"ü\""
        S: c OK [MAILBOXID <*>] CREATE completed
        C: d STATUS "A&B \"ü\"" (MESSAGES)
        S: * STATUS "A&B \"ü\"" (MESSAGES 0)
        S: d OK STATUS completed
        C: e CREATE "Entw&APw-rfe"
        S: e OK [MAILBOXID <*>] CREATE completed
        C: f LSUB "" "Entw%"
        S: * LSUB () "/" Entw&APw-rfe
        S: * LSUB () "/" "Entwürfe"
        S: f OK LSUB completed
        """,
    )


async def test_a_name_that_is_not_composed_is_refused(account: Account) -> None:
    """Else two folders would look alike (RFC 9051 §5.1, Net-Unicode)."""
    await run(
        account,
        'C: a CREATE "u\u0308"\nS: a NO [CANNOT] <*>\nC: b RENAME Sent "u\u0308"\nS: b NO [CANNOT] <*>\n'
        + 'C: c CREATE "\u00fc"\nS: c OK [MAILBOXID <*>] CREATE completed',
    )


async def test_with_utf8_a_search_names_no_charset(account: Account) -> None:
    """RFC 9755 §3."""
    client = Client(account.pk)
    await play(client, "S: * OK <*>\n" + UTF8)
    client.send(b"b SELECT INBOX\r\n")
    await client.read_until(rb"^b OK .*\r\n")
    await play(client, "C: c SEARCH CHARSET UTF-8 ALL\nS: c BAD <*>\nC: d SEARCH SUBJECT ü\nS: d BAD <*>")
    await play(client, 'C: e SEARCH SUBJECT "ü"\nS: * SEARCH\nS: e OK SEARCH completed')
    await client.close()


async def test_a_subscription_outlives_its_mailbox(account: Account) -> None:
    """RFC 9051 §6.3.7, RFC 5258 example 9."""
    await run(
        account,
        r"""
        C: a CREATE Fruit/Peach
        S: a OK [MAILBOXID <*>] CREATE completed
        C: b UNSUBSCRIBE Fruit
        S: b OK UNSUBSCRIBE completed
        C: c DELETE Fruit/Peach
        S: c OK DELETE completed
        C: d LIST (SUBSCRIBED) "" "Fr*"
        S: * LIST (\NonExistent \HasNoChildren \Subscribed) "/" Fruit/Peach
        S: d OK LIST completed
        C: e LIST (SUBSCRIBED RECURSIVEMATCH) "" "Fr%" RETURN (STATUS (MESSAGES))
        S: * LIST (\HasChildren) "/" Fruit ("CHILDINFO" ("SUBSCRIBED"))
        S: * STATUS Fruit (MESSAGES 0)
        S: e OK LIST completed
        C: f LIST "" "Fr*" RETURN (SUBSCRIBED)
        S: * LIST (\HasNoChildren) "/" Fruit
        S: f OK LIST completed
        C: g LSUB "" "Fr*"
        S: * LSUB () "/" Fruit/Peach
        S: g OK LSUB completed
        C: h SUBSCRIBE Fruit/Peach
        S: h OK SUBSCRIBE completed
        C: i DELETE Fruit
        S: i OK DELETE completed
        C: j LIST (SUBSCRIBED RECURSIVEMATCH) "" "Fr%"
        S: * LIST (\NonExistent \HasChildren) "/" Fruit ("CHILDINFO" ("SUBSCRIBED"))
        S: j OK LIST completed
        C: k UNSUBSCRIBE Fruit/Peach
        S: k OK UNSUBSCRIBE completed
        C: l LIST (SUBSCRIBED) "" "Fr*"
        S: l OK LIST completed
        C: m SUBSCRIBE Fruit/Peach
        S: m NO [NONEXISTENT] <*>
        """,
    )


async def test_a_mailbox_made_again_is_not_lost(account: Account) -> None:
    await run(
        account,
        r"""
        C: a CREATE Old
        S: a OK [MAILBOXID <*>] CREATE completed
        C: b DELETE Old
        S: b OK DELETE completed
        C: c CREATE Old
        S: c OK [MAILBOXID <*>] CREATE completed
        C: d LIST (SUBSCRIBED) "" "Ol*"
        S: * LIST (\HasNoChildren \Subscribed) "/" Old
        S: d OK LIST completed
        C: e RENAME Old New
        S: e OK RENAME completed
        C: f LIST (SUBSCRIBED) "" ("Ol*" "Ne*")
        S: * LIST (\HasNoChildren \Subscribed) "/" New
        S: f OK LIST completed
        """,
    )
