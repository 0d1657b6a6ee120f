"""Delivery status notifications (RFC 3461 to 3464): the report that tells a sender what could not be delivered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from mailboxes.outbound.outcome import RecipientResult


@dataclass(frozen=True, slots=True)
class Returned:
    """What the report is about: the original envelope sender, its header block, when it came, its trace."""

    mail_from: str
    header_block: bytes
    arrived_at: datetime
    trace_id: str


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _status(result: RecipientResult) -> str:
    """Return a status of class 5: this report is only written for what is given up (RFC 3464 section 2.3.4)."""
    status = result.reply.enhanced or "5.0.0"
    return f"5{status[1:]}"


def _recipient_fields(result: RecipientResult) -> list[str]:
    address_type = "rfc822" if result.recipient.isascii() else "utf-8"
    fields = [
        f"Final-Recipient: {address_type}; {_one_line(result.recipient)}",
        "Action: failed",
        f"Status: {_status(result)}",
    ]
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
    utf8 = not returned.mail_from.isascii() or any(not result.recipient.isascii() for result in results)
    status_type, headers_type = (
        ("message/global-delivery-status", "message/global-headers")
        if utf8
        else ("message/delivery-status", "text/rfc822-headers")
    )
    boundary = f"report-{identifier}"
    lines = [
        f"From: Mail system <postmaster@{hostname}>",
        f"To: <{returned.mail_from}>",
        "Subject: Undelivered mail returned to sender",
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
        *_explanation(returned, results, hostname),
        "",
        f"--{boundary}",
        f"Content-Type: {status_type}",
        *(["Content-Transfer-Encoding: 8bit"] if utf8 else []),
        "",
        f"Reporting-MTA: dns; {hostname}",
        f"Arrival-Date: {format_datetime(returned.arrived_at)}",
        "",
    ]
    for result in results:
        lines += [*_recipient_fields(result), ""]
    lines += [f"--{boundary}", f"Content-Type: {headers_type}", "Content-Transfer-Encoding: 8bit", ""]
    head = "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n"
    return head + returned.header_block.rstrip(b"\r\n") + f"\r\n\r\n--{boundary}--\r\n".encode()
