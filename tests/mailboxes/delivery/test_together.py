"""Deliveries that come at once share a transaction, and nothing else: each has its own end."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from psycopg import InterfaceError, OperationalError
from psycopg.errors import (
    AdminShutdown,
    ConnectionFailure,
    DiskFull,
    InternalError_,
    ProgramLimitExceeded,
    QueryCanceled,
)
from psycopg_pool import PoolTimeout

from domains.combine import PATIENCE
from domains.database import POOL_SIZE, database
from domains.models import Trace
from mailboxes.delivery import single
from mailboxes.delivery.deliver import deliver
from mailboxes.delivery.request import DeliveryResult, NotAll
from mailboxes.models import Account, Mailbox, Message
from tests.factories import make_account
from tests.mailboxes.delivery.test_single import make_request, rows


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many were delivered by each transaction for several."""
    sizes: list[int] = []
    original = single._deliver_together

    async def noted(several: Any) -> Any:
        sizes.append(len(several))
        return await original(several)

    monkeypatch.setattr(single, "_deliver_together", noted)
    return sizes


async def all_at_once(*accounts: Account, count: int = 1) -> list[DeliveryResult | BaseException]:
    work = [deliver(make_request(account)) for _ in range(count) for account in accounts]
    return await asyncio.gather(*work, return_exceptions=True)


