"""Reports as JSON values: what the command prints and what tables of samples say."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from domains.dmarc.failure import FailureReport
from domains.dmarc.report import ReportHead, ReportRow
from domains.times import instant
from domains.tls.report import TlsReport


def head_json(head: ReportHead) -> dict[str, Any]:
    """Return an aggregate report without its records."""
    return {"type": "aggregate", **_plain(asdict(head))}


def row_json(row: ReportRow) -> dict[str, Any]:
    """Return one record of an aggregate report."""
    return {
        "source_ip": row.source_ip,
        "count": row.count,
        "disposition": row.disposition,
        "dkim": row.dkim,
        "spf": row.spf,
        "header_from": row.header_from,
        "envelope_from": row.envelope_from,
        "envelope_to": row.envelope_to,
        "dkim_results": [asdict(result) for result in row.dkim_results],
        "spf_results": [asdict(result) for result in row.spf_results],
        "reasons": [asdict(reason) for reason in row.reasons],
    }


def failure_json(report: FailureReport) -> dict[str, Any]:
    """Return a failure report."""
    return {"type": "failure", **_plain(asdict(report))}


def tls_json(report: TlsReport) -> dict[str, Any]:
    """Return a TLS report."""
    return {"type": "tls", **_plain(asdict(report))}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: instant(value) if isinstance(value, datetime) else value for key, value in values.items()}
