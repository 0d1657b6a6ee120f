"""Failure reports: one message that failed, told by who received it (RFC 5965, RFC 6591, RFC 9991).

The mail is a ``multipart/report`` of words for people, ``message/feedback-report`` (fields), and the message or its
header. What generators make of it is read too: another type of report or part, the fields as plain text or base64,
the whole mail forwarded, and reports of words alone. The reported message is somebody's private mail: of it only the
From domain, Subject, Date and Message-ID are kept, never a body.
Invariant: any octets give a report or BadReport, in linear time.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from domains.dmarc.mail_parts import Part, decode_base64, decode_words, head, leaves
from domains.dmarc.report_types import BadReport
from domains.dmarc.report_values import one_spelling
from domains.names import DomainName

FEEDBACK_TYPES = ("abuse", "auth-failure", "fraud", "not-spam", "opt-out", "other", "virus")
AUTH_FAILURES = ("adsp", "bodyhash", "revoked", "signature", "spf", "dkim", "dmarc")
DELIVERY_RESULTS = ("delivered", "spam", "policy", "reject", "other")
IDENTITIES = ("dkim", "spf", "none")

MAXIMUM_FEEDBACK_OCTETS = 64 * 1024
MAXIMUM_LINES = 1000
MAXIMUM_VALUES = 20
MAXIMUM_TEXT = 2_000
MAXIMUM_LEVELS = 5
MAXIMUM_INCIDENTS = 10**9

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,63})[ \t]*:[ \t]*(.*)")
_WORDS_FIELD = re.compile(r"[ \t>]*([A-Za-z][A-Za-z /-]{0,60}?)[ \t]*:[ \t]+(\S.*)")
_WORDS_OPENING = b"claiming to be from you has failed"
_COPIED = b"detected."  # ends the words before a copy of the header
_BASE64_TEXT = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}")
_IN_BRACKETS = re.compile(r"<([^<>]*@[^<>@]*)>")
_BARE_ADDRESS = re.compile(r"[^\s<>,;:\"()@]+@[^\s<>,;:\"()@]+")
_MESSAGES = ("message/rfc822", "message/global")
_REPORTED = (*_MESSAGES, "text/rfc822-headers", "message/rfc822-headers", "message/global-headers")
_LISTING = re.compile(r"[\s,;/-]+")

# Spellings of those who wrote the fields from memory, and the words of reports that are words alone.
_OTHER_NAMES = {
    "received-date": "arrival-date",
    "date": "arrival-date",
    "source": "source-ip",
    "sender-ip-address": "source-ip",
    "sender-ip": "source-ip",
    "original-mailfrom": "original-mail-from",
    "original-rcptto": "original-rcpt-to",
    "reported-domains": "reported-domain",
    "sender-domain": "reported-domain",
    "dkim-selector-dns": "dkim-dns",
    "auth-failures": "auth-failure",
    "authentication-result": "authentication-results",
}


@dataclass(frozen=True, slots=True)
class FailureReport:
    """One failure report; what it does not say is empty. Words are in lower case, times aware UTC."""

    feedback_type: str
    version: str
    user_agent: str
    arrival_date: datetime | None
    source_ip: str
    reported_domain: str
    original_mail_from: str
    original_rcpt_to: tuple[str, ...]
    auth_failure: tuple[str, ...]
    delivery_result: str
    dkim_domain: str
    dkim_selector: str
    dkim_identity: str
    spf_dns: str
    identity_alignment: tuple[str, ...]
    authentication_results: tuple[str, ...]
    reporting_mta: str
    original_envelope_id: str
    header_from: str
    subject: str
    message_id: str
    incidents: int


class NoFailureReport(BadReport):
    """The mail is another one."""


Fields = Mapping[str, Sequence[str]]


def parse_failure_report(message: bytes) -> FailureReport:
    """Return the report that a mail brings, or carries forwarded; raises BadReport."""
    fields, reported = _find(message)
    outer, _ = head(message, 0, len(message))
    header_from = _author_domain(_text(reported.get(b"from", b"")))
    reported_domain = _domain(_one(fields, "reported-domain")) or header_from
    if not reported_domain:
        raise BadReport("The report does not say which domain it is about.")
    dates = (_one(fields, "arrival-date"), _text(reported.get(b"date", b"")), _text(outer.get(b"date", b"")))
    return FailureReport(
        feedback_type=_word(_one(fields, "feedback-type") or "auth-failure", FEEDBACK_TYPES),
        version=_one(fields, "version")[:64],
        user_agent=_one(fields, "user-agent")[:300],
        arrival_date=next((moment for moment in map(_moment, dates) if moment), None),
        source_ip=_address(_one(fields, "source-ip")),
        reported_domain=reported_domain,
        original_mail_from=_path(_one(fields, "original-mail-from")),
        original_rcpt_to=tuple(map(_path, fields.get("original-rcpt-to", ()))),
        auth_failure=_words(fields, "auth-failure", AUTH_FAILURES),
        delivery_result=_word(_one(fields, "delivery-result"), DELIVERY_RESULTS),
        dkim_domain=_domain(_one(fields, "dkim-domain")),
        dkim_selector=_one(fields, "dkim-selector")[:255],
        dkim_identity=_one(fields, "dkim-identity")[:320],
        spf_dns=_one(fields, "spf-dns"),
        identity_alignment=_words(fields, "identity-alignment", IDENTITIES),
        authentication_results=tuple(fields.get("authentication-results", ())),
        reporting_mta=_one(fields, "reporting-mta").removeprefix("dns;").strip()[:255],
        original_envelope_id=_one(fields, "original-envelope-id")[:300],
        header_from=header_from,
        subject=decode_words(_text(reported.get(b"subject", b"")))[:300],
        message_id=_text(reported.get(b"message-id", b""))[:300],
        incidents=_incidents(_one(fields, "incidents")),
    )


def _find(message: bytes) -> tuple[Fields, Mapping[bytes, bytes]]:
    """Return the fields of the feedback and the header of the reported message, here or in what is forwarded."""
    inner = [message]
    for _ in range(MAXIMUM_LEVELS):
        forwarded: list[bytes] = []
        for mail in inner:
            parts = list(leaves(mail, into_messages=False))
            for index, part in enumerate(parts):
                fields = _feedback(part)
                if fields:
                    return fields, _reported(parts[index + 1 :] + parts[:index], part)
            forwarded += [part.octets for part in parts if part.media_type in _MESSAGES]
        inner = forwarded[:MAXIMUM_VALUES]
    raise NoFailureReport("The mail is not a failure report: no part of it says what failed.")


def _feedback(part: Part) -> Fields:
    """Return the fields of a feedback part; none when it is another part."""
    octets = part.octets[:MAXIMUM_FEEDBACK_OCTETS]
    if part.media_type not in ("message/feedback-report", "text/plain", "application/octet-stream"):
        return {}
    if b"feedback-type" not in octets.lower() and _BASE64_TEXT.fullmatch(octets.strip()):
        octets = decode_base64(octets)
    if b"\n" not in octets.strip():
        octets = octets.replace(b"\\r", b"").replace(b"\\n", b"\n")
    fields = _fields(octets, _FIELD)
    if part.media_type == "message/feedback-report" and fields:
        return fields
    if "feedback-type" in fields and ("version" in fields or "user-agent" in fields):
        return fields
    words, _, copied = octets.partition(_COPIED)
    if copied and _WORDS_OPENING in b" ".join(words.split()):
        return {name: values for name, values in _fields(words, _WORDS_FIELD).items() if name in _KNOWN}
    return {}


_KNOWN = frozenset(_OTHER_NAMES.values())


def _fields(octets: bytes, pattern: re.Pattern[str]) -> Fields:
    """Return the values of each field, at most ``MAXIMUM_VALUES``, folded lines joined."""
    found: dict[str, list[str]] = defaultdict(list)
    unfolded = re.sub(rb"\r?\n[ \t]+(?=\S)", b" ", octets) if pattern is _FIELD else octets
    for line in unfolded.splitlines()[:MAXIMUM_LINES]:
        match = pattern.match(_text(line))
        if match is None:
            continue
        name = "-".join(match[1].lower().split())
        values = found[_OTHER_NAMES.get(name, name)]
        if len(values) < MAXIMUM_VALUES and match[2].strip():
            values.append(match[2].strip())
    return {name: values for name, values in found.items() if values}


def _reported(parts: Iterable[Part], feedback: Part) -> Mapping[bytes, bytes]:
    """Return the header of the reported message: the part after the feedback, else any, else the end of the words."""
    for part in parts:
        if part.media_type in _REPORTED:
            return head(part.octets.lstrip(b"\r\n"), 0, len(part.octets))[0]
    copied = feedback.octets.partition(_COPIED)[2].lstrip()
    return head(copied, 0, len(copied))[0]


def _text(octets: bytes) -> str:
    """Return octets of a field as text: UTF-8 or else windows-1252, nothing in it that cannot be shown."""
    octets = octets[:MAXIMUM_TEXT]
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        text = octets.decode("cp1252", "replace")
    return "".join(letter for letter in text.replace("\t", " ") if letter.isprintable()).strip()


def _one(fields: Fields, name: str) -> str:
    values = fields.get(name)
    return values[0] if values else ""


def _word(text: str, words: Sequence[str]) -> str:
    """Return a word of the list; another one, if any, is ``other``."""
    word = text.split(";")[0].split("(")[0].strip().lower()
    return word if word in words or not word else "other"


def _words(fields: Fields, name: str, words: Sequence[str]) -> tuple[str, ...]:
    found = (word for value in fields.get(name, ()) for word in _LISTING.split(value.lower()))
    return tuple(dict.fromkeys(word for word in found if word in words))


def _address(text: str) -> str:
    """Return the address in its one spelling; empty when there is none that can be read."""
    tokens = text.removeprefix("dns;").replace("IPv6:", "").split()
    try:
        return one_spelling(tokens[0].rstrip(",;")[:64]) if tokens else ""
    except ValueError:
        return ""


def _domain(text: str) -> str:
    """Return the domain in A-labels; empty when it is none."""
    try:
        return DomainName(text.strip('<>" ').rpartition("@")[2].rstrip(".")).ascii
    except ValueError:
        return ""


def _author_domain(text: str) -> str:
    """Return the domain of a From field's address, the last one in angle brackets or else the first bare one."""
    brackets = _IN_BRACKETS.findall(text)
    bare = _BARE_ADDRESS.search(text)
    return _domain(brackets[-1]) if brackets else _domain(bare[0]) if bare else ""


def _path(text: str) -> str:
    """Return an envelope address without brackets and parameters; empty for the null one."""
    inside = re.match(r"[^<]{0,20}<([^<>]*)>", text)
    path = inside[1] if inside else (text.split() or [""])[0]
    return path.strip()[:320]


def _moment(text: str) -> datetime | None:
    """Return a time of RFC 5322 or ISO 8601, where no zone means UTC; None when it is neither."""
    shown = text[:100]
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(shown)
            return (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)).replace(
                microsecond=0
            )
        except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
            continue
    return None


def _incidents(text: str) -> int:
    return min(max(int(text), 1), MAXIMUM_INCIDENTS) if text.isdecimal() and len(text) < 20 else 1
