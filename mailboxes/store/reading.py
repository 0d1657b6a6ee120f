"""What IMAP reads: a mailbox at one moment, its changes since a MODSEQ, its messages in batches of bounded size.

Snapshot and changes are one statement each, so all they say is of one moment; MODSEQs are given out under the mailbox
row's lock, so nothing below the highest one appears later.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from psycopg.rows import DictRow, TupleRow, dict_row

from domains.database import database
from mailboxes.imap.numset import Ranges, part_of
from mailboxes.imap.port import Changes, FlagState, Folder, Need, Row, Since, Snapshot, StoreRefusal
from mailboxes.store.blobs import read_file

ROWS_AT_ONCE = 500
BODIES_AT_ONCE = 100

FOLDER_COLUMNS = """b.id, b.name, b.special_use, b.subscribed, b.uid_validity, b.uid_next, b.highest_modseq,
b.messages_count AS messages, b.unseen_count AS unseen, b.size_bytes AS size"""

_SNAPSHOT = f"""
SELECT {FOLDER_COLUMNS}, runs.lows, runs.highs,
    (SELECT min(uid) FROM mailboxes_message WHERE mailbox_id = b.id AND NOT '\\Seen' = ANY(flags)) AS first_unseen,
    ARRAY(SELECT DISTINCT unnest(flags) FROM mailboxes_message WHERE mailbox_id = b.id LIMIT 500) AS flags
FROM mailboxes_mailbox b
LEFT JOIN LATERAL (
    SELECT array_agg(low ORDER BY low) AS lows, array_agg(high ORDER BY low) AS highs
    FROM (SELECT min(uid) AS low, max(uid) AS high
          FROM (SELECT uid, uid - row_number() OVER (ORDER BY uid) AS run
                FROM mailboxes_message WHERE mailbox_id = b.id) AS numbered
          GROUP BY run) AS grouped
) AS runs ON true
WHERE b.account_id = %s AND b.name = %s
"""  # noqa: S608 - constants only

_CHANGES = """
SELECT b.highest_modseq,
    CASE WHEN b.highest_modseq > %(since)s THEN
        ARRAY(SELECT uid FROM mailboxes_expunged WHERE mailbox_id = b.id AND modseq > %(since)s ORDER BY uid) END,
    CASE WHEN b.highest_modseq > %(since)s THEN
        (SELECT json_agg(json_build_array(uid, modseq, flags) ORDER BY uid)
         FROM mailboxes_message WHERE mailbox_id = b.id AND modseq > %(since)s) END
FROM mailboxes_mailbox b WHERE b.id = %(mailbox)s
"""

_SINCE = """
SELECT array_agg(low ORDER BY low), array_agg(high ORDER BY low)
FROM (SELECT min(uid) AS low, max(uid) AS high
      FROM (SELECT uid, uid - row_number() OVER (ORDER BY uid) AS run FROM {table}
            WHERE mailbox_id = %(mailbox)s AND modseq > %(since)s AND modseq <= %(until)s) AS numbered
      GROUP BY run) AS grouped
