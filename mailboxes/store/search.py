"""SEARCH: what SQL can decide is decided there, text is compared here on what is left (RFC 9051 §6.4.4).

A key becomes two conditions: ``over`` holds for every match (and perhaps more), ``under`` only for matches. Text keys
are true in one and false in the other, so NOT and OR keep their meaning; where no text is asked for, SQL is exact.
User text is compared literally, never as a pattern.
"""

import asyncio
from datetime import UTC, datetime, time
from typing import Any

from psycopg.rows import TupleRow

from domains.database import database
from mailboxes.imap import commands as c
from mailboxes.imap.numset import LARGEST, ranges_of
from mailboxes.imap.port import Need, Progress, Row
from mailboxes.store.matching import matches, needs_content, needs_text
from mailboxes.store.reading import fetch_rows

_SEARCH = "SELECT m.uid, m.modseq FROM mailboxes_message m WHERE m.mailbox_id = %s AND {condition} ORDER BY m.uid"
_DATE_COLUMNS = {c.DateOf.INTERNAL: "m.internal_date", c.DateOf.SAVED: "m.save_date"}


async def search(mailbox_id: int, key: c.Key, progress: Progress | None = None) -> list[tuple[int, int]]:
    """Return (UID, MODSEQ) of every match by UID; number sets in the key are UIDs."""
    now = datetime.now(UTC)
    condition = _Condition(now)
    statement = _SEARCH.format(condition=condition.text(key, over=True))
    async with database() as connection:
        found = await (await connection.execute(statement, [mailbox_id, *condition.values])).fetchall()
    if not needs_text(key):
        return [(int(row[0]), int(row[1])) for row in found]
    return await _compare(mailbox_id, key, found, now, progress)


async def _compare(
    mailbox_id: int, key: c.Key, found: list[TupleRow], now: datetime, progress: Progress | None
) -> list[tuple[int, int]]:
    """Read the candidates in batches and compare them outside the event loop."""
    need = Need.CONTENT if needs_content(key) else Need.HEADER
    kept: list[tuple[int, int]] = []
    read = 0
    async for rows in fetch_rows(mailbox_id, ranges_of(row[0] for row in found), need, None):
        kept += await asyncio.to_thread(_matching, rows, key, now)
        read += len(rows)
        if progress is not None:
            await progress(read, len(found))
    return kept


def _matching(rows: list[Row], key: c.Key, now: datetime) -> list[tuple[int, int]]:
    return [(row.uid, row.modseq) for row in rows if matches(row, key, now)]


class _Condition:
    """Builds the SQL; ``values`` are its parameters in order."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.values: list[Any] = []

    def text(self, key: c.Key, over: bool) -> str:
        """Return the condition; the grammar bounds the depth of keys."""
        if isinstance(key, c.Both | c.Either):
            joint = " AND " if isinstance(key, c.Both) else " OR "
            return "(" + joint.join(self.text(inner, over) for inner in key.keys) + ")"
        if isinstance(key, c.Not):
            return f"NOT {self.text(key.key, not over)}"
        return self._leaf(key, over)

    def _leaf(self, key: c.Key, over: bool) -> str:
        if isinstance(key, c.InHeader | c.InText):
            return "true" if over else "false"
        if isinstance(key, c.HasFlag):
            return self._flag(key)
        if isinstance(key, c.InNumbers):
            return self._numbers(key)
        if isinstance(key, c.Size):
            return self._with(f"m.size {'>' if key.larger else '<'} %s", key.octets)
        if isinstance(key, c.ModSeq):
            return self._with("m.modseq >= %s", key.least)
        if isinstance(key, c.EmailId):
            return self._with("m.blob_id = %s", key.content or 0)
        if isinstance(key, c.Younger):
            sign = "<=" if key.older else ">="
            return self._with(f"m.internal_date {sign} now() - make_interval(secs => %s)", min(key.seconds, 10**10))
        if isinstance(key, c.OnDate):
            return self._date(key, over)
        return "true"

    def _with(self, text: str, value: Any) -> str:
        self.values.append(value)
        return f"({text})"

    def _flag(self, key: c.HasFlag) -> str:
        if key.flag.startswith("\\"):
            return self._with("%s = ANY(m.flags)", key.flag)
        return self._with("%s IN (SELECT lower(f) FROM unnest(m.flags) AS f)", key.flag.lower())

    def _numbers(self, key: c.InNumbers) -> str:
        ranges = key.numbers.resolve(LARGEST)
        self.values += [[low for low, _ in ranges], [high for _, high in ranges]]
        return (
            "EXISTS (SELECT 1 FROM unnest(%s::bigint[], %s::bigint[]) AS r(low, high)"
            " WHERE m.uid BETWEEN r.low AND r.high)"
        )

    def _date(self, key: c.OnDate, over: bool) -> str:
        column = _DATE_COLUMNS.get(key.of)
        if column is None:
            return "true" if over else "false"
        terms = [
            self._with(f"{column} {sign} %s", datetime.combine(day, time(), UTC))
            for day, sign in ((key.first, ">="), (key.end, "<"))
            if day is not None
        ]
        return "(" + " AND ".join(terms or ["true"]) + ")"
