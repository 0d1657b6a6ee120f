"""Whole dialogues against the real store, at several chunkings; those of the RFCs with our texts."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable

import pytest

from domains.database import close_pool
from domains.redis import close_redis
from mailboxes.models import Account, Mailbox, Message
from tests.mailboxes.imap.service import ADDRESS, PASSWORD
from tests.mailboxes.pop3.dialogue import Client, play
from tests.mailboxes.pop3.service import FIRST, SECOND, fill

CHUNKS = [0, 1, 2, 7]
PLAIN = b64encode(f"\0{ADDRESS}\0{PASSWORD}".encode()).decode()
GREETING = "S: +OK mail.test ready\n"
SIGN_IN = f"""{GREETING}
C: USER {ADDRESS}
S: +OK <*>
C: PASS {PASSWORD}
S: +OK <*>
"""


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario in an event loop of its own."""

    async def all_of_it() -> None:
        try:
            await scenario()
        finally:
            await close_redis()
            await close_pool()

    asyncio.run(all_of_it())


def say(text: str, chunk: int = 0, tls: bool = True) -> None:
    """Play one dialogue from its greeting to the end of the connection."""

    async def scenario() -> None:
        client = Client(chunk, tls)
        try:
            await play(client, text)
        finally:
            await client.close()

    run(scenario)


@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_session_as_in_rfc_1939(account: Account, chunk: int) -> None:
    fill(account, FIRST, SECOND)
    say(
        f"""{SIGN_IN}
        C: STAT
        S: +OK 2 {len(FIRST) + len(SECOND)}
        C: LIST
        S: +OK 2 messages
        S: 1 {len(FIRST)}
        S: 2 {len(SECOND)}
        S: .
        C: LIST 2
        S: +OK 2 {len(SECOND)}
        C: LIST 3
        S: -ERR There is no message with this number
        C: RETR 1
        S: +OK {len(FIRST)} octets
        S: Subject: one
        S:
        S: First line.
        S: ..A dot begins this one.
        S: ..
        S: Last line.
        S: .
        C: DELE 1
        S: +OK <*>
        C: DELE 1
        S: -ERR The message is marked as deleted
        C: RETR 1
        S: -ERR The message is marked as deleted
        C: STAT
        S: +OK 1 {len(SECOND)}
        C: LIST
        S: +OK 1 messages
        S: 2 {len(SECOND)}
        S: .
        C: RSET
        S: +OK <*>
        C: STAT
        S: +OK 2 {len(FIRST) + len(SECOND)}
        C: NOOP
        S: +OK <*>
        C: dele 2
        S: +OK <*>
        C: QUIT
        S: +OK 1 messages deleted, good-bye
        """,
        chunk,
    )
    assert [message.size for message in Message.objects.all()] == [len(FIRST)]


def test_top_gives_the_header_and_so_many_lines(account: Account) -> None:
    fill(account, SECOND, b"Subject: header alone\r\n")
    say(
        f"""{SIGN_IN}
        C: TOP 1 0
        S: +OK <*>
        S: Subject: two
        S:
        S: .
        C: TOP 1 2
        S: +OK <*>
        S: Subject: two
        S:
        S: A
        S: B
        S: .
        C: TOP 1 4000000000
        S: +OK <*>
        S: Subject: two
        S:
        S: A
        S: B
        S: C
        S: .
        C: TOP 2 5
        S: +OK <*>
        S: Subject: header alone
        S: .
        C: TOP 3 1
        S: -ERR There is no message with this number
        C: TOP 1
        S: -ERR The arguments are too many or too few
        """
    )


def test_unique_ids_are_those_of_imap_and_never_come_again(account: Account) -> None:
    fill(account, FIRST, SECOND)
    validity = Mailbox.objects.get(account=account, name="INBOX").uid_validity
    say(
        f"""{SIGN_IN}
        C: UIDL
        S: +OK 2 messages
        S: 1 {validity}.1
        S: 2 {validity}.2
        S: .
        C: UIDL 2
        S: +OK 2 {validity}.2
        C: DELE 1
        S: +OK <*>
        C: UIDL 1
        S: -ERR The message is marked as deleted
        C: QUIT
        S: +OK 1 messages deleted, good-bye
        """
    )
    fill(account, FIRST)
    say(f"{SIGN_IN}\nC: UIDL\nS: +OK 2 messages\nS: 1 {validity}.2\nS: 2 {validity}.3\nS: .\n")


