"""One record as text: its kind recognised, its faults found. Pure, bounded, never raises for a text.

``lint_record`` takes the value as the DNS holds it: unquoted, unsplit. ``read_paste`` makes that of what people
paste.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from domains.lint.dkim import lint_dkim
from domains.lint.dmarc import lint_dmarc, lint_report_leave
from domains.lint.fields import lint_caa, lint_mx, lint_srv, lint_tlsa
from domains.lint.finding import Code, Finding, Kind, Level, Span, error, note, warning
from domains.lint.spf import lint_spf
from domains.lint.tls import lint_bimi, lint_mta_sts, lint_policy, lint_tls_rpt

MAXIMUM_CHARACTERS = 64 * 1024
MAXIMUM_FINDINGS = 100
STRING_OCTETS = 255
NAME_OCTETS = 253

_LINTERS: dict[Kind, Callable[[str], Iterator[Finding]]] = {
    Kind.SPF: lint_spf,
    Kind.DKIM: lint_dkim,
    Kind.DMARC_REPORT: lint_report_leave,
    Kind.MTA_STS: lint_mta_sts,
    Kind.MTA_STS_POLICY: lint_policy,
    Kind.TLS_RPT: lint_tls_rpt,
    Kind.BIMI: lint_bimi,
    Kind.MX: lint_mx,
    Kind.TLSA: lint_tlsa,
    Kind.CAA: lint_caa,
    Kind.SRV: lint_srv,
}
TXT_KINDS = frozenset({Kind.SPF, Kind.DKIM, Kind.DMARC, Kind.DMARC_REPORT, Kind.MTA_STS, Kind.TLS_RPT, Kind.BIMI})
_LINES = frozenset({Kind.MX, Kind.TLSA, Kind.CAA, Kind.SRV, Kind.MTA_STS_POLICY})
_UTF8 = frozenset({Kind.DKIM})  # n= holds notes in any script (RFC 6376 section 3.6.1)
# Where a kind stands: the pattern of its name, and how it begins, said to whoever put it elsewhere.
_PLACES: dict[Kind, tuple[re.Pattern[str], str]] = {
    Kind.DKIM: (re.compile(r"[^.]+(?:\.[^.]+)*\._domainkey\..+"), "SELECTOR._domainkey."),
    Kind.DMARC: (re.compile(r"_dmarc\..+"), "_dmarc."),
    Kind.DMARC_REPORT: (re.compile(r".+\._report\._dmarc\..+"), "DOMAIN._report._dmarc."),
    Kind.MTA_STS: (re.compile(r"_mta-sts\..+"), "_mta-sts."),
    Kind.TLS_RPT: (re.compile(r"_smtp\._tls\..+"), "_smtp._tls."),
    Kind.BIMI: (re.compile(r"[^.]+\._bimi\..+"), "default._bimi."),
    Kind.TLSA: (re.compile(r"(?:_[0-9]{1,5}|\*)\._(?:tcp|udp|sctp)\..+"), "_25._tcp."),
    Kind.SRV: (re.compile(r"_[a-z0-9-]+\._(?:tcp|udp|tls)\..+"), "_SERVICE._tcp."),
}
_LABEL = re.compile(r"\*|[a-z0-9_](?:[a-z0-9_/-]{0,61}[a-z0-9_])?")


def lint_record(kind: Kind, text: str, name: str = "") -> list[Finding]:
    """Return what is to be said of a value as a record of this kind at this name, errors first, at most a hundred.

    Text with an error in its characters is looked at no further: what would be said of it misleads.
    """
    found = list(islice(_general(kind, text), MAXIMUM_FINDINGS))
    if not any(finding.level is Level.ERROR for finding in found):
        own = lint_dmarc(text, name) if kind is Kind.DMARC else _LINTERS[kind](text)
        found += islice(own, MAXIMUM_FINDINGS - len(found))
    if name:
        found += lint_name(kind, name)
    return ordered(found)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by weight, then by place."""
    rank = list(Level)
    return sorted(findings, key=lambda finding: (rank.index(finding.level), finding.span))


# ---- Characters -------------------------------------------------------------------------------------------------


def _general(kind: Kind, text: str) -> Iterator[Finding]:
    if not text.strip():
        yield error(Code.EMPTY)
        return
    if len(text) > MAXIMUM_CHARACTERS:
        yield error(Code.TOO_LONG, count=len(text), most=MAXIMUM_CHARACTERS)
        return
    allowed = "\t\r\n" if kind in _LINES else "\t"
    for place, character in enumerate(text):
        if (character < " " and character not in allowed) or character == "\x7f":
            yield error(Code.CONTROL, Span(place, place + 1), octet=f"{ord(character):02X}")
        elif character > "\x7f" and kind not in _UTF8:
            yield error(Code.NOT_ASCII, Span(place, place + 1), character=character, name=_name_of(character))
    if "PRIVATE KEY" in text:
        yield error(Code.PRIVATE_KEY)
    if kind in TXT_KINDS:
        yield from _txt(text)


def _name_of(character: str) -> str:
    return unicodedata.name(character, f"U+{ord(character):04X}").lower()


def _txt(text: str) -> Iterator[Finding]:
    if text != text.strip():
        start = 0 if text[:1].isspace() else len(text.rstrip())
        yield (error if start == 0 else note)(Code.OUTER_SPACE, Span(start, start + 1))
    quote = text.find('"')
    if quote >= 0:
        yield error(Code.QUOTES, Span(quote, quote + 1))
    octets = len(text.encode("utf-8", "replace"))
    if octets > STRING_OCTETS:
        yield note(Code.LONG_STRING, count=octets)


