"""Any file that may hold reports → the reports: XML, JSON, gzip, zip with one or many, a mail or an mbox of mails.

What a file is, its octets say. One unreadable report does not hide the others of the same file.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from typing import BinaryIO

from domains.dmarc.archive import (
    FROM_OUTSIDE,
    BadArchive,
    Content,
    Limits,
    is_packed,
    looks_like_xml,
    unpacked_members,
)
from domains.dmarc.attachments import attachments
from domains.dmarc.failure import FailureReport, NoFailureReport, parse_failure_report
from domains.dmarc.mail_parts import head
from domains.dmarc.report import MAXIMUM_RECORDS, BadReport, ReportHead, ReportRow, open_report
from domains.tls.report import MAXIMUM_OCTETS as MAXIMUM_TLS_OCTETS
from domains.tls.report import BadTlsReport, TlsReport, looks_like_json, parse_tls_report

MAXIMUM_MAIL_OCTETS = 50 * 1024 * 1024

_MAIL_FIELDS = frozenset(
    [b"from", b"received", b"content-type", b"mime-version", b"subject", b"date", b"return-path"]
)
_PROBE = 4096
_MBOX_LINE = re.compile(rb"From \S{1,320} .{0,60}[0-9]{2}:[0-9]{2}")
_LINE_OCTETS = 64 * 1024


@dataclass(frozen=True, slots=True)
class OpenReport:
    """An aggregate report whose rows are read while they are asked for; reading them raises BadReport, BadArchive."""

    head: ReportHead
    rows: Iterator[ReportRow]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What is not a report, with the reason in one sentence for people."""

    reason: str


Found = OpenReport | FailureReport | TlsReport | Unreadable


def _is_report_text(octets: bytes) -> bool:
    return looks_like_xml(octets) or looks_like_json(octets)


REPORT_TEXT = Content(_is_report_text, "XML nor JSON")


def reports_in(
    file: BinaryIO, name: str, limits: Limits = FROM_OUTSIDE, maximum_records: int = MAXIMUM_RECORDS
) -> Iterator[tuple[str, Found]]:
    """Yield (name, report) for all that an open file holds; the name is that of the file, the member or the part.

    The rows of one are to be read before the next is asked for.
    """
    beginning = file.read(_PROBE)
    file.seek(0)
    if not is_packed(beginning) and not _is_report_text(beginning) and _is_mail(beginning):
        for number, message in enumerate(_messages(file), 1):
            yield from _in_mail(message, name if number == 1 else f"{name}#{number}")
        return
    try:
        for member, chunks in unpacked_members(file, name, limits, None, REPORT_TEXT):
            yield member, _read(chunks, maximum_records)
    except BadArchive as refusal:
        yield name, Unreadable(str(refusal))


def _messages(file: BinaryIO) -> Iterator[bytes]:
    """Yield the messages of a mail or an mbox (RFC 4155), one at a time, each cut at ``MAXIMUM_MAIL_OCTETS``."""
    is_mbox = _MBOX_LINE.match(file.readline(_LINE_OCTETS)) is not None
    file.seek(0)
    if not is_mbox:
        yield file.read(MAXIMUM_MAIL_OCTETS)
        return
    message = bytearray()
    after_blank = False
    while line := file.readline(_LINE_OCTETS):
        if after_blank and _MBOX_LINE.match(line):
            yield bytes(message)
            message.clear()
        if len(message) < MAXIMUM_MAIL_OCTETS:
            message += line
        after_blank = line in (b"\n", b"\r\n")
    yield bytes(message)


def _is_mail(beginning: bytes) -> bool:
    fields, _body = head(beginning, 0, len(beginning))
    return not _MAIL_FIELDS.isdisjoint(fields)


def _in_mail(message: bytes, name: str) -> Iterator[tuple[str, Found]]:
    try:
        yield name, parse_failure_report(message)
        return
    except NoFailureReport:
        parts = attachments(message)
    except BadReport as refusal:
        yield name, Unreadable(str(refusal))
        return
    for part_name, octets in parts:
        yield from _in_part(octets, part_name or name)
    if not parts:
        yield name, Unreadable("The mail holds no report.")


def _in_part(octets: bytes, name: str) -> Iterator[tuple[str, Found]]:
    try:
        for member, chunks in unpacked_members(BytesIO(octets), name, FROM_OUTSIDE, None, REPORT_TEXT):
            yield member, _read(chunks, MAXIMUM_RECORDS)
    except BadArchive as refusal:
        yield name, Unreadable(str(refusal))


def _read(chunks: Iterable[bytes], maximum_records: int) -> Found:
    try:
        source = iter(chunks)
        first = next(source, b"")
        if looks_like_json(first):
            return parse_tls_report(_bounded(chain([first], source)))
        return OpenReport(*open_report(chain([first], source), maximum_records))
    except (BadArchive, BadReport, BadTlsReport) as refusal:
        return Unreadable(str(refusal))


def _bounded(chunks: Iterable[bytes]) -> bytes:
    """Return the octets, past the bound of a TLS report only as many as show that it is too long."""
    parts: list[bytes] = []
    length = 0
    for chunk in chunks:
        parts.append(chunk)
        length += len(chunk)
        if length > MAXIMUM_TLS_OCTETS:
            break
    return b"".join(parts)
