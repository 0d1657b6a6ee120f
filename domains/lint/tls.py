"""The TXT records of MTA-STS (RFC 8461), its policy, TLS-RPT (RFC 8460) and BIMI (draft)."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from domains.lint.finding import Code, Finding, Span, error, note, warning
from domains.lint.tags import TagText, check_unknown, check_version, read_tags, split_places
from domains.tls.mta_sts import MAXIMUM_AGE

_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_PATTERN = re.compile(
    r"(?:\*\.)?(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_MAILTO = re.compile(r"mailto:[^@\s]{1,320}@[A-Za-z0-9._-]{1,253}", re.IGNORECASE)
_KEYS = ("version", "mode", "mx", "max_age")
_MODES = ("enforce", "testing", "none")
_DAY = 86_400


def lint_mta_sts(text: str) -> Iterator[Finding]:
    """Yield what is to be said of the record that announces a policy."""
    found = read_tags(text)
    yield from found.findings
    yield from check_version(found, "STSv1")
    yield from check_unknown(found, ("v", "id"))
    if not _ID.fullmatch(found.value("id")):
        yield error(Code.STS_ID, found.tags["id"].span if "id" in found.tags else Span(0, 0))


def lint_policy(text: str) -> Iterator[Finding]:
    """Yield what is to be said of a policy text."""
    fields: dict[str, tuple[str, Span]] = {}
    hosts = 0
    for key, value, place in _lines(text):
        if key is None:
            yield error(Code.POLICY_LINE, place, line=value)
        elif key == "mx":
            hosts += 1
            if len(value) > 255 or not _PATTERN.fullmatch(value):
                yield error(Code.POLICY_BAD_MX, place, value=value)
        elif key in fields:
            yield warning(Code.POLICY_TWICE, place, key=key)
        else:
            fields[key] = (value, place)
            if key not in _KEYS:
                yield note(Code.POLICY_UNKNOWN_KEY, place, key=key)
    yield from _fields(fields, hosts)


def _lines(text: str) -> Iterator[tuple[str | None, str, Span]]:
    """Yield key, value and place of each line; a key of None for a line that is none."""
    start = 0
    for line in text.removesuffix("\n").split("\n"):
        bare = line.removesuffix("\r")
        key, colon, value = bare.partition(":")
        place = Span(start, start + len(bare))
        if colon and _KEY.fullmatch(key):
            yield key, value.strip(" \t"), place
        else:
            yield None, bare, place
        start += len(line) + 1


def _fields(fields: dict[str, tuple[str, Span]], hosts: int) -> Iterator[Finding]:
    nothing = ("", Span(0, 0))
    version, place = fields.get("version", nothing)
    if version != "STSv1":
        yield error(Code.POLICY_VERSION, place)
    mode, place = fields.get("mode", nothing)
    if mode not in _MODES:
        yield error(Code.POLICY_MODE, place, value=mode)
    elif mode == "testing":
        yield note(Code.POLICY_TESTING, place)
    elif mode == "none":
        yield note(Code.POLICY_WITHDRAWN, place)
    if not hosts and mode != "none":
        yield error(Code.POLICY_NO_MX)
    age, place = fields.get("max_age", nothing)
    if not (age.isascii() and age.isdecimal() and len(age) <= 10 and int(age) <= MAXIMUM_AGE):
        yield error(Code.POLICY_AGE, place, most=MAXIMUM_AGE)
    elif int(age) < _DAY and mode == "enforce":
        yield warning(Code.POLICY_AGE_SHORT, place)


def lint_tls_rpt(text: str) -> Iterator[Finding]:
    """Yield what is to be said of the record that asks for TLS reports."""
    found = read_tags(text)
    yield from found.findings
    yield from check_version(found, "TLSRPTv1")
    yield from check_unknown(found, ("v", "rua"))
    if not found.value("rua"):
        yield error(Code.TLSRPT_NO_ADDRESS)
        return
    for uri, place in split_places(found.tags["rua"], ","):
        if not _MAILTO.fullmatch(uri) and not _is_https(uri):
            yield error(Code.TLSRPT_BAD_URI, place, value=uri)


def _is_https(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme.lower() == "https" and bool(parts.hostname) and not re.search(r"\s", text)


def lint_bimi(text: str) -> Iterator[Finding]:
    """Yield what is to be said of a BIMI record."""
    found = read_tags(text)
    yield from found.findings
    yield from check_version(found, "BIMI1")
    yield from check_unknown(found, ("v", "l", "a", "avp", "lps"))
    logo, evidence = found.value("l"), found.value("a")
    if "l" not in found.tags and not evidence:
        yield error(Code.BIMI_NO_LOGO)
    elif not logo and not evidence:
        yield note(Code.BIMI_DECLINED)
    yield from _urls(found)
    if logo and not evidence:
        yield note(Code.BIMI_NO_EVIDENCE)


def _urls(found: TagText) -> Iterator[Finding]:
    for tag in ("l", "a"):
        value = found.value(tag)
        if value and not _is_https(value):
            yield error(Code.BIMI_BAD_URL, found.tags[tag].value_span, tag=tag, value=value)
        elif value and tag == "l" and not urlsplit(value).path.lower().endswith((".svg", ".svgz")):
            yield warning(Code.BIMI_NOT_SVG, found.tags[tag].value_span)
