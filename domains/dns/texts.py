"""Records as text: the spelling of ``dns.port`` to that of zone files (RFC 1035 section 5.1).

``dns.port`` gives TXT unquoted and unsplit and names without their final dot; a zone file wants strings of at most
255 octets in quotes and names that end with a dot.
"""

import re

from domains.dkim.record import split_strings

_NAMES_AT_END = frozenset({"CNAME", "MX", "NS", "PTR", "SRV"})


def zone_text(rdtype: str, text: str) -> str:
    """Return one record's data as a zone file spells it."""
    if rdtype == "TXT":
        return " ".join(quoted(part) for part in split_strings(text))
    if rdtype in _NAMES_AT_END and not text.endswith("."):
        return f"{text}."
    return text


def quoted(text: str) -> str:
    """Return a character string in quotes; what is not printable ASCII as ``\\DDD``."""
    octets = text.encode("latin-1", "replace")
    return '"' + "".join(_character(octet) for octet in octets) + '"'


def _character(octet: int) -> str:
    if octet in b'"\\':
        return f"\\{chr(octet)}"
    return chr(octet) if 32 <= octet < 127 else f"\\{octet:03d}"


_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(\d{3}|.)")


def plain_text(rdtype: str, text: str) -> str:
    """Return what ``zone_text`` gave as ``dns.port`` spells it."""
    if rdtype == "TXT":
        return "".join(_ESCAPE.sub(_unescaped, part) for part in _STRING.findall(text))
    return text.removesuffix(".") if rdtype in _NAMES_AT_END else text


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1])) if found[1].isdecimal() and len(found[1]) == 3 else found[1]
