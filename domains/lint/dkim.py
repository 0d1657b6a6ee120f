"""DKIM key records (RFC 6376 section 3.6.1, RFC 8301, RFC 8463)."""

import base64
import binascii
import re
from collections.abc import Iterator

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from domains.lint.finding import Code, Finding, Span, error, note, warning
from domains.lint.tags import Tag, TagText, check_unknown, read_tags, split_places

_KNOWN = ("v", "h", "k", "n", "p", "s", "t", "g")
_SPACE = re.compile(r"[ \t\r\n]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_SHORTEST, _USUAL, _LONGEST = 1024, 2048, 4096
_ED25519_OCTETS = 32
_KEY_OCTETS = 8192  # a longer text is no key that anybody verifies with


def lint_dkim(text: str) -> Iterator[Finding]:
    """Yield what is to be said of a DKIM key record."""
    found = read_tags(text)
    yield from found.findings
    yield from _version(found)
    yield from check_unknown(found, _KNOWN)
    kind = found.value("k").lower() or "rsa"
    if kind not in ("rsa", "ed25519"):
        yield error(Code.DKIM_UNKNOWN_TYPE, found.tags["k"].value_span, value=kind)
    if "p" not in found.tags:
        yield error(Code.DKIM_NO_KEY)
    elif not found.value("p"):
        yield note(Code.DKIM_REVOKED, found.tags["p"].span)
    else:
        yield from _key(found.tags["p"], kind)
    yield from _hashes(found)
    yield from _services(found)
    yield from _flags(found)


def _version(found: TagText) -> Iterator[Finding]:
    tag = found.tags.get("v")
    if tag is None:
        yield note(Code.DKIM_NO_VERSION)
    elif tag.value != "DKIM1":
        yield error(Code.VERSION, tag.span, wanted="v=DKIM1")
    elif next(iter(found.tags)) != "v":
        yield error(Code.DKIM_VERSION_PLACE, tag.span)


def _key(tag: Tag, kind: str) -> Iterator[Finding]:
    place = tag.value_span
    if "-----BEGIN" in tag.value:
        yield error(Code.DKIM_PEM, place)
        return
    text = _SPACE.sub("", tag.value)
    octets = _decoded(text)
    if octets is None:
        yield error(Code.DKIM_BASE64, _bad_place(tag))
    elif kind == "ed25519":
        if len(octets) != _ED25519_OCTETS:
            yield error(Code.DKIM_ED25519_LENGTH, place, count=len(octets))
    elif kind == "rsa":
        yield from _rsa(octets, place)


def _decoded(text: str) -> bytes | None:
    if not _BASE64.fullmatch(text):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _bad_place(tag: Tag) -> Span:
    """Return the first character that base64 does not know, or the whole value when its length is wrong."""
    bad = re.search(r"[^A-Za-z0-9+/= \t\r\n]", tag.value)
    start = tag.value_span.start
    return Span(start + bad.start(), start + bad.end()) if bad else tag.value_span


def _rsa(octets: bytes, place: Span) -> Iterator[Finding]:
    if len(octets) == _ED25519_OCTETS:
        yield error(Code.DKIM_OTHER_KEY, place)
        return
    if len(octets) > _KEY_OCTETS:
        yield error(Code.DKIM_UNREADABLE, place)
        return
    try:
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        yield error(Code.PRIVATE_KEY if _is_private(octets) else Code.DKIM_UNREADABLE, place)
        return
    if not isinstance(key, RSAPublicKey):
        yield error(Code.DKIM_OTHER_KEY, place)
    elif key.key_size < _SHORTEST:
        yield error(Code.DKIM_SHORT, place, bits=key.key_size)
    elif key.key_size < _USUAL:
        yield warning(Code.DKIM_WEAK, place, bits=key.key_size)
    elif key.key_size > _LONGEST:
        yield warning(Code.DKIM_LONG, place, bits=key.key_size)


def _is_private(octets: bytes) -> bool:
    try:
        load_der_private_key(octets, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _hashes(found: TagText) -> Iterator[Finding]:
    if "h" not in found.tags:
        return
    tag = found.tags["h"]
    names = {name.lower(): place for name, place in split_places(tag, ":")}
    for name, place in names.items():
        if name not in ("sha1", "sha256"):
            yield warning(Code.DKIM_UNKNOWN_HASH, place, value=name)
    if "sha256" not in names:
        yield error(Code.DKIM_SHA1_ONLY, tag.value_span)
    elif "sha1" in names:
        yield warning(Code.DKIM_SHA1, names["sha1"])


def _services(found: TagText) -> Iterator[Finding]:
    if "s" in found.tags:
        tag = found.tags["s"]
        names = [name.lower() for name, _place in split_places(tag, ":")]
        if "*" not in names and "email" not in names:
            yield error(Code.DKIM_SERVICE, tag.span)
    if "g" in found.tags:
        tag = found.tags["g"]
        yield (note if tag.value == "*" else warning)(Code.DKIM_GRANULARITY, tag.span)


def _flags(found: TagText) -> Iterator[Finding]:
    if "t" not in found.tags:
        return
    for name, place in split_places(found.tags["t"], ":"):
        if name == "y":
            yield warning(Code.DKIM_TESTING, place)
        elif name == "s":
            yield note(Code.DKIM_STRICT, place)
        elif name:
            yield note(Code.DKIM_UNKNOWN_FLAG, place, value=name)
