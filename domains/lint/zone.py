"""Zone text as people paste it (RFC 1035 section 5): each record is read by itself, so that one fault hides no other.

dnspython reads the data of a record; names, defaults and directives are followed here. ``$INCLUDE`` and ``$GENERATE``
are not obeyed: nothing is opened, nothing multiplied.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer

from domains.lint.finding import Code, Finding, Kind, Span, error, note, warning
from domains.lint.record import MAXIMUM_CHARACTERS, MAXIMUM_FINDINGS, kind_at, lint_name, lint_record, ordered
from domains.spf.record import is_spf_record

MAXIMUM_RECORDS = 1000
_CLASSES = ("IN", "CH", "HS", "ANY")
_TTL = re.compile(r"(?:[0-9]{1,10}|(?:[0-9]{1,9}[smhdw])+)", re.IGNORECASE)
_ORIGIN = re.compile(r"\$ORIGIN[ \t]+(\S+)", re.IGNORECASE)
_TTL_LINE = re.compile(r"\$TTL[ \t]+\S+", re.IGNORECASE)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')
# A string, one that is not closed on its line, a comment, an escape, a mark of our own interest, or other text.
_PIECE = re.compile(r'(?P<string>"(?:[^"\\\n]|\\[^\n])*")|"[^\n]*|;[^\n]*|\\[^\n]|[()\n\r]|[^"();\\\n\r]+|\\')
_KINDS = {"MX": Kind.MX, "TLSA": Kind.TLSA, "CAA": Kind.CAA, "SRV": Kind.SRV}
_TARGETS = {"MX": 1, "CNAME": 0, "NS": 0, "PTR": 0, "SRV": 3}
_DUPLICATES = {
    Kind.SPF: Code.SPF_DUPLICATE,
    Kind.DMARC: Code.DMARC_DUPLICATE,
    Kind.DKIM: Code.DKIM_DUPLICATE,
    Kind.MTA_STS: Code.STS_DUPLICATE,
    Kind.TLS_RPT: Code.TLSRPT_DUPLICATE,
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """The text of one record or directive, without comments and brackets, and where it stands.

    ``raw`` keeps what looked like a comment, for texts whose quote marks were forgotten.
    """

    text: str
    raw: str
    span: Span


@dataclass(frozen=True, slots=True)
class _Row:
    """One record that could be read."""

    name: str
    rdtype: str
    value: str
    span: Span
    ttl: str
    kind: Kind | None


@dataclass(slots=True)
class _State:
    """What later lines inherit."""

    origin: str
    owner: str = ""
    rows: list[_Row] = field(default_factory=list)


def lint_zone(text: str, zone: str = "") -> list[Finding]:
    """Return what is to be said of zone text; ``zone`` is where names without a final dot belong, when known."""
    if not text.strip():
        return [error(Code.EMPTY)]
    if len(text) > MAXIMUM_CHARACTERS:
        return [error(Code.TOO_LONG, count=len(text), most=MAXIMUM_CHARACTERS)]
    return ordered(islice(_findings(text, zone.lower().removesuffix(".")), MAXIMUM_FINDINGS))


def _findings(text: str, zone: str) -> Iterator[Finding]:
    state = _State(zone)
    for number, entry in enumerate(_entries(text)):
        if number >= MAXIMUM_RECORDS:
            yield error(Code.TOO_LONG, entry.span, count=number, most=MAXIMUM_RECORDS)
            break
        if isinstance(entry, Finding):
            yield entry
        elif entry.text.startswith("$"):
            yield from _directive(entry, state)
        else:
            yield from _record(entry, state, text)
    yield from _sets(state.rows)


# ---- Text to entries --------------------------------------------------------------------------------------------


def _entries(text: str) -> Iterator["_Entry | Finding"]:
    """Yield the entries: a line, or several within brackets; strings and comments are respected."""
    kept: list[str] = []
    raw: list[str] = []
    start, depth = 0, 0
    for found in _PIECE.finditer(text + "\n"):
        piece = found[0]
        if piece == "\n" and not depth:
            if "".join(kept).strip():
                end = start + len(text[start : found.start()].rstrip())
                yield _Entry("".join(kept).rstrip(), "".join(raw).rstrip(), Span(start, end))
            kept, raw, start = [], [], found.end()
            continue
        if piece.startswith('"') and not found["string"]:
            yield error(Code.ZONE_OPEN, Span(found.start(), found.end()))
            piece += '"'
        raw.append(piece)
        depth = max(depth + {"(": 1, ")": -1}.get(piece, 0), 0)
        if not piece.startswith(";"):
            kept.append(" " if piece in ("(", ")", "\n", "\r") else piece)
    if depth:
        yield error(Code.ZONE_OPEN, Span(start, len(text)))


def _directive(entry: _Entry, state: _State) -> Iterator[Finding]:
    origin = _ORIGIN.fullmatch(entry.text)
    if origin is not None:
        name = origin[1].lower()
        if not name.endswith(".") and name != ".":
            yield warning(Code.ZONE_RELATIVE, entry.span, name=name, becomes=_absolute(name, state.origin) + ".")
        state.origin = name.removesuffix(".")
        yield from lint_name(None, state.origin) if state.origin else ()
    elif not _TTL_LINE.fullmatch(entry.text):
        yield note(Code.ZONE_DIRECTIVE, entry.span, name=entry.text.split()[0])


# ---- One record -------------------------------------------------------------------------------------------------


def _absolute(name: str, origin: str) -> str:
    """Return a name as the zone reads it, lower case and without final dot."""
    plain = name.lower()
    if plain == "@":
        return origin
    if plain.endswith(".") or not origin:
        return plain.removesuffix(".")
    return f"{plain}.{origin}"


def _ends_in(name: str, origin: str) -> bool:
    """True for a full name of the zone whose final dot was forgotten."""
    return bool(origin) and (name == origin or name.endswith(f".{origin}"))


def _meant(name: str, origin: str) -> str:
    """Return the name that was meant, which is not always what the zone reads."""
    plain = name.lower()
    return plain if _ends_in(plain, origin) else _absolute(plain, origin)


def _record(entry: _Entry, state: _State, text: str) -> Iterator[Finding]:
    inherits = entry.text[:1] in (" ", "\t")
    words = [found[0] for found in _TOKEN.finditer(entry.text)]
    if not inherits:
        owner, words = words[0], words[1:]
        yield from _relative(owner, state.origin, entry.span, owner=True)
        state.owner = _meant(owner, state.origin)
    elif not state.owner:
        yield error(Code.ZONE_NO_NAME, entry.span)
        return
    ttl, words = _without_ttl_and_class(words)
    if not words:
        yield error(Code.ZONE_SYNTAX, entry.span, reason="")
        return
    rdtype, data = words[0].upper(), words[1:]
    yield from _data(entry, state, text, rdtype, data, ttl)


def _without_ttl_and_class(words: list[str]) -> tuple[str, list[str]]:
    ttl = ""
    for _ in range(2):
        if words and not ttl and _TTL.fullmatch(words[0]):
            ttl, words = words[0], words[1:]
        elif words and words[0].upper() in _CLASSES:
            words = words[1:]
    return ttl, words


def _relative(name: str, origin: str, span: Span, owner: bool) -> Iterator[Finding]:
    """Yield the slip of a full name without its final dot; a short name below the zone is meant as it stands."""
    plain = name.lower()
    if plain.endswith(".") or "." not in plain:
        return
    slip = _ends_in(plain, origin)
    if slip or not origin or not owner:
        yield (error if slip else warning)(
            Code.ZONE_RELATIVE, span, name=name, becomes=f"{_absolute(name, origin or 'ZONE')}."
        )


def _data(entry: _Entry, state: _State, text: str, rdtype: str, data: list[str], ttl: str) -> Iterator[Finding]:
    try:
        known = dns.rdatatype.from_text(rdtype)
    except (dns.exception.DNSException, ValueError):
        yield error(Code.ZONE_TYPE, entry.span, value=rdtype)
        return
    if rdtype == "SPF":
        yield warning(Code.SPF_TYPE, entry.span)
    if rdtype in ("TXT", "SPF") and data and not data[0].startswith('"') and _is_cut(entry, data):
        value = _unquoted(entry, rdtype)
        yield error(Code.ZONE_UNQUOTED, entry.span)
    else:
        try:
            rdata = _read(known, rdtype, data, state.origin)
        except (dns.exception.DNSException, ValueError, UnicodeError) as fault:
            yield error(Code.ZONE_SYNTAX, entry.span, reason=str(fault))
            return
        value = _value(rdata, rdtype)
    yield from _targets(rdtype, data, state.origin, entry.span)
    kind = kind_at(state.owner, value) if rdtype in ("TXT", "SPF") else _KINDS.get(rdtype)
    state.rows.append(_Row(state.owner, rdtype, value, entry.span, ttl, kind))
    if kind is None:
        found = list(lint_name(None, state.owner)) if state.owner else []
    else:
        found = lint_record(kind, value, state.owner)
    for finding in found:
        yield Finding(finding.level, finding.code, _located(finding, value, entry.span, text), finding.values)


def _is_cut(entry: _Entry, data: list[str]) -> bool:
    """True when a text without quote marks loses something: spaces, or all behind a semicolon."""
    return len(data) > 1 or ";" in entry.raw


def _unquoted(entry: _Entry, rdtype: str) -> str:
    return re.split(rf"(?i)(?:^|[ \t]){rdtype}[ \t]+", entry.raw, maxsplit=1)[-1].strip()


def _read(known: Any, rdtype: str, data: list[str], origin: str) -> dns.rdata.Rdata:
    """Return the data; raises dnspython's errors and ValueError."""
    tokens = dns.tokenizer.Tokenizer(" ".join(data))
    base = dns.name.from_text(f"{origin}." if origin else ".")
    return dns.rdata.from_text(dns.rdataclass.IN, known, tokens, base, relativize=False)


