"""The edges of the dialogue: empty mailboxes, promised extensions in full, what one session may cost the others."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mailboxes.imap.connection import ImapLimits
from mailboxes.models import Account, Expunged, Mailbox, Message
from tests.mailboxes.imap.dialogue import Client, play
from tests.mailboxes.imap.test_dialogues import APPEND, BODY, asked, run


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


async def opened(account: Account, mailbox: str = "INBOX") -> Client:
    """Return a client that has the mailbox open."""
    client = Client(account.pk)
    client.send(b"z SELECT %b\r\n" % mailbox.encode())
    await client.read_until(rb"^z OK .*\r\n")
    return client


async def test_numbers_in_an_empty_mailbox_are_bad_and_uids_are_none(account: Account) -> None:
    """``*`` stands for nothing there (RFC 9051 §9, seq-number)."""
    client = await opened(account)
    await play(
        client,
        r"""
        C: a FETCH 1:* FLAGS
        S: a BAD There is no message with such a number
        C: b STORE 1:* FLAGS (\Seen)
        S: b BAD There is no message with such a number
        C: c COPY * Archive
        S: c BAD There is no message with such a number
        C: d SEARCH 1:*
        S: * SEARCH
        S: d OK SEARCH completed
        C: e UID FETCH 1:* FLAGS
        S: e OK FETCH completed
        """,
    )
    await client.close()


async def test_a_message_seen_by_fetch_tells_its_modseq_to_who_wants_it(account: Account) -> None:
    await run(
        account,
        APPEND
        + r"""
        C: b ENABLE CONDSTORE
        S: * ENABLED CONDSTORE
        S: b OK ENABLE completed
        C: c SELECT INBOX
        S: * FLAGS <*>
        S: * 1 EXISTS
        S: * 0 RECENT
        S: * OK [PERMANENTFLAGS <*>
        S: * OK [MAILBOXID <*>
        S: * OK [UIDVALIDITY <*>
        S: * OK [UIDNEXT 2] <*>
        S: * OK [HIGHESTMODSEQ 2] <*>
        S: * OK [UNSEEN 1] <*>
        S: c OK [READ-WRITE] Mailbox open
        C: d FETCH 1 BODY[TEXT]
        S: * 1 FETCH (BODY[TEXT] {6}\r\nbody\r\n FLAGS (\Seen) MODSEQ (3))
        S: d OK FETCH completed
        C: e FETCH 1 BODY[TEXT]
        S: * 1 FETCH (BODY[TEXT] {6}\r\nbody\r\n)
        S: e OK FETCH completed
        """,
    )


async def test_keywords_are_kept_once_and_bounded(account: Account) -> None:
    await play(await opened(account), APPEND.replace("S: a", "S: * 1 EXISTS\nS: a"))
    client = await opened(account)
    await play(
        client,
        r"""
        C: a STORE 1 FLAGS Work \Seen work
        S: * 1 FETCH (UID 1 FLAGS (Work \Seen))
        S: a OK STORE completed
        """,
    )
    for number in range(3):
        names = " ".join(f"k{number}x{one}" for one in range(60))
        client.send(f"b STORE 1 +FLAGS.SILENT ({names})\r\n".encode())
        answer = await client.read_until(rb"^b .*\r\n")
        assert answer.startswith(b"b OK" if number == 0 else b"b NO [LIMIT]")
    assert len((await asked(Message.objects.get)).flags) == 62
    client.send(b"c STORE 1 FLAGS (%b)\r\n" % b" ".join(b"k%d" % one for one in range(150)))
    assert (await client.read_until(rb"^c .*\r\n")).startswith(b"c BAD")
    await client.close()


async def test_recursivematch_tells_of_parents(account: Account) -> None:
    """RFC 5258 §3.5: CHILDINFO stands at a parent whose chosen children the pattern does not reach."""
    await run(
        account,
        r"""
        C: a CREATE Work/Plans/Old
        S: a OK [MAILBOXID <*>] CREATE completed
        C: b UNSUBSCRIBE Work
        S: b OK UNSUBSCRIBE completed
        C: c UNSUBSCRIBE Work/Plans
        S: c OK UNSUBSCRIBE completed
        C: d LIST (SUBSCRIBED RECURSIVEMATCH) "" "W%"
        S: * LIST (\HasChildren) "/" Work ("CHILDINFO" ("SUBSCRIBED"))
        S: d OK LIST completed
        C: e LIST (SUBSCRIBED RECURSIVEMATCH) "" "W*"
        S: * LIST (\HasNoChildren \Subscribed) "/" Work/Plans/Old
        S: e OK LIST completed
        C: f LIST (SUBSCRIBED) "" "W%"
        S: f OK LIST completed
        C: g LIST (RECURSIVEMATCH) "" "W%"
        S: g BAD <*>
        C: h LIST (RECURSIVEMATCH REMOTE) "" "W%"
        S: h BAD <*>
        """,
    )


async def test_search_keys_of_savedate_and_the_modseq_of_min_and_max(account: Account) -> None:
    """RFC 8514 §4.3; RFC 7162 §3.1.5: with MIN or MAX alone the MODSEQ is theirs."""
    await run(
        account,
        APPEND * 3
        + r"""
        C: b SELECT INBOX (CONDSTORE)
        S: * FLAGS <*>
        S: * 3 EXISTS
        S: * 0 RECENT
        S: * OK [PERMANENTFLAGS <*>
        S: * OK [MAILBOXID <*>
        S: * OK [UIDVALIDITY <*>
        S: * OK [UIDNEXT 4] <*>
        S: * OK [HIGHESTMODSEQ 4] <*>
        S: * OK [UNSEEN 1] <*>
        S: b OK [READ-WRITE] Mailbox open
        C: c SEARCH SAVEDATESUPPORTED
        S: * SEARCH 1 2 3
        S: c OK SEARCH completed
        C: d STORE 2 FLAGS.SILENT (x)
        S: * 2 FETCH (UID 2 MODSEQ (5))
        S: d OK STORE completed
        C: e SEARCH RETURN (MIN) MODSEQ 1
        S: * ESEARCH (TAG "e") MIN 1 MODSEQ 2
        S: e OK SEARCH completed
        C: f SEARCH RETURN (MIN MAX) MODSEQ 1
        S: * ESEARCH (TAG "f") MIN 1 MAX 3 MODSEQ 4
        S: f OK SEARCH completed
        C: g SEARCH RETURN (MAX COUNT) MODSEQ 1
        S: * ESEARCH (TAG "g") MAX 3 COUNT 3 MODSEQ 5
        S: g OK SEARCH completed
        """,
    )


async def test_binary_says_what_it_cannot_decode(account: Account) -> None:
    """RFC 3516 §4.3, §4.4."""
    octets = b"Content-Transfer-Encoding: x-odd\r\n\r\nbody\r\n"
    text = octets.decode().replace("\r\n", "\\r\\n")
    client = await opened(account)
    await play(
        client,
        rf"""
        C: a APPEND INBOX {{{len(octets)}+}}\r\n{text}
        S: * 1 EXISTS
        S: a OK [APPENDUID <*>
        C: b FETCH 1 BINARY.PEEK[1]
        S: b NO [UNKNOWN-CTE] <*>
        C: c FETCH 1 (BINARY.PEEK[2] BODY.PEEK[1])
        S: * 1 FETCH (BINARY[2] NIL BODY[1] {{6}}\r\nbody\r\n)
        S: c OK FETCH completed
        """,
    )
    client.send(b"d APPEND INBOX ~{6+}\r\na: b\r\n\r\n".replace(b"a: b\r\n", b"a: \0\r\n"))
    assert (await client.read_until(rb"^d .*\r\n")).startswith(b"d NO [UNKNOWN-CTE]")
    await client.close()


async def test_commands_before_the_sign_in_are_counted(account: Account) -> None:
    client = Client(limits=ImapLimits(commands_before_login=5))
    client.send(b"a NOOP\r\n" * 10)
    written = await client.read_until(rb"^\* BYE \[LIMIT\] .*\r\n")
    assert written.count(b"a OK") == 5
    assert client.transport.closed
    await client.close()


async def test_a_nul_in_a_name_or_password_is_no_fault_of_ours(account: Account) -> None:
    client = Client()
    client.session.tls = True
    client.send(b"a LOGIN {3+}\r\na\0b {3+}\r\nc\0d\r\n")
    answer = await client.read_until(rb"^a .*\r\n")
    assert b"\r\na NO [AUTHENTICATIONFAILED] " in answer
    client.send(b"b AUTHENTICATE PLAIN {4+}\r\nAAAA\r\n")
    assert (await client.read_until(rb"^b .*\r\n")).startswith(b"b BAD")
    await client.close()


async def test_a_rename_makes_no_name_that_cannot_be_said(account: Account) -> None:
    deep = "/".join("a" * 30)
    client = Client(account.pk)
    client.send(f"a CREATE {deep}\r\nb RENAME a {'/'.join('b' * 20)}\r\nc DELETE {deep}\r\n".encode())
    answer = await client.read_until(rb"^c .*\r\n")
    assert b"\r\nb NO [CANNOT] " in answer
    assert b"\r\nc OK " in answer
    await client.close()


async def test_two_sessions_that_expunge_at_once_remove_each_message_once(account: Account) -> None:
    filler = Client(account.pk)
    filler.send((b"a APPEND INBOX (\\Deleted) {%d+}\r\n%b\r\n" % (len(BODY), BODY)) * 30 + b"z NOOP\r\n")
    await filler.read_until(rb"^z OK")
    clients = [await opened(account) for _ in range(4)]
    for client in clients:
        client.send(b"b EXPUNGE\r\n")
    told = await asyncio.gather(*(client.read_until(rb"^b OK .*\r\n") for client in clients))
    for client, text in zip(clients, told, strict=True):
        client.send(b"c NOOP\r\n")
        text += await client.read_until(rb"^c OK .*\r\n")
        assert text.count(b" EXPUNGE\r\n") == 30
        await client.close()
    box = await asked(lambda: Mailbox.objects.get(name="INBOX"))
    await asked(account.refresh_from_db)
    assert await asked(Expunged.objects.count) == 30
    assert (box.messages_count, box.unseen_count, box.size_bytes, box.uid_next) == (0, 0, 0, 31)
    assert (account.messages_count, account.used_bytes) == (0, 0)
    await filler.close()


async def test_many_partials_of_a_large_message_do_not_pile_up(account: Account) -> None:
    """A response that is held whole would be 200 times the message."""
    octets = b"Subject: x\r\n\r\n" + b"0123456789abcdef" * 64 * 1024 * 4
    client = await opened(account)
    client.send(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(octets), octets))
    await client.read_until(rb"^a OK .*\r\n")
    held: list[int] = []
    write = client.transport.write

    def slow(piece: bytes) -> None:
        held.append(len(piece))
        client.transport.written = client.transport.written[-200:]  # somebody reads
        write(piece)

    client.transport.write = slow  # type: ignore[method-assign]
    items = " ".join(f"BODY.PEEK[]<{first}.5000000>" for first in range(100))
    client.send(f"b FETCH 1 ({items})\r\n".encode())
    await client.read_until(rb"^b OK .*\r\n")
    assert sum(held) > 100 * (len(octets) - 100)
    assert max(held) < 1_000_000
    await client.close()


async def test_a_large_message_is_read_as_exactly_as_a_small_one(account: Account) -> None:
    """Large ones go out in slices, made outside the event loop."""
    client = await opened(account)
    answers: list[bytes] = []
    for size in (10, 100_000):
        octets = b"Subject: x\r\nContent-Type: text/plain\r\n\r\n" + b"y" * size + b"\r\n"
        client.send(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(octets), octets))
        await client.read_until(rb"^a OK .*\r\n")
        client.send(
            b"b FETCH * (UID BODY[HEADER] BODY[1.MIME] BODY[TEXT]<0.3> BINARY.SIZE[1] BINARY[1]<3.4> BODY[7])\r\n"
        )
        answers.append(await client.read_until(rb"^b OK .*\r\n"))
        client.send(b"c FETCH * BODY[]\r\n")
        assert b"{%d}\r\n%b)\r\nc OK" % (len(octets), octets) in await client.read_until(rb"^c OK")
    small, large = answers
    assert large == small.replace(b"* 1 ", b"* 2 ").replace(b"UID 1 ", b"UID 2 ").replace(
        b"BINARY.SIZE[1] 12", b"BINARY.SIZE[1] 100002"
    )
    await client.close()
