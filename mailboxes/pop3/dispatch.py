"""Which handler answers which command; STLS is the connection's own."""

from collections.abc import Awaitable, Callable, Mapping

from mailboxes.pop3.commands import Command
from mailboxes.pop3.handlers import messages, session, signing_in
from mailboxes.pop3.handlers.context import Context
from mailboxes.pop3.session import Reply

# None: the handler has sent the whole answer.
Handler = Callable[[Context, Command], Awaitable[Reply | None]]

HANDLERS: Mapping[str, Handler] = {
    "CAPA": session.capabilities,
    "QUIT": session.leave,
    "UTF8": signing_in.utf8,
    "USER": signing_in.user,
    "PASS": signing_in.password,
    "AUTH": signing_in.authenticate,
    "STAT": messages.stat,
    "LIST": messages.sizes,
    "UIDL": messages.unique_ids,
    "RETR": messages.retrieve,
    "TOP": messages.top,
    "DELE": messages.delete,
    "RSET": messages.reset,
    "NOOP": messages.noop,
}
