"""Commands on the messages: STAT, LIST, UIDL, RETR, TOP, DELE, RSET, NOOP (RFC 1939 §5, §7)."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from domains.octets import behind
from mailboxes.pop3.commands import Command
from mailboxes.pop3.handlers.context import Context, listing_of, maildrop_of
from mailboxes.pop3.lines import END, first_lines, pieces_of, stuffed, whole_lines
from mailboxes.pop3.port import Message
from mailboxes.pop3.session import Reply

LINES_AT_ONCE = 500


async def stat(context: Context, command: Command) -> Reply:
    """STAT: how many messages, how many octets."""
    listing = listing_of(context)
    return Reply(f"{listing.count} {listing.octets}")


async def sizes(context: Context, command: Command) -> Reply | None:
    """LIST, of one message or of all."""
    return await _list(context, command, listing_of(context).size)


async def unique_ids(context: Context, command: Command) -> Reply | None:
    """UIDL, of one message or of all."""
    return await _list(context, command, listing_of(context).unique_id)


async def _list(context: Context, command: Command, fact: Callable[[int], int | str]) -> Reply | None:
    """Answer with one fact, or send it of every message."""
    if command.numbers:
        number = command.numbers[0]
        return Reply(f"{number} {fact(number)}")
    listing = listing_of(context)
    await context.send(Reply(f"{listing.count} messages").serialise())
    numbers = list(listing.numbers())
    for start in range(0, len(numbers), LINES_AT_ONCE):
        some = numbers[start : start + LINES_AT_ONCE]
        await context.send(b"".join(f"{number} {fact(number)}\r\n".encode() for number in some))
    await context.send(END)
    return None


async def retrieve(context: Context, command: Command) -> None:
    """RETR: the whole message."""
    listing, number = listing_of(context), command.numbers[0]
    message = await maildrop_of(context).read(listing.uid(number))
    await _send(context, Reply(f"{listing.size(number)} octets"), whole_lines(pieces_of(message.octets)))


async def top(context: Context, command: Command) -> None:
    """TOP: the header, the empty line, and so many lines of what follows."""
    number, count = command.numbers
    message = await maildrop_of(context).read(listing_of(context).uid(number))
    await _send(context, Reply("The top follows"), _top(message, count))


def _top(message: Message, count: int) -> Iterator[bytes]:
    header = whole_lines([message.octets[: message.header_octets]])
    body = whole_lines(pieces_of(behind(message.octets, message.header_octets)))
    return chain(header, first_lines(body, count))


async def _send(context: Context, reply: Reply, lines: Iterable[bytes]) -> None:
    """Send an answer of several lines, a piece at a time."""
    await context.send(reply.serialise())
    for piece in stuffed(lines):
        await context.send(piece)


async def delete(context: Context, command: Command) -> Reply:
    """DELE: the mark alone."""
    listing_of(context).delete(command.numbers[0])
    return Reply("Marked as deleted")


async def reset(context: Context, command: Command) -> Reply:
    """RSET: all marks are taken off."""
    listing_of(context).reset()
    return Reply("No message is marked")


async def noop(context: Context, command: Command) -> Reply:
    """NOOP."""
    return Reply("Nothing done")