def test_only_quit_deletes(account: Account) -> None:
    fill(account, FIRST)
    say(f"{SIGN_IN}\nC: DELE 1\nS: +OK <*>\n")
    assert Message.objects.count() == 1


def test_capabilities_before_and_after(account: Account) -> None:
    always = "S: TOP\nS: UIDL\nS: PIPELINING\nS: RESP-CODES\nS: AUTH-RESP-CODE\nS: EXPIRE NEVER\nS: UTF8 USER\n"
    say(f"{GREETING}C: CAPA\nS: +OK <*>\n{always}S: .\n", tls=False)
    say(f"{GREETING}C: CAPA\nS: +OK <*>\n{always}S: USER\nS: SASL PLAIN LOGIN\nS: .\n")
    say(f"{SIGN_IN}C: CAPA\nS: +OK <*>\n{always}S: IMPLEMENTATION mailadmin\nS: .\n")


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize(
    "exchange",
    [
        f"C: AUTH PLAIN {PLAIN}",
        f"C: AUTH plain\nS: + \nC: {PLAIN}",
        f"C: AUTH LOGIN\nS: + VXNlcm5hbWU6\nC: {b64encode(ADDRESS.encode()).decode()}\n"
        f"S: + UGFzc3dvcmQ6\nC: {b64encode(PASSWORD.encode()).decode()}",
    ],
    ids=["initial response", "PLAIN", "LOGIN"],
)
def test_sasl(account: Account, exchange: str, chunk: int) -> None:
    say(f"{GREETING}{exchange}\nS: +OK 0 messages\nC: STAT\nS: +OK 0 0\nC: QUIT\nS: +OK <*>\n", chunk)


def test_a_password_keeps_its_spaces_and_a_name_may_be_utf_8(account: Account) -> None:
    say(
        f"""{GREETING}
        C: UTF8
        S: +OK <*>
        C: USER älice@example.org
        S: +OK <*>
        C: PASS  two  spaces
        S: -ERR [AUTH] The address or the password is wrong
        C: PASS again
        S: -ERR Say USER first
        C: AUTH PLAIN *
        S: -ERR Authentication cancelled
        """
    )


@pytest.mark.parametrize(
    "command", ["USER alice@example.org", "PASS secret", "AUTH PLAIN", f"AUTH PLAIN {PLAIN}", "AUTH LOGIN"]
)
def test_no_password_in_the_clear(account: Account, command: str) -> None:
    say(f"{GREETING}C: {command}\nS: -ERR Say STLS first: passwords need encryption\n", tls=False)


def test_the_third_failure_ends_the_session(account: Account) -> None:
    async def scenario() -> None:
        client = Client()
        wrong = b64encode(b"\0alice@example.org\0wrong").decode()
        denied = f"C: AUTH PLAIN {wrong}\nS: -ERR [AUTH] The address or the password is wrong\n"
        await play(client, GREETING + denied * 3)
        task = client.connection._task
        assert task is not None
        await asyncio.wait_for(task, 5)
        assert client.transport.closed

    run(scenario)


def test_a_message_of_odd_lines_has_the_size_that_is_sent(account: Account) -> None:
    fill(account, b"Subject: odd\n\n.\nno end", FIRST)
    size = len(b"Subject: odd\r\n\r\n.\r\nno end\r\n")
    say(
        f"""{SIGN_IN}
        C: STAT
        S: +OK 2 {size + len(FIRST)}
        C: RETR 1
        S: +OK {size} octets
        S: Subject: odd
        S:
        S: ..
        S: no end
        S: .
        C: TOP 1 1
        S: +OK <*>
        S: Subject: odd
        S:
        S: ..
        S: .
        """
    )


def test_pipelined_commands_are_answered_in_order(account: Account) -> None:
    fill(account, FIRST, SECOND)

    async def scenario() -> None:
        client = Client()
        await play(client, SIGN_IN)
        client.send(b"STAT\r\nDELE 1\r\nSTAT\r\nNOPE\r\nUIDL 2\r\nQUIT\r\nNOOP\r\n")
        answers = [await client.line() for _ in range(6)]
        assert [answer[:4] for answer in answers] == [b"+OK ", b"+OK ", b"+OK ", b"-ERR", b"+OK ", b"+OK "]
        task = client.connection._task
        assert task is not None
        await asyncio.wait_for(task, 5)
        assert not client.transport.written

    run(scenario)
    assert Message.objects.count() == 1