def _value(rdata: Any, rdtype: str) -> str:
    if rdtype in ("TXT", "SPF"):
        return b"".join(rdata.strings).decode("utf-8", "replace")
    text = str(rdata.to_text())
    if rdtype in _TARGETS and not text.endswith(" ."):
        return text.removesuffix(".").lower()
    return text


def _targets(rdtype: str, data: list[str], origin: str, span: Span) -> Iterator[Finding]:
    position = _TARGETS.get(rdtype)
    if position is not None and len(data) > position:
        yield from _relative(data[position], origin, span, owner=False)


def _located(finding: Finding, value: str, span: Span, text: str) -> Span:
    """Return where the piece of the value stands in the text, the whole record when it is not found as one piece."""
    piece = value[finding.span.start : finding.span.end]
    start = text.find(piece, span.start, span.end) if piece.strip() else -1
    return Span(start, start + len(piece)) if start >= 0 else span


# ---- Several records --------------------------------------------------------------------------------------------


def _sets(rows: list[_Row]) -> Iterator[Finding]:
    """Yield what is to be said of records together."""
    by_name: dict[str, list[_Row]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).append(row)
    aliases = {row.name for row in rows if row.rdtype == "CNAME"}
    for found in by_name.values():
        yield from _at_one_name(found)
    for row in rows:
        host = row.value.rpartition(" ")[2]
        if row.rdtype in ("MX", "NS", "SRV") and host in aliases:
            yield error(Code.HOST_ALIAS, row.span, value=host)


