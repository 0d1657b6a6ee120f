"""Reports and mails made up for the tests of the intake."""

import base64
import gzip
import io
import zipfile
from datetime import UTC, datetime

from domains.dmarc.report import AggregateReport, DkimResult, ReportRow, SpfResult, serialise_report

BEGIN = datetime(2025, 10, 10, tzinfo=UTC)
END = datetime(2025, 10, 10, 23, 59, 59, tzinfo=UTC)


def make_row(source_ip: str = "192.0.2.10", count: int = 7, **changes: object) -> ReportRow:
    """Return one row that passes by DKIM."""
    values: dict = {
        "disposition": "none",
        "dkim": "pass",
        "spf": "fail",
        "header_from": "example.org",
        "dkim_results": (DkimResult("example.org", "k1", "pass"),),
        "spf_results": (SpfResult("example.net", "mfrom", "pass"),),
    }
    return ReportRow(source_ip, count, **(values | changes))


def make_report(domain: str = "example.org", **changes: object) -> AggregateReport:
    """Return a report of one day with one row."""
    values: dict = {
        "org_name": "Reporter Inc.",
        "org_email": "dmarc@reporter.example",
        "report_id": "r-1",
        "begin": BEGIN,
        "end": END,
        "policy": {"p": "none"},
        "schema": "rfc7489",
        "rows": (make_row(),),
    }
    return AggregateReport(domain=domain, **(values | changes))


def report_xml(domain: str = "example.org", **changes: object) -> bytes:
    """Return ``make_report`` as XML."""
    return serialise_report(make_report(domain, **changes))


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, octets in files.items():
            archive.writestr(name, octets)
    return stream.getvalue()


def mail(octets: bytes, file_name: str = "report.xml.gz", media_type: str = "application/gzip") -> bytes:
    """Return a mail with a text and one attachment in base64, as reporters send it."""
    body = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    return (
        b"From: dmarc@reporter.example\r\nTo: dmarc-reports@example.org\r\nSubject: Report Domain: example.org\r\n"
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=_b"\r\n\r\n'
        b"preamble\r\n--=_b\r\nContent-Type: text/plain\r\n\r\nThis is an aggregate report.\r\n"
        b"--=_b\r\nContent-Type: " + media_type.encode() + b'; name="' + file_name.encode() + b'"\r\n'
        b'Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n filename="'
        + file_name.encode()
        + b'"\r\n\r\n'
        + body
        + b"--=_b--\r\n"
    )


def report_mail(domain: str = "example.org", **changes: object) -> bytes:
    """Return a mail with ``make_report`` gzipped."""
    return mail(gzip.compress(report_xml(domain, **changes)))
