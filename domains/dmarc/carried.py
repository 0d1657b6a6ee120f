"""Who sent a mail that another server took in: read from its header, believed only as far as that server is.

The topmost Authentication-Results field (RFC 8601) is the one that the server holding the mailbox wrote; it counts
when its authserv-id is the one named. Invariants: any octets give an answer, in linear time; fields further down,
which anybody may have written, are never believed.
"""

import re
from dataclasses import dataclass

MAXIMUM_HEADER_OCTETS = 256 * 1024
MAXIMUM_FIELD_OCTETS = 16 * 1024

_FIELD = re.compile(rb"^([!-9;-~]{1,76})[ \t]*:", re.MULTILINE)
_FOLD = re.compile(r"\r?\n[ \t]+")
_DOMAIN = re.compile(r"@([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)")
_TOKEN = re.compile(r"""[^\s;="]+""")


@dataclass(frozen=True, slots=True)
class Carrier:
    """The domain that sent a mail, lower case, empty when nothing tells; ``authenticated``: it passed DMARC."""

    domain: str
    authenticated: bool


def carrier_of(message: bytes, trusted_results: str) -> Carrier:
    """Return who sent a message; ``trusted_results`` is the authserv-id to believe, empty for none."""
    fields = _first_fields(message)
    results = fields.get("authentication-results", "")
    proven = _passed(results, trusted_results) if trusted_results and results else ""
    if proven:
        return Carrier(proven, True)
    for name in ("return-path", "from"):
        found = _DOMAIN.findall(fields.get(name, ""))
        if found:
            return Carrier(found[-1].lower(), False)
    return Carrier("", False)


def _first_fields(message: bytes) -> dict[str, str]:
    """Return the topmost field of each name, unfolded."""
    head = message[:MAXIMUM_HEADER_OCTETS]
    ends = [place for place in (head.find(b"\r\n\r\n"), head.find(b"\n\n")) if place >= 0]
    block = head[: min(ends)] if ends else head
    starts = list(_FIELD.finditer(block))
    fields: dict[str, str] = {}
    for match, end in zip(starts, [*(match.start() for match in starts[1:]), len(block)], strict=False):
        name = match[1].decode("ascii").lower()
        if name not in fields:
            value = block[match.end() : min(end, match.end() + MAXIMUM_FIELD_OCTETS)]
            fields[name] = _FOLD.sub(" ", value.decode("utf-8", "replace")).strip()
    return fields


def _passed(results: str, trusted: str) -> str:
    """Return the domain whose DMARC passed, by the field's value; empty when it is not the trusted server's."""
    parts = _pieces(results)
    words = _TOKEN.findall(parts[0]) if parts else []
    if not words or words[0].lower() != trusted.lower():
        return ""
    for part in parts[1:]:
        method, _equals, rest = part.partition("=")
        values = _TOKEN.findall(rest.replace("=", " "))
        if method.strip().lower().partition("/")[0].strip() != "dmarc" or not values or values[0].lower() != "pass":
            continue
        pairs = dict(zip(values[1::2], values[2::2], strict=False))
        domain = next((value for name, value in pairs.items() if name.lower() == "header.from"), "")
        return domain.rpartition("@")[2].rstrip(".").lower()
    return ""


def _pieces(text: str) -> list[str]:
    """Return what stands between semicolons, without comments (RFC 5322 section 3.2.2) and quotes."""
    pieces, piece, level, quoted, escaped = [], [], 0, False, False
    for character in text:
        if escaped:
            escaped = False
            if not level:
                piece.append("_")
        elif character == "\\" and (level or quoted):
            escaped = True
        elif character == '"' and not level:
            quoted = not quoted
        elif quoted:
            piece.append(character if character not in " \t;=" else "_")
        elif character == "(":
            level += 1
        elif character == ")" and level:
            level -= 1
        elif level:
            continue
        elif character == ";":
            pieces.append("".join(piece))
            piece = []
        else:
            piece.append(character)
    return [*pieces, "".join(piece)]