def _at_one_name(rows: list[_Row]) -> Iterator[Finding]:
    alias = next((row for row in rows if row.rdtype == "CNAME"), None)
    if alias is not None and len(rows) > 1:
        yield error(Code.ZONE_ALIAS_BESIDE, alias.span, name=alias.name)
    seen: set[tuple[str, str]] = set()
    kinds: set[Kind] = set()
    ttls: dict[str, str] = {}
    exchanges = [row for row in rows if row.rdtype == "MX"]
    for row in rows:
        if (row.rdtype, row.value) in seen:
            yield warning(Code.RECORD_TWICE, row.span, value=row.value)
        elif row.kind in _DUPLICATES and row.kind in kinds and _counts(row):
            yield error(_DUPLICATES[row.kind], row.span, name=row.name)
        seen.add((row.rdtype, row.value))
        if row.kind is not None and _counts(row):
            kinds.add(row.kind)
        if ttls.setdefault(row.rdtype, row.ttl) != row.ttl:
            yield warning(Code.ZONE_TTLS, row.span, name=row.name, type=row.rdtype)
    for row in exchanges:
        if row.value.endswith(" .") and len(exchanges) > 1:
            yield error(Code.MX_NULL_NOT_ALONE, row.span)


def _counts(row: _Row) -> bool:
    """True for a record that another of its kind would collide with; an old type SPF beside TXT does not."""
    return row.rdtype == "TXT" and (row.kind is not Kind.SPF or is_spf_record(row.value))
