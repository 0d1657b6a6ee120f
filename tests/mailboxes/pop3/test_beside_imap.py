"""POP3 and IMAP on one INBOX: what one deletes the other hears of, quota and trace are told."""

import asyncio

from domains.models import Trace
from domains.services.traces import events_of
from mailboxes.delivery.deliver import deliver
from mailboxes.models import Account, Mailbox, Message
from tests.mailboxes.delivery.test_single import make_request
from tests.mailboxes.imap import dialogue as imap
from tests.mailboxes.pop3.dialogue import Client, play
from tests.mailboxes.pop3.service import FIRST, SECOND, fill
from tests.mailboxes.pop3.test_dialogues import SIGN_IN, run


def test_imap_hears_of_what_quit_deleted_in_idle_and_after(account: Account) -> None:
    fill(account, FIRST, SECOND, FIRST)

    async def scenario() -> None:
        idle, other, client = imap.Client(account.pk), imap.Client(account.pk), Client()
        for session in (idle, other):
            await session.read_until(rb"^\* OK .*\r\n")
            session.send(b"a SELECT INBOX\r\n")
            await session.read_until(rb"^a OK .*\r\n")
        idle.send(b"b IDLE\r\n")
        await idle.read_until(rb"^\+ idling\r\n")
        await asyncio.sleep(0.5)
        await play(client, f"{SIGN_IN}\nC: DELE 1\nS: +OK <*>\nC: DELE 3\nS: +OK <*>\nC: QUIT\nS: +OK 2 <*>\n")
        told = await asyncio.wait_for(idle.read_until(rb"EXPUNGE\r\n\* \d EXPUNGE\r\n"), 5)
        assert told == b"* 3 EXPUNGE\r\n* 1 EXPUNGE\r\n"
        other.send(b"c NOOP\r\n")
        assert await other.read_until(rb"^c OK .*\r\n") == b"* 3 EXPUNGE\r\n* 1 EXPUNGE\r\nc OK Completed\r\n"
        for each in (idle, other, client):
            await each.close()

    run(scenario)
    account.refresh_from_db()
    inbox = Mailbox.objects.get(account=account, name="INBOX")
    assert (account.used_bytes, account.messages_count) == (len(SECOND), 1)
    assert (inbox.messages_count, inbox.unseen_count, inbox.size_bytes) == (1, 1, len(SECOND))


def test_what_imap_marks_is_still_there_and_what_comes_later_waits_for_the_next_session(account: Account) -> None:
    fill(account, FIRST)

    async def scenario() -> None:
        session, client = imap.Client(account.pk), Client()
        session.send(b"a SELECT INBOX\r\nb STORE 1 +FLAGS (\\Deleted)\r\n")
        await session.read_until(rb"^b OK .*\r\n")
        await play(client, f"{SIGN_IN}\nC: STAT\nS: +OK 1 {len(FIRST)}\n")
        session.send(b"c EXPUNGE\r\n")
        await session.read_until(rb"^c OK .*\r\n")
        await deliver(make_request(account))
        await play(client, f"C: STAT\nS: +OK 1 {len(FIRST)}\nC: RETR 1\nS: -ERR The message is gone\n")
        await play(client, "C: RETR 2\nS: -ERR There is no message with this number\nC: QUIT\nS: +OK 0 <*>\n")
        for each in (session, client):
            await each.close()

    run(scenario)
    assert Message.objects.count() == 1


def test_a_deletion_stands_in_the_trace(account: Account) -> None:
    request = make_request(account)

    async def scenario() -> None:
        await deliver(request)
        client = Client()
        await play(client, f"{SIGN_IN}\nC: DELE 1\nS: +OK <*>\nC: QUIT\nS: +OK 1 <*>\n")
        await client.close()

    run(scenario)
    event = events_of(Trace.objects.get(pk=request.trace.id))[-1]
    assert (event.stage, event.reason) == ("deleted", "Deleted from INBOX.")
    assert event.detail == {"address": account.address, "folder": "INBOX", "uid": "1"}