"""
_CHANGED_SINCE, _GONE_SINCE = (_SINCE.format(table=table) for table in ("mailboxes_message", "mailboxes_expunged"))

_FETCH = """
SELECT m.uid, m.modseq, m.flags, m.internal_date, m.save_date, m.size, m.header_octets, m.blob_id {columns}
FROM unnest(%(lows)s::bigint[], %(highs)s::bigint[]) AS r(low, high)
JOIN mailboxes_message m ON m.mailbox_id = %(mailbox)s AND m.uid BETWEEN r.low AND r.high {join}
WHERE m.modseq > %(since)s
ORDER BY m.uid LIMIT %(limit)s
"""
_COLUMNS = {
    Need.ENVELOPE: ", m.envelope",
    Need.BODY: ", m.body",
    Need.STRUCTURE: ", m.body_structure",
    Need.HEADER: ", substring(o.data FROM 1 FOR m.header_octets) AS data, o.path",
    Need.CONTENT: ", o.data, o.path",
}


def bounds(ranges: Ranges) -> dict[str, list[int]]:
    """Return ranges as the two arrays that statements take."""
    return {"lows": [low for low, _ in ranges], "highs": [high for _, high in ranges]}


def folder_of(row: DictRow) -> Folder:
    """Return a folder from ``FOLDER_COLUMNS``."""
    return Folder(**{name: row[name] for name in Folder.__slots__ if name in row})


async def read_snapshot(account_id: int, name: str) -> Snapshot:
    """Return the mailbox for SELECT; raises StoreRefusal."""
    async with database() as connection, connection.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(_SNAPSHOT, (account_id, name))).fetchone()
    if row is None:
        raise StoreRefusal("There is no such mailbox", "NONEXISTENT")
    runs = tuple(zip(row["lows"] or (), row["highs"] or (), strict=True))
    return Snapshot(folder_of(row), runs, row["first_unseen"], row["flags"])


async def read_changes(mailbox_id: int, since: int) -> Changes | None:
    """Return what happened after ``since``; None when the mailbox is gone."""
    async with database() as connection:
        row = await (await connection.execute(_CHANGES, {"since": since, "mailbox": mailbox_id})).fetchone()
    if row is None:
        return None
    return Changes(row[0], row[1] or (), [FlagState(*state) for state in row[2] or ()])


async def read_since(mailbox_id: int, since: int, until: int) -> Since:
    """Return which UIDs changed or left, as ranges, so that any number of them costs little."""
    values = {"mailbox": mailbox_id, "since": since, "until": until}
    async with database() as connection:
        changed, gone = [
            await (await connection.execute(statement, values)).fetchone()
            for statement in (_CHANGED_SINCE, _GONE_SINCE)
        ]
    return Since(_ranges(changed), _ranges(gone))


def _ranges(row: TupleRow | None) -> Ranges:
    return () if row is None or row[0] is None else tuple(zip(row[0], row[1], strict=True))


async def fetch_rows(
    mailbox_id: int, uids: Ranges, need: Need, changed_since: int | None
) -> AsyncIterator[list[Row]]:
    """Yield batches by ascending UID; no connection is held while a batch is being used.

    A statement names no more UIDs than a batch holds, since it sorts all that it names; so ``uids`` should be of
    messages that are there. Of those that changed since, few among many, it names all.
    """
    columns = "".join(text for flag, text in _COLUMNS.items() if flag in need and not _covered(flag, need))
    with_bytes = bool(need & (Need.HEADER | Need.CONTENT))
    join = "JOIN mailboxes_blob o ON o.id = m.blob_id" if with_bytes else ""
    statement = _FETCH.format(columns=columns, join=join)
    limit = BODIES_AT_ONCE if Need.CONTENT in need else ROWS_AT_ONCE
    since = -1 if changed_since is None else changed_since
    while uids:
        part = part_of(uids, 1, limit) if changed_since is None else uids
        values: dict[str, Any] = {"mailbox": mailbox_id, "since": since, "limit": limit, **bounds(part)}
        async with database() as connection, connection.cursor(row_factory=dict_row, binary=True) as cursor:
            found = await (await cursor.execute(statement, values)).fetchall()
        if with_bytes:
            async for batch in _with_bytes(found, Need.CONTENT in need):
                yield batch
        elif found:
            yield [_row(row) for row in found]
        uids = _above(uids, found[-1]["uid"] if len(found) == limit else part[-1][1])


def _covered(flag: Need, need: Need) -> bool:
    """The whole content holds the header."""
    return flag is Need.HEADER and Need.CONTENT in need


def _above(ranges: Ranges, uid: int) -> Ranges:
    return tuple((max(low, uid + 1), high) for low, high in ranges if high > uid)


async def _with_bytes(found: Sequence[DictRow], whole: bool) -> AsyncIterator[list[Row]]:
    """Yield small messages together and each one from a file alone, so that memory stays bounded."""
    small: list[Row] = []
    for source in found:
        row = _row(source)
        if source["path"] is None:
            octets = bytes(source["data"])
        else:
            if small:
                yield small
                small = []
            octets = await asyncio.to_thread(read_file, source["path"], -1 if whole else row.header_octets)
        row.header = octets[: row.header_octets]
        row.content = octets if whole else b""
        small.append(row)
        if source["path"] is not None:
            yield small
            small = []
    if small:
        yield small


def _row(source: DictRow) -> Row:
    return Row(
        uid=source["uid"],
        modseq=source["modseq"],
        flags=source["flags"],
        internal_date=source["internal_date"],
        save_date=source["save_date"],
        size=source["size"],
        header_octets=source["header_octets"],
        blob_id=source["blob_id"],
        envelope=source.get("envelope", b""),
        body=source.get("body", b""),
        body_structure=source.get("body_structure", b""),
    )
