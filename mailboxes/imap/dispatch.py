"""The table of commands: in which states each is allowed, how it is read, who answers, what may be told after it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from mailboxes.imap import grammar
from mailboxes.imap.commands import Command
from mailboxes.imap.handlers import compression, idling, listing, login, mailboxes, messages, quota, searching
from mailboxes.imap.handlers.context import Context, Done
from mailboxes.imap.session import ANY, LOGGED_IN, State


class Tell(Enum):
    """What is told of the selected mailbox behind a command."""

    NOTHING = 0
    ALL_BUT_EXPUNGE = 1  # sequence numbers must not change (RFC 9051 §7.5.1)
    ALL = 2


Handler = Callable[[Context, Command], Awaitable[Done]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One command."""

    states: State
    read: grammar.Reader
    handle: Handler
    tell: Tell = Tell.NOTHING


_OUT, _IN, _OPEN = State.NOT_AUTHENTICATED, LOGGED_IN, State.SELECTED

TABLE: dict[str, Entry] = {
    "CAPABILITY": Entry(ANY, grammar.plain, login.capability),
    "NOOP": Entry(ANY, grammar.plain, login.noop, Tell.ALL),
    "LOGOUT": Entry(ANY, grammar.plain, login.logout),
    "ID": Entry(ANY, grammar.identify, login.identify),
    "LOGIN": Entry(_OUT, grammar.login, login.login),
    "AUTHENTICATE": Entry(_OUT, grammar.authenticate, login.authenticate),
    "ENABLE": Entry(_IN, grammar.enable, login.enable),
    "NAMESPACE": Entry(_IN, grammar.plain, login.namespace),
    "SELECT": Entry(_IN, grammar.select, mailboxes.select),
    "EXAMINE": Entry(_IN, grammar.select, mailboxes.examine),
    "CREATE": Entry(_IN, grammar.create, mailboxes.create, Tell.ALL),
    "DELETE": Entry(_IN, grammar.on_mailbox, mailboxes.delete, Tell.ALL),
    "RENAME": Entry(_IN, grammar.rename, mailboxes.rename, Tell.ALL),
    "SUBSCRIBE": Entry(_IN, grammar.on_mailbox, mailboxes.subscribe),
    "UNSUBSCRIBE": Entry(_IN, grammar.on_mailbox, mailboxes.unsubscribe),
    "LIST": Entry(_IN, grammar.list_extended, listing.list_mailboxes),
    "LSUB": Entry(_IN, grammar.list_plain, listing.list_subscribed),
    "STATUS": Entry(_IN, grammar.status, listing.status),
    "GETQUOTA": Entry(_IN, grammar.get_quota, quota.get_quota),
    "GETQUOTAROOT": Entry(_IN, grammar.on_mailbox, quota.get_quota_root),
    "APPEND": Entry(_IN, grammar.append, messages.append, Tell.ALL),
    "IDLE": Entry(_IN, grammar.plain, idling.idle, Tell.ALL),
    "COMPRESS": Entry(_IN, grammar.compress, compression.compress),
    "CHECK": Entry(_OPEN, grammar.plain, login.noop, Tell.ALL),
    "CLOSE": Entry(_OPEN, grammar.plain, mailboxes.close),
    "UNSELECT": Entry(_OPEN, grammar.plain, mailboxes.unselect),
    "EXPUNGE": Entry(_OPEN, grammar.plain, messages.expunge, Tell.ALL),
    "SEARCH": Entry(_OPEN, grammar.search(by_uid=False), searching.search),
    "SORT": Entry(_OPEN, grammar.sort(by_uid=False), searching.sort),
    "THREAD": Entry(_OPEN, grammar.thread(by_uid=False), searching.thread),
    "FETCH": Entry(_OPEN, grammar.fetch(by_uid=False), messages.fetch),
    "STORE": Entry(_OPEN, grammar.store(by_uid=False), messages.store, Tell.ALL_BUT_EXPUNGE),
    "COPY": Entry(_OPEN, grammar.transfer(by_uid=False), messages.copy, Tell.ALL),
    "MOVE": Entry(_OPEN, grammar.transfer(by_uid=False), messages.move, Tell.ALL),
    "REPLACE": Entry(_OPEN, grammar.replace(by_uid=False), messages.replace, Tell.ALL),
    "UID REPLACE": Entry(_OPEN, grammar.replace(by_uid=True), messages.replace, Tell.ALL),
    "UID EXPUNGE": Entry(_OPEN, grammar.numbers, messages.expunge, Tell.ALL),
    "UID SEARCH": Entry(_OPEN, grammar.search(by_uid=True), searching.search, Tell.ALL),
    "UID SORT": Entry(_OPEN, grammar.sort(by_uid=True), searching.sort, Tell.ALL),
    "UID THREAD": Entry(_OPEN, grammar.thread(by_uid=True), searching.thread, Tell.ALL),
    "UID FETCH": Entry(_OPEN, grammar.fetch(by_uid=True), messages.fetch, Tell.ALL),
    "UID STORE": Entry(_OPEN, grammar.store(by_uid=True), messages.store, Tell.ALL),
    "UID COPY": Entry(_OPEN, grammar.transfer(by_uid=True), messages.copy, Tell.ALL),
    "UID MOVE": Entry(_OPEN, grammar.transfer(by_uid=True), messages.move, Tell.ALL),
}
