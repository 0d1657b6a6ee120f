"""Change flags under the mailbox row's lock; keywords compare without case and keep their first spelling."""

from collections.abc import Sequence
from typing import Any

from domains.database import database
from mailboxes.imap.commands import StoreMode
from mailboxes.imap.numset import Ranges
from mailboxes.imap.port import FlagState, Stored, StoreRefusal
from mailboxes.store.locks import adjust_mailbox, lock_mailbox
from mailboxes.store.reading import bounds

_NAMED = """
FROM unnest(%(lows)s::bigint[], %(highs)s::bigint[]) AS r(low, high)
JOIN mailboxes_message m ON m.mailbox_id = %(mailbox)s AND m.uid BETWEEN r.low AND r.high
"""
_NEW_FLAGS = {
    StoreMode.SET: "%(flags)s::text[]",
    StoreMode.ADD: """m.flags || ARRAY(SELECT n FROM unnest(%(flags)s::text[]) AS n
        WHERE lower(n) NOT IN (SELECT lower(f) FROM unnest(m.flags) AS f))""",
    StoreMode.REMOVE: "ARRAY(SELECT f FROM unnest(m.flags) AS f WHERE lower(f) <> ALL(%(lower)s::text[]))",
}
_DIFFERS = {
    StoreMode.SET: "NOT (old.lower @> %(lower)s::text[] AND old.lower <@ %(lower)s::text[])",
    StoreMode.ADD: "NOT old.lower @> %(lower)s::text[]",
    StoreMode.REMOVE: "old.lower && %(lower)s::text[]",
}
_CHANGE = """
WITH old AS (
    SELECT m.id, '\\Seen' = ANY(m.flags) AS seen, ARRAY(SELECT lower(f) FROM unnest(m.flags) AS f) AS lower
    {named} WHERE m.modseq <= %(unchanged_since)s
)
UPDATE mailboxes_message m SET flags = {flags}, modseq = %(modseq)s
FROM old WHERE m.id = old.id AND {differs}
RETURNING m.uid, old.seen, '\\Seen' = ANY(m.flags),
    (SELECT count(*) FROM unnest(m.flags) AS f WHERE NOT starts_with(f, '\\'))
"""
_STATES = f"SELECT m.uid, m.modseq, m.flags {_NAMED} ORDER BY m.uid"
_MODIFIED = f"SELECT m.uid {_NAMED} WHERE m.modseq > %(unchanged_since)s ORDER BY m.uid"
LARGEST = 2**62
MAXIMUM_KEYWORDS = 100


async def store_flags(
    account_id: int, mailbox_id: int, uids: Ranges, mode: StoreMode, flags: Sequence[str], unchanged_since: int | None
) -> Stored:
    """Change the flags of messages in one transaction; see ``MailStore.store_flags``."""
    values: dict[str, Any] = {
        "mailbox": mailbox_id,
        "flags": list(flags),
        "lower": [flag.lower() for flag in flags],
        "unchanged_since": LARGEST if unchanged_since is None else unchanged_since,
        **bounds(uids),
    }
    statement = _CHANGE.format(named=_NAMED, flags=_NEW_FLAGS[mode], differs=_DIFFERS[mode])
    async with database() as connection, connection.transaction():
        values["modseq"] = await lock_mailbox(connection, account_id, mailbox_id)
        modified: list[int] = []
        if unchanged_since is not None:
            modified = [row[0] for row in await (await connection.execute(_MODIFIED, values)).fetchall()]
        changed = await (await connection.execute(statement, values)).fetchall()
        if any(row[3] > MAXIMUM_KEYWORDS for row in changed):
            raise StoreRefusal(f"A message may have {MAXIMUM_KEYWORDS} keywords", "LIMIT")
        unseen = sum(int(before) - int(after) for _, before, after, _ in changed)
        await adjust_mailbox(connection, mailbox_id, 0, unseen, 0)
        states = await (await connection.execute(_STATES, values)).fetchall()
    return Stored(frozenset(row[0] for row in changed), [FlagState(*row) for row in states], modified)
