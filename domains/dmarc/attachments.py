"""The parts of a mail that may be reports (RFC 9990 section 3.1 and what generators make of it).

Parts count by what they hold, or claim to hold: wrong types and names, bodies that are the report, base64 that nobody
declared. Invariant: any octets give a list, in linear time; past a bound the rest is not looked at.
"""

import re

from domains.dmarc.archive import is_packed, looks_like_xml
from domains.dmarc.mail_parts import Part, decode_base64, leaves
from domains.tls.report import looks_like_json

MAXIMUM_ATTACHMENTS = 100

_BASE64_TEXT = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}")


def attachments(message: bytes) -> list[tuple[str, bytes]]:
    """Return (file name, octets) of each part that may be a report, in order; the body itself may be one.

    A part counts when its octets begin as gzip, zip or a report do, or when its name or type claims so (then the
    reason why it cannot be read is worth keeping). Never raises; past a bound the rest of the mail is not looked at.
    """
    found: list[tuple[str, bytes]] = []
    for part in leaves(message, into_messages=True):
        octets = _undress(part)
        if is_packed(octets) or _is_report_text(octets) or _claims_report(part):
            found.append((part.file_name, octets))
        if len(found) >= MAXIMUM_ATTACHMENTS:
            break
    return found


def _undress(part: Part) -> bytes:
    """Return the octets, decoded once more when they are base64 that nobody declared."""
    head = part.octets[:4096].strip()
    if len(head) < 16 or is_packed(head) or not _BASE64_TEXT.fullmatch(head):
        return part.octets
    decoded = decode_base64(part.octets)
    return decoded if is_packed(decoded) or _is_report_text(decoded) else part.octets


def _is_report_text(octets: bytes) -> bool:
    """True for XML or JSON that says within its first kilobytes which report it is."""
    head = octets[:4096].replace(b"\0", b"").lower()
    return (looks_like_xml(octets) and b"feedback" in head) or (looks_like_json(octets) and b'"policies"' in head)


def _claims_report(part: Part) -> bool:
    kinds = ("xml", "json", "gzip", "zip", "octet-stream")
    named = part.file_name.lower().endswith((".xml", ".json", ".gz", ".gzip", ".zip"))
    return named or (part.media_type.startswith("application/") and part.media_type.endswith(kinds))
