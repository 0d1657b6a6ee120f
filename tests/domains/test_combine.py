"""Callers who come together are served together; nobody waits for long, and each is told his own result."""

import asyncio

import pytest

from domains.combine import MOST, PATIENCE, Combined


async def test_the_first_goes_alone_and_those_who_come_meanwhile_go_together():
    served, gate = [], asyncio.Event()

    async def work(items):
        served.append(list(items))
        if len(served) == 1:
            await gate.wait()
        return [item * 2 for item in items]

    combined = Combined(work)
    first = asyncio.ensure_future(combined(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.ensure_future(combined(number)) for number in range(1, 30)]
    await asyncio.sleep(0)
    gate.set()
    assert [await one for one in (first, *others)] == [2 * number for number in range(30)]
    assert served == [[0], list(range(1, MOST + 1)), list(range(MOST + 1, 30))]
    assert await combined(40) == 80


async def test_who_takes_long_keeps_nobody_waiting():
    gate = asyncio.Event()

    async def work(items):
        if "slow" in items:
            await gate.wait()
        return list(items)

    combined = Combined(work)
    slow = asyncio.ensure_future(combined("slow"))
    await asyncio.sleep(0)
    assert await asyncio.wait_for(combined("quick"), 20 * PATIENCE) == "quick"
    assert not slow.done()
    gate.set()
    assert await slow == "slow"


async def test_a_fault_is_told_to_whom_it_concerns():
    async def work(items):
        if "all" in items:
            raise OSError("gone")
        return [LookupError(item) if item == "one" else item for item in items]

    combined = Combined(work)
    found = await asyncio.gather(*map(combined, ("one", "two")), return_exceptions=True)
    assert (type(found[0]), found[1]) == (LookupError, "two")
    found = await asyncio.gather(*map(combined, ("all", "two")), return_exceptions=True)
    assert [type(one) for one in found] == [OSError, OSError]
    assert await combined("three") == "three"


async def test_who_gave_up_is_left_out():
    served = []

    async def work(items):
        served.append(list(items))
        await asyncio.sleep(0)
        return list(items)

    combined = Combined(work)
    first, second, third = (asyncio.ensure_future(combined(number)) for number in range(3))
    await asyncio.sleep(0)
    second.cancel()
    assert (await first, await third) == (0, 2)
    with pytest.raises(asyncio.CancelledError):
        await second
    assert served == [[0, 2]]


async def test_work_that_all_gave_up_is_cancelled_and_no_other():
    begun, ended = [], []

    async def work(items):
        begun.append(list(items))
        try:
            await asyncio.sleep(60 if "slow" in items else 0.2)
        finally:
            ended.append(list(items))
        return list(items)

    combined = Combined(work)
    slow, stuck, kept = (asyncio.ensure_future(combined(name)) for name in ("slow", "slow", "kept"))
    await asyncio.sleep(0.01)
    slow.cancel()
    await asyncio.sleep(0.01)
    assert (begun, ended) == ([["slow", "slow", "kept"]], [])
    stuck.cancel()
    kept.cancel()
    await asyncio.sleep(0.01)
    assert ended == begun
    kept, lost = (asyncio.ensure_future(combined(name)) for name in ("kept", "lost"))
    await asyncio.sleep(0.01)
    lost.cancel()
    assert await kept == "kept"


def test_every_event_loop_has_a_queue_of_its_own():
    async def work(items):
        return list(items)

    combined = Combined(work)
    assert [asyncio.run(combined(number)) for number in range(3)] == [0, 1, 2]
