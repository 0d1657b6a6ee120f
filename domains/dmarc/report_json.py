"""Reports as JSON values: what the command prints and what tables of samples say."""

import json
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache
from typing import Any

from domains.dmarc.failure import FailureReport
from domains.dmarc.report import Outcome, ReportHead, ReportRow
from domains.times import instant
from domains.tls.report import TlsReport


def head_json(head: ReportHead) -> dict[str, Any]:
    """Return an aggregate report without its records."""
    return {"type": "aggregate", **_plain(asdict(head))}


def row_json(row: ReportRow) -> dict[str, Any]:
    """Return one record of an aggregate report."""
    return {"source_ip": row.source_ip, "count": row.count, **_outcome_json(row.outcome)}


def row_text(row: ReportRow) -> str:
    """Return one record as JSON text; what records share is written once."""
    return f'{{"source_ip": "{row.source_ip}", "count": {row.count}, {_outcome_text(row.outcome)[1:]}'


@lru_cache(maxsize=5_000)
def _outcome_text(outcome: Outcome) -> str:
    return json.dumps(_outcome_json(outcome))


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    pattern = outcome.pattern
    return {
        "disposition": outcome.disposition,
        "dkim": outcome.dkim,
        "spf": outcome.spf,
        "header_from": pattern.header_from,
        "envelope_from": pattern.envelope_from,
        "envelope_to": pattern.envelope_to,
        "dkim_results": [asdict(result) for result in pattern.dkim_results],
        "spf_results": [asdict(result) for result in pattern.spf_results],
        "reasons": [asdict(reason) for reason in pattern.reasons],
    }


def failure_json(report: FailureReport) -> dict[str, Any]:
    """Return a failure report."""
    return {"type": "failure", **_plain(asdict(report))}


def tls_json(report: TlsReport) -> dict[str, Any]:
    """Return a TLS report."""
    return {"type": "tls", **_plain(asdict(report))}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: instant(value) if isinstance(value, datetime) else value for key, value in values.items()}
