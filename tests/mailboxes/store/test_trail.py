"""What an owner does with a delivered message goes on in its trace, in the same transaction."""

import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from domains.database import database
from domains.models import Trace
from domains.services.traces import events_of
from mailboxes.delivery.deliver import deliver
from mailboxes.imap.numset import LARGEST
from mailboxes.models import Account, Mailbox
from mailboxes.store.expunge import expunge
from mailboxes.store.move import copy, move
from tests.mailboxes.delivery.test_single import make_request

ALL = ((1, LARGEST),)


async def delivered(account: Account) -> str:
    request = make_request(account)
    await deliver(request)
    return request.trace.id


async def stages(trace_id: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Return what was added after the delivery."""
    trace = await Trace.objects.aget(pk=trace_id)
    events = await sync_to_async(events_of)(trace)
    places = [number for number, event in enumerate(events) if event.stage == "delivery"]
    return [(event.stage, event.outcome, event.reason, event.detail) for event in events[places[0] + 1 :]]


async def folder(account: Account, name: str) -> int:
    return int((await Mailbox.objects.aget(account=account, name=name)).pk)


async def mark_deleted(mailbox_id: int) -> None:
    async with database() as connection:
        await connection.execute(
            "UPDATE mailboxes_message SET flags = ARRAY['\\Deleted'] WHERE mailbox_id = %s", (mailbox_id,)
        )


async def test_a_move_a_copy_and_a_deletion_go_on_in_the_trace(account: Account) -> None:
    trace_id = await delivered(account)
    inbox, junk = await folder(account, "INBOX"), await folder(account, "Junk")
    await move(account.pk, inbox, ALL, "Junk")
    await copy(account.pk, junk, ALL, "Archive")
    await mark_deleted(junk)
    assert await expunge(account.pk, junk, None) == 1
    where = {"address": account.address, "uid": "1"}
    assert await stages(trace_id) == [
        ("moved", "moved", "Moved from INBOX to Junk.", {**where, "from": "INBOX", "folder": "Junk"}),
        ("moved", "copied", "Copied from Junk to Archive.", {**where, "from": "Junk", "folder": "Archive"}),
        ("deleted", "deleted", "Deleted from Junk.", {**where, "folder": "Junk"}),
    ]


async def test_a_message_whose_trace_is_gone_leaves_nothing(account: Account) -> None:
    trace_id = await delivered(account)
    await Trace.objects.all().adelete()
    await move(account.pk, await folder(account, "INBOX"), ALL, "Junk")
    async with database() as connection:
        cursor = await connection.execute("SELECT 1 FROM domains_traceevent WHERE trace_id = %s", (trace_id,))
        assert await cursor.fetchone() is None


@pytest.mark.soak
async def test_a_hundred_thousand_at_once(account: Account) -> None:
    trace_id = await delivered(account)
    inbox = await folder(account, "INBOX")

    def multiply() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO domains_trace SELECT left(id, 16) || lpad(n::text, 10, '0'), direction, message_id, "
                "mail_from, recipients, domains, received_at, outcome, client_address, NULL, terms "
                "FROM domains_trace, generate_series(1, 100000) AS n"
            )
            cursor.execute(
                "INSERT INTO mailboxes_message (mailbox_id, uid, modseq, flags, internal_date, save_date, size, "
                "header_octets, envelope, body, body_structure, blob_id, trace_id) "
                "SELECT mailbox_id, uid + n, modseq, "
                "ARRAY['\\Deleted'], internal_date, save_date, size, header_octets, envelope, body, body_structure, "
                "blob_id, left(trace_id, 16) || lpad(n::text, 10, '0') "
                "FROM mailboxes_message, generate_series(1, 100000) AS n"
            )

    await sync_to_async(multiply)()
    begin = time.perf_counter()
    await move(account.pk, inbox, ALL, "Trash")
    moved = time.perf_counter()
    assert await expunge(account.pk, await folder(account, "Trash"), None) == 100_000
    print(f"moved {moved - begin:.1f} s, deleted {time.perf_counter() - moved:.1f} s")
    assert len(await stages(trace_id)) == 1
    async with database() as connected:
        row = await (await connected.execute("SELECT count(*) FROM domains_traceevent")).fetchone()
    assert row == (200_001,)
    assert time.perf_counter() - begin < 60