# ---- Names ------------------------------------------------------------------------------------------------------


def lint_name(kind: Kind | None, name: str) -> Iterator[Finding]:
    """Yield what is wrong with a record's name; ``kind`` None for one that may stand anywhere."""
    plain = name.lower().removesuffix(".")
    labels = plain.split(".")
    if len(plain) > NAME_OCTETS or not all(_LABEL.fullmatch(label) for label in labels):
        yield error(Code.NAME_BAD, name=name)
        return
    doubled = doubled_suffix(plain)
    if doubled:
        yield error(Code.NAME_DOUBLED, name=plain, domain=doubled)
    if kind in _PLACES:
        pattern, wanted = _PLACES[kind]
        if not pattern.fullmatch(plain):
            weigh = note if kind is Kind.DKIM else warning  # keys behind an alias are usual
            yield weigh(Code.NAME_PLACE, name=plain, wanted=wanted)


def doubled_suffix(name: str) -> str:
    """Return the domain that a name ends in twice, as when a provider adds it to a full name; else nothing."""
    labels = name.split(".")
    for size in range(len(labels) // 2, 1, -1):
        if labels[-size:] == labels[-2 * size : -size]:
            return ".".join(labels[-size:])
    return ""


# ---- What people paste ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pasted:
    """A text to lint; ``kind`` None when it is not recognised."""

    kind: Kind | None
    text: str


_VERSIONS = {
    "v=spf": Kind.SPF,
    "spf2.0": Kind.SPF,
    "v=dkim": Kind.DKIM,
    "v=dmarc": Kind.DMARC,
    "v=sts": Kind.MTA_STS,
    "v=tlsrpt": Kind.TLS_RPT,
    "v=bimi": Kind.BIMI,
}
_STRINGS = re.compile(r'(?:\s*"(?:[^"\\]|\\.)*")+\s*', re.DOTALL)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([0-9]{3})|(.))", re.DOTALL)
_ZONE_LINE = re.compile(
    r"^(?:\$(?:ORIGIN|TTL|INCLUDE|GENERATE)\b|(?:\S+[ \t]+|[ \t]+)"
    r"(?:[0-9]+[a-z]?[ \t]+)?(?:IN[ \t]+)?(?:[0-9]+[a-z]?[ \t]+)?"
    r"(?:A|AAAA|MX|TXT|SPF|CNAME|NS|SRV|TLSA|CAA|PTR|SOA|DS|DNSKEY)[ \t]+\S)",
    re.IGNORECASE | re.MULTILINE,
)
_SHAPES: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.SRV, re.compile(r"[0-9]+[ \t]+[0-9]+[ \t]+[0-9]+[ \t]+(?=\S*\.)\S+\s*\Z")),
    (Kind.TLSA, re.compile(r"[0-9]+[ \t]+[0-9]+[ \t]+[0-9]+[ \t]+[0-9A-Fa-f \t\r\n]+\Z")),
    (Kind.CAA, re.compile(r"[0-9]+[ \t]+(?:issue|iodef|contact)[a-z]*[ \t]", re.IGNORECASE)),
    (Kind.MX, re.compile(r"[0-9]+[ \t]+\S+[ \t]*(?:\Z|[\r\n])")),
)


def read_paste(text: str, kind: Kind | None = None) -> Pasted:
    """Return the kind of a pasted text, recognised unless given, and its value without quote marks around."""
    if kind is Kind.ZONE:
        return Pasted(kind, text)
    plain = text.strip()
    if len(plain) > MAXIMUM_CHARACTERS:
        return Pasted(kind, plain)
    if kind not in (Kind.MTA_STS_POLICY, Kind.CAA) and _STRINGS.fullmatch(plain):
        plain = "".join(_unescaped(found[1]) for found in _STRING.finditer(plain))
    return Pasted(kind or recognise(plain), text if kind is None and recognise(plain) is Kind.ZONE else plain)


def _unescaped(text: str) -> str:
    """Return a quoted string without its escapes (RFC 1035 section 5.1)."""
    return _ESCAPE.sub(lambda found: chr(int(found[1])) if found[1] else found[2], text)


def recognise(text: str) -> Kind | None:
    """Return the kind that a value looks like, None when it looks like none."""
    start = text.lstrip(" \t\r\n\"'").lower()
    squeezed = re.sub(r"[ \t]", "", start[:40])
    for beginning, kind in _VERSIONS.items():
        if squeezed.startswith(beginning):
            return kind
    if re.match(r"version[ \t]*:", start):
        return Kind.MTA_STS_POLICY
    if _ZONE_LINE.search(text):
        return Kind.ZONE
    if re.match(r"(?:[a-z]+[ \t]*=[^;]*;[ \t]*)*p[ \t]*=", start[:2000]) and re.search(
        r"p\s*=\s*(?:;|$|[a-z0-9+/]{40})", start
    ):
        return Kind.DKIM
    return next((kind for kind, shape in _SHAPES if shape.match(text)), None)


def kind_at(name: str, text: str) -> Kind | None:
    """Return the kind of a TXT record by its text, or else by its name; None for a text of other use."""
    plain = name.lower().removesuffix(".")
    by_name = next(
        (
            kind
            for kind in (Kind.DMARC_REPORT, Kind.DMARC, Kind.MTA_STS, Kind.TLS_RPT, Kind.DKIM, Kind.BIMI)
            if _PLACES[kind][0].fullmatch(plain)
        ),
        None,
    )
    found = recognise(text)
    if by_name is Kind.DMARC_REPORT and found in (Kind.DMARC, None):
        return by_name
    return found if found in TXT_KINDS else by_name