async def wait_until_waiting(number: int) -> None:
    """Return once so many of this database wait for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(200):
        if await rows(waiting) == [(number,)]:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"there are never {number} that wait")


async def test_many_at_once_are_all_there_with_a_uid_and_a_trace_of_their_own(
    account: Account, together: list[int]
) -> None:
    other = await sync_to_async(make_account)("bob@acme.example")
    results = await all_at_once(account, other, count=15)
    assert together
    assert all(isinstance(result, DeliveryResult) and result.ok for result in results)
    for owner in (account, other):
        messages = Message.objects.filter(mailbox__account=owner)
        uids = [uid async for uid in messages.order_by("uid").values_list("uid", flat=True)]
        assert uids == list(range(1, 16))
        told = [result.outcomes[0].uid for result in results if result.outcomes[0].target.account_id == owner.pk]
        assert sorted(told) == uids
        await owner.arefresh_from_db()
        assert owner.messages_count == 15
    traces = [trace async for trace in Trace.objects.values_list("pk", flat=True)]
    assert sorted(traces) == sorted([pk async for pk in Message.objects.values_list("trace_id", flat=True)])


async def test_the_full_mailbox_among_them_is_told_alone(account: Account, together: list[int]) -> None:
    full = await sync_to_async(make_account)("full@acme.example", quota_bytes=1)
    results = await all_at_once(account, full, count=5)
    assert together
    assert [type(result) for result in results] == [DeliveryResult, NotAll] * 5
    assert await Message.objects.acount() == await Trace.objects.acount() == 5


async def test_one_that_the_database_refuses_spoils_no_other(account: Account, together: list[int]) -> None:
    requests = [make_request(account) for _ in range(4)]
    requests[2].trace.message_id = "x" * 3
    requests[2].trace.client_address = "not an address"
    results = await asyncio.gather(*map(deliver, requests), return_exceptions=True)
    assert together
    assert [isinstance(result, DeliveryResult) for result in results] == [True, True, False, True]
    assert await Message.objects.acount() == 3


async def test_a_row_that_somebody_holds_keeps_its_own_mailbox_waiting_alone(
    account: Account, together: list[int]
) -> None:
    held = await sync_to_async(make_account)("held@acme.example")
    async with database() as connection, connection.transaction():
        await connection.execute("SELECT FROM mailboxes_account WHERE id = %s FOR UPDATE", (held.pk,))
        first = asyncio.ensure_future(deliver(make_request(account)))
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(deliver(make_request(held)))
        others = [deliver(make_request(account)) for _ in range(5)]
        done = await asyncio.wait_for(asyncio.gather(first, *others), 2)
        assert all(result.ok for result in done)
        later = await asyncio.wait_for(deliver(make_request(account)), 2)
        assert later.ok
        assert not waiting.done()
    assert (await asyncio.wait_for(waiting, 5)).ok
    assert together
    assert await Message.objects.acount() == 8


async def test_many_for_a_mailbox_whose_row_is_held_leave_the_others_their_connections(account: Account) -> None:
    held = await sync_to_async(make_account)("held@acme.example")
    async with database() as connection, connection.transaction():
        await connection.execute("SELECT FROM mailboxes_account WHERE id = %s FOR UPDATE", (held.pk,))
        waiting = []
        for _ in range(2 * POOL_SIZE):
            waiting.append(asyncio.ensure_future(deliver(make_request(held))))
            await asyncio.sleep(PATIENCE)
        assert (await asyncio.wait_for(deliver(make_request(account)), 3)).ok
        assert not any(one.done() for one in waiting)
        waiting[3].cancel()
    results = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 10)
    assert [isinstance(result, DeliveryResult) for result in results] == [place != 3 for place in range(20)]
    assert await Message.objects.filter(mailbox__account=held).acount() == 19


async def test_who_gave_up_waiting_for_a_row_gets_nothing_later(account: Account) -> None:
    async with database() as connection, connection.transaction():
        await connection.execute("SELECT FROM mailboxes_account WHERE id = %s FOR UPDATE", (account.pk,))
        waiting = asyncio.ensure_future(deliver(make_request(account)))
        await wait_until_waiting(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await wait_until_waiting(0)
    assert (await asyncio.wait_for(deliver(make_request(account)), 5)).ok
    await asyncio.sleep(0.1)
    assert await Message.objects.acount() == 1


async def test_a_fault_that_is_answered_while_others_are_sent_is_no_warning(
    account: Account, together: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(single, "SHORT_WAIT", "SELECT 1 / 0")
    results = await all_at_once(account, count=20)
    assert together
    assert all(isinstance(result, DeliveryResult) for result in results)
    assert await Message.objects.acount() == await Trace.objects.acount() == 20
    assert [line.getMessage() for line in caplog.records if line.name.startswith("psycopg")] == []


@pytest.mark.parametrize("fault", [ProgramLimitExceeded, DiskFull, QueryCanceled, InternalError_])
async def test_whatever_the_server_refuses_each_goes_alone(
    account: Account, fault: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(several: Any) -> Any:
        raise fault

    monkeypatch.setattr(single, "_deliver_together", refused)
    assert all(isinstance(result, DeliveryResult) for result in await all_at_once(account, count=6))
    assert await Message.objects.acount() == 6


@pytest.mark.parametrize("fault", [OperationalError, InterfaceError, AdminShutdown, ConnectionFailure, PoolTimeout])
async def test_when_the_end_is_not_known_each_is_told_and_none_goes_again(
    account: Account, fault: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut(several: Any) -> Any:
        raise fault

    monkeypatch.setattr(single, "_deliver_together", cut)
    results = await all_at_once(account, count=6)
    assert [isinstance(result, fault) for result in results] == [True] * 6
    assert await Message.objects.acount() == 0


async def test_when_the_server_is_lost_all_are_told_and_nothing_is_delivered_twice(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = 0

    async def cut(several: Any) -> Any:
        nonlocal killed
        killed += 1
        async with database() as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(single, "_deliver_together", cut)
    results = await all_at_once(account, count=6)
    assert killed == 1
    assert [isinstance(result, OperationalError) for result in results] == [True] * 6
    assert await Message.objects.acount() == await Trace.objects.acount() == 0
    monkeypatch.undo()
    assert all(isinstance(result, DeliveryResult) for result in await all_at_once(account, count=6))
    inbox = await Mailbox.objects.aget(account=account, name="INBOX")
    assert inbox.messages_count == 6


async def test_two_loops_of_accounts_in_either_order_never_lock_each_other_out(account: Account) -> None:
    other = await sync_to_async(make_account)("bob@acme.example")
    requests = [make_request(owner) for owner in (account, other, other, account) for _ in range(6)]
    general = [
        replace(make_request(account), targets=[*make_request(other).targets, *make_request(account).targets])
        for _ in range(6)
    ]
    results = await asyncio.gather(*map(deliver, [*requests, *general]), return_exceptions=True)
    assert all(isinstance(result, DeliveryResult) and result.ok for result in results), results
    assert await Message.objects.acount() == 24 + 12
