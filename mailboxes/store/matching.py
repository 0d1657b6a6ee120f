"""Does a message match a SEARCH key: the comparisons that SQL cannot make. Pure, linear, bounded by the MIME caps.

Text compares without case after decoding encoded words, transfer encodings and charsets; never as a pattern.
"""

import functools
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_tz

from mailboxes.imap import commands as c
from mailboxes.imap.numset import LARGEST
from mailboxes.imap.port import Row
from mailboxes.mime.headers import Field, first_value, split_fields, values_of
from mailboxes.mime.parts import Part, parse_parts
from mailboxes.mime.text import decode_header, decode_octets, decode_transfer


def needs_text(key: c.Key) -> bool:
    """True when some part of the key asks for what stands in the message."""
    if isinstance(key, c.Both | c.Either):
        return any(map(needs_text, key.keys))
    if isinstance(key, c.Not):
        return needs_text(key.key)
    return isinstance(key, c.InHeader | c.InText) or (isinstance(key, c.OnDate) and key.of is c.DateOf.SENT)


def needs_content(key: c.Key) -> bool:
    """True when some part of the key asks for the body."""
    if isinstance(key, c.Both | c.Either):
        return any(map(needs_content, key.keys))
    if isinstance(key, c.Not):
        return needs_content(key.key)
    return isinstance(key, c.InText)


def matches(row: Row, key: c.Key, now: datetime) -> bool:
    """Return whether the row, with its header or content read, matches."""
    return _Message(row, now).holds(key)


class _Message:
    """One row with its header fields and its text, each read once and only if asked for."""

    def __init__(self, row: Row, now: datetime) -> None:
        self.row = row
        self.now = now

    @functools.cached_property
    def fields(self) -> list[Field]:
        """The header fields."""
        return split_fields(self.row.header)

    @functools.cached_property
    def header_text(self) -> str:
        """The whole header, decoded and folded to one case."""
        return "\n".join(
            f"{field.name.decode('ascii', 'replace')}: {decode_header(field.value)}" for field in self.fields
        ).casefold()

    @functools.cached_property
    def body_text(self) -> str:
        """The text parts, decoded and folded to one case."""
        return "\n".join(_part_text(self.row.content, part) for part in parse_parts(self.row.content)).casefold()

    def holds(self, key: c.Key) -> bool:
        """Return whether the key holds; the grammar bounds its depth."""
        if isinstance(key, c.Both):
            return all(self.holds(inner) for inner in key.keys)
        if isinstance(key, c.Either):
            return any(self.holds(inner) for inner in key.keys)
        if isinstance(key, c.Not):
            return not self.holds(key.key)
        if isinstance(key, c.InHeader):
            return self._header(key)
        if isinstance(key, c.InText):
            text = key.text.casefold()
            return text in self.body_text or (key.header and text in self.header_text)
        return self._row(key)

    def _header(self, key: c.InHeader) -> bool:
        values = values_of(self.fields, key.name)
        text = key.text.casefold()
        return any(text in decode_header(value).casefold() for value in values)

    def _row(self, key: c.Key) -> bool:
        row = self.row
        if isinstance(key, c.HasFlag):
            return key.flag.lower() in {flag.lower() for flag in row.flags}
        if isinstance(key, c.InNumbers):
            ranges = key.numbers.ranges  # UIDs, ascending and disjoint
            at = bisect_right(ranges, (row.uid, LARGEST)) - 1
            return at >= 0 and row.uid <= ranges[at][1]
        if isinstance(key, c.Size):
            return row.size > key.octets if key.larger else row.size < key.octets
        if isinstance(key, c.ModSeq):
            return row.modseq >= key.least
        if isinstance(key, c.EmailId):
            return row.blob_id == key.content
        if isinstance(key, c.Younger):
            age = (self.now - row.internal_date) / timedelta(seconds=1)
            return age >= key.seconds if key.older else age <= key.seconds
        if isinstance(key, c.OnDate):
            day = self._day(key.of)
            return day is not None and (key.first is None or day >= key.first) and (key.end is None or day < key.end)
        return True

    def _day(self, of: c.DateOf) -> date | None:
        if of is c.DateOf.SENT:
            return sent_day(first_value(self.fields, b"date"))
        return (self.row.internal_date if of is c.DateOf.INTERNAL else self.row.save_date).astimezone(UTC).date()


def sent_day(value: bytes | None) -> date | None:
    """Return the day of a Date field as written, whatever its zone; None when it cannot be read."""
    if value is None:
        return None
    try:
        parsed = parsedate_tz(value[:200].decode("ascii", "replace"))
        return None if parsed is None else date(parsed[0], parsed[1], parsed[2])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _part_text(octets: bytes, part: Part) -> str:
    """Return what a reader sees of a leaf that is text; embedded headers too."""
    if part.parent is not None and part.message:
        header = "\n".join(decode_header(field.value) for field in part.fields)
    else:
        header = ""
    if part.children or part.media.main != b"text":
        return header
    charset = (part.media.parameter(b"charset") or b"utf-8").decode("ascii", "replace")
    body = decode_transfer(octets[part.body_start : part.end], part.encoding)
    return header + "\n" + decode_octets(body, charset)
