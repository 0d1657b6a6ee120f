"""FETCH answers as PostgreSQL writes them: whole lines of a thousand messages in one value, ready to send.

Only items that are columns can be had so, which are those that programs ask of whole folders. A line is what
``imap.rendering`` would write, octet by octet.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from domains.database import database
from mailboxes.imap.commands import BodyItem, Item

ROWS_AT_ONCE = 2_000
LONG_ROWS_AT_ONCE = 500

_MOMENT = """'"' || lpad(extract(day FROM m.{0} AT TIME ZONE 'UTC')::text, 2)
    || to_char(m.{0} AT TIME ZONE 'UTC', '-Mon-YYYY HH24:MI:SS') || ' +0000"'"""
_TEXTS = {
    Item.UID: "'UID ' || m.uid",
    Item.FLAGS: "'FLAGS (' || array_to_string(m.flags, ' ') || ')'",
    Item.INTERNALDATE: "'INTERNALDATE ' || " + _MOMENT.format("internal_date"),
    Item.SAVEDATE: "'SAVEDATE ' || " + _MOMENT.format("save_date"),
    Item.SIZE: "'RFC822.SIZE ' || m.size",
    Item.MODSEQ: "'MODSEQ (' || m.modseq || ')'",
    Item.EMAILID: "'EMAILID (M' || m.blob_id || ')'",
    Item.THREADID: "'THREADID NIL'",
}
_OCTETS = {Item.ENVELOPE: "m.envelope", Item.BODY: "m.body", Item.BODYSTRUCTURE: "m.body_structure"}

_FETCH = """
SELECT max(uid), count(*), coalesce(max(modseq), 0), string_agg(line, ''::bytea ORDER BY uid) FROM (
    SELECT m.uid, m.modseq, {line} AS line
    FROM unnest(%(lows)s::bigint[], %(highs)s::bigint[], %(sequences)s::bigint[]) AS r(low, high, sequence)
    JOIN mailboxes_message m ON m.mailbox_id = %(mailbox)s AND m.uid BETWEEN r.low AND r.high
    WHERE m.modseq > %(since)s
    ORDER BY m.uid LIMIT %(limit)s
) AS lines
"""

Numbered = tuple[int, int, int]  # a range of UIDs without gaps and the sequence number of its first


def can_prepare(items: Collection[Item | BodyItem]) -> bool:
    """True when all items are columns."""
    return all(item in _TEXTS or item in _OCTETS for item in items)


async def fetch_prepared(
    mailbox_id: int,
    ranges: Sequence[Numbered],
    items: Sequence[Item],
    changed_since: int | None,
    uid_only: bool = False,
) -> AsyncIterator[tuple[bytes, int]]:
    """Yield many answers at a time, with the highest MODSEQ among them; no connection is held meanwhile."""
    statement = _FETCH.format(line=_line(items, uid_only))
    limit = LONG_ROWS_AT_ONCE if any(item in _OCTETS for item in items) else ROWS_AT_ONCE
    since = -1 if changed_since is None else changed_since
    while ranges:
        lows, highs, sequences = (list(column) for column in zip(*ranges, strict=True))
        values: dict[str, Any] = {"lows": lows, "highs": highs, "sequences": sequences}
        async with database() as connection, connection.cursor(binary=True) as cursor:
            await cursor.execute(statement, values | {"mailbox": mailbox_id, "since": since, "limit": limit})
            row = await cursor.fetchone()
        if row is None or not row[1]:
            return
        yield row[3], int(row[2])
        ranges = _above(ranges, int(row[0])) if row[1] == limit else ()


def _line(items: Sequence[Item], uid_only: bool) -> str:
    """Return the SQL of one line as bytea."""
    pieces: list[str] = []
    text = "'* ' || m.uid || ' UIDFETCH ('" if uid_only else "'* ' || (r.sequence + m.uid - r.low) || ' FETCH ('"
    for number, item in enumerate(items):
        text += " || ' '" if number else ""
        if item in _TEXTS:
            text += f" || {_TEXTS[item]}"
        else:
            pieces += [f"convert_to({text} || '{item.value} ', 'UTF8')", _OCTETS[item]]
            text = "''"
    return " || ".join([*pieces, f"convert_to({text} || E')\\r\\n', 'UTF8')"])


def _above(ranges: Sequence[Numbered], uid: int) -> list[Numbered]:
    """Return what of the ranges lies above a UID."""
    rest = []
    for low, high, sequence in ranges:
        if high > uid:
            start = max(low, uid + 1)
            rest.append((start, high, sequence + start - low))
    return rest
