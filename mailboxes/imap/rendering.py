"""A FETCH response out of a row and the items asked for (RFC 9051 §7.5.2); pure, nothing is written anew."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from mailboxes.imap import responses
from mailboxes.imap.commands import BodyItem, Item
from mailboxes.imap.port import FlagState, Need, Row
from mailboxes.mime.headers import split_fields
from mailboxes.mime.parts import Part, parse_parts
from mailboxes.mime.section import Text, decoded_part, header_bytes, part_bytes

_NEEDS = {Item.ENVELOPE: Need.ENVELOPE, Item.BODY: Need.BODY, Item.BODYSTRUCTURE: Need.STRUCTURE}


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


class _Bytes:
    """A row's octets, its parts read at most once."""

    def __init__(self, row: Row) -> None:
        self.row = row

    @cached_property
    def parts(self) -> list[Part]:
        """The message's parts."""
        return parse_parts(self.row.content)

    def section(self, item: BodyItem) -> bytes | None:
        """Return what the item names; None when there is no such part."""
        section, row = item.section, self.row
        if item.binary and section.path:
            return decoded_part(row.content, section.path, self.parts)
        if section.of_header:
            fields = () if section.text is Text.HEADER else split_fields(row.header)
            return header_bytes(row.header, fields, section)
        if not section.path and section.text in (Text.ALL, Text.TEXT):
            return row.content if section.text is Text.ALL else row.content[row.header_octets :]
        return part_bytes(row.content, section, self.parts)


def fetch_response(sequence: int, row: Row, items: Sequence[Item | BodyItem]) -> bytes:
    """``"*" SP sequence SP "FETCH" SP "(" msg-att … ")"``."""
    octets = _Bytes(row)
    words = [_body(item, octets) if isinstance(item, BodyItem) else _item(item, row) for item in items]
    return b"* %d FETCH (%b)\r\n" % (sequence, b" ".join(words))


def flags_response(sequence: int, state: FlagState, with_modseq: bool, with_flags: bool = True) -> bytes:
    """Return the FETCH response that tells of changed flags."""
    words = [b"UID %d" % state.uid]
    if with_flags:
        words.append(b"FLAGS " + responses.flags(state.flags))
    if with_modseq:
        words.append(b"MODSEQ (%d)" % state.modseq)
    return b"* %d FETCH (%b)\r\n" % (sequence, b" ".join(words))


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
    if item is Item.MODSEQ:
        return b"MODSEQ (%d)" % row.modseq
    stored = {Item.ENVELOPE: row.envelope, Item.BODY: row.body, Item.BODYSTRUCTURE: row.body_structure}
    name: str = item.value
    return name.encode() + b" " + bytes(stored[item])


def _body(item: BodyItem, octets: _Bytes) -> bytes:
    found = octets.section(item)
    if item.size_only:
        return item.label + b" %d" % len(found or b"")
    if found is not None and item.partial is not None:
        first, count = item.partial
        found = found[first : first + count]
    if found is None:
        return item.label + b" NIL"
    return item.label + b" " + responses.literal(found, binary=item.binary and b"\0" in found)
