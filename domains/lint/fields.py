"""Records of several fields: MX (RFC 5321, 7505), SRV (RFC 2782), TLSA (RFC 6698, 7672), CAA (RFC 8659)."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from domains.lint.finding import Code, Finding, Span, error, note, warning
from domains.names import DomainName

_WORD = re.compile(r"\S+")
_HEX = re.compile(r"[0-9A-Fa-f]*")
_PLACE = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_DIGEST_DIGITS = {1: 64, 2: 128}
_CAA = re.compile(r'(\S+)\s+(\S+)\s+(?:"([^"]*)"|(\S.*))')
_CAA_TAGS = ("issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone")
_PARAMETER = re.compile(r"\s*[A-Za-z0-9][A-Za-z0-9-]*\s*=\s*[!-:<-~]*\s*")
_CRITICAL = 128

Word = tuple[str, Span]


def _lines(text: str) -> Iterator[tuple[str, Span]]:
    """Yield the lines that hold something, without the white space around, with their places."""
    start = 0
    for line in text.split("\n"):
        bare = line.strip()
        if bare:
            begin = start + line.index(bare)
            yield bare, Span(begin, begin + len(bare))
        start += len(line) + 1


def _words(line: str, place: Span) -> list[Word]:
    return [
        (found[0], Span(place.start + found.start(), place.start + found.end())) for found in _WORD.finditer(line)
    ]


def _number(text: str, most: int) -> int | None:
    """Return a number of plain digits up to ``most``, None for anything else."""
    if text.isascii() and text.isdecimal() and len(text) <= 6 and int(text) <= most:
        return int(text)
    return None


def _numbers(words: list[Word], most: int) -> Iterator[Finding]:
    for text, place in words:
        if _number(text, most) is None:
            yield error(Code.NUMBER, place, value=text, most=most)


def lint_host(text: str, place: Span) -> Iterator[Finding]:
    """Yield what is to be said of a host name that a record points to."""
    bare = text.removesuffix(".")
    try:
        ip_address(bare.strip("[]"))
    except ValueError:
        pass
    else:
        yield error(Code.HOST_ADDRESS, place, value=text)
        return
    if "." not in bare and _PLACE.fullmatch(bare):
        yield warning(Code.HOST_ONE_LABEL, place, value=text)
        return
    try:
        DomainName(bare)
    except ValueError:
        yield error(Code.HOST_BAD, place, value=text)


# ---- MX and SRV -------------------------------------------------------------------------------------------------


def lint_mx(text: str) -> Iterator[Finding]:
    """Yield what is to be said of a domain's MX records, one a line."""
    seen: set[str] = set()
    lines = list(_lines(text))
    for line, place in lines:
        words = _words(line, place)
        if len(words) != 2:
            yield error(Code.FIELDS, place, wanted="10 mail.example.org")
            continue
        yield from _numbers(words[:1], 65535)
        host, host_place = words[1]
        if host == ".":
            yield from _null(words[0], place, len(lines))
        else:
            yield from lint_host(host, host_place)
        plain = host.lower().removesuffix(".")
        if plain in seen:
            yield warning(Code.RECORD_TWICE, place, value=host)
        seen.add(plain)


def _null(preference: Word, place: Span, count: int) -> Iterator[Finding]:
    if count > 1:
        yield error(Code.MX_NULL_NOT_ALONE, place)
    elif preference[0] != "0":
        yield warning(Code.MX_NULL_PREFERENCE, preference[1])
    else:
        yield note(Code.MX_NULL, place)


def lint_srv(text: str) -> Iterator[Finding]:
    """Yield what is to be said of SRV records, one a line."""
    for line, place in _lines(text):
        words = _words(line, place)
        if len(words) != 4:
            yield error(Code.FIELDS, place, wanted="0 1 993 mail.example.org")
            continue
        yield from _numbers(words[:3], 65535)
        host, host_place = words[3]
        if host == ".":
            yield note(Code.SRV_NOT_OFFERED, host_place)
            continue
        if words[2][0] == "0":
            yield error(Code.SRV_PORT, words[2][1])
        yield from lint_host(host, host_place)


