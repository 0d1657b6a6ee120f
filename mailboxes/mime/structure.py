"""ENVELOPE, BODY and BODYSTRUCTURE of a message as wire bytes (RFC 9051 §7.5.2), made once when it is stored.

Strings are quoted where that is allowed, else literals; header text keeps its octets and its encoded words.
"""

from dataclasses import dataclass

from domains.octets import Octets
from mailboxes.mime.headers import Address, Field, first_value, parse_addresses
from mailboxes.mime.media import Parameters, parse_disposition
from mailboxes.mime.parts import Part, parse_parts

_QUOTED_OCTETS = 1_000


@dataclass(frozen=True, slots=True)
class Described:
    """What is stored beside a message: three items ready to send, and the size of its header with the empty line."""

    envelope: bytes
    body: bytes
    body_structure: bytes
    header_octets: int


def describe(octets: Octets) -> Described:
    """Return the description of a whole message; never raises, time linear in the size."""
    return describe_parts(parse_parts(octets))


def describe_parts(parts: list[Part]) -> Described:
    """Return the description of a message already read."""
    root = parts[0]
    body, body_structure = _structure(parts)
    return Described(envelope(root.fields), body, body_structure, root.body_start)


def string(value: bytes) -> bytes:
    """``string = quoted / literal``: a literal where a quoted string could not carry the octets (RFC 9051 §4.3)."""
    value = value.replace(b"\0", b"?")
    if len(value) <= _QUOTED_OCTETS and value.isascii() and b"\r" not in value and b"\n" not in value:
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: bytes | None) -> bytes:
    """``nstring = string / nil``."""
    return b"NIL" if value is None else string(value)


def envelope(fields: tuple[Field, ...]) -> bytes:
    """``"(" env-date SP env-subject SP env-from … SP env-message-id ")"``; Sender and Reply-To fall back to From."""
    sender = _addresses(fields, b"from")

    def or_from(name: bytes) -> bytes:
        found = _addresses(fields, name)
        return sender if found == b"NIL" else found

    return b"(%b)" % b" ".join(
        (
            nstring(first_value(fields, b"date")),
            nstring(first_value(fields, b"subject")),
            sender,
            or_from(b"sender"),
            or_from(b"reply-to"),
            _addresses(fields, b"to"),
            _addresses(fields, b"cc"),
            _addresses(fields, b"bcc"),
            nstring(first_value(fields, b"in-reply-to")),
            nstring(first_value(fields, b"message-id")),
        )
    )


def _addresses(fields: tuple[Field, ...], name: bytes) -> bytes:
    """``"(" 1*address ")" / nil`` of the first field of that name."""
    value = first_value(fields, name)
    found = parse_addresses(value) if value else []
    return b"(%b)" % b"".join(map(_address, found)) if found else b"NIL"


def _address(address: Address) -> bytes:
    """``"(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"``."""
    return b"(%b %b %b %b)" % (
        nstring(address.name),
        nstring(address.route),
        nstring(address.mailbox),
        nstring(address.host),
    )


def _structure(parts: list[Part]) -> tuple[bytes, bytes]:
    """Return the root's BODY and BODYSTRUCTURE: children are written before their parents, without recursion."""
    written: dict[int, tuple[bytes, bytes]] = {}
    for part in reversed(parts):
        children = [written.pop(id(child)) for child in part.children]
        if part.is_multipart:
            short, extension = _multipart(part, children)
        else:
            short, extension = _single(part, children)
        written[id(part)] = (b"(%b)" % short[0], b"(%b %b)" % (short[1], extension))
    return written[id(parts[0])]


def _multipart(part: Part, children: list[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], bytes]:
    """``body-type-mpart`` short and long, and ``body-ext-mpart`` with every field."""
    sub = string(part.media.sub.upper())
    short = b"".join(child[0] for child in children) + b" " + sub
    long = b"".join(child[1] for child in children) + b" " + sub
    return (short, long), b"%b %b" % (_parameters(part.media.parameters), _common_extension(part))


def _single(part: Part, children: list[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], bytes]:
    """``body-type-1part`` short and long, and ``body-ext-1part`` with every field."""
    fields = part.fields
    basic = b" ".join(
        (
            string(part.media.main.upper()),
            string(part.media.sub.upper()),
            _parameters(part.media.parameters),
            nstring(first_value(fields, b"content-id")),
            nstring(first_value(fields, b"content-description")),
            string(part.encoding.upper()),
            b"%d" % (part.end - part.body_start),
        )
    )
    extension = b"%b %b" % (nstring(first_value(fields, b"content-md5")), _common_extension(part))
    if part.is_message and children:
        inner = envelope(part.children[0].fields)
        short, long = (b"%b %b %b %d" % (basic, inner, child, part.lines) for child in children[0])
        return (short, long), extension
    if part.media.main == b"text":
        basic += b" %d" % part.lines
    return (basic, basic), extension


def _common_extension(part: Part) -> bytes:
    """``body-fld-dsp SP body-fld-lang SP body-fld-loc``."""
    found = parse_disposition(first_value(part.fields, b"content-disposition"))
    disposition = b"NIL" if found is None else b"(%b %b)" % (string(found[0].upper()), _parameters(found[1]))
    return b"%b %b %b" % (
        disposition,
        _languages(first_value(part.fields, b"content-language")),
        nstring(first_value(part.fields, b"content-location")),
    )


def _parameters(parameters: Parameters) -> bytes:
    """``body-fld-param``."""
    if not parameters:
        return b"NIL"
    return b"(%b)" % b" ".join(b"%b %b" % (string(name.upper()), string(value)) for name, value in parameters)


def _languages(value: bytes | None) -> bytes:
    """``body-fld-lang``: one tag as a string, several as a list."""
    tags = [tag for tag in (piece.strip() for piece in (value or b"").split(b",")[:50]) if tag]
    if len(tags) < 2:
        return nstring(tags[0] if tags else None)
    return b"(%b)" % b" ".join(map(string, tags))
