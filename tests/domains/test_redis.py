"""Notices over Redis: they arrive, survive a broken connection, and never fail or delay anybody without Redis."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
import redis
import redis.asyncio
from django.conf import settings as django_settings

from domains import redis as notices
from domains.identifiers import new_identifier


@pytest.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    yield
    await notices.close_redis()


@pytest.fixture
def no_redis(settings: Any) -> None:
    """Point the product at a port where nobody listens."""
    settings.MAILADMIN = replace(settings.MAILADMIN, redis_url="redis://127.0.0.1:1/0")


async def first(channel: str, started: asyncio.Event) -> bytes:
    async with aclosing(notices.subscribe(channel)) as stream:
        started.set()
        async for payload in stream:
            return payload
    raise AssertionError("the stream ended")


async def until(heard: "asyncio.Task[bytes]", channel: str, payload: bytes) -> None:
    """Publish until the reader, whose subscription may still be in the making, has heard it."""
    for _ in range(100):
        notices.publish(channel, payload)
        if heard.done():
            return
        await asyncio.sleep(0.02)


async def test_a_notice_reaches_its_channel_only() -> None:
    started = asyncio.Event()
    one = asyncio.create_task(first("test.one", started))
    other = asyncio.create_task(first("test.other", started))
    await until(one, "test.one", b"hello")
    assert await one == b"hello"
    assert not other.done()
    other.cancel()


async def test_synchronous_code_publishes_too() -> None:
    heard = asyncio.create_task(first("test.sync", asyncio.Event()))
    for _ in range(100):
        await asyncio.to_thread(notices.publish_now, "test.sync", b"now")
        await asyncio.sleep(0.02)
        if heard.done():
            break
    assert await heard == b"now"


async def test_a_subscription_survives_a_broken_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "PAUSE_SECONDS", 0.05)
    stream = notices.subscribe("test.broken")
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0.2)
    client = redis.asyncio.Redis.from_url(django_settings.MAILADMIN.redis_url)
    await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    await client.aclose()
    await until(reading, "test.broken", b"again")
    assert await reading == b"again"
    await stream.aclose()


async def test_without_redis_nothing_raises_and_nothing_waits(no_redis: None) -> None:
    reader = asyncio.create_task(first("test.away", asyncio.Event()))
    began = time.monotonic()
    for _ in range(50):
        notices.publish("test.away", b"lost")
        notices.publish_now("test.away", b"lost")
    assert time.monotonic() - began < 0.5
    assert not reader.done()
    reader.cancel()


def test_a_count_runs_within_its_window_and_by_its_name() -> None:
    name, other = new_identifier(), new_identifier()
    assert [notices.count_in_window(name, 60) for _ in range(3)] == [1, 2, 3]
    assert notices.count_in_window(other, 60) == 1
    client = redis.Redis.from_url(django_settings.MAILADMIN.redis_url)
    key = f"{notices.PREFIX}count.{name}"
    assert 0 < client.ttl(key) <= 60
    client.expire(key, 5)
    notices.count_in_window(name, 60)
    assert client.ttl(key) <= 5, "a count does not lengthen its window"
    client.delete(key)
    assert notices.count_in_window(name, 60) == 1


def test_without_redis_nothing_is_counted(no_redis: None) -> None:
    counted: list[int] = []
    thread = threading.Thread(target=lambda: counted.append(notices.count_in_window("test", 60)))
    thread.start()
    thread.join()
    assert counted == [0]
