"""A FETCH response out of a row and the items asked for (RFC 9051 §7.5.2); pure, nothing is written anew."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from mailboxes.imap import responses
from mailboxes.imap.commands import BodyItem, Item
from mailboxes.imap.port import FlagState, Need, Row, StoreRefusal
from mailboxes.mime.headers import Field, split_fields
from mailboxes.mime.parts import Part, parse_parts
from mailboxes.mime.preview import preview
from mailboxes.mime.section import (
    Text,
    UnknownEncoding,
    check_encoding,
    chosen_fields,
    decoded_part,
    header_bytes,
    part_bytes,
)
from mailboxes.mime.structure import string

LARGE_OCTETS = 64 * 1024

_NEEDS = {
    Item.PREVIEW: Need.CONTENT,
    Item.LAZY_PREVIEW: Need.CONTENT,
    Item.ENVELOPE: Need.ENVELOPE,
    Item.BODY: Need.BODY,
    Item.BODYSTRUCTURE: Need.STRUCTURE,
}


def need_of(items: Iterable[Item | BodyItem]) -> Need:
    """Return the columns that the items ask for."""
    need = Need.NOTHING
    for item in items:
        if isinstance(item, BodyItem):
            need |= Need.HEADER if item.section.of_header else Need.CONTENT
        else:
            need |= _NEEDS.get(item, Need.NOTHING)
    return need


def sets_seen(items: Iterable[Item | BodyItem]) -> bool:
    """True when one of the items marks the message as read."""
    return any(isinstance(item, BodyItem) and not item.peek for item in items)


class Rendering:
    """One row as a response, an item at a time; its header and parts are read at most once."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self._last: tuple[BodyItem | None, bytes | None] = (None, None)

    @property
    def is_large(self) -> bool:
        """True when the items are better made outside the event loop and sent one by one."""
        return max(len(self.row.content), len(self.row.header)) > LARGE_OCTETS

    @cached_property
    def parts(self) -> list[Part]:
        """The message's parts."""
        return parse_parts(self.row.content)

    @cached_property
    def fields(self) -> list[Field]:
        """The header fields."""
        return split_fields(self.row.header)

    def refuse_unknown(self, items: Iterable[Item | BodyItem]) -> None:
        """Raise StoreRefusal for a part that BINARY cannot decode (RFC 3516 §4.3), before anything is sent."""
        try:
            for item in items:
                if isinstance(item, BodyItem) and item.binary and item.section.path:
                    check_encoding(self.parts, item.section.path)
        except UnknownEncoding:
            raise StoreRefusal("The encoding of this part is not known", "UNKNOWN-CTE") from None

    def pieces(self, item: Item | BodyItem) -> tuple[bytes, bytes]:
        """Return the item's name with what stands before its octets, and its octets."""
        if item in (Item.PREVIEW, Item.LAZY_PREVIEW):
            return b"PREVIEW " + self._preview(lazy=item is Item.LAZY_PREVIEW), b""
        if not isinstance(item, BodyItem):
            return _item(item, self.row), b""
        found = self._section(item)
        if item.size_only:
            return item.label + b" %d" % len(found or b""), b""
        if found is not None and item.partial is not None:
            first, count = item.partial
            found = found[first : first + count]
        if found is None:
            return item.label + b" NIL", b""
        mark = b"~" if item.binary and b"\0" in found else b""
        return b"%b %b{%d}\r\n" % (item.label, mark, len(found)), found

    def _preview(self, lazy: bool) -> bytes:
        """``nstring``: NIL for who asks for what is cheap alone, of a large message (RFC 8970 §4)."""
        if lazy and self.is_large:
            return b"NIL"
        return string(preview(self.row.content, self.parts).encode())

    def _section(self, item: BodyItem) -> bytes | None:
        """Return what the item names, None when there is no such part; the last one is kept for its partials."""
        last, found = self._last
        if last is None or (last.section, last.binary) != (item.section, item.binary):
            found = self._octets(item)
            self._last = (item, found)
        return found

    def _octets(self, item: BodyItem) -> bytes | None:
        section, row = item.section, self.row
        if item.binary and section.path:
            return decoded_part(row.content, section.path, self.parts)
        if section.of_header:
            chosen = chosen_fields(row.header, section)
            if chosen is not None:
                return chosen
            fields = () if section.text is Text.HEADER else self.fields
            return header_bytes(row.header, fields, section)
        if not section.path and section.text in (Text.ALL, Text.TEXT):
            return row.content if section.text is Text.ALL else row.content[row.header_octets :]
        return part_bytes(row.content, section, self.parts)


def head(sequence: int, uid: int, uid_only: bool) -> bytes:
    """``"*" SP sequence SP "FETCH" SP "("``; with UIDONLY the UID names the message (RFC 9586 §3.2)."""
    return b"* %d UIDFETCH (" % uid if uid_only else b"* %d FETCH (" % sequence


def fetch_response(sequence: int, row: Row, items: Sequence[Item | BodyItem], uid_only: bool = False) -> bytes:
    """Return the FETCH response of a row that is not large."""
    rendering = Rendering(row)
    rendering.refuse_unknown(items)
    words = b" ".join(b"".join(rendering.pieces(item)) for item in items)
    return head(sequence, row.uid, uid_only) + words + b")\r\n"


def flags_response(
    sequence: int, state: FlagState, with_modseq: bool, with_flags: bool = True, uid_only: bool = False
) -> bytes:
    """Return the FETCH response that tells of changed flags."""
    words = [] if uid_only else [b"UID %d" % state.uid]
    if with_flags:
        words.append(b"FLAGS " + responses.flags(state.flags))
    if with_modseq:
        words.append(b"MODSEQ (%d)" % state.modseq)
    return head(sequence, state.uid, uid_only) + b" ".join(words) + b")\r\n"


def _item(item: Item, row: Row) -> bytes:
    if item is Item.UID:
        return b"UID %d" % row.uid
    if item is Item.FLAGS:
        return b"FLAGS " + responses.flags(row.flags)
    if item is Item.INTERNALDATE:
        return b"INTERNALDATE " + responses.date_time(row.internal_date)
    if item is Item.SAVEDATE:
        return b"SAVEDATE " + responses.date_time(row.save_date)
    if item is Item.SIZE:
        return b"RFC822.SIZE %d" % row.size
    if item is Item.EMAILID:
        return b"EMAILID (M%d)" % row.blob_id
    if item is Item.THREADID:
        return b"THREADID NIL"
    if item is Item.MODSEQ:
        return b"MODSEQ (%d)" % row.modseq
    stored = {Item.ENVELOPE: row.envelope, Item.BODY: row.body, Item.BODYSTRUCTURE: row.body_structure}
    name: str = item.value
    return name.encode() + b" " + bytes(stored[item])
