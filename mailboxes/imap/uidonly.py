"""What UIDONLY refuses (RFC 9586 §3.1): every command, key and parameter that names messages by number."""

from mailboxes.imap import commands as c
from mailboxes.imap.handlers.context import Done

REFUSED = Done("Messages are named by UID here", "BAD", "UIDREQUIRED")
_BY_NUMBER = frozenset({"FETCH", "STORE", "SEARCH", "SORT", "THREAD", "COPY", "MOVE", "REPLACE"})


def uses_numbers(name: str, command: c.Command) -> bool:
    """Return whether the command uses sequence numbers."""
    if name in _BY_NUMBER:
        return True
    if isinstance(command, c.Sort | c.Thread):
        command = command.search
    if isinstance(command, c.Search):
        return _has_numbers(command.key)
    return isinstance(command, c.Select) and command.resync is not None and command.resync.with_numbers


def _has_numbers(key: c.Key) -> bool:
    """Return whether a key names messages by number; ``$`` does not. The grammar bounds the depth."""
    if isinstance(key, c.Both | c.Either):
        return any(map(_has_numbers, key.keys))
    if isinstance(key, c.Not):
        return _has_numbers(key.key)
    return isinstance(key, c.InNumbers) and not key.by_uid and not key.numbers.saved
