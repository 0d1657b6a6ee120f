"""Scheduled work on the store and the queue. Every task is idempotent and runs once at a time."""

import asyncio

from celery import shared_task

from domains.database import close_pool
from domains.locks import single_run
from mailboxes.outbound.queue import expire_leases
from mailboxes.outbound.wake import wake_relay
from mailboxes.store import blobs


@shared_task(name="mailboxes.tasks.collect_blobs", acks_late=True)
def collect_blobs() -> None:
    """Remove bytes that nothing refers to any more, past their safety age."""
    with single_run("collect_blobs") as ours:
        if ours:
            blobs.collect_blobs()


@shared_task(name="mailboxes.tasks.sweep_queue", acks_late=True)
def sweep_queue() -> None:
    """Free the entries whose worker died and wake the relays: a flushed Redis only delays."""
    with single_run("sweep_queue") as ours:
        if ours:
            asyncio.run(_sweep())
    wake_relay()


async def _sweep() -> None:
    try:
        await expire_leases()
    finally:
        await close_pool()
