"""IDLE (RFC 2177): changes are told as they come, woken by Redis and looked for every ``POLL_SECONDS`` without it."""

import asyncio
import contextlib

from domains.redis import subscribe
from mailboxes.imap.commands import Command
from mailboxes.imap.handlers.context import Context, Done
from mailboxes.imap.scanner import SyntaxFault

POLL_SECONDS = 15.0
FIRST_LOOK_SECONDS = 0.25  # for what came while the subscription was being made
LONGEST_SECONDS = 30 * 60.0


async def idle(context: Context, command: Command) -> Done:
    """Stay until DONE; raises SyntaxFault for another line."""
    view = context.session.view
    watcher = asyncio.create_task(_watch(context, view.mailbox_id)) if view is not None else None
    try:
        line = await _until_done(context)
    finally:
        if watcher is not None:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
    if line is None:
        return Done("IDLE took too long", "BAD", closes=True)
    if line.upper() != b"DONE":
        raise SyntaxFault("Only DONE ends IDLE")
    return Done("IDLE completed")


async def _until_done(context: Context) -> bytes | None:
    """Return the line that ended the waiting; None when it took too long."""
    until = context.now() + LONGEST_SECONDS
    prompt, seconds = "idling", FIRST_LOOK_SECONDS
    while context.now() < until:
        line = await context.idle(prompt, seconds)
        if line is not None:
            return line
        await context.require_sign_in()
        await context.sync()
        prompt, seconds = "", POLL_SECONDS
    return None


async def _watch(context: Context, mailbox_id: int) -> None:
    """Wake the wait at every notice."""
    async with contextlib.aclosing(subscribe(f"mailbox.{mailbox_id}")) as notices:
        async for _ in notices:
            context.wake()
