"""The grammar of FETCH items (RFC 9051 §6.4.5; RFC 3516, RFC 8970)."""

from mailboxes.imap import commands as c
from mailboxes.imap.scanner import Scanner, SyntaxFault
from mailboxes.mime.section import Section, Text

FETCH_ITEMS = 200
PART_LEVELS = 60

_MACROS = {
    "ALL": (c.Item.FLAGS, c.Item.INTERNALDATE, c.Item.SIZE, c.Item.ENVELOPE),
    "FAST": (c.Item.FLAGS, c.Item.INTERNALDATE, c.Item.SIZE),
    "FULL": (c.Item.FLAGS, c.Item.INTERNALDATE, c.Item.SIZE, c.Item.ENVELOPE, c.Item.BODY),
}
_OLD_ITEMS = {
    "RFC822": (Text.ALL, False),
    "RFC822.HEADER": (Text.HEADER, True),
    "RFC822.TEXT": (Text.TEXT, False),
}
_ITEMS = {item.value: item for item in c.Item}

FetchItem = c.Item | c.BodyItem


def fetch_items(scanner: Scanner) -> tuple[FetchItem, ...]:
    """``"ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")"``."""
    if scanner.peek() == b"(":
        found = scanner.parenthesised(lambda: fetch_item(scanner))
        if len(found) > FETCH_ITEMS:
            raise SyntaxFault("Too many items")
        return tuple(dict.fromkeys(found))
    start = scanner.position
    macro = _MACROS.get(_item_name(scanner))
    if macro is not None:
        return macro
    scanner.position = start
    return (fetch_item(scanner),)


def _item_name(scanner: Scanner) -> str:
    """The item's name up to its section, in upper case."""
    end = scanner.position
    while end < len(scanner.text) and scanner.text[end : end + 1] not in (b" ", b"(", b")", b"[", b"<"):
        end += 1
    name = scanner.text[scanner.position : end].decode("ascii", "replace").upper()
    scanner.position = end
    return name


def fetch_item(scanner: Scanner) -> FetchItem:
    """``fetch-att``."""
    name = _item_name(scanner)
    if scanner.peek() == b"[" and name in ("BODY", "BODY.PEEK", "BINARY", "BINARY.PEEK", "BINARY.SIZE"):
        return _body_item(scanner, name)
    if name in _OLD_ITEMS:
        text, peek = _OLD_ITEMS[name]
        return c.BodyItem(name.encode(), Section(text=text), peek)
    if name == "PREVIEW" and scanner.accept(b" (LAZY)"):
        return c.Item.LAZY_PREVIEW
    if name in _ITEMS:
        return _ITEMS[name]
    raise SyntaxFault(f"There is no item {name[:40]!r}")


def _body_item(scanner: Scanner, name: str) -> c.BodyItem:
    """``"BODY" [".PEEK"] section [partial]`` and the BINARY forms."""
    binary = name.startswith("BINARY")
    part = section(scanner)
    if binary and part.text is not Text.ALL:
        raise SyntaxFault("BINARY takes part numbers only")
    label = (b"BODY" if not binary else name.removesuffix(".PEEK").encode()) + _section_label(part)
    partial = None
    if name != "BINARY.SIZE" and scanner.accept(b"<"):
        partial = _partial(scanner)
        label += b"<%d>" % partial[0]
    size_only = name == "BINARY.SIZE"
    return c.BodyItem(label, part, name.endswith(".PEEK") or size_only, partial, binary, size_only)


def _partial(scanner: Scanner) -> tuple[int, int]:
    """``"<" number64 "." nz-number64 ">"``."""
    first = scanner.number()
    scanner.expect(b".")
    count = scanner.number()
    scanner.expect(b">")
    if not count:
        raise SyntaxFault("A partial fetch asks for one octet at least")
    return first, count


def section(scanner: Scanner) -> Section:
    """``section = "[" [section-spec] "]"``."""
    scanner.expect(b"[")
    path: list[int] = []
    while scanner.peek().isdigit():
        path.append(scanner.number())
        if len(path) > PART_LEVELS or not path[-1]:
            raise SyntaxFault("There is no such part")
        if not scanner.accept(b"."):
            scanner.expect(b"]")
            return Section(tuple(path))
    if not path and scanner.accept(b"]"):
        return Section()
    found = _section_text(scanner, tuple(path))
    scanner.expect(b"]")
    return found


def _section_text(scanner: Scanner, path: tuple[int, ...]) -> Section:
    """``section-msgtext / "MIME"``."""
    for text in (Text.FIELDS_NOT, Text.FIELDS):
        if scanner.accept(text.encode() + b" "):
            return Section(path, text, tuple(scanner.parenthesised(scanner.astring)))
    for text in (Text.HEADER, Text.TEXT):
        if scanner.accept(text.encode()):
            return Section(path, text)
    if path and scanner.accept(b"MIME"):
        return Section(path, Text.MIME)
    raise SyntaxFault("There is no such section")


def _section_label(part: Section) -> bytes:
    """Return the section as the answer repeats it; names that are no atoms are quoted."""
    pieces = [".".join(map(str, part.path))] if part.path else []
    if part.text is not Text.ALL:
        pieces.append(part.text.value)
    label = ".".join(pieces).encode()
    if part.names:
        label += b" (" + b" ".join(_name_label(name) for name in part.names) + b")"
    return b"[" + label + b"]"


def _name_label(name: bytes) -> bytes:
    said = bytes(octet for octet in name if 32 <= octet < 127 and octet not in b'"\\')
    plain = said.replace(b"-", b"").replace(b"_", b"").replace(b".", b"")
    return said if plain.isalnum() else b'"' + said + b'"'