# ---- TLSA -------------------------------------------------------------------------------------------------------


def lint_tlsa(text: str) -> Iterator[Finding]:
    """Yield what is to be said of the TLSA records of a mail server, one a line."""
    for line, place in _lines(text):
        words = _words(line, place)
        if len(words) < 4:
            yield error(Code.FIELDS, place, wanted="3 1 1 0123…ef")
            continue
        yield from _usage(*words[0])
        yield from _selector(*words[1], words[0][0])
        yield from _data(words)


def _usage(text: str, place: Span) -> Iterator[Finding]:
    usage = _number(text, 3)
    if usage is None:
        yield error(Code.TLSA_USAGE, place, value=text)
    elif usage < 2:
        yield error(Code.TLSA_USAGE_PKIX, place, value=text)
    elif usage == 2:
        yield note(Code.TLSA_AUTHORITY, place)


def _selector(text: str, place: Span, usage: str) -> Iterator[Finding]:
    selector = _number(text, 1)
    if selector is None:
        yield error(Code.TLSA_SELECTOR, place, value=text)
    elif selector == 0 and usage == "3":
        yield note(Code.TLSA_CERTIFICATE, place)


def _data(words: list[Word]) -> Iterator[Finding]:
    text, place = words[2]
    matching = _number(text, 2)
    data = "".join(word for word, _place in words[3:])
    whole = Span(words[3][1].start, words[-1][1].end)
    if matching is None:
        yield error(Code.TLSA_MATCHING, place, value=text)
    elif matching == 0:
        yield warning(Code.TLSA_WHOLE, place)
    if not _HEX.fullmatch(data) or len(data) % 2:
        yield error(Code.TLSA_HEX, whole)
    elif matching and len(data) != _DIGEST_DIGITS[matching]:
        yield error(Code.TLSA_LENGTH, whole, count=len(data), wanted=_DIGEST_DIGITS[matching])


# ---- CAA --------------------------------------------------------------------------------------------------------


def lint_caa(text: str) -> Iterator[Finding]:
    """Yield what is to be said of CAA records, one a line."""
    for line, place in _lines(text):
        found = _CAA.fullmatch(line)
        if found is None:
            yield error(Code.FIELDS, place, wanted='0 issue "ca.example.net"')
            continue
        flags_place, tag_place = (Span(place.start + found.start(n), place.start + found.end(n)) for n in (1, 2))
        group = 3 if found[3] is not None else 4
        value_place = Span(place.start + found.start(group), place.start + found.end(group))
        flags = _number(found[1], 255)
        if flags is None:
            yield error(Code.NUMBER, flags_place, value=found[1], most=255)
        elif flags not in (0, _CRITICAL):
            yield warning(Code.CAA_FLAGS, flags_place, value=found[1])
        yield from _property(found[2], tag_place, found[group], value_place, bool(flags and flags & _CRITICAL))


def _property(tag: str, tag_place: Span, value: str, place: Span, critical: bool) -> Iterator[Finding]:
    name = tag.lower()
    if name not in _CAA_TAGS:
        unknown = Code.CAA_CRITICAL if critical else Code.CAA_TAG
        yield (error if critical else warning)(unknown, tag_place, value=tag)
    elif name.startswith("issue"):
        yield from _issuer(value, place)
    elif name == "iodef" and not _is_contact(value):
        yield error(Code.CAA_CONTACT, place, value=value)


def _issuer(value: str, place: Span) -> Iterator[Finding]:
    issuer, *parameters = value.split(";")
    issuer = issuer.strip()
    if not issuer:
        yield note(Code.CAA_NOBODY, place)
    else:
        try:
            DomainName(issuer)
        except ValueError:
            yield error(Code.CAA_ISSUER, place, value=value)
            return
    if any(part.strip() and not _PARAMETER.fullmatch(part) for part in parameters):
        yield error(Code.CAA_ISSUER, place, value=value)


def _is_contact(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    if parts.scheme.lower() == "mailto":
        return "@" in parts.path
    return parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
