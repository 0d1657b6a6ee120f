"""COMPRESS (RFC 4978)."""

from mailboxes.imap.commands import Command, Compress
from mailboxes.imap.handlers.context import Context, Done


async def compress(context: Context, command: Command) -> Done:
    """COMPRESS: DEFLATE begins behind the tagged answer."""
    assert isinstance(command, Compress)
    if command.mechanism != "DEFLATE":
        return Done("Only DEFLATE is offered", "NO", "CANNOT")
    if not context.compress():
        return Done("Compression is on already", "NO", "COMPRESSIONACTIVE")
    return Done("DEFLATE active")
