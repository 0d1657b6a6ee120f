"""Commands about the session itself: CAPA (RFC 2449), and QUIT with the UPDATE state (RFC 1939 §6)."""

from mailboxes.pop3.commands import Command, State
from mailboxes.pop3.handlers.context import Context, listing_of
from mailboxes.pop3.session import Reply, refusal
from mailboxes.smtp.wire import logger


async def capabilities(context: Context, command: Command) -> None:
    """CAPA."""
    lines = ["+OK What is offered", *context.session.capabilities(), "."]
    await context.send("".join(f"{line}\r\n" for line in lines).encode())


async def leave(context: Context, command: Command) -> Reply:
    """QUIT: what is marked goes now or stays whole; the maildrop is free again before the answer."""
    session, maildrop = context.session, context.session.maildrop
    if maildrop is None:
        return Reply("Good-bye", closes=True)
    session.state = State.UPDATE
    doomed = listing_of(context).doomed()
    try:
        await maildrop.remove(doomed)
        reply = Reply(f"{len(doomed)} messages deleted, good-bye", closes=True)
    except Exception:
        logger.exception("pop3 %s: the messages could not be removed", context.id)
        reply = refusal("The messages could not be removed; all of them are still there", "SYS/TEMP", closes=True)
    await context.give_back()
    return reply
