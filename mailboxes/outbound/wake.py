"""Tells the relay that something is due; a lost wake only delays, for the relay looks by itself."""

from domains.redis import publish, publish_now

CHANNEL = "queue.wake"


def wake_relay() -> None:
    """Wake the relays from synchronous code, after the commit."""
    publish_now(CHANNEL, b"")


async def wake_relay_async() -> None:
    """Wake the relays from a mail worker, after the commit."""
    publish(CHANNEL, b"")
