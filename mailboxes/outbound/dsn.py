"""Delivery status notifications (RFC 3461 to 3464): the report that tells a sender what could not be delivered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from mailboxes.outbound.dsn_request import NOTHING_ASKED, DsnRequest, original_recipient
from mailboxes.outbound.outcome import RecipientResult
from mailboxes.smtp.parameters import decode_xtext


@dataclass(frozen=True, slots=True)
class Returned:
    """What the report is about: the original envelope sender, its header block, when it came, its trace.

    ``asked`` is what the sender said for its reports.
    """

    mail_from: str
    header_block: bytes
    arrived_at: datetime
    trace_id: str
    asked: DsnRequest = NOTHING_ASKED


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _status(result: RecipientResult) -> str:
    """Return a status of class 5: this report is only written for what is given up (RFC 3464 section 2.3.4)."""
    status = result.reply.enhanced or "5.0.0"
    return f"5{status[1:]}"


def _named_fields(recipient: str, asked: DsnRequest) -> list[str]:
    """Return who a group of fields is about, as the sender named it and as it is."""
    original = asked.orcpt.get(recipient)
    fields = [f"Original-Recipient: {_one_line(original_recipient(original))}"] if original else []
    kind = "rfc822" if recipient.isascii() else "utf-8"
    return [*fields, f"Final-Recipient: {kind}; {_one_line(recipient)}"]


def _delivered_fields(recipient: str, asked: DsnRequest) -> list[str]:
    return [*_named_fields(recipient, asked), "Action: delivered", "Status: 2.0.0"]


def _recipient_fields(result: RecipientResult, asked: DsnRequest) -> list[str]:
    fields = [*_named_fields(result.recipient, asked), "Action: failed", f"Status: {_status(result)}"]
    if result.remote:
        fields.append(f"Remote-MTA: dns; {_one_line(result.remote.partition('[')[0])}")
    if result.reply.code:
        fields.append(f"Diagnostic-Code: smtp; {_one_line(str(result.reply))}")
    return fields


def _explanation(returned: Returned, results: Sequence[RecipientResult], hostname: str) -> list[str]:
    lines = [f"This is the mail system at {hostname}.", "", "Your message could not be delivered to:", ""]
    for result in results:
        where = f" ({result.remote})" if result.remote else ""
        lines += [f"  {_one_line(result.recipient)}", f"    {_one_line(str(result.reply))}{where}", ""]
    lines += [
        "It will not be tried again. The beginning of your message is attached.",
        f"Its number here is {returned.trace_id}.",
    ]
    return lines


def build_failure_report(
    returned: Returned, results: Sequence[RecipientResult], hostname: str, now: datetime, identifier: str
) -> bytes:
    """Return a whole message, multipart/report with CRLF line ends, from the mail system to the sender.

    ``identifier`` is fresh: it makes the Message-ID and the boundary. Only the original's header block is returned.
    """
    said = _Said(
        "Undelivered mail returned to sender",
        _explanation(returned, results, hostname),
        [_recipient_fields(result, returned.asked) for result in results],
        all(result.recipient.isascii() for result in results),
    )
    return _report(returned, said, hostname, now, identifier)


def build_success_report(
    returned: Returned, recipients: Sequence[str], hostname: str, now: datetime, identifier: str
) -> bytes:
    """Return the report that a message lies in its mailboxes, for a sender who asked for it (NOTIFY=SUCCESS)."""
    lines = [f"This is the mail system at {hostname}.", "", "Your message was delivered to:", ""]
    lines += [f"  {_one_line(recipient)}" for recipient in recipients]
    lines += ["", f"You asked to be told. Its number here is {returned.trace_id}."]
    said = _Said(
        "Your message was delivered",
        lines,
        [_delivered_fields(recipient, returned.asked) for recipient in recipients],
        all(map(str.isascii, recipients)),
    )
    return _report(returned, said, hostname, now, identifier)


@dataclass(frozen=True, slots=True)
class _Said:
    """What one report says: subject, text, and the fields of each recipient."""

    subject: str
    text: Sequence[str]
    recipients: Sequence[Sequence[str]]
    ascii: bool


def _report(returned: Returned, said: _Said, hostname: str, now: datetime, identifier: str) -> bytes:
    utf8 = not returned.mail_from.isascii() or not said.ascii
    status_type, headers_type = (
        ("message/global-delivery-status", "message/global-headers")
        if utf8
        else ("message/delivery-status", "text/rfc822-headers")
    )
    boundary = f"report-{identifier}"
    envelope_id = _one_line(decode_xtext(returned.asked.envid))
    lines = [
        f"From: Mail system <postmaster@{hostname}>",
        f"To: <{returned.mail_from}>",
        f"Subject: {said.subject}",
        f"Date: {format_datetime(now)}",
        f"Message-ID: <{identifier}@{hostname}>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        *said.text,
        "",
        f"--{boundary}",
        f"Content-Type: {status_type}",
        *(["Content-Transfer-Encoding: 8bit"] if utf8 else []),
        "",
        *([f"Original-Envelope-Id: {envelope_id}"] if envelope_id else []),
        f"Reporting-MTA: dns; {hostname}",
        f"Arrival-Date: {format_datetime(returned.arrived_at)}",
        "",
    ]
    for fields in said.recipients:
        lines += [*fields, ""]
    lines += [f"--{boundary}", f"Content-Type: {headers_type}", "Content-Transfer-Encoding: 8bit", ""]
    head = "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n"
    return head + returned.header_block.rstrip(b"\r\n") + f"\r\n\r\n--{boundary}--\r\n".encode()
