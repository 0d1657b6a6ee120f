"""Whole dialogues against the real store, at several chunkings."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from django.db import connections

from domains.database import close_pool, run_orm
from domains.redis import close_redis
from mailboxes.imap.connection import ImapLimits
from mailboxes.models import Account, Expunged, Mailbox, Message
from tests.mailboxes.imap.dialogue import Client, play

CHUNKS = [0, 1, 7]
BODY = b"Subject: hello\r\nFrom: <a@example.org>\r\n\r\nbody\r\n"
HELLO = BODY.decode().replace("\r\n", "\\r\\n")
APPEND = f"C: a APPEND INBOX {{{len(BODY)}+}}\\r\\n{HELLO}\nS: a OK [APPENDUID <*>] APPEND completed\n"


async def asked(question: Callable[[], Any]) -> Any:
    """Return what the ORM says; its thread keeps no connection."""

    def ask() -> Any:
        try:
            return question()
        finally:
            connections.close_all()

    return await run_orm(ask)


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    await close_redis()
    await close_pool()


async def run(account: Account, text: str, chunk: int = 0) -> Client:
    client = Client(account.pk, chunk)
    await play(client, "S: * OK [CAPABILITY <*>] mail.test ready\n" + text)
    await client.close()
    return client


@pytest.mark.parametrize("chunk", CHUNKS)
async def test_select_tells_all_that_a_client_needs(account: Account, chunk: int) -> None:
    await run(
        account,
        APPEND
        + r"""
        C: b SELECT inbox
        S: * FLAGS (\Answered \Deleted \Draft \Flagged \Seen)
        S: * 1 EXISTS
        S: * 0 RECENT
        S: * OK [PERMANENTFLAGS (\Answered \Deleted \Draft \Flagged \Seen \*)] Flags permitted
        S: * OK [MAILBOXID <*>
        S: * OK [UIDVALIDITY <*>] UIDs valid
        S: * OK [UIDNEXT 2] Predicted next UID
        S: * OK [HIGHESTMODSEQ 2] Highest
        S: * OK [UNSEEN 1] First unseen
        S: b OK [READ-WRITE] Mailbox open
        C: c UNSELECT
        S: c OK UNSELECT completed
        C: d FETCH 1 FLAGS
        S: d BAD The command is not allowed now
        """,
        chunk,
    )


@pytest.mark.parametrize("chunk", CHUNKS)
async def test_fetch_store_and_conditions(account: Account, chunk: int) -> None:
    await run(
        account,
        APPEND * 2
        + r"""
        C: b EXAMINE INBOX (CONDSTORE)
        S: * FLAGS <*>
        S: * 2 EXISTS
        S: * 0 RECENT
        S: * OK [PERMANENTFLAGS ()] Flags permitted
        S: * OK [MAILBOXID <*>
        S: * OK [UIDVALIDITY <*>] <*>
        S: * OK [UIDNEXT 3] <*>
        S: * OK [HIGHESTMODSEQ 3] <*>
        S: * OK [UNSEEN 1] <*>
        S: b OK [READ-ONLY] Mailbox open
        C: c STORE 1 +FLAGS (\Seen)
        S: c NO [READ-ONLY] The mailbox is open read-only
        C: d SELECT INBOX
        S: * OK [CLOSED] Previous mailbox closed
        S: * FLAGS <*>
        S: * 2 EXISTS
        S: * 0 RECENT
        S: * OK [PERMANENTFLAGS <*>
        S: * OK [MAILBOXID <*>
        S: * OK [UIDVALIDITY <*>] <*>
        S: * OK [UIDNEXT 3] <*>
        S: * OK [HIGHESTMODSEQ 3] <*>
        S: * OK [UNSEEN 1] <*>
        S: d OK [READ-WRITE] Mailbox open
        C: e STORE 1 +FLAGS ($Work \seen)
        S: * 1 FETCH (UID 1 FLAGS ($Work \Seen) MODSEQ (4))
        S: e OK STORE completed
        C: f UID STORE 1:2 (UNCHANGEDSINCE 3) FLAGS.SILENT (\Deleted)
        S: * 2 FETCH (UID 2 MODSEQ (5))
        S: f OK [MODIFIED 1] Some messages changed meanwhile
        C: g FETCH 1:* (FLAGS) (CHANGEDSINCE 4)
        S: * 2 FETCH (FLAGS (\Deleted) MODSEQ (5))
        S: g OK FETCH completed
        C: h FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[TEXT]<0.4> BODY.PEEK[1.MIME] BODY[2])
        S: * 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {18}\r\nSubject: hello\r\n\r\n BODY[TEXT]<0> {4}\r\nbody<*>NIL)
        S: h OK FETCH completed
        C: i SEARCH MODSEQ 5
        S: * SEARCH 2 (MODSEQ 5)
        S: i OK SEARCH completed
        C: j UID SEARCH RETURN (MIN MAX COUNT ALL) NOT KEYWORD $nothing
        S: * ESEARCH (TAG "j") UID MIN 1 MAX 2 COUNT 2 ALL 1:2
        S: j OK SEARCH completed
        C: k UID EXPUNGE 1
        S: k OK EXPUNGE completed
        C: l EXPUNGE
        S: * 2 EXPUNGE
        S: l OK EXPUNGE completed
        C: m LOGOUT
        S: * BYE Good-bye
        S: m OK LOGOUT completed
        """,
        chunk,
    )  # fmt: skip
    assert await asked(Message.objects.count) == await asked(Expunged.objects.count) == 1


async def test_noop_tells_what_another_session_did(account: Account) -> None:
    one, two = Client(account.pk), Client(account.pk)
    await play(one, "S: * OK <*>\n" + APPEND * 2)
    await play(two, "S: * OK <*>\n")
    for client in (one, two):
        client.send(b"b SELECT INBOX\r\n")
        await client.read_until(rb"^b OK .*\r\n")
    two.send(b"c STORE 1 +FLAGS.SILENT (\\Deleted)\r\nd EXPUNGE\r\n")
    assert await two.read_until(rb"^d OK .*\r\n") == (
        b"c OK STORE completed\r\n* 1 EXPUNGE\r\nd OK EXPUNGE completed\r\n"
    )
    await play(two, APPEND.replace("S: a", "S: * 2 EXISTS\nS: a"))
    await play(one, r"""
        C: e FETCH 1:* UID
        S: * 2 FETCH (UID 2)
        S: e OK FETCH completed
        C: f STORE 2 +FLAGS (x)
        S: * 2 FETCH (UID 2 FLAGS (x))
        S: * 3 EXISTS
        S: f OK STORE completed
        C: g NOOP
        S: * 1 EXPUNGE
        S: g OK Completed
        C: h FETCH 1:* UID
        S: * 1 FETCH (UID 2)
        S: * 2 FETCH (UID 3)
        S: h OK FETCH completed
        """)  # fmt: skip
    await one.close()
    await two.close()


async def test_idle_is_woken_and_polls_without_redis(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    from mailboxes.imap.handlers import idling
    from mailboxes.store import account_store

    async def lost(mailbox_id: int) -> None:
        """Redis is away."""

    monkeypatch.setattr(account_store, "announce", lost)
    monkeypatch.setattr(idling, "POLL_SECONDS", 0.2)
    client, other = Client(account.pk), Client(account.pk)
    client.send(b"a SELECT INBOX\r\nb IDLE\r\n")
    await client.read_until(rb"^\+ idling\r\n")
    await play(other, "S: * OK <*>\n" + APPEND)
    await client.read_until(rb"^\* 1 EXISTS\r\n")
    client.send(b"DONE\r\n")
    await client.read_until(rb"^b OK .*\r\n")
    await client.close()
    await other.close()


async def test_twenty_errors_end_the_session(account: Account) -> None:
    client = Client(account.pk)
    client.send(b"a NONSENSE\r\n" * 25)
    written = await client.read_until(rb"^\* BYE \[LIMIT\] .*\r\n")
    assert written.count(b"a BAD") == 20
    assert client.transport.closed
    await client.close()


async def test_login_is_refused_in_the_clear(account: Account) -> None:
    client = Client()
    await play(client, """
        S: * OK [CAPABILITY <*>LOGINDISABLED<*>] mail.test ready
        C: a LOGIN alice@example.org "x"
        S: a NO [PRIVACYREQUIRED] <*>
        C: b AUTHENTICATE PLAIN
        S: b NO [PRIVACYREQUIRED] <*>
        C: c SELECT INBOX
        S: c BAD The command is not allowed now
        """)  # fmt: skip
    await client.close()


async def test_a_silent_client_is_told_good_bye(account: Account) -> None:
    client = Client(limits=ImapLimits(greeting_seconds=0.1))
    await client.read_until(rb"^\* BYE Nothing came in time\r\n")
    await client.close()


async def test_drain_ends_an_idle_session(account: Account) -> None:
    client = Client(account.pk)
    client.send(b"a SELECT INBOX\r\nb IDLE\r\n")
    await client.read_until(rb"^\+ idling\r\n")
    client.connection.drain()
    await client.read_until(rb"^\* BYE \[UNAVAILABLE\] .*\r\n")
    await client.close()


async def test_an_unexpected_fault_is_serverbug(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: Any, name: str, count_deleted: bool) -> None:
        raise RuntimeError("secret detail")

    from mailboxes.store.account_store import AccountStore

    monkeypatch.setattr(AccountStore, "folder", broken)
    client = Client(account.pk)
    await play(client, f"""
        S: * OK <*>
        C: a STATUS INBOX (MESSAGES)
        S: a NO [SERVERBUG] Internal fault ({client.connection.id})
        C: b NOOP
        S: b OK Completed
        """)  # fmt: skip
    await client.close()


@pytest.mark.parametrize("chunk", CHUNKS)
async def test_list_in_its_forms(account: Account, chunk: int) -> None:
    await run(account, r"""
        C: a CREATE "Entw&APw-rfe/2024"
        S: a OK [MAILBOXID <*>] CREATE completed
        C: b LIST "" "%"
        S: * LIST (\HasNoChildren \Archive) "/" Archive
        S: * LIST (\HasNoChildren \Drafts) "/" Drafts
        S: * LIST (\HasChildren) "/" Entw&APw-rfe
        S: * LIST (\HasNoChildren) "/" INBOX
        S: * LIST (\HasNoChildren \Junk) "/" Junk
        S: * LIST (\HasNoChildren \Sent) "/" Sent
        S: * LIST (\HasNoChildren \Trash) "/" Trash
        S: b OK LIST completed
        C: c LIST "" ""
        S: * LIST (\Noselect) "/" ""
        S: c OK LIST completed
        C: d LIST (SPECIAL-USE) "" ("J*" "S*") RETURN (SUBSCRIBED STATUS (MESSAGES UNSEEN))
        S: * LIST (\HasNoChildren \Subscribed \Junk) "/" Junk
        S: * STATUS Junk (MESSAGES 0 UNSEEN 0)
        S: * LIST (\HasNoChildren \Subscribed \Sent) "/" Sent
        S: * STATUS Sent (MESSAGES 0 UNSEEN 0)
        S: d OK LIST completed
        C: e UNSUBSCRIBE "Entw&APw-rfe"
        S: e OK UNSUBSCRIBE completed
        C: f LSUB "" "E%"
        S: * LSUB (\Noselect) "/" Entw&APw-rfe
        S: f OK LSUB completed
        C: g CREATE Spam (USE (\Junk))
        S: g NO [USEATTR] <*>
        C: h RENAME INBOX Old
        S: h OK RENAME completed
        C: i STATUS INBOX (MESSAGES UIDNEXT SIZE DELETED)
        S: * STATUS INBOX (MESSAGES 0 UIDNEXT 1 SIZE 0 DELETED 0)
        S: i OK STATUS completed
        """.replace("\\\\", "\\"), chunk)  # fmt: skip


async def test_a_name_made_again_has_another_uid_validity(account: Account) -> None:
    seen = set()
    client = Client(account.pk)
    for _ in range(3):
        client.send(b"a CREATE x\r\nb STATUS x (UIDVALIDITY)\r\nc DELETE x\r\n")
        seen.add((await client.read_until(rb"^c OK .*\r\n")).split(b"UIDVALIDITY ")[1].split(b")")[0])
    assert len(seen) == 3
    await client.close()


async def test_parallel_appends_give_every_uid_once(account: Account) -> None:
    clients = [Client(account.pk) for _ in range(5)]
    octets = HELLO.replace("\\r\\n", "\r\n").encode()
    for client in clients:
        client.send(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(octets), octets) * 8 + b"z NOOP\r\n")
    await asyncio.gather(*(client.read_until(rb"^z OK") for client in clients))
    rows = await asked(lambda: list(Message.objects.values_list("uid", "modseq").order_by("uid")))
    assert [uid for uid, _ in rows] == list(range(1, 41))
    assert len({modseq for _, modseq in rows}) == 40
    box = await asked(lambda: Mailbox.objects.get(name="INBOX"))
    assert (box.messages_count, box.unseen_count, box.size_bytes) == (40, 40, 40 * len(octets))
    for client in clients:
        await client.close()
